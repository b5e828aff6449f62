/* SPDX-License-Identifier: ISC */
#ifndef SHM_RLOCK_WAIT_H
#define SHM_RLOCK_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "shm/rlock.h"

/* For rlock.c alone: waiting for a lock. */

static IN_LINE int
rlock_try(struct rlock *l)
{
	return robust_take(&l->mutex) ? 0 : pthread_mutex_trylock(&l->mutex);
}

/*
 * Waits for one that is not to be had at once: 0 and what the mutex calls
 * answer, or ETIMEDOUT.  Who may park and is given it finds *given set.
 */
int rlock_wait(struct rlock *, uint64_t id, int64_t ms, bool may_park,
    bool *given);

/*
 * Gives a lock to a task of this thread that waits for it, the mutex with it;
 * false when none does, or it is others' turn.
 */
bool rlock_wait_hand_over(struct rlock *);

void rlock_wait_set_pause(rlock_pause_fn *);

#endif
