/* SPDX-License-Identifier: ISC */
/*
 * What a process, a thread and a coroutine cost to make and to switch, for the
 * claims: one round, each line a name and the nanoseconds of making one, of a
 * switch, and of what goes along with the switch and is none.
 *
 * All on one CPU.  Processes and threads take turns by a byte through pipes,
 * since they have no other way to hand over the CPU to each other; the byte's
 * way through a pipe without a switch is the third figure.
 */
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "loop/task.h"
#include "prong.h"

#define SLICES		20	/* of each figure; the shortest counts */
#define TURNS		500	/* of processes or threads, in a slice */
#define SWITCHES	10000	/* of coroutines */

typedef double costs_fn(int count);

static struct tasks tasks;
static struct task *parked;
static int to_other[2], to_us[2];

static double
nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* --- the byte and its way ------------------------------------------------ */

static void
open_pipes(void)
{
	if (pipe(to_other) == -1 || pipe(to_us) == -1)
		err(1, "pipe");
}

static void
close_pipes(void)
{
	close(to_us[0]);
	close(to_us[1]);
	close(to_other[0]);
	close(to_other[1]);
}

static void
give(int fd)
{
	if (write(fd, "", 1) != 1)
		err(1, "write");
}

static void
take(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		err(1, "read");
}

static double
pipe_alone(int count)
{
	double begin;
	int i;

	open_pipes();
	begin = nanoseconds();
	for (i = 0; i < count; i++) {
		give(to_us[1]);
		take(to_us[0]);
	}
	begin = nanoseconds() - begin;
	close_pipes();
	return begin / count;
}

/* Our side of the turns; the first is no mere switch. */
static double
take_turns(int count)
{
	double begin = 0;
	int i;

	for (i = 0; i <= count; i++) {
		if (i == 1)
			begin = nanoseconds();
		give(to_other[1]);
		take(to_us[0]);
	}
	return (nanoseconds() - begin) / count / 2;
}

static void
answer_turns(int count)
{
	for (; count >= 0; count--) {
		take(to_other[0]);
		give(to_us[1]);
	}
}

/* --- processes ----------------------------------------------------------- */

static void
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			err(1, "waitpid");
	if (status != 0)
		errx(1, "a process ended with status %d", status);
}

static pid_t
fork_or_end(void)
{
	pid_t pid = fork();

	if (pid == -1)
		err(1, "fork");
	return pid;
}

static double
process_make(int count)
{
	double begin = nanoseconds();
	pid_t pid;
	int i;

	for (i = 0; i < count; i++) {
		if ((pid = fork_or_end()) == 0)
			_exit(0);
		wait_for(pid);
	}
	return (nanoseconds() - begin) / count;
}

static double
process_switch(int count)
{
	double result;
	pid_t pid;

	open_pipes();
	if ((pid = fork_or_end()) == 0) {
		/* It ends with us, by the end of what it reads. */
		close(to_other[1]);
		answer_turns(count);
		_exit(0);
	}
	result = take_turns(count);
	wait_for(pid);
	close_pipes();
	return result;
}

/* --- threads ------------------------------------------------------------- */

static void *
thread_nothing(void *arg)
{
	return NULL;
}

static void *
thread_turns(void *arg)
{
	answer_turns(*(int *)arg);
	return NULL;
}

static pthread_t
thread_new(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, fn, arg);

	if (error != 0)
		errc(1, error, "pthread_create");
	return thread;
}

static double
thread_make(int count)
{
	double begin = nanoseconds();
	int i;

	for (i = 0; i < count; i++)
		pthread_join(thread_new(thread_nothing, NULL), NULL);
	return (nanoseconds() - begin) / count;
}

static double
thread_switch(int count)
{
	pthread_t thread;
	double result;

	open_pipes();
	thread = thread_new(thread_turns, &count);
	result = take_turns(count);
	pthread_join(thread, NULL);
	close_pipes();
	return result;
}

/* --- tasks: the coroutines that handlers run in -------------------------- */

static void
task_nothing(void *arg)
{
}

static void
task_parks(void *arg)
{
	parked = task_self();
	while (task_park() == 0)
		continue;
}

static void
task_begin(task_fn *fn)
{
	if (task_start(&tasks, fn, NULL, NULL) == -1)
		err(1, "task");
}

static double
task_make(int count)
{
	double begin = nanoseconds();
	int i;

	for (i = 0; i < count; i++)
		task_begin(task_nothing);
	return (nanoseconds() - begin) / count;
}

static double
task_switch(int count)
{
	double begin;
	int i;

	task_begin(task_parks);
	begin = nanoseconds();
	for (i = 0; i < count; i++)
		task_wake(parked, 0);
	begin = nanoseconds() - begin;
	task_wake(parked, ECANCELED);
	return begin / count / 2;
}

/* --- coroutines switched by hand ----------------------------------------- */

static void
co_nothing(void *arg)
{
}

static void
co_turns(void *arg)
{
	for (;;)
		prong_co_switch(NULL);
}

static struct prong_co *
co_begun(prong_co_fn *fn)
{
	struct prong_co *co = prong_co_create(fn, NULL);

	if (co == NULL || prong_co_switch(co) == -1)
		errx(1, "%s", prong_error());
	return co;
}

static double
co_make(int count)
{
	double begin = nanoseconds();
	int i;

	for (i = 0; i < count; i++)
		prong_co_free(co_begun(co_nothing));
	return (nanoseconds() - begin) / count;
}

static double
co_switch(int count)
{
	struct prong_co *co = co_begun(co_turns);
	double begin = nanoseconds();
	int i;

	for (i = 0; i < count; i++)
		prong_co_switch(co);
	begin = nanoseconds() - begin;
	prong_co_free(co);
	return begin / count / 2;
}

/* --- the figures --------------------------------------------------------- */

static const struct thing {
	const char *name;
	costs_fn *make;
	int made;		/* in a slice */
	costs_fn *change;
	int changes;
	costs_fn *aside;	/* NULL: nothing */
} things[] = {
	{ "process", process_make, TURNS / 25, process_switch, TURNS, pipe_alone },
	{ "thread", thread_make, TURNS / 5, thread_switch, TURNS, pipe_alone },
	{ "task", task_make, SWITCHES, task_switch, SWITCHES, NULL },
	{ "coroutine", co_make, SWITCHES, co_switch, SWITCHES, NULL },
};

/* Others on this CPU can only make a slice longer. */
static double
shortest(costs_fn *fn, int count)
{
	double best = fn(count), next;
	int i;

	for (i = 1; i < SLICES; i++)
		if ((next = fn(count)) < best)
			best = next;
	return best;
}

static void
stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		err(1, "sched_setaffinity");
}

int
main(void)
{
	const struct thing *t = things;
	struct loop *loop = loop_new(LOOP_AUTO, 0);

	if (loop == NULL)
		err(1, "loop");
	stay_on_one_cpu();
	tasks_init(&tasks, loop, 0);
	tasks_set_here(&tasks);
	for (; t < things + sizeof(things) / sizeof(*t); t++)
		printf("%s %.1f %.1f %.1f\n", t->name,
		    shortest(t->make, t->made),
		    shortest(t->change, t->changes),
		    t->aside == NULL ? 0 : shortest(t->aside, t->changes));
	tasks_fini(&tasks);
	tasks_set_here(NULL);
	loop_free(loop);
	return 0;
}
