/* SPDX-License-Identifier: ISC */
/*
 * shm/robust: mutexes that are taken in place stand in one list with those that
 * the library takes, in any order, and the kernel finds all of them.
 */
#include "shm/robust.h"

#include <sys/mman.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "helper.h"
#include "seed.h"
#include "unit.h"

#define MUTEXES	8
#define ROUNDS	2000

static struct shared {
	pthread_mutex_t mutex[MUTEXES];
	pthread_mutex_t other;		/* with an entry that looks different */
	uint32_t held[MUTEXES];		/* what a child has said before it died */
	uint64_t count;
} *shared;

static void
init(pthread_mutex_t *mutex, int protocol)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&attr, protocol);
	ck_assert_int_eq(pthread_mutex_init(mutex, &attr), 0);
	pthread_mutexattr_destroy(&attr);
}

static void
setup(void)
{
	int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	for (i = 0; i < MUTEXES; i++)
		init(&shared->mutex[i], PTHREAD_PRIO_NONE);
	init(&shared->other, PTHREAD_PRIO_INHERIT);
	robust_introduce();
}

static void
teardown(void)
{
	munmap(shared, sizeof(*shared));
}

static pid_t
start(void (*fn)(void))
{
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		robust_introduce();
		fn();
		_exit(0);
	}
	return pid;
}

/* 0: taken, or what the library says; in one way or the other. */
static int
take(int i, bool in_place)
{
	pthread_mutex_t *mutex = &shared->mutex[i];

	if (in_place && robust_take(mutex))
		return 0;
	return pthread_mutex_trylock(mutex);
}

static int
give(int i, bool in_place)
{
	pthread_mutex_t *mutex = &shared->mutex[i];

	if (in_place && robust_give(mutex))
		return 0;
	return pthread_mutex_unlock(mutex);
}

/* So that the other tests are of something. */
START_TEST(test_robust_is_there)
{
	ck_assert(robust_take(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_trylock(&shared->mutex[0]), EBUSY);
	ck_assert(!robust_take(&shared->mutex[0]));
	ck_assert(robust_give(&shared->mutex[0]));
	ck_assert(!robust_give(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_unlock(&shared->mutex[0]), EPERM);
	ck_assert_int_eq(pthread_mutex_trylock(&shared->mutex[0]), 0);
	/* What the library has taken it gives back. */
	ck_assert(!robust_take(&shared->mutex[0]));
	ck_assert(!robust_give(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_unlock(&shared->mutex[0]), 0);
	ck_assert(robust_take(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_unlock(&shared->mutex[0]), 0);
}
END_TEST

static void *
is_kept_out(void *arg)
{
	robust_introduce();
	return robust_take(&shared->mutex[0]) ||
	    robust_give(&shared->mutex[0]) ||
	    pthread_mutex_trylock(&shared->mutex[0]) != EBUSY ? shared : NULL;
}

/* A child that comes by a thread's memory is another thread. */
static void
child_is_kept_out(void)
{
	_exit(is_kept_out(NULL) != NULL ? 1 : 0);
}

START_TEST(test_robust_keeps_out)
{
	pthread_t thread;
	void *wrong;
	pid_t pid;

	ck_assert(robust_take(&shared->mutex[0]));
	ck_assert_int_eq(pthread_create(&thread, NULL, is_kept_out, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, &wrong), 0);
	ck_assert_ptr_null(wrong);
	if ((pid = fork()) == 0)
		_exit(robust_take(&shared->mutex[1]) ||
		    robust_give(&shared->mutex[0]) ? 1 : 0);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(helper_wait_exit(start(child_is_kept_out)), 0);
	ck_assert(robust_give(&shared->mutex[0]));
}
END_TEST

/*
 * Takes and gives back at random, in both ways and from the midst of the list,
 * and dies with what it says that it holds.
 */
static void
mix_and_die(void)
{
	bool other = false;
	int i, round;

	for (round = 0; round < ROUNDS; round++) {
		i = (int)(seed_below(MUTEXES));
		if (shared->held[i] == 0) {
			if (take(i, seed_below(2) == 0) != 0)
				_exit(1);
			shared->held[i] = 1;
		} else {
			if (give(i, seed_below(2) == 0) != 0)
				_exit(2);
			shared->held[i] = 0;
		}
		if (seed_below(4) != 0)
			continue;
		if ((other ? pthread_mutex_unlock(&shared->other) :
		    pthread_mutex_lock(&shared->other)) != 0)
			_exit(3);
		other = !other;
	}
	kill(getpid(), SIGKILL);
}

START_TEST(test_robust_mixed)
{
	int i, round, error, status;

	for (round = 0; round < 20; round++) {
		srandom(seed + (unsigned int)round);
		for (i = 0; i < MUTEXES; i++)
			shared->held[i] = 0;
		status = helper_wait(start(mix_and_die));
		ck_assert_msg(WIFSIGNALED(status), "status %#x",
		    (unsigned int)status);
		for (i = 0; i < MUTEXES; i++) {
			error = take(i, i % 2 == 0);
			ck_assert_int_eq(error, shared->held[i] != 0 ?
			    EOWNERDEAD : 0);
			if (error == EOWNERDEAD)
				ck_assert_int_eq(pthread_mutex_consistent(
				    &shared->mutex[i]), 0);
			ck_assert_int_eq(give(i, true), 0);
		}
		if (pthread_mutex_lock(&shared->other) == EOWNERDEAD)
			pthread_mutex_consistent(&shared->other);
		pthread_mutex_unlock(&shared->other);
	}
}
END_TEST

static void
count(void)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (!robust_take(&shared->mutex[0]) &&
		    pthread_mutex_lock(&shared->mutex[0]) != 0)
			_exit(1);
		shared->count++;
		if (i % 64 == 0)
			sched_yield();
		if (give(0, true) != 0)
			_exit(2);
	}
}

/* Who sleeps in the library is woken by who gives it back in place. */
START_TEST(test_robust_wakes)
{
	pid_t pids[4];
	int i;

	for (i = 0; i < 4; i++)
		pids[i] = start(count);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	ck_assert_uint_eq(shared->count, 4 * ROUNDS);
}
END_TEST

static void *
end_with_it(void *arg)
{
	robust_introduce();
	ck_assert(robust_take(&shared->mutex[0]));
	return NULL;
}

/* The kernel looks at the end of a thread, too. */
START_TEST(test_robust_thread_ends)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, end_with_it, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!robust_take(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_lock(&shared->mutex[0]), EOWNERDEAD);
	/* Not made consistent, it is lost: for us as well. */
	ck_assert(!robust_give(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_unlock(&shared->mutex[0]), 0);
	ck_assert(!robust_take(&shared->mutex[0]));
	ck_assert_int_eq(pthread_mutex_lock(&shared->mutex[0]),
	    ENOTRECOVERABLE);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

#ifndef ROBUST_LIST
	printf("1..0 # SKIP everything is left to the library here\n");
	return EXIT_SUCCESS;
#endif
	s = unit_suite("robust", &tc);
	seed_init();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_robust_is_there);
	tcase_add_test(tc, test_robust_keeps_out);
	tcase_add_test(tc, test_robust_mixed);
	tcase_add_test(tc, test_robust_wakes);
	tcase_add_test(tc, test_robust_thread_ends);
	return unit_run(s);
}
