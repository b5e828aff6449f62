/* SPDX-License-Identifier: ISC */
/*
 * How one who submits tasks waits for them: a task of the process's own loop
 * until it is told, a thread by the task's own word, a lane by looking again.
 */
#include <errno.h>
#include <time.h>

#include "base/error.h"
#include "base/process.h"
#include "task/caller.h"

/* How long a lane is held up by a task that may be over soon. */
#define CALLER_SHORT_MS		2
/* The longest pause, and how much of what has passed it is. */
#define CALLER_PAUSE_MAX	100
#define CALLER_PAUSE_PART	8
/* No sleep depends on being woken for longer. */
#define CALLER_SLICE_MS		1000

static task_before_fn *caller_before;
static void (*caller_after)(void);

void
callers_set_pause(task_before_fn *before, void (*after)(void))
{
	caller_before = before;
	caller_after = after;
}

struct caller_time
caller_time(int64_t ms)
{
	uint64_t now = process_milliseconds();

	return (struct caller_time){ now, ms < 0 ? UINT64_MAX :
	    now + (uint64_t)ms };
}

/* What is left, but no more than most. */
static int64_t
caller_left(const struct caller_time *t, uint64_t most)
{
	uint64_t now = process_milliseconds();
	uint64_t left = t->end > now ? t->end - now : 0;

	return (int64_t)(left < most ? left : most);
}

static int
caller_late(void)
{
	return error_set(ETIMEDOUT, "not in time");
}

static int
caller_cut(int value)
{
	if (value == ETIMEDOUT)
		return caller_late();
	return error_set(value, value == ENOMEM ? "no memory to wait" :
	    "the connection has ended");
}

/* Leaves the loop alone for so long, or until it is woken: 0, ETIMEDOUT... */
static int
caller_park(int64_t ms)
{
	int value = task_park_for(ms, caller_before);

	caller_after();
	return value;
}

int
caller_pause(const struct caller_time *t)
{
	uint64_t part = (process_milliseconds() - t->begin) /
	    CALLER_PAUSE_PART;
	int64_t ms = caller_left(t, part < 1 ? 1 :
	    part > CALLER_PAUSE_MAX ? CALLER_PAUSE_MAX : part);
	struct timespec pause = { 0, ms * 1000000 };
	int value;

	if (ms == 0)
		return caller_late();
	if (task_self() != NULL)
		return (value = caller_park(ms)) == ETIMEDOUT || value == 0 ?
		    0 : caller_cut(value);
	nanosleep(&pause, NULL);
	return 0;
}

static bool
caller_is_on(const struct prong_pool *h, uint64_t id)
{
	enum pool_state state = pool_look(h->pool, id);

	return state == POOL_QUEUED || state == POOL_RUNNING;
}

/* In a task of the loop that will be told. */
static int
caller_wait_told(struct prong_pool *h, uint64_t id,
    const struct caller_time *t)
{
	int value = 0;

	caller_expect_wake(h, id, task_self());
	while (value == 0 && caller_is_on(h, id))
		value = caller_park(t->end == UINT64_MAX ? -1 :
		    caller_left(t, INT64_MAX));
	caller_forget(h, id);
	return caller_is_on(h, id) ? caller_cut(value) : 0;
}

/* With the thread, for so long at most. */
static int
caller_sleep(struct prong_pool *h, uint64_t id, const struct caller_time *t,
    uint64_t slice)
{
	int64_t left;

	while (caller_is_on(h, id)) {
		if ((left = caller_left(t, slice)) == 0)
			return caller_late();
		pool_wait(h->pool, id, left);
	}
	return 0;
}

/* For a moment with its thread, which is of this one connection. */
static int
caller_wait_lane(struct prong_pool *h, uint64_t id,
    const struct caller_time *t)
{
	const struct caller_time moment = caller_time(
	    caller_left(t, CALLER_SHORT_MS));

	if (!caller_is_home())
		caller_sleep(h, id, &moment, CALLER_SHORT_MS);
	while (caller_is_on(h, id))
		if (caller_pause(t) == -1)
			return -1;
	return 0;
}

int
caller_wait(struct prong_pool *h, uint64_t id, const struct caller_time *t)
{
	if (!caller_is_on(h, id))
		return 0;
	switch (caller_here()) {
	case CALLER_LOOP:
		return error_set(EDEADLK, "the loop itself cannot wait");
	case CALLER_THREAD:
		return caller_sleep(h, id, t, CALLER_SLICE_MS);
	case CALLER_TASK:
		if ((pool_cell(h->pool, id)->owner & POOL_RINGS) != 0)
			return caller_wait_told(h, id, t);
		break;
	default:
		break;
	}
	return caller_wait_lane(h, id, t);
}
