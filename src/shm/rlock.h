/* SPDX-License-Identifier: ISC */
#ifndef SHM_RLOCK_H
#define SHM_RLOCK_H

#include <sys/queue.h>
#include <sys/types.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/holder.h"
#include "shm/robust.h"

/*
 * A re-entrant lock in shared memory that survives the death of its holder.
 *
 * A process-shared robust mutex with a depth and an owner of our own, since
 * unlocking an inner level of a recursive robust mutex before it is made
 * consistent answers ENOTRECOVERABLE while it is still held.  The owner is a
 * task, a coroutine or a thread (base/holder).  The memory of a lock stays a
 * lock for the life of its segment, because the kernel may still write to it
 * late.
 */
struct rlock {
	pthread_mutex_t mutex;
	uint64_t owner;		/* or RLOCK_NOBODY */
	uint64_t who;		/* the owner's process: rlock_who() */
	uint32_t depth;		/* how often it was taken again */
	uint32_t recovered;	/* how often a holder was gone */
};

#define RLOCK_NOBODY	1		/* no holder's number */
#define RLOCK_DEPTH_MAX	UINT32_MAX	/* one more is 0 */
#define RLOCK_FOREVER	(-1)
#define RLOCK_ENGINE_MS	10000	/* the engine waits for no handler longer */

/*
 * Called by the locker who finds that the holder died, with the lock held,
 * before anything else sees it: puts right what the dead may have left half
 * done.  It must be idempotent, for the repairer may die too.
 */
typedef void rlock_repair_fn(void *arg);

int rlock_init(struct rlock *);

/*
 * Locks within ms milliseconds (RLOCK_FOREVER waits, 0 only tries), holding up
 * the thread.  ETIMEDOUT: not within ms (EBUSY for 0).  EAGAIN: held too deep.
 * EDEADLK: another coroutine of this thread holds it.
 */
int rlock_lock(struct rlock *, int64_t ms, rlock_repair_fn *, void *arg);

/* EPERM: not held by who runs. */
int rlock_unlock(struct rlock *);

/* Only who runs writes his own number, so this is no race. */
static inline bool
rlock_is_held(const struct rlock *l)
{
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == holder_id();
}

/* The process that holds it; 0: nobody, or one that is about to. */
pid_t rlock_holder(const struct rlock *);

/* --- locks that handlers hold --------------------------------------------- */

/*
 * What a process knows of a lock that may be held for long: whoever waits for
 * it in a task leaves the loop alone, and who ends while holding it gives it
 * back.  One for each such lock in each process.
 */
struct rlock_guard {
	struct held held;		/* ours */
	struct rlock *lock;
	const char *kind;	/* "array" */
	const char *name;
	/* Returns how many changes were taken back; NULL: there are none. */
	size_t (*repair)(void *arg);
	/*
	 * The holder, whose number id was, has ended here: gives back what he
	 * took along with it (rlock_end), and returns as much.  NULL: nothing.
	 */
	size_t (*end)(void *arg, uint64_t id);
	void *arg;
};

/* As rlock_lock() and rlock_unlock(); errors begin with the kind and the name. */
int rlock_take(struct rlock_guard *, int64_t ms);
int rlock_give(struct rlock_guard *);

/*
 * Gives back a lock without a guard if it still is that of id, a task or
 * coroutine of this thread that has ended.  Returns what the repair noted.
 */
size_t rlock_end(struct rlock *, uint64_t id, rlock_repair_fn *, void *arg);

/* --- the usual case of them ------------------------------------------------ */

/*
 * It is compared with a mutex that can do nothing of all this: so there is no
 * call in it (shm/robust) and above all no pointer to follow, since after an
 * atomic instruction each one that is followed waits for memory anew.
 */
extern uint64_t rlock_me;	/* what l->who becomes; 0: not yet */

/*
 * Who the owner is says nothing until there is one.  It is the one before, as a
 * rule, and to look costs less than to write.
 */
static inline void
rlock_own(struct rlock *l, uint64_t id)
{
	uint64_t who = __atomic_load_n(&rlock_me, __ATOMIC_RELAXED);

	if (__atomic_load_n(&l->who, __ATOMIC_RELAXED) != who)
		__atomic_store_n(&l->who, who, __ATOMIC_RELAXED);
	__atomic_store_n(&l->owner, id, __ATOMIC_RELEASE);
}

/* Whether rlock_take_late() must do it, for nothing has happened yet. */
static inline bool
rlock_take_is_late(struct rlock *l)
{
	uint64_t id = holder_plain;
	uint32_t depth;

	/* An owner is never 0.  Straight on: a jump shows most where it ends. */
	if (__builtin_expect(__atomic_load_n(&l->owner, __ATOMIC_RELAXED) ==
	    id, 1)) {
		if (__builtin_expect((depth = l->depth + 1) == 0, 0))
			return true;
		l->depth = depth;
		return false;
	}
	if (__builtin_expect(id == 0 || !robust_take(&l->mutex), 0))
		return true;
	rlock_own(l, id);
	return false;
}
int rlock_take_late(struct rlock_guard *, int64_t ms);

/* Whether rlock_give_late() must do it, for nothing has happened yet. */
static inline bool
rlock_give_is_late(struct rlock *l)
{
	/* An owner is never 0. */
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) != holder_plain;
}

/* The mutex cannot refuse it to its owner, who is in this thread. */
static inline int
rlock_give_quick(struct rlock *l)
{
	if (l->depth > 0) {
		l->depth--;
		return 0;
	}
	__atomic_store_n(&l->owner, RLOCK_NOBODY, __ATOMIC_RELAXED);
	return robust_give(&l->mutex) ? 0 : pthread_mutex_unlock(&l->mutex);
}
int rlock_give_late(struct rlock_guard *);

/* --- upward calls, set once before there are threads ---------------------- */

/* One who waits in a task; others of the thread hand the lock over to it. */
struct rlock_waiter {
	TAILQ_ENTRY(rlock_waiter) entries;
	struct rlock *lock;
	uint64_t id;
	bool given;
	void (*wake)(struct rlock_waiter *);
	void *arg;
};

/*
 * Leaves the loop alone for ms at most, or until wake() is called: 0.  ENOTSUP:
 * who runs is no task and is to wait with its thread.  Else why the waiting is
 * to end: ECANCELED, ENOMEM.
 */
typedef int rlock_pause_fn(struct rlock_waiter *, int64_t ms);

/* A text for people: whose lock was taken over from whom. */
typedef void rlock_report_fn(const char *text);

void rlock_set_calls(rlock_pause_fn *, rlock_report_fn *);

/* What this process is, and its children: "worker", 3.  -1: without a slot. */
enum rlock_role {
	RLOCK_PROGRAM, RLOCK_WORKER, RLOCK_FORKER, RLOCK_CHILD, RLOCK_CLERK,
	RLOCK_POOL,
	RLOCK_ROLES,
};
void rlock_set_role(enum rlock_role, int slot);

#endif
