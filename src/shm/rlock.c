/* SPDX-License-Identifier: ISC */
/*
 * The re-entrant robust lock.  Every pthread result is handled in one place,
 * rlock_acquired(), whichever call brought it.
 */
#include "shm/rlock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "shm/rlock_gone.h"
#include "shm/rlock_wait.h"

static enum rlock_role rlock_role;
static uint32_t rlock_slot = RLOCK_GONE_NO_SLOT;

uint64_t rlock_me;
static pthread_once_t rlock_once = PTHREAD_ONCE_INIT;

void
rlock_set_calls(rlock_pause_fn *pause_fn, rlock_report_fn *report)
{
	rlock_wait_set_pause(pause_fn);
	rlock_gone_set_report(report);
}

static void
rlock_forget(void)
{
	rlock_me = 0;
}

static void
rlock_register(void)
{
	pthread_atfork(NULL, NULL, rlock_forget);
}

/* Threads may do it at once, and come to the same. */
static UNUSUAL void
rlock_introduce(void)
{
	pthread_once(&rlock_once, rlock_register);
	__atomic_store_n(&rlock_me, RLOCK_GONE_WHO(getpid(), rlock_role,
	    rlock_slot), __ATOMIC_RELAXED);
}

void
rlock_set_role(enum rlock_role role, int slot)
{
	rlock_role = role;
	rlock_slot = slot < 0 ? RLOCK_GONE_NO_SLOT : (uint32_t)slot;
	rlock_introduce();
}

int
rlock_init(struct rlock *l)
{
	pthread_mutexattr_t attr;
	int error;

	memset(l, 0, sizeof(*l));
	l->owner = RLOCK_NOBODY;
	if ((error = pthread_mutexattr_init(&attr)) != 0)
		return error_set(error, "lock");
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	error = pthread_mutex_init(&l->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return error == 0 ? 0 : error_set(error, "lock");
}

/* --- the words that say whose it is ---------------------------------------- */

/* Without an owner, the other word is of an earlier one. */
pid_t
rlock_holder(const struct rlock *l)
{
	if (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) == RLOCK_NOBODY)
		return 0;
	return (pid_t)(__atomic_load_n(&l->who, __ATOMIC_RELAXED) >> 32);
}

static IN_LINE void
rlock_disown(struct rlock *l)
{
	__atomic_store_n(&l->owner, RLOCK_NOBODY, __ATOMIC_RELAXED);
}

/* --- holders that are gone -------------------------------------------------- */

static UNUSUAL void
rlock_mend(struct rlock *l, rlock_repair_fn *repair, void *arg)
{
	rlock_gone_note(NULL, NULL, 0);
	if (repair != NULL)
		repair(arg);
	l->depth = 0;
	__atomic_store_n(&l->recovered, l->recovered + 1, __ATOMIC_RELAXED);
}

/* Nothing is called while it is not consistent but the repair. */
static UNUSUAL void
rlock_recover(struct rlock *l, rlock_repair_fn *repair, void *arg)
{
	uint64_t who = l->owner == RLOCK_NOBODY ? 0 : l->who;
	int error;

	rlock_mend(l, repair, arg);
	error = pthread_mutex_consistent(&l->mutex);
	assert(error == 0);
	rlock_gone_tell(who, "died with it");
}

/* --- locking ------------------------------------------------------------------ */

/* What is no success of a mutex call: taken over from the dead, or why not. */
static UNUSUAL int
rlock_failed(struct rlock *l, int error, rlock_repair_fn *repair, void *arg)
{
	switch (error) {
	case EOWNERDEAD:
		rlock_recover(l, repair, arg);
		return 0;
	case EDEADLK:
		return error_set(EDEADLK, "another coroutine of this thread "
		    "holds the lock, and nobody runs it meanwhile");
	case ECANCELED:
		return error_set(ECANCELED, "the connection has ended");
	case ENOTRECOVERABLE:
	case EINVAL:
		/* We never leave one so: somebody has written into it. */
		return error_set(EIO, "the lock is damaged");
	case EBUSY:
		return error_set(EBUSY, "the lock is held by another");
	case ETIMEDOUT:
		return rlock_gone_late(l);
	default:
		errno = error;
		return error_errno("lock");
	}
}

/* The mutex call answered error: take over, or say why not. */
static IN_LINE int
rlock_acquired(struct rlock *l, uint64_t id, int error,
    rlock_repair_fn *repair, void *arg)
{
	if (__builtin_expect(error != 0, 0) &&
	    rlock_failed(l, error, repair, arg) == -1)
		return -1;
	if (__builtin_expect(rlock_me == 0, 0))
		rlock_introduce();
	rlock_own(l, id);
	return 0;
}

static IN_LINE int
rlock_deepen(struct rlock *l)
{
	if (__builtin_expect(l->depth == RLOCK_DEPTH_MAX, 0))
		return error_set(EAGAIN, "lock held too deep");
	l->depth++;
	return 0;
}

