/* SPDX-License-Identifier: ISC */
/*
 * The tasks of a pool: from cell to cell, in their order, and to the right one.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "shm/pool.h"
#include "unit.h"

#define CELLS		8
#define SLOTS		4
#define CALLER		0	/* slots */
#define OTHER		1
#define RUNNER		2

static struct pool *pool;
static int bells[SLOTS];
static uint64_t me, other, runner;

static void
setup(void)
{
	int i;

	ck_assert_ptr_nonnull(pool = pool_new("work", 1, CELLS, 100, true));
	for (i = 0; i < SLOTS; i++)
		ck_assert_int_ne(bells[i] = eventfd(0, EFD_NONBLOCK), -1);
	pool_set_bells(pool, bells, SLOTS);
	me = pool_me(CALLER, getpid());
	other = pool_me(OTHER, getpid());
	runner = pool_me(RUNNER, getpid());
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		close(bells[i]);
	pool_free(pool);
}

static bool
has_rung(int slot)
{
	uint64_t n;

	return read(bells[slot], &n, sizeof(n)) == sizeof(n);
}

static uint64_t
submit_of(uint64_t who, int n)
{
	uint64_t id;

	ck_assert(pool_claim(pool, who, &id));
	pool_cell(pool, id)->length = 1;
	pool_room(pool, id)[0] = (char)n;
	pool_submit(pool, id, who | POOL_RINGS);
	return id;
}

static uint64_t
submit(int n)
{
	return submit_of(me, n);
}

static struct pool_taken
take(int n)
{
	struct pool_taken t;

	ck_assert(pool_take(pool, runner, &t));
	ck_assert_int_eq(pool_room(pool, t.id)[0], n);
	return t;
}

static void
ck_empty(void)
{
	struct pool_taken t;

	ck_assert(!pool_take(pool, runner, &t));
}

/* So many cells can be claimed, and then no other; they are left claimed. */
static void
ck_room(int count)
{
	uint64_t id;
	int i;

	for (i = 0; i < count; i++)
		ck_assert(pool_claim(pool, me, &id));
	ck_assert(!pool_claim(pool, me, &id));
}

START_TEST(test_order)
{
	struct pool_taken t;
	uint64_t ids[CELLS];
	int round, i;

	for (round = 0; round < 100; round++) {
		for (i = 0; i < CELLS; i++) {
			ids[i] = submit(i);
			ck_assert_int_eq(pool_look(pool, ids[i]), POOL_QUEUED);
		}
		ck_assert_uint_eq(pool_queued(pool), CELLS);
		for (i = 0; i < CELLS; i++) {
			t = take(i);
			ck_assert_uint_eq(t.id, ids[i]);
			ck_assert_int_eq(pool_look(pool, t.id), POOL_RUNNING);
			ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 1));
		}
		ck_empty();
		for (i = 0; i < CELLS; i++) {
			ck_assert_int_eq(pool_look(pool, ids[i]), POOL_DONE);
			pool_release(pool, ids[i]);
			ck_assert_int_eq(pool_look(pool, ids[i]), POOL_FREE);
		}
	}
	ck_room(CELLS);
}
END_TEST

START_TEST(test_result)
{
	uint64_t id = submit(1);
	struct pool_taken t = take(1);

	strlcpy(pool_room(pool, id), "result", 7);
	ck_assert(pool_finish(pool, &t, POOL_FAILED, ENOSPC, 6));
	ck_assert_int_eq(pool_look(pool, id), POOL_FAILED);
	ck_assert_int_eq(pool_cell(pool, id)->error, ENOSPC);
	ck_assert_uint_eq(pool_cell(pool, id)->length, 6);
	ck_assert_str_eq(pool_room(pool, id), "result");
}
END_TEST

START_TEST(test_full)
{
	uint64_t id;
	int i;

	for (i = 0; i < CELLS; i++)
		submit(i);
	ck_assert(!pool_claim(pool, me, &id));
	take(0);
	ck_assert(!pool_claim(pool, me, &id));
}
END_TEST

/* An id is that of one task, whatever becomes of its cell. */
START_TEST(test_late)
{
	uint64_t id = submit(1);
	struct pool_taken t = take(1), late = t;
	int i;

	ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 0));
	pool_release(pool, id);
	for (i = 0; i < CELLS; i++)
		submit(2);
	for (i = 0; i < CELLS; i++)
		take(2);
	ck_assert(!pool_finish(pool, &late, POOL_FAILED, 1, 0));
	ck_assert_int_eq(pool_look(pool, id), POOL_FREE);
	ck_assert_int_eq(pool_cancel(pool, id), -1);
	pool_release(pool, id);
	ck_room(0);
}
END_TEST

