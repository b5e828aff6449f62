/* SPDX-License-Identifier: ISC */
/*
 * A process is killed at every instruction of taking and giving back a lock,
 * and of changing cells of an array with and without one: the next one gets in
 * at once, and what is found is whole.  And bugs that are planted are found.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "killer.h"
#include "shm/array.h"
#include "shm/locks.h"
#include "unit.h"

#define CELLS		16
#define FREE_CELL	15	/* that others add to without the lock */
#define SOME		80	/* steps with somebody beside them */
#define WITHIN_MS	2000	/* the harness asks for ten */

static struct locks locks;
static struct prong_rlock *lock;
static struct prong_array *array;

static struct shared {
	uint64_t done;		/* acts that have returned */
	uint64_t added;		/* to the free cell, by the contender */
	uint32_t word, lost;
	struct planted {	/* a lock with two words of its own */
		struct rlock lock;
		pthread_mutex_t plain;
		uint64_t count;
		struct { uint64_t word, old; } notes[2];
		uint64_t words[2];
	} planted;
} *shared;

static void
setup(void)
{
	ck_assert_int_eq(locks_create(&locks), 0);
	ck_assert_ptr_nonnull(lock = locks_open(&locks, "one"));
	ck_assert_ptr_nonnull(array = array_new("cells", PRONG_INT64, CELLS));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void
teardown(void)
{
	munmap(shared, sizeof(*shared));
	array_free(array);
	locks_close(&locks);
}

static void
note_done(void)
{
	__atomic_store_n(&shared->done, shared->done + 1, __ATOMIC_RELEASE);
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
run_rightly(const struct killer *k)
{
	struct killer_result r = run(k);

	ck_assert_msg(r.wrong == 0, "wrong %d times, first %s", r.wrong,
	    r.first);
	/* With others beside it, it does not always go the same way. */
	ck_assert_msg(r.missed <= (k->contend == NULL ? 1 : r.tried - 1),
	    "%d of %d not come by", r.missed, r.tried);
	ck_assert(k->wait == NULL || r.slept > 0);
	ck_assert(k->repairs == 0 || r.repair_steps > 0);
}

/* --- the lock -------------------------------------------------------------------- */

static void
arrange_nothing(void)
{
	shared->done = 0;
}

static void
act_lock(void)
{
	prong_rlock_lock(lock);
	prong_rlock_unlock(lock);
}

static void
act_nested(void)
{
	prong_rlock_lock(lock);
	prong_rlock_lock(lock);
	prong_rlock_trylock(lock);
	prong_rlock_unlock(lock);
	prong_rlock_unlock(lock);
	prong_rlock_unlock(lock);
}

static void
act_trylock(void)
{
	if (prong_rlock_trylock(lock) == 0)
		prong_rlock_unlock(lock);
}

static void
act_timedlock(void)
{
	if (prong_rlock_timedlock(lock, 1) == 0)
		prong_rlock_unlock(lock);
}

static bool
next_lock(void)
{
	return prong_rlock_timedlock(lock, WITHIN_MS) == 0 &&
	    prong_rlock_unlock(lock) == 0;
}

static bool
is_free(void)
{
	return prong_rlock_holder(lock) == 0 && lock->lock.depth == 0;
}

static void
contend_lock(void)
{
	struct timespec begin, now;

	prong_rlock_lock(lock);
	/* Long enough that others find it held. */
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec -
	    begin.tv_nsec < 20000);
	prong_rlock_unlock(lock);
}

static const struct killer locking[] = {
	{ .name = "lock", .arrange = arrange_nothing, .act = act_lock,
	    .next = next_lock, .check = is_free, .repairs = 3 },
	{ .name = "nested", .arrange = arrange_nothing, .act = act_nested,
	    .next = next_lock, .check = is_free },
	{ .name = "trylock", .arrange = arrange_nothing, .act = act_trylock,
	    .next = next_lock, .check = is_free },
	{ .name = "timedlock", .arrange = arrange_nothing,
	    .act = act_timedlock, .next = next_lock, .check = is_free },
	{ .name = "lock, a waiter asleep", .arrange = arrange_nothing,
	    .act = act_lock, .next = next_lock, .check = is_free,
	    .wait = next_lock },
	{ .name = "lock, contended", .arrange = arrange_nothing,
	    .act = act_lock, .next = next_lock, .check = is_free,
	    .contend = contend_lock, .wait = next_lock,
	    .most = SOME },
	{ .name = "trylock, contended", .arrange = arrange_nothing,
	    .act = act_trylock, .next = next_lock, .check = is_free,
	    .contend = contend_lock, .most = SOME },
	{ .name = "timedlock, contended", .arrange = arrange_nothing,
	    .act = act_timedlock, .next = next_lock, .check = is_free,
	    .contend = contend_lock, .wait = next_lock,
	    .most = SOME },
};

START_TEST(test_crash_lock)
{
	run_rightly(&locking[_i]);
}
END_TEST

/* --- cells ------------------------------------------------------------------------ */

static int64_t
cell(size_t i)
{
	union prong_value v;

	prong_array_get(array, i, &v);
	return v.integer;
}

static union prong_value
integer(int64_t n)
{
	return (union prong_value){ .integer = n };
}

static void
arrange_cells(void)
{
	size_t i;

	shared->done = shared->added = 0;
	for (i = 0; i < CELLS; i++)
		prong_array_set(array, i, integer(i < 2 ? 100 : 0));
}

static void
act_add(void)
{
	prong_array_add(array, 2, integer(1), NULL);
}

static void
act_set(void)
{
	prong_array_set(array, 2, integer(1));
}

static bool
next_cells(void)
{
	return prong_array_lock(array, WITHIN_MS) == 0 &&
	    prong_array_unlock(array) == 0;
}

/* What has returned has happened; what has not may have. */
static bool
is_added(void)
{
	int64_t done = (int64_t)shared->done, n = cell(2);

	return n >= done && n <= 1 && cell(0) == 100 && cell(3) == 0;
}

/* From one cell to another, with a set and a comparison beside it. */
static void
act_compound(void)
{
	prong_array_lock(array, -1);
	prong_array_add(array, 0, integer(-30), NULL);
	prong_array_set(array, 2, integer(7));
	prong_array_lock(array, -1);
	prong_array_cas(array, 3, integer(0), integer(9));
	prong_array_add(array, 1, integer(10), NULL);
	prong_array_unlock(array);
	prong_array_add(array, 1, integer(20), NULL);
	prong_array_unlock(array);
}

static bool
is_all_or_nothing(void)
{
	bool all = cell(0) == 70 && cell(1) == 130 && cell(2) == 7 &&
	    cell(3) == 9;
	bool nothing = cell(0) == 100 && cell(1) == 100 && cell(2) == 0 &&
	    cell(3) == 0;

	return all || (nothing && shared->done == 0);
}

/* Also what others have added beside it, without the lock, is all there. */
static bool
is_whole(void)
{
	return is_all_or_nothing() && cell(FREE_CELL) ==
	    (int64_t)shared->added;
}

static bool
wait_for_whole(void)
{
	bool right;

	if (prong_array_lock(array, WITHIN_MS) == -1)
		return false;
	right = is_all_or_nothing();
	return prong_array_unlock(array) == 0 && right;
}

static void
contend_cell(void)
{
	prong_array_add(array, FREE_CELL, integer(1), NULL);
	shared->added++;
	if (shared->added % 16 == 0 && !wait_for_whole())
		shared->added++;	/* is_whole() will find it */
}

static const struct killer cells[] = {
	{ .name = "add", .arrange = arrange_cells, .act = act_add,
	    .done = note_done, .next = next_cells, .check = is_added },
	{ .name = "set", .arrange = arrange_cells, .act = act_set,
	    .done = note_done, .next = next_cells, .check = is_added },
	{ .name = "compound", .arrange = arrange_cells, .act = act_compound,
	    .done = note_done, .next = next_cells, .check = is_whole,
	    .repairs = 3 },
	{ .name = "compound, a waiter asleep", .arrange = arrange_cells,
	    .act = act_compound, .done = note_done, .next = next_cells,
	    .check = is_whole, .wait = wait_for_whole },
	{ .name = "compound, contended", .arrange = arrange_cells,
	    .act = act_compound, .done = note_done, .next = next_cells,
	    .check = is_whole, .contend = contend_cell, .most = SOME,
	    .wait = wait_for_whole },
};

START_TEST(test_crash_cells)
{
	run_rightly(&cells[_i]);
}
END_TEST

/* --- planted bugs -------------------------------------------------------------------- */

/* Words 0 and 1 are equal whenever the lock is free. */
static void
arrange_planted(void)
{
	struct planted *p = &shared->planted;

	shared->done = 0;
	p->count = p->words[0] = p->words[1] = 0;
}

static void
planted_note(struct planted *p, uint64_t word)
{
	p->notes[p->count].word = word;
	p->notes[p->count].old = p->words[word];
	__atomic_store_n(&p->count, p->count + 1, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void
planted_repair(void *arg)
{
	struct planted *p = arg;
	uint64_t i;

	for (i = p->count; i-- > 0;)
		__atomic_store_n(&p->words[p->notes[i].word], p->notes[i].old,
		    __ATOMIC_RELEASE);
	__atomic_store_n(&p->count, 0, __ATOMIC_RELEASE);
}

/* Whoever does it again finds nothing to do any more. */
static void
planted_repair_once(void *arg)
{
	struct planted *p = arg;
	uint64_t i = p->count;

	__atomic_store_n(&p->count, 0, __ATOMIC_RELEASE);
	while (i-- > 0)
		__atomic_store_n(&p->words[p->notes[i].word], p->notes[i].old,
		    __ATOMIC_RELEASE);
}

static rlock_repair_fn *planted_mend;
static bool planted_commits_early;

static void
act_planted(void)
{
	struct planted *p = &shared->planted;

	rlock_lock(&p->lock, -1, planted_mend, p);
	planted_note(p, 0);
	__atomic_store_n(&p->words[0], p->words[0] + 1, __ATOMIC_RELEASE);
	planted_note(p, 1);
	if (planted_commits_early)
		__atomic_store_n(&p->count, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&p->words[1], p->words[1] + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&p->count, 0, __ATOMIC_RELEASE);
	rlock_unlock(&p->lock);
}

static bool
next_planted(void)
{
	struct planted *p = &shared->planted;

	return rlock_lock(&p->lock, WITHIN_MS, planted_mend, p) == 0 &&
	    rlock_unlock(&p->lock) == 0;
}

static bool
is_equal(void)
{
	const struct planted *p = &shared->planted;

	return p->words[0] == p->words[1] && p->words[0] <= 1 &&
	    p->words[0] >= shared->done;
}

/* One that its dead holder keeps for ever, and whose waiter is not woken. */
static void
act_plain(void)
{
	pthread_mutex_lock(&shared->planted.plain);
	pthread_mutex_unlock(&shared->planted.plain);
}

static bool
next_plain(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 50000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	return pthread_mutex_timedlock(&shared->planted.plain, &until) == 0 &&
	    pthread_mutex_unlock(&shared->planted.plain) == 0;
}

static void
arrange_plain(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	memset(&shared->planted.plain, 0, sizeof(shared->planted.plain));
	pthread_mutex_init(&shared->planted.plain, &attr);
	pthread_mutexattr_destroy(&attr);
}

static bool
is_anything(void)
{
	return true;
}

/* A word that is set and somebody told who sleeps until it is. */
static void
arrange_word(void)
{
	shared->lost = 0;
	__atomic_store_n(&shared->word, 0, __ATOMIC_RELEASE);
}

static void
act_set_word(void)
{
	__atomic_store_n(&shared->word, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Who sleeps on when it is set was not told, and does not look by himself. */
static void
sleep_for_word(void)
{
	static const struct timespec t = { 0, 8000000 };

	if (syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, &t, NULL, 0) ==
	    -1 && errno == ETIMEDOUT &&
	    __atomic_load_n(&shared->word, __ATOMIC_ACQUIRE) != 0)
		shared->lost++;
}

static bool
next_nothing(void)
{
	return true;
}

static bool
is_heard(void)
{
	return shared->lost == 0;
}

static const struct planting {
	struct killer killer;
	rlock_repair_fn *mend;
	bool commits_early;
	bool found;
} plantings[] = {
	{ { .name = "nothing planted", .arrange = arrange_planted,
	    .act = act_planted, .done = note_done, .next = next_planted,
	    .check = is_equal, .repairs = 4 }, planted_repair, false, false },
	{ { .name = "planted: commit before data", .arrange = arrange_planted,
	    .act = act_planted, .done = note_done, .next = next_planted,
	    .check = is_equal }, planted_repair, true, true },
	{ { .name = "planted: a repair that is not idempotent",
	    .arrange = arrange_planted, .act = act_planted, .done = note_done,
	    .next = next_planted, .check = is_equal, .repairs = 8 },
	    planted_repair_once, false, true },
	{ { .name = "planted: no repair", .arrange = arrange_planted,
	    .act = act_planted, .next = next_planted, .check = is_equal },
	    NULL, false, true },
	{ { .name = "planted: a lock that is not robust",
	    .arrange = arrange_plain, .act = act_plain, .next = next_plain,
	    .check = is_anything, .wait = next_plain }, NULL, false, true },
	{ { .name = "planted: a wake-up that is lost", .arrange = arrange_word,
	    .act = act_set_word, .next = next_nothing, .check = is_heard,
	    .contend = sleep_for_word }, NULL, false, true },
};

START_TEST(test_crash_planted)
{
	const struct planting *p = &plantings[_i];
	struct killer_result r;

	ck_assert_int_eq(rlock_init(&shared->planted.lock), 0);
	planted_mend = p->mend;
	planted_commits_early = p->commits_early;
	r = run(&p->killer);
	ck_assert_msg((r.wrong > 0) == p->found, "%s: found %d: %s",
	    p->killer.name, r.wrong, r.first);
	if (p->found)
		printf("# found: %s\n", r.first);
	fflush(stdout);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!killer_can())
		return killer_skip();
	s = unit_suite("crash_locks", &tc);
	tcase_set_timeout(tc, killer_timeout());
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_crash_lock, 0, UNIT_COUNT(locking));
	tcase_add_loop_test(tc, test_crash_cells, 0, UNIT_COUNT(cells));
	tcase_add_loop_test(tc, test_crash_planted, 0, UNIT_COUNT(plantings));
	return unit_run(s);
}
