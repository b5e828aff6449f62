/* SPDX-License-Identifier: ISC */
/*
 * shm/rlock: re-entrant, between processes and threads, and with holders that
 * die.
 */
#include "shm/rlock.h"

#include <sys/mman.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/process.h"
#include "helper.h"
#include "unit.h"

#define PROCESSES	20
#define ROUNDS		500

/* The ways to wait: for ever, and for a time. */
#define WAYS		2

/* What the processes share. */
static struct shared {
	struct rlock lock;
	uint64_t first, second;		/* equal whenever the lock is free */
	uint32_t repairs;
} *shared;

static void
setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_int_eq(rlock_init(&shared->lock), 0);
}

static void
teardown(void)
{
	munmap(shared, sizeof(*shared));
}

static int
lock(int64_t ms)
{
	return rlock_lock(&shared->lock, ms, NULL, NULL);
}

static void
repair(void *arg)
{
	struct shared *s = arg;

	s->repairs++;
	s->second = s->first;
}

/* Runs fn in a child; what it returns is the child's exit code. */
static int
in_child(int (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	ck_assert_int_ne(pid, -1);
	return helper_wait_exit(pid);
}

/* What a child or thread that is not the holder finds; 0 is right. */
static int
is_kept_out(void)
{
	if (rlock_is_held(&shared->lock))
		return 1;
	if (lock(0) != -1 || errno != EBUSY)
		return 2;
	if (rlock_unlock(&shared->lock) != -1 || errno != EPERM)
		return 3;
	return 0;
}

static int
is_free(void)
{
	if (lock(0) == -1)
		return 1;
	return rlock_unlock(&shared->lock) == -1 ? 2 : 0;
}

static int
die_holding(void)
{
	return lock(RLOCK_FOREVER) + lock(RLOCK_FOREVER);
}

START_TEST(test_rlock_nested)
{
	int i;

	ck_assert(!rlock_is_held(&shared->lock));
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(lock(i == 0 ? RLOCK_FOREVER : i - 1), 0);
	for (i = 0; i < 3; i++) {
		ck_assert(rlock_is_held(&shared->lock));
		ck_assert_int_eq(in_child(is_kept_out), 0);
		ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
	}
	ck_assert(!rlock_is_held(&shared->lock));
	ck_assert_int_eq(in_child(is_free), 0);
	errno = 0;
	ck_assert_int_eq(rlock_unlock(&shared->lock), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(test_rlock_too_deep)
{
	ck_assert_int_eq(lock(0), 0);
	shared->lock.depth = RLOCK_DEPTH_MAX;
	errno = 0;
	ck_assert_int_eq(lock(RLOCK_FOREVER), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(shared->lock.depth, RLOCK_DEPTH_MAX);
	shared->lock.depth = 0;
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
	ck_assert_int_eq(in_child(is_free), 0);
}
END_TEST

static void *
thread_kept_out(void *arg)
{
	*(int *)arg = is_kept_out();
	return NULL;
}

static void *
thread_die_holding(void *arg)
{
	*(int *)arg = die_holding();
	return NULL;
}

static void
in_thread(void *(*fn)(void *))
{
	pthread_t thread;
	int result = -1;

	ck_assert_int_eq(pthread_create(&thread, NULL, fn, &result), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(result, 0);
}

START_TEST(test_rlock_threads)
{
	ck_assert_int_eq(lock(RLOCK_FOREVER), 0);
	in_thread(thread_kept_out);
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
	/* A thread that ends is a holder that dies. */
	in_thread(thread_die_holding);
	ck_assert_int_eq(rlock_lock(&shared->lock, 0, repair, shared), 0);
	ck_assert_uint_eq(shared->repairs, 1);
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
}
END_TEST

/* A child is nobody's heir: it neither holds nor, by its end, releases. */
START_TEST(test_rlock_fork_while_held)
{
	ck_assert_int_eq(lock(RLOCK_FOREVER), 0);
	ck_assert_int_eq(in_child(is_kept_out), 0);
	ck_assert(rlock_is_held(&shared->lock));
	ck_assert_int_eq(in_child(is_kept_out), 0);
	ck_assert_uint_eq(shared->lock.recovered, 0);
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
}
END_TEST

static int
times_out(void)
{
	static const int64_t limits[] = { 1, 20, 1001 };
	uint64_t start, took;
	int i;

	for (i = 0; i < UNIT_COUNT(limits); i++) {
		start = process_milliseconds();
		if (lock(limits[i]) != -1 || errno != ETIMEDOUT)
			return 1;
		took = process_milliseconds() - start;
		/* Two clocks may be read a millisecond apart. */
		if ((int64_t)took + 1 < limits[i])
			return 2;
	}
	return 0;
}

START_TEST(test_rlock_times_out)
{
	ck_assert_int_eq(lock(RLOCK_FOREVER), 0);
	ck_assert_int_eq(in_child(times_out), 0);
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
}
END_TEST

/* Forever, and within a time, waits until the holder lets go. */
START_TEST(test_rlock_waits)
{
	int64_t ms = _i == 0 ? RLOCK_FOREVER : 10000;
	int ready[2], done;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(lock(RLOCK_FOREVER), 0);
	if ((pid = fork()) == 0) {
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		done = lock(ms) == 0 && shared->first == 1 &&
		    rlock_unlock(&shared->lock) == 0;
		_exit(done ? 0 : 2);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	shared->first = 1;
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

/* Each way to lock takes over from the dead, and knows no old depth. */
START_TEST(test_rlock_dead_holder)
{
	static const int64_t limits[] = { RLOCK_FOREVER, 0, 100 };
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		shared->second = 1;
		ck_assert_int_eq(in_child(die_holding), 0);
		ck_assert_int_eq(rlock_lock(&shared->lock, limits[i - 1],
		    repair, shared), 0);
		ck_assert_uint_eq(shared->repairs, i);
		ck_assert_uint_eq(shared->lock.recovered, i);
		ck_assert_uint_eq(shared->second, 0);
		ck_assert(rlock_is_held(&shared->lock));
		ck_assert_int_eq(in_child(is_kept_out), 0);
		/* Nothing to repair while it is held, and when it was free. */
		ck_assert_int_eq(rlock_lock(&shared->lock, 0, repair, shared),
		    0);
		ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
		ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
		ck_assert_int_eq(rlock_lock(&shared->lock, 0, repair, shared),
		    0);
		ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
		ck_assert_uint_eq(shared->repairs, i);
	}
	/* Without anything to repair. */
	ck_assert_int_eq(in_child(die_holding), 0);
	ck_assert_int_eq(lock(0), 0);
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
}
END_TEST

/* Who waits already when the holder is killed. */
START_TEST(test_rlock_killed_holder)
{
	int64_t ms = _i == 0 ? RLOCK_FOREVER : 10000;
	int ready[2];
	pid_t holder, waiter;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	if ((holder = fork()) == 0) {
		if (lock(RLOCK_FOREVER) == -1 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	if ((waiter = fork()) == 0) {
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		if (rlock_lock(&shared->lock, ms, repair, shared) == -1)
			_exit(2);
		_exit(shared->repairs == 1 &&
		    rlock_unlock(&shared->lock) == 0 ? 0 : 3);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(kill(holder, SIGKILL), 0);
	helper_wait(holder);
	ck_assert_int_eq(helper_wait_exit(waiter), 0);
	ck_assert_int_eq(in_child(is_free), 0);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

static void
repair_and_die(void *arg)
{
	shared->repairs++;
	_exit(0);
}

static int
die_repairing(void)
{
	rlock_lock(&shared->lock, 0, repair_and_die, NULL);
	return 1;
}

/* The repairer may die too: the next one repairs again. */
START_TEST(test_rlock_dead_repairer)
{
	int i;

	ck_assert_int_eq(in_child(die_holding), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(in_child(die_repairing), 0);
	ck_assert_uint_eq(shared->lock.recovered, 0);
	ck_assert_int_eq(rlock_lock(&shared->lock, 0, repair, shared), 0);
	ck_assert_uint_eq(shared->repairs, 4);
	ck_assert_uint_eq(shared->lock.recovered, 1);
	ck_assert_int_eq(rlock_unlock(&shared->lock), 0);
	ck_assert_int_eq(in_child(is_free), 0);
}
END_TEST

/* Both words, one after the other, with the lock taken twice. */
static int
write_both(void)
{
	if (rlock_lock(&shared->lock, RLOCK_FOREVER, repair, shared) == -1 ||
	    shared->first != shared->second)
		return 1;
	shared->first++;
	if (lock(0) == -1 || rlock_unlock(&shared->lock) == -1)
		return 2;
	shared->second++;
	return rlock_unlock(&shared->lock) == -1 ? 3 : 0;
}

static int
write_many(void)
{
	int i, r = 0;

	for (i = 0; r == 0 && i < ROUNDS; i++)
		r = write_both();
	return r;
}

START_TEST(test_rlock_many_processes)
{
	pid_t pids[PROCESSES];
	int i;

	for (i = 0; i < PROCESSES; i++)
		if ((pids[i] = fork()) == 0)
			_exit(write_many());
	for (i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	ck_assert_uint_eq(shared->first, PROCESSES * ROUNDS);
	ck_assert_uint_eq(shared->second, PROCESSES * ROUNDS);
	ck_assert_uint_eq(shared->repairs, 0);
}
END_TEST

/* Writers are killed wherever they are; the words never differ. */
START_TEST(test_rlock_killed_writers)
{
	uint64_t before;
	pid_t pid;
	int i;

	for (i = 0; i < 40; i++) {
		before = __atomic_load_n(&shared->second, __ATOMIC_RELAXED);
		if ((pid = fork()) == 0)
			for (;;)
				if (write_both() != 0)
					_exit(1);
		while (__atomic_load_n(&shared->second, __ATOMIC_RELAXED) <
		    before + 20)
			ck_assert_int_eq(write_both(), 0);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert(WIFSIGNALED(helper_wait(pid)));
		ck_assert_int_eq(write_both(), 0);
	}
	ck_assert_uint_eq(shared->lock.recovered, shared->repairs);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("rlock", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_rlock_nested);
	tcase_add_test(tc, test_rlock_too_deep);
	tcase_add_test(tc, test_rlock_threads);
	tcase_add_test(tc, test_rlock_fork_while_held);
	tcase_add_test(tc, test_rlock_times_out);
	tcase_add_loop_test(tc, test_rlock_waits, 0, WAYS);
	tcase_add_test(tc, test_rlock_dead_holder);
	tcase_add_loop_test(tc, test_rlock_killed_holder, 0, WAYS);
	tcase_add_test(tc, test_rlock_dead_repairer);
	tcase_add_test(tc, test_rlock_many_processes);
	tcase_add_test(tc, test_rlock_killed_writers);
	return unit_run(s);
}