START_TEST(test_cancel)
{
	uint64_t ids[CELLS];
	struct pool_taken t;
	uint32_t counts[POOL_STATES];
	int i;

	for (i = 0; i < CELLS; i++)
		ids[i] = submit(i);
	t = take(0);
	/* It runs: nobody gets its result. */
	ck_assert_int_eq(pool_cancel(pool, ids[0]), 0);
	ck_assert_int_eq(pool_look(pool, ids[0]), POOL_ORPHAN);
	ck_assert_int_eq(pool_cancel(pool, ids[0]), -1);
	/* These never begin. */
	for (i = 1; i < 5; i++)
		ck_assert_int_eq(pool_cancel(pool, ids[i]), 1);
	ck_assert(!pool_finish(pool, &t, POOL_DONE, 0, 0));
	ck_assert_int_eq(pool_look(pool, ids[0]), POOL_FREE);
	for (i = 5; i < CELLS; i++) {
		t = take(i);
		ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 0));
		ck_assert_int_eq(pool_cancel(pool, ids[i]), -1);
	}
	pool_count(pool, counts);
	ck_assert_uint_eq(counts[POOL_FREE], 5);
	ck_assert_uint_eq(counts[POOL_DONE], 3);
	ck_assert_uint_eq(pool_ended(pool, POOL_DONE), 3);
	ck_assert_uint_eq(pool_ended(pool, POOL_DROPPED), 4);
	ck_assert_uint_eq(pool_ended(pool, POOL_ORPHAN), 1);
	ck_assert_uint_eq(pool_ended(pool, POOL_STATES), 0);
	ck_room(5);
}
END_TEST

/* So is a task of this cell seen. */
static void
ck_view(uint64_t id, enum pool_state state, uint32_t runner_slot)
{
	struct pool_view v;

	ck_assert(pool_view(pool, (uint32_t)id, &v));
	ck_assert_uint_eq(v.id, id);
	ck_assert_int_eq(v.state, state);
	ck_assert_uint_eq(v.caller.slot, OTHER);
	ck_assert_int_eq(v.caller.pid, getpid());
	ck_assert_uint_eq(v.runner.slot, runner_slot);
	ck_assert_int_eq(v.runner.pid, runner_slot == 0 ? 0 : getpid());
}

START_TEST(test_view)
{
	struct pool_view v;
	struct pool_taken t;
	uint64_t id;

	ck_assert(!pool_view(pool, 0, &v));
	ck_assert(!pool_view(pool, CELLS, &v));
	id = submit_of(other, 1);
	ck_view(id, POOL_QUEUED, 0);
	t = take(1);
	ck_view(id, POOL_RUNNING, RUNNER);
	ck_assert_int_eq(pool_cancel(pool, id), 0);
	ck_view(id, POOL_ORPHAN, RUNNER);
	ck_assert(!pool_finish(pool, &t, POOL_DONE, 0, 0));
	ck_assert(!pool_view(pool, (uint32_t)id, &v));
	id = submit_of(other, 2);
	ck_assert_int_eq(pool_cancel(pool, id), 1);
	ck_assert(!pool_view(pool, (uint32_t)id, &v));
}
END_TEST

/* What stands in the memory is bounded, whoever has written it. */
START_TEST(test_view_hostile)
{
	uint64_t id = submit(1);
	struct pool_cell *cell = pool_cell(pool, id);
	uint32_t counts[POOL_STATES];
	struct pool_view v;

	memset(cell->job, 'j', sizeof(cell->job));
	cell->length = cell->service = UINT32_MAX;
	cell->owner = UINT64_MAX;
	ck_assert(pool_view(pool, (uint32_t)id, &v));
	ck_assert_uint_eq(strlen(v.job), POOL_JOB - 1);
	ck_assert_uint_eq(v.length, pool->size);
	ck_assert_uint_lt(v.caller.slot, POOL_SLOTS);
	ck_assert_int_gt(v.caller.pid, 0);
	memset(cell, 0xff, sizeof(*cell));
	ck_assert(!pool_view(pool, (uint32_t)id, &v));
	pool_count(pool, counts);
	ck_assert_uint_eq(counts[POOL_FREE], CELLS - 1);
}
END_TEST

/* Whoever submits and cancels all the time finds room when they are passed. */
START_TEST(test_cancel_again)
{
	int i;

	for (i = 0; i < 1000; i++) {
		ck_assert_int_eq(pool_cancel(pool, submit(1)), 1);
		if (i % CELLS == CELLS - 1)
			ck_empty();
	}
	ck_empty();
	ck_room(CELLS);
}
END_TEST

/* --- bells ------------------------------------------------------------------- */

