/* SPDX-License-Identifier: ISC */
/*
 * Tasks that wait for a lock in shared memory.
 *
 * One that another task of the thread holds is handed over by that one, and a
 * timer wakes the waiter: it goes on from the loop, and not from within the
 * other's call.  For one that is held elsewhere shm/rlock tries again after
 * each pause.
 */
#include "dispatch/locking.h"

#include <errno.h>

#include "dispatch/conversation.h"
#include "loop/task.h"

struct locking {
	struct timer timer;
	struct task *task;
	struct loop *loop;
};

static void
locking_due(struct timer *t)
{
	task_wake_timed(((struct locking *)t)->task, ETIMEDOUT);
}

/* The timer runs, so it can be moved without memory. */
static void
locking_wake(struct rlock_waiter *w)
{
	struct locking *mine = w->arg;

	loop_timer(mine->loop, &mine->timer, 0);
}

int
locking_pause(struct rlock_waiter *w, int64_t ms)
{
	struct locking mine = { .timer.fn = locking_due, .task = task_self() };
	int value;

	if (mine.task == NULL)
		return ENOTSUP;
	mine.loop = tasks_here()->loop;
	if (loop_timer_exact(mine.loop, &mine.timer, (uint64_t)ms) == -1)
		return ENOMEM;
	/* cppcheck-suppress autoVariables ; nobody wakes it after that */
	w->arg = &mine;
	w->wake = locking_wake;
	value = conversation_pause() == -1 ? errno : task_park();
	loop_timer_stop(mine.loop, &mine.timer);
	w->arg = NULL;
	conversation_go_on();
	return value == ETIMEDOUT ? 0 : value;
}
