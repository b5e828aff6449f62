/* SPDX-License-Identifier: ISC */
#ifndef TASK_CALLER_H
#define TASK_CALLER_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "loop/task.h"
#include "prong.h"
#include "shm/pool.h"

/*
 * This process as one that submits tasks to pools.
 *
 * Its own loop is told by the bell of its slot that some are over.  A thread
 * without a loop sleeps by the task's own word.  A lane, which has a loop and no
 * bell, does that for a moment and then looks again now and then: the longer
 * the task takes, the more seldom.
 */

/* A pool as a service has it; all of them, in this process, are in a list. */
struct prong_pool {
	LIST_ENTRY(prong_pool) entries;
	struct pool *pool;
	struct prong_service *service;
	struct caller_table *table;
	uint32_t number;	/* no other of this process has had it */
	uint32_t calls;		/* of functions, that are still to come */
	bool closed;
};

/* Where a call comes from. */
enum caller_place {
	CALLER_LOOP,		/* a loop itself, which cannot wait */
	CALLER_TASK,		/* a task of the process's own loop */
	CALLER_LANE,		/* a task of another */
	CALLER_THREAD,		/* there is no loop */
};
enum caller_place caller_here(void);
/* Whether this is the process's own loop, or a task of it. */
bool caller_is_home(void);

/* For a worker: its loop and its slot, before any handler is started. */
int callers_open(struct loop *, uint32_t slot, int bell);
/* Without a loop that could be told. */
void callers_open_quiet(uint32_t slot);
/* Looks again, in case nobody was alive to ring. */
void callers_look(void);
/*
 * Whether functions are still to be called; fn is, from the loop, when they have
 * been.
 */
bool callers_are_busy(void (*fn)(void *));
/* Gives up all tasks that are not over, and calls what is to be called. */
void callers_end(void);
void callers_close(void);
/* In a child of the forker; and what one that has died leaves. */
void callers_forked(void);
void callers_bury(pid_t);
/* Who runs tasks of a pool must not wait for others of it. */
void callers_set_running(const struct pool *);
bool callers_are_running(const struct pool *);

struct prong_pool *caller_open(struct pool *, struct prong_service *);
void caller_free(struct prong_pool *);

/* What this process is, for the words of a cell. */
uint64_t caller_me(void);

/* For the process's own loop: fn is to be called when it is over. */
void caller_expect(struct prong_pool *, uint64_t id, prong_pool_fn *, void *);
/* One that was given up, if a function was to be called for it: calls it. */
void caller_give_up(struct prong_pool *, uint64_t id);

/* What has become of a task that is over, or was given up. */
void caller_result(const struct prong_pool *, uint64_t id,
    struct prong_pool_result *);
/* Calls fn with it, and lets go of it. */
void caller_tell(struct prong_pool *, uint64_t id, prong_pool_fn *, void *arg);

/* --- caller_wait.c --------------------------------------------------------- */

/* Before and after a task leaves to wait; as for task_park_for(). */
void callers_set_pause(task_before_fn *before, void (*after)(void));

/* The time in which something is to be done. */
struct caller_time {
	uint64_t begin, end;
};
struct caller_time caller_time(int64_t ms);

/*
 * A while passes, the longer the longer it has lasted.  -1: ETIMEDOUT, it is too
 * late; ECANCELED, ENOMEM.
 */
int caller_pause(const struct caller_time *);

/* Until a task is not waiting or running any more.  -1 as above, EDEADLK. */
int caller_wait(struct prong_pool *, uint64_t id, const struct caller_time *);

/*
 * For these: a task of the process's own loop is to be woken when it is over;
 * nobody any more.
 */
void caller_expect_wake(struct prong_pool *, uint64_t id, struct task *);
void caller_forget(struct prong_pool *, uint64_t id);

#endif
