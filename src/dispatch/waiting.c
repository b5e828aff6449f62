/* SPDX-License-Identifier: ISC */
/*
 * The calls of <prong.h> that wait, and tasks of the handler's own.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/process.h"
#include "dispatch/conversation.h"
#include "loop/task.h"
#include "net/dial.h"

struct prong_task {
	prong_task_fn *fn;
	void *arg;
	void *result;
	struct task *task;
	struct task *joiner;
	bool over;
	bool detached;
};

/* 1: a task may wait now; 0: there is no loop, block; -1. */
static int
waiting_may(void)
{
	if (task_self() != NULL)
		return 1;
	if (tasks_here() != NULL)
		return error_set(EDEADLK, "the loop itself cannot wait");
	return 0;
}

static int
waiting_was_cut(int value)
{
	return error_set(value, value == ENOMEM ? "no memory to wait" :
	    "the connection has ended");
}

static int
waiting_block(int64_t ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) == -1)
		if (errno != EINTR)
			return error_errno("sleeping");
	return 0;
}

int
prong_sleep(int64_t ms)
{
	int value;

	if (ms < 0)
		return error_set(EINVAL, "no such time: %lld ms",
		    (long long)ms);
	if ((value = waiting_may()) != 1)
		return value == -1 ? -1 : waiting_block(ms);
	value = task_park_for(ms, conversation_pause);
	conversation_go_on();
	return value == ETIMEDOUT ? 0 : waiting_was_cut(value);
}

/* What poll(2) would take in its own way. */
static int
waiting_check(int fd, unsigned int events)
{
	if ((events & ~(unsigned int)(PRONG_READ | PRONG_WRITE)) != 0)
		return error_set(EINVAL, "no such events: %#x", events);
	if (loop_check(fd) == -1)
		return error_errno("descriptor %d", fd);
	return 0;
}

static int
waiting_poll(int fd, unsigned int events, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	uint64_t end = process_milliseconds() + (uint64_t)ms, now;
	int64_t left = ms;
	int r;

	if (waiting_check(fd, events) == -1)
		return -1;
	while ((r = poll(&p, 1, left < 0 ? -1 : left > INT_MAX ? INT_MAX :
	    (int)left)) <= 0) {
		if (r == -1 && errno != EINTR)
			return error_errno("waiting for descriptor %d", fd);
		now = process_milliseconds();
		if (ms >= 0 && now >= end)
			return 0;
		if (ms >= 0)
			left = (int64_t)(end - now);
	}
	return p.revents;
}

int
prong_wait(int fd, unsigned int events, int64_t ms)
{
	int r = waiting_may();

	if (r != 1)
		return r == -1 ? -1 : waiting_poll(fd, events, ms);
	r = task_wait(fd, events, ms, conversation_pause);
	conversation_go_on();
	return r;
}

/* --- tasks of the handler's own ------------------------------------------- */

static void
waiting_run(void *arg)
{
	struct prong_task *t = arg;
	struct dialed_list dialed = LIST_HEAD_INITIALIZER(dialed);
	struct task *joiner;

	t->task = task_self();
	task_set_mine(t->task, &dialed);
	t->result = t->fn(t->arg);
	dial_let_go_all(&dialed);
	task_set_mine(t->task, NULL);
	t->over = true;
	tasks_here()->begun--;
	joiner = t->joiner;
	if (t->detached)
		free(t);
	else if (joiner != NULL)
		task_wake_timed(joiner, 0);
}

struct prong_task *
prong_spawn(prong_task_fn *fn, void *arg)
{
	struct prong_task *t;

	if (tasks_here() == NULL) {
		error_set(EPERM, "there is no loop here");
		return NULL;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		error_errno("a task");
		return NULL;
	}
	t->fn = fn;
	t->arg = arg;
	/* Until it is over it keeps a thread that was lent. */
	tasks_here()->begun++;
	if (task_start(tasks_here(), waiting_run, t, NULL) == -1) {
		tasks_here()->begun--;
		free(t);
		return NULL;
	}
	return t;
}

static int
waiting_for_task(struct prong_task *t, int64_t ms)
{
	int value = waiting_may();

	if (value == 0 || t->task == task_self())
		return error_set(EDEADLK, "nobody runs the task meanwhile");
	if (value == -1)
		return -1;
	t->joiner = task_self();
	value = task_park_for(ms, conversation_pause);
	t->joiner = NULL;
	conversation_go_on();
	if (value == ETIMEDOUT)
		return error_set(ETIMEDOUT, "the task has not ended in time");
	return value == 0 ? 0 : waiting_was_cut(value);
}

int
prong_join(struct prong_task *t, int64_t ms, void **result)
{
	if (t->joiner != NULL || t->detached)
		return error_set(EBUSY, "another joins the task");
	if (!t->over && waiting_for_task(t, ms) == -1)
		return -1;
	if (result != NULL)
		*result = t->result;
	free(t);
	return 0;
}

void
prong_detach(struct prong_task *t)
{
	if (t == NULL)
		return;
	if (t->over)
		free(t);
	else
		t->detached = true;
}
