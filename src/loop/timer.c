/* SPDX-License-Identifier: ISC */
/*
 * The heap of timers.
 */
#include "loop/timer.h"

#include <stdlib.h>

#include "base/error.h"

static void
timer_put(struct timer_heap *h, uint32_t place, struct timer *t)
{
	h->timers[place - 1] = t;
	t->place = place;
}

/* Moves t from place towards the root until its parent is not later. */
static void
timer_rise(struct timer_heap *h, uint32_t place, struct timer *t)
{
	struct timer *parent;

	for (; place > 1; place /= 2) {
		parent = h->timers[place / 2 - 1];
		if (parent->deadline <= t->deadline)
			break;
		timer_put(h, place, parent);
	}
	timer_put(h, place, t);
}

/* Moves t from place towards the leaves until no child is earlier. */
static void
timer_sink(struct timer_heap *h, uint32_t place, struct timer *t)
{
	uint32_t child;

	for (; (child = place * 2) <= h->count; place = child) {
		if (child < h->count && h->timers[child]->deadline <
		    h->timers[child - 1]->deadline)
			child++;
		if (t->deadline <= h->timers[child - 1]->deadline)
			break;
		timer_put(h, place, h->timers[child - 1]);
	}
	timer_put(h, place, t);
}

int
timer_reserve(struct timer_heap *h, uint32_t capacity)
{
	struct timer **timers;

	if (capacity <= h->capacity)
		return 0;
	timers = reallocarray(h->timers, capacity, sizeof(*timers));
	if (timers == NULL)
		return error_errno("timer");
	h->timers = timers;
	h->capacity = capacity;
	return 0;
}

static int
timer_grow(struct timer_heap *h)
{
	return timer_reserve(h, h->capacity == 0 ? 16 : h->capacity * 2);
}

int
timer_set(struct timer_heap *h, struct timer *t, uint64_t deadline)
{
	if (t->place == 0) {
		if (h->count == h->capacity && timer_grow(h) == -1)
			return -1;
		t->deadline = deadline;
		timer_rise(h, ++h->count, t);
		return 0;
	}
	if (deadline < t->deadline) {
		t->deadline = deadline;
		timer_rise(h, t->place, t);
	} else {
		t->deadline = deadline;
		timer_sink(h, t->place, t);
	}
	return 0;
}

void
timer_clear(struct timer_heap *h, struct timer *t)
{
	struct timer *last;
	uint32_t place = t->place;

	if (place == 0)
		return;
	t->place = 0;
	last = h->timers[--h->count];
	if (last == t)
		return;
	if (last->deadline < t->deadline)
		timer_rise(h, place, last);
	else
		timer_sink(h, place, last);
}

void
timer_heap_free(struct timer_heap *h)
{
	free(h->timers);
	*h = (struct timer_heap){ 0 };
}
