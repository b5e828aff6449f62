/* SPDX-License-Identifier: ISC */
/*
 * shm/dict: the lock of all its keys, and how long others wait for it.
 */
#include "shm/dict.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/process.h"
#include "dicting.h"
#include "helper.h"
#include "unit.h"

#define MEMORY		(16 << 20)

static struct prong_dict *dict;

static void
setup(void)
{
	dict = dicting_new(MEMORY, DICT_EVICT_NONE);
}

static void
teardown(void)
{
	dicting_check(dict);
	dict_free(dict);
}

static int
is_kept_out(void)
{
	dict->wait = 20;
	if (prong_dict_lock(dict, 0) != -1 || errno != EBUSY)
		return 1;
	if (prong_dict_lock(dict, 10) != -1 || errno != ETIMEDOUT)
		return 2;
	if (dicting_set(dict, "a", "2") != -1 || errno != ETIMEDOUT)
		return 3;
	if (strstr(prong_error(), "\"d\"") == NULL)
		return 4;
	return prong_dict_unlock(dict) == -1 && errno == EPERM ? 0 : 5;
}

static int
die_holding(void)
{
	return prong_dict_lock(dict, -1) == 0 &&
	    dicting_set(dict, "a", "3") == 1 ? 0 : 1;
}

static int
in_child(int (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	ck_assert_int_ne(pid, -1);
	return helper_wait_exit(pid);
}

START_TEST(test_dict_lock)
{
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	ck_assert_int_eq(dicting_set(dict, "a", "1"), 1);
	ck_assert_int_eq(prong_dict_lock(dict, 0), 0);
	ck_assert_int_eq(in_child(is_kept_out), 0);
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
	ck_assert_int_eq(in_child(is_kept_out), 0);
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
	ck_assert_int_eq(dict_recovered(dict), 0);
	ck_assert_int_eq(in_child(die_holding), 0);
	ck_assert_str_eq(dicting_get(dict, "a"), "3");
	ck_assert_uint_eq(dict_recovered(dict), 1);
	/* The others are taken over when somebody needs them. */
	ck_assert_int_eq(prong_dict_lock(dict, 0), 0);
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
	ck_assert_uint_eq(dict_recovered(dict), dict->stripes);
}
END_TEST

#define WITHIN_MS	100

/* Has all parts but the first, and gives back one after the other. */
static void
give_slowly(int from, int to)
{
	struct pollfd over = { .fd = from };
	struct dict_stripe held[DICT_STRIPES_MAX];
	uint32_t i;

	for (i = 1; i < dict->stripes; i++)
		if (dict_lock_number(dict, i, &held[i]) == -1)
			_exit(1);
	if (write(to, "", 1) != 1)
		_exit(2);
	/* The last one when it is told that the other has come back. */
	for (i = 1; i < dict->stripes; i++) {
		poll(&over, 1, i + 1 < dict->stripes ? WITHIN_MS * 3 / 4 : -1);
		dict_unlock(&held[i]);
	}
	_exit(0);
}

/* How long who has only so long waits for all parts. */
static uint64_t
wait_for_slow_one(void)
{
	int begun[2], over[2];
	uint64_t begin;
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(begun), 0);
	ck_assert_int_eq(pipe(over), 0);
	if ((pid = fork()) == 0) {
		close(over[1]);
		give_slowly(over[0], begun[1]);
	}
	ck_assert_int_ne(pid, -1);
	ck_assert_int_eq(read(begun[0], &byte, 1), 1);
	begin = process_milliseconds();
	ck_assert_int_eq(prong_dict_lock(dict, WITHIN_MS), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	begin = process_milliseconds() - begin;
	close(over[1]);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	close(over[0]);
	close(begun[0]);
	close(begun[1]);
	return begin;
}

/* The time is that of all parts together; a loaded machine has some tries. */
START_TEST(test_dict_lock_in_time)
{
	uint64_t ms;
	int tries = 0;

	ck_assert_uint_ge(dict->stripes, 8);
	do {
		ms = wait_for_slow_one();
		ck_assert_uint_ge(ms, WITHIN_MS - 1);
	} while (ms >= 4 * WITHIN_MS && ++tries < 5);
	ck_assert_int_lt(tries, 5);
	ck_assert_int_eq(prong_dict_lock(dict, 0), 0);
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("dict_lock", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_dict_lock);
	tcase_add_test(tc, test_dict_lock_in_time);
	return unit_run(s);
}
