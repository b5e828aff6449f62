/* SPDX-License-Identifier: ISC */
#ifndef LOOP_TASK_H
#define LOOP_TASK_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/stack.h"
#include "loop/loop.h"

/*
 * Tasks: functions that can wait, each on a stack of its own, beside a loop
 * whose events wake them.  One runs until it parks or ends; whoever woke it
 * goes on then.
 */
struct task;

typedef void task_fn(void *arg);

/* What the tasks of a loop share; one a thread. */
struct tasks {
	struct loop *loop;
	struct task *current;		/* NULL: the loop itself */
	struct stack_pool stacks;
	struct task *spare;		/* to be used again */
	uint32_t spare_count;
	LIST_HEAD(task_list, task) all;
	bool ending;
	uint32_t begun;			/* what a handler has begun in the loop */
	uint32_t calls;			/* of its functions, that are due in it */
	uint64_t slow_ms;
	void (*slow)(void *owner, uint64_t ms);		/* NULL: nobody asks */
	void *bells;			/* whose descriptor waits here; or NULL */
	void (*free_bells)(void *);
};

/* stack_size: of each task; 0 is the usual one. */
void tasks_init(struct tasks *, struct loop *, size_t stack_size);
/* Has a stack at hand for the first: -1 with ENOMEM.  In any thread. */
int tasks_reserve(struct tasks *);
/*
 * In their own thread: every wait of theirs ends with ECANCELED, so that they
 * run to their ends.
 */
void tasks_end(struct tasks *);
/* Those that have not ended never go on. */
void tasks_fini(struct tasks *);

/* Of this thread; NULL where there is no loop. */
struct tasks *tasks_here(void);
void tasks_set_here(struct tasks *);

/*
 * Begins a task: it runs until it first parks, and then this returns.  -1 with
 * ENOMEM.  A task may begin another.  owner: what task_owner() is to say.
 */
int task_start(struct tasks *, task_fn *, void *arg, void *owner);

/* The one that runs; NULL: no task does. */
struct task *task_self(void);
void *task_owner(const struct task *);

/* A pointer of whoever began it; NULL at first. */
void *task_mine(const struct task *);
void task_set_mine(struct task *, void *);

/* Leaves, until somebody wakes it; returns what that one gave. */
int task_park(void);
bool task_is_parked(const struct task *);

/*
 * The same for so many milliseconds, then ETIMEDOUT; ms -1 is for ever.  before
 * is called when nothing else can go wrong, just before the task leaves; its -1
 * is an error, whose errno is returned.  ENOMEM.
 */
typedef int task_before_fn(void);
int task_park_for(int64_t ms, task_before_fn *before);

/* Lets a parked task go on: until it parks again, or has ended. */
void task_wake(struct task *, int value);

/*
 * The same where it is no event of its owner's that wakes it: if it has gone on
 * for so many milliseconds, as tasks_on_slow() wants it, that is told.
 */
void task_wake_timed(struct task *, int value);
void tasks_on_slow(struct tasks *, uint64_t ms,
    void (*slow)(void *owner, uint64_t ms));

/*
 * Waits until a descriptor is ready, as loop_add() has it, for ms at most (-1
 * is for ever): the events, 0 when the time is over, -1 with an errno, which
 * may be what another woke the task with.
 */
int task_wait(int fd, unsigned int events, int64_t ms, task_before_fn *before);

#endif
