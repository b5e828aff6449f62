/* SPDX-License-Identifier: ISC */
/*
 * Running the tasks of a pool.
 */
#include "task/runner.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "loop/task.h"
#include "loop/yield.h"
#include "net/service.h"
#include "task/caller.h"

/* So many, and then the master's orders are looked at. */
#define RUNNER_TURN	256
#define RUNNER_JOBS_MAX	1024
/* One at a time: 25,000 tasks a second without it, 200,000 with it. */
#define RUNNER_LINGER_NS	20000

static struct runner {
	struct pool *pool;		/* NULL: none */
	struct loop *loop;
	struct watch bell;
	uint32_t slot;
	uint64_t me;
	uint64_t *beat;
	runner_find_fn *find;
	char *result;
	struct tasks *tasks;		/* of the loop: no job's */
	struct yielding yielding;
	bool at_work;			/* another turn has been asked for */
} runner;

/* --- a job --------------------------------------------------------------------- */

int
runner_check_jobs(const struct prong_job *jobs)
{
	size_t i;

	for (i = 0; jobs != NULL && jobs[i].name != NULL; i++) {
		if (i == RUNNER_JOBS_MAX)
			return error_set(EINVAL, "the table of jobs has no end "
			    "within %d of them", RUNNER_JOBS_MAX);
		if (jobs[i].name[0] == '\0' ||
		    strlen(jobs[i].name) >= POOL_JOB)
			return error_set(EINVAL, "the name of a job has 1 to "
			    "%d characters", POOL_JOB - 1);
		if (jobs[i].fn == NULL)
			return error_set(EINVAL, "job \"%s\" has no function",
			    jobs[i].name);
	}
	return 0;
}

static const struct prong_job *
runner_job(const struct prong_service *s, const char *name)
{
	const struct prong_job *job;

	if (s == NULL)
		return NULL;
	for (job = s->handler->jobs; job != NULL && job->name != NULL; job++)
		if (strncmp(job->name, name, POOL_JOB) == 0)
			return job;
	return NULL;
}

/* The length of the result, or -1. */
static ssize_t
runner_call(const struct pool_cell *cell, const void *argument)
{
	struct prong_service *s = runner.find(cell->service);
	const struct prong_job *job = runner_job(s, cell->job);
	size_t length = cell->length, size = runner.pool->size;
	ssize_t n;

	if (job == NULL)
		return error_set(ENOENT, "there is no job \"%.*s\"",
		    POOL_JOB - 1, cell->job);
	error_clear();
	errno = 0;
	n = job->fn(s, argument, length < size ? length : size, runner.result,
	    size);
	if (n >= 0 && (size_t)n > size)
		return error_set(EMSGSIZE, "job \"%s\": a result of %zd bytes, "
		    "and the pool's size is %zu", job->name, n, size);
	return n;
}

static void
runner_run(const struct pool_taken *t)
{
	struct pool *p = runner.pool;
	enum pool_state how = POOL_DONE;
	ssize_t n = runner_call(pool_cell(p, t->id), pool_room(p, t->id));
	int error = n == -1 ? errno : 0;

	if (n < 0) {
		how = POOL_FAILED;
		n = (ssize_t)strlen(error_text());
		if ((size_t)n > p->size)
			n = (ssize_t)p->size;
		memcpy(pool_room(p, t->id), error_text(), (size_t)n);
	} else if (n > 0)
		memcpy(pool_room(p, t->id), runner.result, (size_t)n);
	pool_finish(p, t, how, error, (uint32_t)n);
}

static uint64_t
runner_nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- turns ---------------------------------------------------------------------- */

static void runner_go(void *arg);

static void
runner_go_on(void)
{
	if (!runner.at_work)
		runner.at_work = loop_defer(runner.loop, runner_go, NULL) == 0;
}

/* A job is in no loop: its calls that wait hold up the process. */
static bool
runner_turn(void)
{
	struct pool_taken t;
	int left;

	for (left = RUNNER_TURN; left > 0; left--) {
		if (!pool_take(runner.pool, runner.me, &t))
			return false;
		__atomic_store_n(runner.beat, process_milliseconds(),
		    __ATOMIC_RELAXED);
		runner_run(&t);
	}
	return true;
}

/*
 * Who has his tasks done one after the other has the next one soon: whether it
 * comes before sleeping, and being woken, would have begun to pay.  Beside other
 * programs that compute nobody lingers.
 */
static bool
runner_linger(void)
{
	uint64_t now = runner_nanoseconds(), end = now + RUNNER_LINGER_NS;
	struct yield_turn turn;

	while (now < end) {
		if (pool_queued(runner.pool) > 0)
			return true;
		if (!yield_may(&runner.yielding, &turn, now))
			return false;
		sched_yield();
		now = runner_nanoseconds();
		yield_took(&runner.yielding, &turn, now);
	}
	return false;
}

static void
runner_go(void *arg)
{
	bool more;

	runner.at_work = false;
	if (runner.pool == NULL)
		return;
	tasks_set_here(NULL);
	do
		more = runner_turn();
	while (!more && (runner_linger() ||
	    !pool_rest(runner.pool, runner.slot)));
	tasks_set_here(runner.tasks);
	if (more)
		runner_go_on();
}

static void
runner_rung(struct watch *w, unsigned int events)
{
	uint64_t n;

	if (read(w->fd, &n, sizeof(n)) == sizeof(n))
		runner_go(NULL);
}

void
runner_look(void)
{
	if (runner.pool != NULL && pool_queued(runner.pool) > 0)
		runner_go_on();
}

int
runner_open(struct pool *p, struct loop *loop, uint32_t slot, int bell,
    uint64_t *beat, runner_find_fn *find)
{
	runner = (struct runner){
		.loop = loop,
		.bell = { runner_rung, bell, PRONG_READ },
		.slot = slot,
		.me = pool_me(slot, getpid()),
		.beat = beat,
		.find = find,
		.result = malloc(p->size),
		.tasks = tasks_here(),
	};
	if (runner.result == NULL)
		return error_errno("pool \"%s\"", p->name);
	if (loop_add(loop, &runner.bell) == -1)
		return -1;
	runner.pool = p;
	callers_set_running(p);
	runner_go_on();
	return 0;
}

void
runner_close(void)
{
	if (runner.pool != NULL)
		loop_del(runner.loop, &runner.bell);
	free(runner.result);
	runner.result = NULL;
	runner.pool = NULL;
}
