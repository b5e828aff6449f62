/* SPDX-License-Identifier: ISC */
/*
 * The re-entrant robust lock.  Every pthread result is handled in one place,
 * rlock_acquired(), whichever call brought it.
 */
#include "shm/rlock.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/process.h"
#include "shm/rlock_gone.h"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

/*
 * Who waits tries again after each such pause: shorter ones take the line with
 * the lock away from its holder.  After so many the lock is held by somebody
 * who does not run, and sleeping is better.
 */
#define RLOCK_PAUSE_NS	1300
#define RLOCK_SPIN_NS	50000

/*
 * Sleeping is cut in pieces: none depends on a wake-up that may not come.  It
 * does not when who was woken is killed before he has the lock, and another has
 * taken it meanwhile, who does not know of those that sleep.
 */
#define RLOCK_SLICE_MS	100
#define RLOCK_FIRST_MS	2	/* for a while they are shorter */
#define RLOCK_FIRST_NS	200000000
/* In a task, for a lock of another thread: nobody wakes the loop for it. */
#define RLOCK_POLL_MS	1

/* A longer time is for ever. */
#define RLOCK_MS_MAX	(INT64_MAX / 2000000)

static enum rlock_role rlock_role;
static uint32_t rlock_slot = RLOCK_GONE_NO_SLOT;
static rlock_pause_fn *rlock_pause;

uint64_t rlock_me;
static pthread_once_t rlock_once = PTHREAD_ONCE_INIT;

static __thread TAILQ_HEAD(, rlock_waiter) rlock_waiters;