START_TEST(test_wake)
{
	struct pool_taken t;

	ck_assert(pool_rest(pool, RUNNER));
	ck_assert(pool_rest(pool, OTHER));
	submit(1);
	pool_wake(pool, 1);
	/* One of the two, once. */
	ck_assert(has_rung(RUNNER) != has_rung(OTHER));
	submit(2);
	ck_assert(!pool_rest(pool, 3));
	pool_wake(pool, 5);
	t = take(1);
	pool_finish(pool, &t, POOL_DONE, 0, 0);
	take(2);
	ck_assert(pool_rest(pool, RUNNER));
	ck_assert(!has_rung(3));
}
END_TEST

START_TEST(test_armed)
{
	uint64_t first = submit(1), second = submit(2);
	struct pool_taken t = take(1);
	uint32_t cell = (uint32_t)first;

	ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 0));
	ck_assert(!has_rung(CALLER));
	ck_assert_uint_eq(pool_over(pool, 0), 1ULL << cell);
	pool_seen(pool, cell);
	ck_assert_uint_eq(pool_over(pool, 0), 0);
	pool_arm(pool, CALLER);
	t = take(2);
	ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 0));
	ck_assert(has_rung(CALLER));
	ck_assert_uint_eq(pool_over(pool, 0), 1ULL << (uint32_t)second);
	ck_assert_uint_eq(pool_over(pool, 1), 0);
	/* Once only. */
	submit(3);
	t = take(3);
	ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 0));
	ck_assert(!has_rung(CALLER));
}
END_TEST

static void *
run_one(void *arg)
{
	struct pool_taken t;

	while (!pool_take(pool, runner, &t))
		continue;
	/* Until it sleeps, or for a while: both ways must be right. */
	while (pool_cell(pool, t.id)->waiting == 0)
		continue;
	ck_assert(pool_finish(pool, &t, POOL_DONE, 0, 0));
	return NULL;
}

/* A thread sleeps by the word itself. */
START_TEST(test_wait)
{
	pthread_t thread;
	uint64_t id;
	int i;

	for (i = 0; i < 200; i++) {
		ck_assert(pool_claim(pool, me, &id));
		ck_assert_int_eq(pthread_create(&thread, NULL, run_one, NULL),
		    0);
		pool_submit(pool, id, me);
		while (!pool_is_over(pool_look(pool, id)))
			pool_wait(pool, id, 60000);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		pool_release(pool, id);
		ck_assert(!has_rung(CALLER));
	}
}
END_TEST

/* --- deaths -------------------------------------------------------------------- */

START_TEST(test_bury_runner)
{
	uint64_t first = submit(1), second = submit(2), third = submit(3);

	take(1);
	take(2);
	ck_assert_int_eq(pool_cancel(pool, second), 0);
	pool_arm(pool, CALLER);
	/* Somebody else in the slot has died. */
	pool_bury(pool, RUNNER, getpid() + 1, POOL_DIED, SIGKILL);
	ck_assert_int_eq(pool_look(pool, first), POOL_RUNNING);
	pool_bury(pool, RUNNER, getpid(), POOL_DIED, SIGSEGV);
	ck_assert_int_eq(pool_look(pool, first), POOL_DIED);
	ck_assert_int_eq(pool_signal(pool, first), SIGSEGV);
	ck_assert_int_eq(pool_look(pool, second), POOL_FREE);
	ck_assert_int_eq(pool_look(pool, third), POOL_QUEUED);
	ck_assert(has_rung(CALLER));
	/* Whoever else comes changes nothing. */
	pool_bury(pool, RUNNER, getpid(), POOL_TIMED_OUT, SIGKILL);
	ck_assert_int_eq(pool_look(pool, first), POOL_DIED);
	ck_assert_int_eq(pool_signal(pool, first), SIGSEGV);
	pool_release(pool, first);
	take(3);
	ck_room(CELLS - 1);
}
END_TEST

START_TEST(test_bury_caller)
{
	uint64_t mine[4], theirs, filling;
	struct pool_taken t, done;
	int i;

	for (i = 0; i < 3; i++)
		mine[i] = submit(i);
	theirs = submit_of(other, 10);
	mine[3] = submit(3);
	ck_assert(pool_claim(pool, me, &filling));
	done = take(0);
	ck_assert(pool_finish(pool, &done, POOL_DONE, 0, 0));
	t = take(1);
	pool_bury(pool, CALLER, getpid(), POOL_DIED, SIGKILL);
	ck_assert_int_eq(pool_look(pool, mine[0]), POOL_FREE);
	ck_assert_int_eq(pool_look(pool, mine[1]), POOL_ORPHAN);
	ck_assert_int_eq(pool_look(pool, mine[2]), POOL_DROPPED);
	ck_assert_int_eq(pool_look(pool, mine[3]), POOL_DROPPED);
	ck_assert_int_eq(pool_look(pool, filling), POOL_FREE);
	ck_assert(!pool_finish(pool, &t, POOL_DONE, 0, 0));
	t = take(10);
	ck_assert_uint_eq(t.id, theirs);
	ck_empty();
	ck_room(CELLS - 1);
}
END_TEST

