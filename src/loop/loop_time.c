/* SPDX-License-Identifier: ISC */
/*
 * The event loop: its clock, its timers, and what is put off.
 */
#include <time.h>

#include "loop/loop_state.h"

void
loop_refresh(struct loop *loop)
{
	if (!loop->frozen)
		loop_read_clock(loop);
}

uint64_t
loop_now(const struct loop *loop)
{
	return loop->now;
}

uint64_t
loop_nanoseconds(const struct loop *loop)
{
	return (uint64_t)loop->time.tv_sec * 1000000000 +
	    (uint64_t)loop->time.tv_nsec;
}

const uint64_t *
loop_clock(const struct loop *loop)
{
	return &loop->now;
}

int
loop_reserve(struct loop *loop, uint32_t timers)
{
	return timer_reserve(&loop->timers, timers);
}

static int
loop_timer_at(struct loop *loop, struct timer *t, uint64_t deadline)
{
	int r = timer_set(&loop->timers, t, deadline);

	loop_note_due(loop);
	return r;
}

int
loop_timer(struct loop *loop, struct timer *t, uint64_t ms)
{
	/* The last turn may have been long ago. */
	if (loop->resting)
		loop_read_clock(loop);
	return loop_timer_at(loop, t, loop->now + ms);
}

int
loop_timer_exact(struct loop *loop, struct timer *t, uint64_t ms)
{
	struct timespec ts;
	uint64_t now;

	if (loop->frozen)
		return loop_timer(loop, t, ms);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 +
	    ((uint64_t)ts.tv_nsec + 999999) / 1000000;
	return loop_timer_at(loop, t, now + ms);
}

void
loop_timer_stop(struct loop *loop, struct timer *t)
{
	timer_clear(&loop->timers, t);
	loop_note_due(loop);
}

int
loop_defer(struct loop *loop, defer_fn *fn, void *arg)
{
	if (defer_add(&loop->deferred, fn, arg) == -1)
		return -1;
	loop_note_due(loop);
	return 0;
}

bool
loop_has_deferred(const struct loop *loop)
{
	return loop->deferred.count > 0;
}

void
loop_end_deferred(struct loop *loop)
{
	loop->deferred.closed = true;
	defer_run(&loop->deferred);
	loop_note_due(loop);
}

void
loop_begin_deferred(struct loop *loop)
{
	loop->deferred.closed = false;
}

/* --- where time stands still ---------------------------------------------- */

void
loop_freeze(struct loop *loop)
{
	loop->frozen = true;
}

uint64_t
loop_skip(struct loop *loop, uint64_t ms)
{
	uint64_t step = ms;

	if (loop->due <= loop->now)
		step = 0;
	else if (loop->due - loop->now < ms)
		step = loop->due - loop->now;
	loop->now += step;
	loop->time.tv_sec += (time_t)(step / 1000);
	loop->time.tv_nsec += (long)(step % 1000) * 1000000;
	if (loop->time.tv_nsec >= 1000000000) {
		loop->time.tv_sec++;
		loop->time.tv_nsec -= 1000000000;
	}
	return ms - step;
}
