/* SPDX-License-Identifier: ISC */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Timers in a binary heap of pointers.  A timer is embedded in what it is for;
 * zeroed memory is a timer that is not armed.
 */

struct timer;
typedef void timer_fn(struct timer *);

struct timer {
	timer_fn *fn;
	uint64_t deadline;	/* milliseconds of CLOCK_MONOTONIC */
	uint32_t place;		/* in the heap, from 1; 0: not armed */
};

struct timer_heap {
	struct timer **timers;
	uint32_t count;
	uint32_t capacity;
};

/* Room for so many: as long as there are no more, arming cannot fail. */
int timer_reserve(struct timer_heap *, uint32_t count);
/* Arms or moves; -1 with ENOMEM. */
int timer_set(struct timer_heap *, struct timer *, uint64_t deadline);
void timer_clear(struct timer_heap *, struct timer *);

/* The one that is due first, or NULL. */
static inline struct timer *
timer_first(const struct timer_heap *h)
{
	return h->count > 0 ? h->timers[0] : NULL;
}

void timer_heap_free(struct timer_heap *);

#endif
