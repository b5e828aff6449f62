/* SPDX-License-Identifier: ISC */
/*
 * Many processes add one to a cell, in two steps under the array's lock, and
 * are killed at random and replaced: what was acknowledged is there, and not
 * more than one is there for each that was killed.
 *
 * PRONG_INCREMENTS is how many each process makes; tests/long/lockstorm asks
 * for a million.
 */
#include <sys/mman.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"
#include "seed.h"
#include "shm/array.h"
#include "unit.h"

#define PROCESSES	20
#define EVERY_NS	50000000L	/* of the campaign; else a tenth */

static struct prong_array *array;
static uint64_t *acknowledged;		/* by process */
static uint64_t goal = 300000;
static struct timespec every = { 0, EVERY_NS / 10 };

/* Cells 0 and 1 are equal whenever the lock is free. */
static int
increment(void)
{
	union prong_value a, b;

	if (prong_array_lock(array, -1) == -1 ||
	    prong_array_get(array, 0, &a) == -1 ||
	    prong_array_get(array, 1, &b) == -1)
		return 1;
	if (a.integer != b.integer)
		return 2;
	a.integer++;
	if (prong_array_set(array, 0, a) == -1 ||
	    prong_array_set(array, 1, a) == -1 ||
	    prong_array_unlock(array) == -1)
		return 3;
	return 0;
}

static pid_t
start(int i)
{
	pid_t pid = fork();
	int r;

	if (pid != 0)
		return pid;
	while (acknowledged[i] < goal) {
		if ((r = increment()) != 0)
			_exit(r);
		__atomic_store_n(&acknowledged[i], acknowledged[i] + 1,
		    __ATOMIC_RELEASE);
	}
	_exit(0);
}

/* Who has ended, by itself and rightly: how many. */
static int
reap(pid_t pids[PROCESSES])
{
	int i, status, n = 0;

	for (i = 0; i < PROCESSES; i++)
		if (pids[i] != 0 && waitpid(pids[i], &status, WNOHANG) ==
		    pids[i]) {
			ck_assert_msg(WIFEXITED(status) &&
			    WEXITSTATUS(status) == 0, "status %#x",
			    (unsigned int)status);
			pids[i] = 0;
			n++;
		}
	return n;
}

START_TEST(test_lockstorm)
{
	pid_t pids[PROCESSES];
	union prong_value v, w;
	uint64_t sum = 0, killed = 0;
	int i, left = PROCESSES;

	seed_use();
	for (i = 0; i < PROCESSES; i++)
		pids[i] = start(i);
	while ((left -= reap(pids)) > 0) {
		nanosleep(&every, NULL);
		i = (int)seed_below(PROCESSES);
		if (pids[i] == 0)
			continue;
		ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
		if (!WIFSIGNALED(helper_wait(pids[i]))) {
			left--;
			pids[i] = 0;
			continue;
		}
		killed++;
		pids[i] = start(i);
	}
	for (i = 0; i < PROCESSES; i++)
		sum += acknowledged[i];
	ck_assert_int_eq(prong_array_lock(array, -1), 0);
	ck_assert_int_eq(prong_array_get(array, 0, &v), 0);
	ck_assert_int_eq(prong_array_get(array, 1, &w), 0);
	ck_assert_int_eq(prong_array_unlock(array), 0);
	printf("# %ju acknowledged, %jd there, %ju killed, %ju of them with "
	    "the lock\n", (uintmax_t)sum, (intmax_t)v.integer,
	    (uintmax_t)killed, (uintmax_t)array_recovered(array));
	fflush(stdout);
	ck_assert_uint_gt(killed, 0);
	ck_assert_uint_eq(sum, goal * PROCESSES);
	ck_assert_int_eq(v.integer, w.integer);
	ck_assert_uint_ge((uint64_t)v.integer, sum);
	ck_assert_uint_le((uint64_t)v.integer, sum + killed);
}
END_TEST

int
main(void)
{
	const char *increments = getenv("PRONG_INCREMENTS");
	TCase *tc;
	Suite *s = unit_suite("lockstorm", &tc);

	if (increments != NULL) {
		goal = strtoull(increments, NULL, 10);
		every.tv_nsec = EVERY_NS;
	}
	seed_init();
	array = array_new("storm", PRONG_INT64, 2);
	acknowledged = mmap(NULL, PROCESSES * sizeof(*acknowledged),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (array == NULL || acknowledged == MAP_FAILED)
		return EXIT_FAILURE;
	tcase_set_timeout(tc, increments == NULL ? 120 : 3600);
	tcase_add_test(tc, test_lockstorm);
	unit_run(s);
	array_free(array);
	return EXIT_SUCCESS;
}
