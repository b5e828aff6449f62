/* SPDX-License-Identifier: ISC */
/*
 * Waiting for a lock: with the thread, which spins and then sleeps, or in a
 * task, which leaves the loop alone; and handing it over within a thread.
 */
#include "shm/rlock_wait.h"

#include <errno.h>
#include <time.h>

#include "base/process.h"

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

static rlock_pause_fn *rlock_pause;
static __thread TAILQ_HEAD(, rlock_waiter) rlock_waiters;

void
rlock_wait_set_pause(rlock_pause_fn *fn)
{
	rlock_pause = fn;
}

/* How much is left until the end, of so many milliseconds at most. */
static uint64_t
rlock_left(uint64_t end, uint64_t ms)
{
	uint64_t now = process_nanoseconds(), left = end > now ? end - now : 0;

	return left < ms * 1000000 ? left : ms * 1000000;
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

OUT_OF_LINE int
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

/*
 * Another task of the thread gets it, the mutex with it: those of other threads
 * are let in between, lest they never get their turn.
 */
#define RLOCK_HANDED_MAX	16

UNUSUAL bool
rlock_wait_hand_over(struct rlock *l)
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
