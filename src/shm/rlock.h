/* SPDX-License-Identifier: ISC */
#ifndef SHM_RLOCK_H
#define SHM_RLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A re-entrant lock in shared memory that survives the death of its holder.
 *
 * A process-shared robust mutex with a depth and an owner of our own, since
 * unlocking an inner level of a recursive robust mutex before it is made
 * consistent answers ENOTRECOVERABLE while it is still held.  The owner is a
 * random number per thread, made anew after a fork: a thread id may be used
 * again.  The memory of a lock stays a lock for the life of its segment,
 * because the kernel may still write to it late.
 */
struct rlock {
	pthread_mutex_t mutex;
	uint64_t owner;		/* 0: nobody */
	uint32_t depth;
	uint32_t recovered;	/* how often a dead holder was found */
};

#define RLOCK_DEPTH_MAX	UINT32_MAX
#define RLOCK_FOREVER	(-1)

/*
 * Called by the locker who finds that the holder died, with the lock held,
 * before anything else sees it: puts right what the dead may have left half
 * done.  It must be idempotent, for the repairer may die too.
 */
typedef void rlock_repair_fn(void *arg);

int rlock_init(struct rlock *);

/*
 * Locks within ms milliseconds (RLOCK_FOREVER waits, 0 only tries).
 * ETIMEDOUT: not within ms (EBUSY for 0).  EAGAIN: held too deep.
 */
int rlock_lock(struct rlock *, int64_t ms, rlock_repair_fn *, void *arg);

/* EPERM: not held by this thread. */
int rlock_unlock(struct rlock *);

bool rlock_is_held(const struct rlock *);

#endif
