/* SPDX-License-Identifier: ISC */
#ifndef LOOP_LOOP_STATE_H
#define LOOP_LOOP_STATE_H

#include <time.h>

#include "base/compiler.h"
#include "loop/alarm.h"
#include "loop/backend.h"
#include "loop/defer.h"
#include "loop/loop.h"
#include "loop/slow.h"

/* What the files of the event loop share. */

/*
 * What a turn leaves to the next: its events, which are looked at again, and
 * when it began.
 */
struct loop_pass {
	struct epoll_event *ready, *other;
	int count;
	uint64_t before;
};

/* Whose a descriptor is; the generation tells it from an earlier owner. */
struct loop_owner {
	struct watch *watch;
	uint32_t generation;
	bool mute;			/* the mechanism does not know it now */
};

struct loop {
	const struct loop_backend *backend;
	void *state;
	struct loop_owner *owners;	/* by descriptor */
	uint32_t owners_size;
	uint32_t owners_end;		/* none was ever watched from here on */
	bool stopped;
	bool frozen;
	struct timespec time;		/* of the last waking */
	uint64_t now;			/* the same in milliseconds */
	uint64_t *beat;			/* where that is shown to others */
	uint64_t unseen;		/* ... when nobody looks */
	int64_t busy_poll;		/* microseconds */
	int64_t busy_until;		/* ... of CLOCK_MONOTONIC */
	struct timer_heap timers;
	/* Of the first timer, or UINT64_MAX; 0: something is deferred. */
	uint64_t due;
	uint64_t slow_ms;		/* longer than ever, when nobody asks */
	loop_slow_fn *slow;
	struct slow_scale scale;
	loop_turn_fn *turn;
	void *turn_arg;
	struct defer_queue deferred;
	struct alarm alarm;		/* while another loop waits for this */
	bool resting;			/* ... and it is between two turns */
	struct loop_pass pass;		/* of turns taken singly */
	/* Of this turn and of the last one, which is looked at again. */
	struct epoll_event ready[2][LOOP_EVENTS];
};

/* Has room for whatever descriptor there may be; -1 with errno. */
int loop_map_owners(struct loop *);

static inline void
loop_read_clock(struct loop *loop)
{
	clock_gettime(CLOCK_MONOTONIC, &loop->time);
	loop->now = (uint64_t)loop->time.tv_sec * 1000 +
	    (uint64_t)loop->time.tv_nsec / 1000000;
}

/* When the loop has to wake, after a change of that. */
static inline void
loop_note_due(struct loop *loop)
{
	const struct timer *t = timer_first(&loop->timers);

	loop->due = t == NULL ? UINT64_MAX : t->deadline;
	/* As long as there is something deferred, the loop does not sleep. */
	if (loop->deferred.count > 0)
		loop->due = 0;
	if (loop->resting)
		alarm_set(&loop->alarm, loop->due);
}

#endif
