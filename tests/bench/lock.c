/* SPDX-License-Identifier: ISC */
/*
 * What locks and cells in shared memory cost, in nanoseconds and beside what
 * they stand for: a lock taken and given back beside a process-shared mutex
 * that is neither robust nor re-entrant; one that is held already; a cell that
 * is added to beside a bare __atomic_fetch_add().  Then two processes that take
 * turns with one lock: how often in a second, and how long the longest waits
 * are.
 *
 * The two sides of a ratio are measured in turns of some milliseconds, and the
 * figure is the median of the ratios: what else the machine does meets both.
 * Those with a bar make the status 1 when they miss it.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/process.h"
#include "shm/array.h"
#include "shm/locks.h"

#define SLICES		101
#define SLICE		100000		/* calls */
#define SECONDS		2

static struct locks locks;
static struct prong_rlock *lock;
static struct prong_array *array;

static struct shared {
	pthread_mutex_t mutex;
	uint64_t word __attribute__((aligned(64)));
	uint64_t value __attribute__((aligned(64)));
	uint64_t started, stop;
} *shared;

static uint64_t
nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- ratios ------------------------------------------------------------------ */

static IN_LINE void
do_mutex(pthread_mutex_t *mutex)
{
	if (pthread_mutex_lock(mutex) != 0 || pthread_mutex_unlock(mutex) != 0)
		errx(1, "mutex");
}

static IN_LINE void
do_rlock(struct prong_rlock *l)
{
	if (prong_rlock_lock(l) == -1 || prong_rlock_unlock(l) == -1)
		errx(1, "%s", prong_error());
}

static IN_LINE void
do_word(uint64_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
}

static IN_LINE void
do_cell(struct prong_array *a)
{
	if (prong_array_add(a, 1, (union prong_value){ .integer = 1 },
	    NULL) == -1)
		errx(1, "%s", prong_error());
}

/*
 * How things happen to lie in memory is not to be measured: each slice has its
 * stack elsewhere, since a processor may take it for the lock where it lies
 * alike in its page, and the loops begin a line (-falign-loops).
 */
#define CASE(what, type, of)						\
static OUT_OF_LINE double						\
time_##what(unsigned int slice)						\
{									\
	volatile char *room = __builtin_alloca(slice * 80 % 4096 + 1);	\
	type *it = of;							\
	uint64_t begin;							\
	int i;								\
									\
	*room = 0;							\
	begin = nanoseconds();						\
	for (i = 0; i < SLICE; i++)					\
		do_##what(it);						\
	return (double)(nanoseconds() - begin) / SLICE;			\
}
CASE(mutex, pthread_mutex_t, &shared->mutex)
CASE(rlock, struct prong_rlock, lock)
CASE(word, uint64_t, &shared->word)
CASE(cell, struct prong_array, array)

static const struct comparison {
	const char *name;
	double (*base)(unsigned int), (*ours)(unsigned int);
	double bar;
	bool held;		/* the lock, all the time */
} comparisons[] = {
	{ "lock + unlock / mutex", time_mutex, time_rlock, 1.55, false },
	{ "nested / mutex", time_mutex, time_rlock, 0.5, true },
	{ "prong_array_add / fetch_add", time_word, time_cell, 1.3, false },
};

#define COMPARISONS	(sizeof(comparisons) / sizeof(comparisons[0]))

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *all, size_t n)
{
	qsort(all, n, sizeof(*all), compare_doubles);
	return all[n / 2];
}

static int
compare(const struct comparison *c)
{
	double base[SLICES], ours[SLICES], ratio[SLICES], r;
	unsigned int i;

	if (c->held && prong_rlock_lock(lock) == -1)
		errx(1, "%s", prong_error());
	for (i = 0; i < SLICES; i++) {
		if (i % 2 == 0)
			base[i] = c->base(i);
		ours[i] = c->ours(i);
		if (i % 2 == 1)
			base[i] = c->base(i);
		ratio[i] = ours[i] / base[i];
	}
	if (c->held)
		prong_rlock_unlock(lock);
	r = median(ratio, SLICES);
	printf("%-28s %5.2f  (%.1f and %.1f ns)  at most %.2f%s\n", c->name, r,
	    median(ours, SLICES), median(base, SLICES), c->bar,
	    r <= c->bar ? "" : "  MISSED");
	return r > c->bar;
}

