/* SPDX-License-Identifier: ISC */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/defer.h"
#include "loop/timer.h"

/*
 * The event loop: descriptors, timers, one clock reading a turn.  One per
 * process, made after the fork; single-threaded.
 *
 * Events carry the values of poll(2) and of PRONG_READ and its like in
 * <prong.h>.  A watch that is deleted gets no event any more, not even one
 * that the same turn had already brought, and neither does another that takes
 * over its descriptor.  The memory of a watch is its owner's.
 */

struct loop;
struct watch;

typedef void watch_fn(struct watch *, unsigned int events);

struct watch {
	watch_fn *fn;
	int fd;
	unsigned int events;	/* what it waits for now */
};

enum loop_mechanism { LOOP_AUTO, LOOP_EPOLL, LOOP_POLL, LOOP_SELECT,
	LOOP_LANE };

/*
 * busy_poll: how many microseconds to go on asking without sleeping after the
 * last event; 0 sleeps at once.  ENOMEM, EMFILE.
 */
struct loop *loop_new(enum loop_mechanism, int64_t busy_poll);
void loop_free(struct loop *);
/* In a child: closes what the loop has open; it never turns there. */
void loop_forget(struct loop *);

const char *loop_mechanism_name(const struct loop *);

/* Whether a descriptor can be watched: EBADF; EPERM for a file or folder. */
int loop_check(int fd);

/*
 * Begins to watch w->fd for w->events.  EINVAL: other events than READ, WRITE,
 * EDGE.  ENOTSUP: EDGE without epoll.  EPERM: a regular file or folder.
 * EEXIST: watched already.  EBADF.  ERANGE: beyond what select can do.
 * ENOMEM, ENOSPC.
 */
int loop_add(struct loop *, struct watch *);

/* Replaces the whole set of events; nothing happens when it is the same. */
int loop_modify(struct loop *, struct watch *, unsigned int events);

/*
 * Waits for nothing, not even for a hang-up, which would be told again and
 * again; until loop_modify() with other events.
 */
void loop_mute(struct loop *, struct watch *);

/* A descriptor that was told readable had nothing to read. */
void loop_dry(struct loop *);

/* Before the descriptor is closed. */
void loop_del(struct loop *, struct watch *);

/* Calls fn for every watch; fn may delete the one it is given. */
void loop_each(struct loop *, void (*fn)(struct watch *, void *), void *arg);

/* Milliseconds of CLOCK_MONOTONIC, read once a turn; or where they stand. */
uint64_t loop_now(const struct loop *);
const uint64_t *loop_clock(const struct loop *);
/* Time has gone on without a turn: reads the clock again. */
void loop_refresh(struct loop *);
/* The same reading in nanoseconds. */
uint64_t loop_nanoseconds(const struct loop *);

/*
 * For one who has time stand still: the clock is read no more, and goes on by
 * loop_skip() alone, by ms at most but not beyond the next timer.  Returns how
 * many milliseconds are left of it.
 */
void loop_freeze(struct loop *);
uint64_t loop_skip(struct loop *, uint64_t ms);
/*
 * Turns such a loop, without waiting, until nothing is ready or due: 0, or -1
 * when waiting fails, or with ELOOP when it has not come to rest in so many
 * turns.
 */
int loop_settle(struct loop *, unsigned int turns);

/* Room for so many timers: as long as there are no more, arming cannot fail. */
int loop_reserve(struct loop *, uint32_t timers);
/*
 * Arms a timer for ms from now, in place of what it was armed for: from the
 * beginning of the turn, or from this very moment and never early.
 */
int loop_timer(struct loop *, struct timer *, uint64_t ms);
int loop_timer_exact(struct loop *, struct timer *, uint64_t ms);
void loop_timer_stop(struct loop *, struct timer *);

/*
 * Calls fn after the events and the timers of this turn, in the order of the
 * calls; of those that such a function defers, in the next turn, before which
 * the loop does not sleep.  ENOMEM.  ECANCELED from loop_end_deferred() on,
 * which calls what is left: for the end of the loop, or of what is served in
 * it, after which another may begin.
 */
int loop_defer(struct loop *, defer_fn *, void *arg);
bool loop_has_deferred(const struct loop *);
void loop_end_deferred(struct loop *);
void loop_begin_deferred(struct loop *);

/* Called at the end of each turn, after all its events. */
typedef void loop_turn_fn(void *arg);
void loop_on_turn(struct loop *, loop_turn_fn *, void *arg);

/* Each waking writes loop_now() there, before anything is done; NULL: no more. */
void loop_show_beat(struct loop *, uint64_t *);

/*
 * Has fn called, in the next turn, when a single event took so many
 * milliseconds or more: with its watch, or NULL when that has been deleted, its
 * descriptor, and what loop_now() was in that turn.
 */
typedef void loop_slow_fn(struct watch *, int fd, uint64_t ms, uint64_t then);
void loop_on_slow(struct loop *, uint64_t ms, loop_slow_fn *);

/*
 * Runs until loop_stop(), which may have been called before.  -1 when waiting
 * fails, with its errno.
 */
int loop_run(struct loop *);
void loop_stop(struct loop *);

/*
 * For a loop inside another's.  The descriptor is readable whenever a turn has
 * something to do: an event, a timer that is due, something deferred.  It is
 * the loop's, and always the same.  ENOTSUP without epoll; EMFILE, ENOMEM.
 */
int loop_fd(struct loop *);

/* One turn that sleeps for ms at most; -1: until something happens. */
int loop_turn(struct loop *, int ms);

#endif