static OUT_OF_LINE int
rlock_lock_late(struct rlock *l, int64_t ms, rlock_repair_fn *repair, void *arg)
{
	uint64_t id = holder_id();
	bool given = false;
	int error;

	if (rlock_is_held(l))
		return rlock_deepen(l);
	robust_introduce();
	error = rlock_try(l);
	if (error == EBUSY && ms != 0)
		error = rlock_wait(l, id, ms, false, &given);
	return rlock_acquired(l, id, error, repair, arg);
}

USUAL int
rlock_lock(struct rlock *l, int64_t ms, rlock_repair_fn *repair, void *arg)
{
	return __builtin_expect(rlock_take_is_late(l), 0) ?
	    rlock_lock_late(l, ms, repair, arg) : 0;
}

/* --- unlocking ---------------------------------------------------------------- */

static UNUSUAL int
rlock_refuse(void)
{
	return error_set(EPERM, "the lock is not held here");
}

/* EPERM: somebody has written into it. */
static IN_LINE int
rlock_unlock_mutex(struct rlock *l)
{
	if (__builtin_expect(!robust_give(&l->mutex) &&
	    pthread_mutex_unlock(&l->mutex) != 0, 0))
		return rlock_refuse();
	return 0;
}

static int
rlock_release(struct rlock *l)
{
	if (__builtin_expect(holder_waiters > 0, 0) && rlock_wait_hand_over(l))
		return 0;
	rlock_disown(l);
	return rlock_unlock_mutex(l);
}

static OUT_OF_LINE int
rlock_unlock_late(struct rlock *l)
{
	if (!rlock_is_held(l))
		return rlock_refuse();
	if (l->depth == 0)
		return rlock_release(l);
	l->depth--;
	return 0;
}

USUAL int
rlock_unlock(struct rlock *l)
{
	if (__builtin_expect(rlock_give_is_late(l), 0))
		return rlock_unlock_late(l);
	return __builtin_expect(rlock_give_quick(l) != 0, 0) ?
	    rlock_refuse() : 0;
}

/* --- locks that handlers hold ------------------------------------------------- */

static void
rlock_guard_repair(void *arg)
{
	const struct rlock_guard *g = arg;

	rlock_gone_note(g->kind, g->name, g->repair == NULL ? 0 :
	    g->repair(g->arg));
}

static UNUSUAL int
rlock_prefix(const struct rlock_guard *g)
{
	return error_prefix("%s \"%s\"", g->kind, g->name);
}

/* A coroutine has come to its end, or was freed, with the lock. */
static UNUSUAL void
rlock_abandon(struct held *held, uint64_t id)
{
	struct rlock_guard *g = (struct rlock_guard *)held;
	struct rlock *l = g->lock;
	size_t changes = 0;

	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) != id)
		return;
	if (g->end != NULL)
		changes = g->end(g->arg, id);
	rlock_mend(l, rlock_guard_repair, g);
	rlock_gone_add(changes);
	/* Who gets it may go on at once, and have something of his to say. */
	rlock_gone_tell(l->who, "had a task or coroutine that ended with it");
	rlock_release(l);
}

size_t
rlock_end(struct rlock *l, uint64_t id, rlock_repair_fn *repair, void *arg)
{
	size_t changes;

	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) != id)
		return 0;
	rlock_mend(l, repair, arg);
	changes = rlock_gone_changes();
	rlock_release(l);
	return changes;
}

int
rlock_take_late(struct rlock_guard *g, int64_t ms)
{
	struct rlock *l = g->lock;
	uint64_t id = holder_id();
	bool given = false;
	int error;

	if (rlock_is_held(l))
		return rlock_deepen(l) == 0 ? 0 : rlock_prefix(g);
	robust_introduce();
	g->held.abandon = rlock_abandon;
	error = rlock_try(l);
	if (error == EBUSY && ms != 0)
		error = rlock_wait(l, id, ms, true, &given);
	if (!given && rlock_acquired(l, id, error, rlock_guard_repair, g) == -1)
		return rlock_prefix(g);
	holder_add(&g->held);
	return 0;
}

int
rlock_take(struct rlock_guard *g, int64_t ms)
{
	return __builtin_expect(rlock_take_is_late(g->lock), 0) ?
	    rlock_take_late(g, ms) : 0;
}

int
rlock_give_late(struct rlock_guard *g)
{
	struct rlock *l = g->lock;

	if (!rlock_is_held(l)) {
		rlock_refuse();
		return rlock_prefix(g);
	}
	if (l->depth > 0) {
		l->depth--;
		return 0;
	}
	holder_del(&g->held);
	return rlock_release(l);
}

int
rlock_give(struct rlock_guard *g)
{
	return __builtin_expect(rlock_give_is_late(g->lock), 0) ?
	    rlock_give_late(g) : rlock_give_quick(g->lock);
}