/* Of a slot's earlier processes, whoever those were. */
START_TEST(test_bury_predecessors)
{
	uint64_t mine = submit(1), theirs;

	theirs = submit_of(pool_me(CALLER, getpid() + 1), 2);
	pool_bury(pool, CALLER, 0, POOL_DIED, SIGKILL);
	ck_assert_int_eq(pool_look(pool, mine), POOL_QUEUED);
	ck_assert_int_eq(pool_look(pool, theirs), POOL_DROPPED);
	take(1);
	ck_empty();
	ck_room(CELLS - 1);
}
END_TEST

/* --- many at once ------------------------------------------------------------- */

#define CALLERS		3
#define RUNNERS		3
#define ROUNDS		20000

static uint64_t ran;

/* Submits one after the other, sometimes gives one up; each is over once. */
static void *
call(void *arg)
{
	uint64_t who = pool_me((uint32_t)(size_t)arg, getpid()), id, sum = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		while (!pool_claim(pool, who, &id))
			sched_yield();
		memcpy(pool_room(pool, id), &id, sizeof(id));
		pool_submit(pool, id, who);
		if (i % 7 == 0 && pool_cancel(pool, id) != -1)
			continue;
		while (!pool_is_over(pool_look(pool, id)))
			sched_yield();
		ck_assert_int_eq(memcmp(pool_room(pool, id), &id, sizeof(id)),
		    0);
		pool_release(pool, id);
		sum++;
	}
	return (void *)(size_t)sum;
}

static bool ending;

static void *
run(void *arg)
{
	uint64_t who = pool_me((uint32_t)(size_t)arg, getpid()), id;
	struct pool_taken t;

	while (!__atomic_load_n(&ending, __ATOMIC_ACQUIRE)) {
		if (!pool_take(pool, who, &t)) {
			sched_yield();
			continue;
		}
		memcpy(&id, pool_room(pool, t.id), sizeof(id));
		ck_assert_uint_eq(id, t.id);
		if (pool_finish(pool, &t, POOL_DONE, 0, sizeof(id)))
			__atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

START_TEST(test_storm)
{
	pthread_t callers[CALLERS], runners[RUNNERS];
	uint64_t sum = 0;
	size_t i;
	void *n;

	for (i = 0; i < CALLERS; i++)
		ck_assert_int_eq(pthread_create(&callers[i], NULL, call,
		    (void *)i), 0);
	for (i = 0; i < RUNNERS; i++)
		ck_assert_int_eq(pthread_create(&runners[i], NULL, run,
		    (void *)(i + CALLERS)), 0);
	for (i = 0; i < CALLERS; i++) {
		ck_assert_int_eq(pthread_join(callers[i], &n), 0);
		sum += (size_t)n;
	}
	__atomic_store_n(&ending, true, __ATOMIC_RELEASE);
	for (i = 0; i < RUNNERS; i++)
		ck_assert_int_eq(pthread_join(runners[i], NULL), 0);
	ck_assert_uint_eq(sum, ran);
	ck_empty();
	ck_room(CELLS);
}
END_TEST

START_TEST(test_sizes)
{
	struct pool *one;
	uint64_t id, second;

	ck_assert_uint_eq(pool->size, 128);
	ck_assert_ptr_nonnull(one = pool_new("one", 1, 1, 1, true));
	ck_assert(pool_claim(one, me, &id));
	ck_assert(!pool_claim(one, me, &second));
	pool_submit(one, id, me);
	ck_assert_int_eq(pool_cancel(one, id), 1);
	pool_free(one);
	ck_assert_ptr_nonnull(one = pool_new("large", 1, POOL_CELLS_MAX,
	    64, true));
	ck_assert(pool_claim(one, me, &id));
	pool_free(one);
	pool_free(NULL);
}
END_TEST

START_TEST(test_no_descriptors)
{
	struct rlimit before, none;
	int error;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_ptr_null(pool_new("other", 1, CELLS, 100, true));
	error = errno;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(error, EMFILE);
	ck_assert_ptr_nonnull(strstr(error_text(), "pool \"other\""));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("pool", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_result);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_late);
	tcase_add_test(tc, test_cancel);
	tcase_add_test(tc, test_view);
	tcase_add_test(tc, test_view_hostile);
	tcase_add_test(tc, test_cancel_again);
	tcase_add_test(tc, test_wake);
	tcase_add_test(tc, test_armed);
	tcase_add_test(tc, test_wait);
	tcase_add_test(tc, test_bury_runner);
	tcase_add_test(tc, test_bury_caller);
	tcase_add_test(tc, test_bury_predecessors);
	tcase_add_test(tc, test_storm);
	tcase_add_test(tc, test_sizes);
	tcase_add_test(tc, test_no_descriptors);
	return unit_run(s);
}
