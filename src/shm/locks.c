/* SPDX-License-Identifier: ISC */
/*
 * Locks by name.
 */
#include "shm/locks.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "shm/rlock_gone.h"

/* In shared memory. */
struct locks_entry {
	struct prong_rlock lock __attribute__((aligned(64)));
	char name[LOCKS_NAME];
};

struct locks_layout {
	struct segment_header header;
	struct rlock names __attribute__((aligned(64)));
	uint64_t count;			/* of names, written after them */
	struct locks_entry entries[LOCKS_MAX];
};

/*
 * What this process knows of a lock stands so far before that in its memory:
 * one is found from the other without a pointer.
 */
struct locks_guard {
	struct rlock_guard guard;
	char name[LOCKS_NAME];
} __attribute__((aligned(64)));

#define LOCKS_SPAN	((sizeof(struct locks_layout) + SEGMENT_PAGE - 1) / \
			    SEGMENT_PAGE * SEGMENT_PAGE)

_Static_assert(sizeof(struct locks_guard) <= sizeof(struct locks_entry),
    "a guard has the room that its lock has");

static struct locks_layout *
locks_layout(const struct locks *l)
{
	return l->segment.base;
}

static struct locks_guard *
locks_guard(struct prong_rlock *l)
{
	return (struct locks_guard *)(void *)((char *)l - LOCKS_SPAN);
}

static int
locks_init(struct locks *l)
{
	struct locks_layout *layout = locks_layout(l);
	size_t i;

	if (rlock_init(&layout->names) == -1)
		return -1;
	for (i = 0; i < LOCKS_MAX; i++)
		if (rlock_init(&layout->entries[i].lock.lock) == -1)
			return -1;
	return 0;
}

/* What this process knows of them; the names as they are there already. */
static void
locks_init_guards(struct locks *l)
{
	struct locks_layout *layout = locks_layout(l);
	struct locks_guard *g;
	size_t i;

	for (i = 0; i < LOCKS_MAX; i++) {
		g = locks_guard(&layout->entries[i].lock);
		g->guard.lock = &layout->entries[i].lock.lock;
		g->guard.kind = "lock";
		g->guard.name = g->name;
	}
}

int
locks_create(struct locks *l)
{
	l->guards = NULL;
	if (segment_create(&l->segment, "prong-locks", LOCKS_LAYOUT,
	    sizeof(struct locks_layout), true) == -1)
		return -1;
	l->guards = segment_precede(&l->segment, LOCKS_SPAN);
	if (l->guards == NULL || locks_init(l) == -1) {
		locks_close(l);
		return -1;
	}
	locks_init_guards(l);
	return 0;
}

int
locks_adopt(struct locks *l, int fd)
{
	l->guards = NULL;
	if (segment_adopt(&l->segment, "prong-locks",
	    sizeof(struct locks_layout), fd) == -1)
		return -1;
	if ((l->guards = segment_precede(&l->segment, LOCKS_SPAN)) == NULL) {
		locks_close(l);
		return -1;
	}
	locks_init_guards(l);
	return 0;
}

/* Zeroed memory has none. */
void
locks_close(struct locks *l)
{
	if (l->segment.base != NULL)
		segment_close(&l->segment);
	l->guards = NULL;
	l->segment.base = NULL;
}

static int
locks_check_name(const char *name)
{
	const char *p;

	if (name[0] == '\0' || strlen(name) >= LOCKS_NAME)
		return error_set(EINVAL, "the name of a lock has 1 to %d "
		    "characters", LOCKS_NAME - 1);
	for (p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.", *p) == NULL)
			return error_set(EINVAL, "\"%s\" is not a name: letters,"
			    " digits, \"-\", \"_\" and \".\" only", name);
	return 0;
}

/*
 * Under the lock of the names: the place of one, which is added if there is
 * room.  Killed before it is counted, a name was never there.
 */
static size_t
locks_place(struct locks_layout *layout, const char *name)
{
	uint64_t count = layout->count, i;

	if (count > LOCKS_MAX)
		count = LOCKS_MAX;
	for (i = 0; i < count; i++)
		if (strncmp(layout->entries[i].name, name, LOCKS_NAME) == 0)
			return i;
	if (count < LOCKS_MAX) {
		memset(layout->entries[count].name, 0, LOCKS_NAME);
		memcpy(layout->entries[count].name, name, strlen(name));
		__atomic_store_n(&layout->count, count + 1, __ATOMIC_RELEASE);
	}
	return count;
}

/* A dead one was adding a name: it is counted, or was never there. */
static void
locks_note(void *arg)
{
	rlock_gone_note("shared memory", "names of locks", 0);
}

struct prong_rlock *
locks_open(struct locks *l, const char *name)
{
	struct locks_layout *layout = locks_layout(l);
	struct prong_rlock *lock = NULL;
	size_t place;

	if (locks_check_name(name) == -1)
		return NULL;
	if (rlock_lock(&layout->names, RLOCK_ENGINE_MS, locks_note,
	    NULL) == -1) {
		error_prefix("lock \"%s\"", name);
		return NULL;
	}
	place = locks_place(layout, name);
	if (place < LOCKS_MAX) {
		lock = &layout->entries[place].lock;
		memcpy(locks_guard(lock)->name, layout->entries[place].name,
		    LOCKS_NAME - 1);
	} else
		error_set(ENOSPC, "there are %d locks already, and none is "
		    "named \"%s\"", LOCKS_MAX, name);
	rlock_unlock(&layout->names);
	return lock;
}

uint64_t
locks_recovered(const struct locks *l)
{
	const struct locks_layout *layout = locks_layout(l);
	uint64_t n;
	size_t i;

	if (l->guards == NULL)
		return 0;
	n = __atomic_load_n(&layout->names.recovered, __ATOMIC_RELAXED);
	for (i = 0; i < LOCKS_MAX; i++)
		n += __atomic_load_n(&layout->entries[i].lock.lock.recovered,
		    __ATOMIC_RELAXED);
	return n;
}

/* --- the calls of <prong.h> ------------------------------------------------ */

static IN_LINE int
locks_take(struct prong_rlock *l, int64_t ms)
{
	return __builtin_expect(rlock_take_is_late(&l->lock), 0) ?
	    rlock_take_late(&locks_guard(l)->guard, ms) : 0;
}

USUAL ON_A_LINE int
prong_rlock_lock(struct prong_rlock *l)
{
	return locks_take(l, RLOCK_FOREVER);
}

int
prong_rlock_trylock(struct prong_rlock *l)
{
	return locks_take(l, 0);
}

int
prong_rlock_timedlock(struct prong_rlock *l, int64_t ms)
{
	if (ms < 0)
		return error_set(EINVAL, "no such time: %lld ms",
		    (long long)ms);
	if (locks_take(l, ms) == 0)
		return 0;
	/* For no time at all it was only tried. */
	if (errno == EBUSY)
		errno = ETIMEDOUT;
	return -1;
}

USUAL ON_A_LINE int
prong_rlock_unlock(struct prong_rlock *l)
{
	if (__builtin_expect(rlock_give_is_late(&l->lock), 0))
		return rlock_give_late(&locks_guard(l)->guard);
	return rlock_give_quick(&l->lock);
}

pid_t
prong_rlock_holder(const struct prong_rlock *l)
{
	return rlock_holder(&l->lock);
}
