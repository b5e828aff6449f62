/* SPDX-License-Identifier: ISC */
/*
 * A process is killed at every instruction of the calls of a dict, and over the
 * repair that follows, while others use the dict and wait for it: the next one
 * gets in at once, what the call was about is as before or as after, and what
 * had returned is there.  And bugs that are planted are found.
 */
#include <sys/mman.h>

#include "dict_calls.h"
#include "killer.h"

#define SOME		150	/* steps of a call, but for the campaign */

static const struct call *call;
static char *start;
static uint64_t *done;			/* whether the call has returned */

static void
arrange(void)
{
	memcpy(dict->segment.base, start, dict->segment.size);
	*done = 0;
}

/* What is long when it is called for the first time. */
static void
warm(void)
{
	prong_dict_lock(dict, RLOCK_FOREVER);
	prong_dict_unlock(dict);
}

static void
act(void)
{
	call->act();
}

static void
note_done(void)
{
	__atomic_store_n(done, 1, __ATOMIC_RELEASE);
}

/* Whoever comes next: the stripe is that of all. */
static bool
next(void)
{
	int64_t ms;

	return prong_dict_ttl(dict, "another", 7, &ms) == 0;
}

static bool
check(void)
{
	struct content now;

	if (find_fault(call) != NULL)
		return false;
	content_read(&now);
	return *done == 0 || now.target == content_after.target;
}

/* Keys that nobody else is after, in the same list of free blocks. */
static void
contend(void)
{
	dicting_set(dict, "contender", "a value of several words");
	prong_dict_delete(dict, "contender", 9);
}

static struct killer_result
run(const struct killer *k)
{
	struct killer_result r = killer_run(k);

	killer_print(k, &r);
	ck_assert_int_gt(r.tried, 0);
	return r;
}

static void
run_call(const struct killer *with)
{
	struct killer k = *with;
	struct killer_result r;

	k.name = call->name;
	k.arrange = arrange;
	k.warm = warm;
	k.act = act;
	k.done = note_done;
	k.next = next;
	k.check = check;
	r = run(&k);
	if (call->is_planted)
		ck_assert_msg(r.wrong > 0, "nothing was noticed");
	else {
		ck_assert_msg(r.wrong == 0, "wrong %d times, first %s",
		    r.wrong, r.first);
		/* With others beside it, it does not always go the same way. */
		ck_assert_msg(r.missed <= (k.contend == NULL ? 1 : r.tried - 1),
		    "%d of %d not come by", r.missed, r.tried);
		ck_assert(k.repairs == 0 || r.repair_steps > 0);
	}
}

static void
setup(void)
{
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(done, MAP_FAILED);
	ck_assert_ptr_nonnull(start = malloc(MEMORY));
}

static void
teardown(void)
{
	dict_free(dict);
	free(start);
	munmap(done, sizeof(*done));
}

static void
run_one(int i, const struct killer *with)
{
	call = &calls[i];
	begin_call(call, start);
	run_call(with);
}

START_TEST(test_crash_dict)
{
	static const struct killer alone = { .most = SOME };

	run_one(_i, &alone);
}
END_TEST

/* The one who puts it right is killed at it, too. */
START_TEST(test_crash_dict_repairs)
{
	static const struct killer repairs = { .repairs = 4, .most = 2 * SOME };

	run_one(_i, &repairs);
}
END_TEST

/* Others are at it, and one waits. */
START_TEST(test_crash_dict_contended)
{
	static const struct killer contended = {
		.contend = contend, .wait = next, .most = SOME,
	};

	beside_others = true;
	run_one(_i, &contended);
}
END_TEST

int
main(void)
{
	int all = UNIT_COUNT(calls);
	TCase *tc;
	Suite *s;

	if (!killer_can())
		return killer_skip();
	s = unit_suite("crash_dict", &tc);
	tcase_set_timeout(tc, killer_timeout());
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_crash_dict, 0, all);
	tcase_add_loop_test(tc, test_crash_dict_repairs, 0,
	    killer_tries_all() ? all : 1);
	tcase_add_loop_test(tc, test_crash_dict_contended, 0,
	    killer_tries_all() ? all : 3);
	return unit_run(s);
}