void
rlock_set_calls(rlock_pause_fn *pause_fn, rlock_report_fn *report)
{
	rlock_pause = pause_fn;
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

/* How much is left until the end, of so many milliseconds at most. */
static uint64_t
rlock_left(uint64_t end, uint64_t ms)
{
	uint64_t now = process_nanoseconds(), left = end > now ? end - now : 0;

	return left < ms * 1000000 ? left : ms * 1000000;
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
rlock_try(struct rlock *l)
{
	return robust_take(&l->mutex) ? 0 : pthread_mutex_trylock(&l->mutex);
}

static IN_LINE int
rlock_deepen(struct rlock *l)
{
	if (__builtin_expect(l->depth == RLOCK_DEPTH_MAX, 0))
		return error_set(EAGAIN, "lock held too deep");
	l->depth++;
	return 0;
}

/* Tries until somebody who does not run seems to hold it, or the end. */
static int
rlock_spin(struct rlock *l, uint64_t end)
{
	uint64_t now = process_nanoseconds(), pause;
	int error;

	if (end > now + RLOCK_SPIN_NS)
		end = now + RLOCK_SPIN_NS;
	do {
		pause = now + RLOCK_PAUSE_NS;
		while ((now = process_nanoseconds()) < pause)
			spin_pause();
		error = rlock_try(l);
	} while (error == EBUSY && now < end);
	return error;
}

/*
 * ThreadSanitizer does not know this call (GCC 12: it has no interceptor for
 * it), and would take the unlock for one of a mutex that nobody has locked.
 */
static int
rlock_wait_until(struct rlock *l, const struct timespec *until)
{
	int error;

#if defined(__SANITIZE_THREAD__)
	__tsan_mutex_pre_lock(&l->mutex, __tsan_mutex_try_lock);
#endif
	error = pthread_mutex_clocklock(&l->mutex, CLOCK_MONOTONIC, until);
#if defined(__SANITIZE_THREAD__)
	__tsan_mutex_post_lock(&l->mutex, error == 0 || error == EOWNERDEAD ?
	    __tsan_mutex_try_lock : __tsan_mutex_try_lock |
	    __tsan_mutex_try_lock_failed, 0);
#endif
	return error;
}

/* Sleeps, with the thread, for a slice or until the end. */
static int
rlock_sleep(struct rlock *l, uint64_t begin, uint64_t end)
{
	uint64_t now = process_nanoseconds();
	struct timespec until;
	int error;

	end = now + rlock_left(end, now - begin < RLOCK_FIRST_NS ?
	    RLOCK_FIRST_MS : RLOCK_SLICE_MS);
	until.tv_sec = (time_t)(end / 1000000000);
	until.tv_nsec = (long)(end % 1000000000);
	error = rlock_wait_until(l, &until);
	return error == ETIMEDOUT ? EBUSY : error;
}

static bool
rlock_is_sibling(const struct rlock *l)
{
	return holder_is_here(__atomic_load_n(&l->owner, __ATOMIC_RELAXED));
}

static void
rlock_wait_begin(struct rlock_waiter *w)
{
	if (holder_waiters++ == 0)
		TAILQ_INIT(&rlock_waiters);
	TAILQ_INSERT_TAIL(&rlock_waiters, w, entries);
}

static void
rlock_wait_end(struct rlock_waiter *w)
{
	TAILQ_REMOVE(&rlock_waiters, w, entries);
	holder_waiters--;
}

/*
 * Leaves the loop alone, if who runs is a task: 0 when the lock is the
 * waiter's, EBUSY to go on waiting.
 */
static int
rlock_park(struct rlock_waiter *w, uint64_t end)
{
	uint64_t ns = rlock_left(end, rlock_is_sibling(w->lock) ?
	    RLOCK_SLICE_MS : RLOCK_POLL_MS);
	int error;

	if (rlock_pause == NULL)
		return ENOTSUP;
	rlock_wait_begin(w);
	error = rlock_pause(w, (int64_t)((ns + 999999) / 1000000));
	/* Who was given it has been taken from the list. */
	if (w->given)
		return 0;
	rlock_wait_end(w);
	return error != 0 ? error : EBUSY;
}

/*
 * Waits for one that is not to be had at once: 0 and what the mutex calls
 * answer, or ETIMEDOUT.  Who may park and is given it finds *given set.
 */
static OUT_OF_LINE int
rlock_wait(struct rlock *l, uint64_t id, int64_t ms, bool may_park,
    bool *given)
{
	struct rlock_waiter w = { .lock = l, .id = id };
	uint64_t begin = process_nanoseconds();
	uint64_t end = ms < 0 || ms > RLOCK_MS_MAX ? UINT64_MAX :
	    begin + (uint64_t)ms * 1000000;
	int error = EBUSY;

	if (!rlock_is_sibling(l))
		error = rlock_spin(l, end);
	while (error == EBUSY && process_nanoseconds() < end) {
		error = may_park ? rlock_park(&w, end) : ENOTSUP;
		if (error == 0) {
			*given = true;
			return 0;
		}
		if (error == ENOTSUP)
			error = rlock_is_sibling(l) ? EDEADLK :
			    rlock_sleep(l, begin, end);
		else if (error == EBUSY)
			error = rlock_try(l);
	}
	return error == EBUSY ? ETIMEDOUT : error;
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

/*
 * Another task of the thread gets it, the mutex with it: those of other threads
 * are let in between, lest they never get their turn.
 */
#define RLOCK_HANDED_MAX	16

static UNUSUAL bool
rlock_hand_over(struct rlock *l)
{
	static __thread uint32_t handed;
	struct rlock_waiter *w;

	TAILQ_FOREACH(w, &rlock_waiters, entries)
		if (w->lock == l)
			break;
	if (w == NULL)
		return false;
	if (handed++ % RLOCK_HANDED_MAX == RLOCK_HANDED_MAX - 1) {
		/* It tries like them, and at once: nobody else may want it. */
		w->wake(w);
		return false;
	}
	rlock_wait_end(w);
	rlock_own(l, w->id);
	w->given = true;
	w->wake(w);
	return true;
}

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
	if (__builtin_expect(holder_waiters > 0, 0) && rlock_hand_over(l))
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
