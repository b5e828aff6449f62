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
#include "dispatch/conversation.h"
#include "loop/task.h"

struct prong_task {
	prong_task_fn *fn;
	void *arg;
	void *result;
	struct task *joiner;
	bool over;
	bool detached;
};

/* 1: a task may wait now; 0: there is no loop, block; -1. */
static int
waiting_begin(void)
{
	if (task_self() != NULL)
		return conversation_pause() == -1 ? -1 : 1;
	if (tasks_here() != NULL)
		return error_set(EDEADLK, "the loop itself cannot wait");
	return 0;
}

static int
waiting_was_cut(int value)
{
	return error_set(value, value == ENOMEM ? "no memory for a timer" :
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
	if ((value = waiting_begin()) != 1)
		return value == -1 ? -1 : waiting_block(ms);
	value = task_park_for(ms);
	conversation_go_on();
	return value == ETIMEDOUT ? 0 : waiting_was_cut(value);
}

static int
waiting_poll(int fd, unsigned int events, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = (short)events };
	int r;

	if ((events & ~(unsigned int)(PRONG_READ | PRONG_WRITE)) != 0)
		return error_set(EINVAL, "no such events: %#x", events);
	while ((r = poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms)) == -1)
		if (errno != EINTR)
			return error_errno("waiting for descriptor %d", fd);
	if (r == 1 && (p.revents & POLLNVAL) != 0)
		return error_set(EBADF, "no such descriptor: %d", fd);
	return r == 0 ? 0 : p.revents;
}

int
prong_wait(int fd, unsigned int events, int64_t ms)
{
	int r = waiting_begin();

	if (r != 1)
		return r == -1 ? -1 : waiting_poll(fd, events, ms);
	r = task_wait(fd, events, ms);
	conversation_go_on();
	return r;
}

/* --- tasks of the handler's own ------------------------------------------- */

static void
waiting_run(void *arg)
{
	struct prong_task *t = arg;
	struct task *joiner;

	t->result = t->fn(t->arg);
	t->over = true;
	joiner = t->joiner;
	if (t->detached)
		free(t);
	else if (joiner != NULL)
		task_wake(joiner, 0);
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
	if (task_start(tasks_here(), waiting_run, t, NULL) == -1) {
		free(t);
		return NULL;
	}
	return t;
}

static int
waiting_for_task(struct prong_task *t, int64_t ms)
{
	int value = waiting_begin();

	if (value != 1)
		return value == -1 ? -1 : error_set(EDEADLK,
		    "nobody runs the task meanwhile");
	t->joiner = task_self();
	value = task_park_for(ms);
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