/* --- two processes ----------------------------------------------------------- */

/* Waits by their length in microseconds; the last is everything longer. */
#define WAITS	100000
static struct waits {
	uint64_t counts[WAITS + 1];
	uint64_t all;
} *waits;

static void
increments(void)
{
	int i;

	__atomic_fetch_add(&shared->started, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->started, __ATOMIC_ACQUIRE) < 2)
		;
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED))
		for (i = 0; i < 100; i++) {
			prong_rlock_lock(lock);
			shared->value++;
			prong_rlock_unlock(lock);
		}
}

static void
increments_timed(void)
{
	uint64_t begin, us;

	__atomic_fetch_add(&shared->started, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->started, __ATOMIC_ACQUIRE) < 2)
		;
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		begin = nanoseconds();
		prong_rlock_lock(lock);
		us = (nanoseconds() - begin) / 1000;
		shared->value++;
		waits->counts[us < WAITS ? us : WAITS]++;
		waits->all++;
		prong_rlock_unlock(lock);
	}
}

/* How many a second. */
static double
two_processes(void (*fn)(void))
{
	static const struct timespec moment = { 0, 1000000 };
	pid_t pids[2];
	uint64_t begin;
	double seconds;
	int i;

	shared->value = shared->started = shared->stop = 0;
	for (i = 0; i < 2; i++)
		if ((pids[i] = fork()) == 0) {
			fn();
			_exit(0);
		} else if (pids[i] == -1)
			err(1, "fork");
	while (__atomic_load_n(&shared->started, __ATOMIC_ACQUIRE) < 2)
		nanosleep(&moment, NULL);
	begin = nanoseconds();
	sleep(SECONDS);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	seconds = (double)(nanoseconds() - begin) / 1e9;
	for (i = 0; i < 2; i++)
		waitpid(pids[i], NULL, 0);
	return (double)shared->value / seconds;
}

static int
rate(void)
{
	double r = two_processes(increments) / 1e6;

	printf("%-28s %5.2f  M/s, at least 8%s\n", "increments, two processes",
	    r, r >= 8 ? "" : "  MISSED");
	return r < 8;
}

static int
longest(void)
{
	uint64_t above, i;

	two_processes(increments_timed);
	above = waits->all / 10000;
	for (i = WAITS + 1; i > 0; i--) {
		if (waits->counts[i - 1] > above)
			break;
		above -= waits->counts[i - 1];
	}
	printf("%-28s %5ju  us, at most 100%s\n", "all but 0.01 % wait",
	    (uintmax_t)i, i <= 100 ? "" : "  MISSED");
	return i > 100;
}

/* --------------------------------------------------------------------------- */

/* While it is there, the library does not leave out atomic instructions. */
static void *
beside(void *arg)
{
	pause();
	return NULL;
}

static void
prepare(void)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	waits = mmap(NULL, sizeof(*waits), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || waits == MAP_FAILED)
		err(1, "memory");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared->mutex, &attr);
	if (locks_create(&locks) == -1 ||
	    (lock = locks_open(&locks, "bench")) == NULL ||
	    (array = array_new("bench", PRONG_INT64, 8)) == NULL)
		errx(1, "%s", prong_error());
	if (pthread_create(&thread, NULL, beside, NULL) != 0)
		errx(1, "no thread");
}

/* The ratios on one CPU: another may be slower for all that others do. */
static int
ratios(void)
{
	cpu_set_t all, one;
	size_t i;
	int missed = 0;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	if (sched_getaffinity(0, sizeof(all), &all) == -1 ||
	    sched_setaffinity(0, sizeof(one), &one) == -1)
		err(1, "affinity");
	for (i = 0; i < COMPARISONS; i++)
		missed += compare(&comparisons[i]);
	sched_setaffinity(0, sizeof(all), &all);
	return missed;
}

int
main(void)
{
	int missed;

	prepare();
	missed = ratios();
	if (process_cpus() < 2) {
		printf("two processes: one CPU, not measured\n");
		return missed > 0;
	}
	missed += rate();
	missed += longest();
	return missed > 0;
}
