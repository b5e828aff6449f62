/* SPDX-License-Identifier: ISC */
/*
 * The re-entrant robust lock.  Every pthread result is handled in one place,
 * rlock_acquired(), whichever call brought it.
 */
#include "shm/rlock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

static __thread uint64_t rlock_self_id;
static pthread_once_t rlock_once = PTHREAD_ONCE_INIT;

static void
rlock_forget_self(void)
{
	rlock_self_id = 0;
}

static void
rlock_register(void)
{
	pthread_atfork(NULL, NULL, rlock_forget_self);
}

static uint64_t
rlock_self(void)
{
	if (rlock_self_id == 0) {
		pthread_once(&rlock_once, rlock_register);
		while (rlock_self_id == 0)
			arc4random_buf(&rlock_self_id, sizeof(rlock_self_id));
	}
	return rlock_self_id;
}

int
rlock_init(struct rlock *l)
{
	pthread_mutexattr_t attr;
	int error;

	if ((error = pthread_mutexattr_init(&attr)) != 0)
		return error_set(error, "lock");
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	error = pthread_mutex_init(&l->mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	l->owner = 0;
	l->depth = 0;
	l->recovered = 0;
	return error == 0 ? 0 : error_set(error, "lock");
}

bool
rlock_is_held(const struct rlock *l)
{
	/* Only this thread ever writes its own id, so this is no race. */
	return __atomic_load_n(&l->owner, __ATOMIC_RELAXED) == rlock_self();
}

/* The mutex call answered error: take over, or say why not. */
static int
rlock_acquired(struct rlock *l, int error, rlock_repair_fn *repair, void *arg)
{
	switch (error) {
	case EOWNERDEAD:
		l->depth = 0;
		__atomic_store_n(&l->owner, 0, __ATOMIC_RELAXED);
		if (repair != NULL)
			repair(arg);
		l->recovered++;
		error = pthread_mutex_consistent(&l->mutex);
		assert(error == 0);
		break;
	case 0:
		break;
	default:
		/* ENOTRECOVERABLE cannot come: consistent always follows. */
		errno = error;
		return error_errno("lock");
	}
	__atomic_store_n(&l->owner, rlock_self(), __ATOMIC_RELAXED);
	l->depth = 1;
	return 0;
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

int
rlock_lock(struct rlock *l, int64_t ms, rlock_repair_fn *repair, void *arg)
{
	struct timespec until;
	int error;

	if (rlock_is_held(l)) {
		if (l->depth == RLOCK_DEPTH_MAX)
			return error_set(EAGAIN, "lock held too deep");
		l->depth++;
		return 0;
	}
	error = pthread_mutex_trylock(&l->mutex);
	if (error == EBUSY && ms == RLOCK_FOREVER)
		error = pthread_mutex_lock(&l->mutex);
	else if (error == EBUSY && ms > 0) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += ms / 1000;
		until.tv_nsec += ms % 1000 * 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		error = rlock_wait_until(l, &until);
	}
	return rlock_acquired(l, error, repair, arg);
}

int
rlock_unlock(struct rlock *l)
{
	int error;

	if (!rlock_is_held(l))
		return error_set(EPERM, "the lock is not held here");
	if (--l->depth > 0)
		return 0;
	__atomic_store_n(&l->owner, 0, __ATOMIC_RELAXED);
	error = pthread_mutex_unlock(&l->mutex);
	assert(error == 0);
	return 0;
}
