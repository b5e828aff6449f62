/* SPDX-License-Identifier: ISC */
/*
 * An event in shared memory: how often in a second two processes come from one
 * to the other and back.  Each of the two has an event that the other waits
 * for, clears, and answers.
 *
 *	rings SECONDS CPUS
 *
 * CPUS: 1 has both on one, 2 on one each.  Then, with "idle" in the place of
 * CPUS, the CPU time of so many seconds in which a process waits in vain, in
 * milliseconds.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/event.h"

static struct prong_event *there, *back;
static struct {
	uint64_t stop;
} *shared;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of those that this process may run on, number n. */
static void
pin(int n)
{
	cpu_set_t all, one;
	int i;

	if (sched_getaffinity(0, sizeof(all), &all) == -1)
		err(1, "CPUs");
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && n-- == 0)
			break;
	if (i == CPU_SETSIZE)
		errx(77, "there are not as many CPUs");
	CPU_ZERO(&one);
	CPU_SET(i, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == -1)
		err(1, "CPU %d", i);
}

/* Waits for one of the two, and clears it. */
static void
take(struct prong_event *e)
{
	if (prong_event_wait(e, -1) == -1)
		errx(1, "%s", prong_error());
	prong_event_clear(e);
}

static void __attribute__((noreturn))
answer(int cpu)
{
	pin(cpu);
	while (__atomic_load_n(&shared->stop, __ATOMIC_RELAXED) == 0) {
		take(there);
		prong_event_set(back);
	}
	_exit(0);
}

static double
rounds(double seconds)
{
	uint64_t count = 0;
	double begin = now(), end = begin + seconds;
	int i;

	do
		for (i = 0; i < 100; i++, count++) {
			prong_event_set(there);
			take(back);
		}
	while (now() < end);
	return (double)count / (now() - begin);
}

static void
turns(double seconds, int cpus)
{
	pid_t pid = fork();
	int status;

	if (pid == -1)
		err(1, "fork");
	if (pid == 0)
		answer(cpus - 1);
	pin(0);
	/* Until both know how long it takes. */
	rounds(seconds / 10);
	printf("%.0f\n", rounds(seconds));
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	prong_event_set(there);
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "the other process has failed");
}

static void
idle(double seconds)
{
	struct rusage usage;

	if (prong_event_wait(there, (int64_t)(seconds * 1000)) != -1)
		errx(1, "it was set");
	getrusage(RUSAGE_SELF, &usage);
	printf("%.3f\n", (double)(usage.ru_utime.tv_sec +
	    usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec +
	    usage.ru_stime.tv_usec) / 1e3);
}

int
main(int argc, char **argv)
{
	double seconds = argc == 3 ? atof(argv[1]) : 0;

	if (seconds <= 0)
		errx(64, "usage: rings SECONDS 1|2|idle");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	there = event_new("there", false);
	back = event_new("back", false);
	if (there == NULL || back == NULL)
		errx(1, "%s", prong_error());
	if (strcmp(argv[2], "idle") == 0)
		idle(seconds);
	else
		turns(seconds, strcmp(argv[2], "1") == 0 ? 1 : 2);
	event_free(there);
	event_free(back);
	return 0;
}
