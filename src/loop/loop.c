/* SPDX-License-Identifier: ISC */
/*
 * The event loop: what one is made of, and the turn.
 */
#include "loop/loop.h"

#include <sys/mman.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/compiler.h"
#include "base/error.h"
#include "loop/loop_state.h"

static const struct loop_backend *const loop_backends[] = {
	[LOOP_AUTO] = &loop_backend_epoll,	/* the best on Linux */
	[LOOP_EPOLL] = &loop_backend_epoll,
	[LOOP_POLL] = &loop_backend_poll,
	[LOOP_SELECT] = &loop_backend_select,
	[LOOP_LANE] = &loop_backend_lane,
};

struct loop *
loop_new(enum loop_mechanism mechanism, int64_t busy_poll)
{
	struct loop *loop;

	if ((loop = calloc(1, sizeof(*loop))) == NULL) {
		error_errno("event loop");
		return NULL;
	}
	loop->backend = loop_backends[mechanism];
	loop->busy_poll = busy_poll;
	loop->due = loop->slow_ms = UINT64_MAX;
	loop->alarm.watch.fd = -1;
	loop->beat = &loop->unseen;
	loop_read_clock(loop);
	loop->pass = (struct loop_pass){ loop->ready[0], loop->ready[1], 0,
	    loop->now };
	if (loop_map_owners(loop) == -1 ||
	    loop->backend->init(&loop->state) == -1) {
		error_errno("event loop by %s", loop->backend->name);
		loop_free(loop);
		return NULL;
	}
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	alarm_close(&loop->alarm, loop);
	if (loop->state != NULL)
		loop->backend->fini(loop->state);
	if (loop->owners != NULL)
		munmap(loop->owners,
		    loop->owners_size * sizeof(*loop->owners));
	timer_heap_free(&loop->timers);
	defer_free(&loop->deferred);
	free(loop);
}

void
loop_forget(struct loop *loop)
{
	if (loop->backend->forget != NULL)
		loop->backend->forget(loop->state);
}

const char *
loop_mechanism_name(const struct loop *loop)
{
	return loop->backend->name;
}

void
loop_on_slow(struct loop *loop, uint64_t ms, loop_slow_fn *fn)
{
	loop->slow_ms = ms;
	loop->slow = fn;
	slow_begin(&loop->scale, loop->now);
}

void
loop_on_turn(struct loop *loop, loop_turn_fn *fn, void *arg)
{
	loop->turn = fn;
	loop->turn_arg = arg;
}

void
loop_show_beat(struct loop *loop, uint64_t *beat)
{
	loop->beat = beat != NULL ? beat : &loop->unseen;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

static int64_t
loop_microseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Whether to ask again without sleeping; last: how many events there were. */
static OUT_OF_LINE bool
loop_is_spinning(struct loop *loop, int last)
{
	int64_t us = loop_microseconds();

	if (last > 0)
		loop->busy_until = us + loop->busy_poll;
	return us < loop->busy_until;
}

/* How long to sleep: until the first timer, or not at all when spinning. */
static inline int
loop_timeout(struct loop *loop, int last)
{
	if (loop->busy_poll > 0 && loop_is_spinning(loop, last))
		return 0;
	if (loop->due <= loop->now)
		return 0;
	if (loop->due - loop->now > INT_MAX)
		return loop->due == UINT64_MAX ? -1 : INT_MAX;
	return (int)(loop->due - loop->now);
}

int
loop_fd(struct loop *loop)
{
	if (loop->backend->fd == NULL)
		return error_set(ENOTSUP, "%s has no descriptor that another "
		    "loop could wait for", loop->backend->name);
	if (loop->alarm.watch.fd == -1) {
		if (alarm_open(&loop->alarm, loop) == -1)
			return -1;
		loop->resting = true;
		loop_note_due(loop);
	}
	return loop->backend->fd(loop->state);
}

static inline void
loop_dispatch(struct loop *loop, struct epoll_event *ready, int count)
{
	const struct loop_owner *owner;
	struct epoll_event *e;

	for (e = ready; e < ready + count; e++) {
		owner = &loop->owners[(uint32_t)e->data.u64];
		if (owner->watch != NULL &&
		    owner->generation == e->data.u64 >> 32)
			owner->watch->fn(owner->watch, e->events);
		e->events = slow_stamp();
	}
}

/* Long ago the last turn began: by sleep, or by one of its events? */
static UNUSUAL void
loop_look_for_slow(struct loop *loop, const struct epoll_event *events,
    int count, uint64_t before)
{
	const struct epoll_event *e;
	const struct loop_owner *owner;
	struct watch *w = NULL;
	uint64_t ms;
	int slowest;

	slowest = slow_find(&loop->scale, events, count, before, loop->now,
	    &ms);
	if (slowest == -1 || ms < loop->slow_ms)
		return;
	e = &events[slowest];
	owner = &loop->owners[(uint32_t)e->data.u64];
	if (owner->generation == e->data.u64 >> 32)
		w = owner->watch;
	loop->slow(w, (int)(uint32_t)e->data.u64, ms, before);
}

/*
 * What is due: timers, then what was deferred.  No more than there is now: what
 * their functions arm anew or defer, even for at once, does not keep the loop
 * from turning.  A function may free its timer.
 */
static OUT_OF_LINE void
loop_run_due(struct loop *loop)
{
	uint32_t left = loop->timers.count;
	struct timer *t;

	while (left-- > 0 && (t = timer_first(&loop->timers)) != NULL &&
	    t->deadline <= loop->now) {
		loop_timer_stop(loop, t);
		t->fn(t);
	}
	if (loop->deferred.count > 0) {
		defer_run(&loop->deferred);
		loop_note_due(loop);
	}
}

/* One turn, which sleeps for limit milliseconds at most; -1: as it must. */
static IN_LINE int
loop_take_turn(struct loop *loop, struct loop_pass *p, int limit)
{
	struct epoll_event *old = p->ready;
	int last = p->count, ms = loop_timeout(loop, last), n;

	if (limit >= 0 && (unsigned int)ms > (unsigned int)limit)
		ms = limit;
	p->ready = p->other, p->other = old;
	n = loop->backend->wait(loop->state, ms, p->ready);
	if (n == -1) {
		if (errno != EINTR)
			return error_errno("waiting by %s",
			    loop->backend->name);
		n = 0;
	}
	p->count = n;
	/* One that stands still is turned by hand. */
	if (limit == -1 || !loop->frozen)
		loop_read_clock(loop);
	__atomic_store_n(loop->beat, loop->now, __ATOMIC_RELAXED);
	if (loop->now - p->before >= loop->slow_ms)
		loop_look_for_slow(loop, old, last, p->before);
	p->before = loop->now;
	loop_dispatch(loop, p->ready, n);
	if (loop->due <= loop->now)
		loop_run_due(loop);
	if (loop->turn != NULL)
		loop->turn(loop->turn_arg);
	return 0;
}

int
loop_turn(struct loop *loop, int ms)
{
	int r;

	loop->resting = false;
	r = loop_take_turn(loop, &loop->pass, ms);
	if (loop->alarm.watch.fd != -1) {
		loop->resting = true;
		alarm_set(&loop->alarm, loop->due);
	}
	return r;
}

int USUAL
loop_run(struct loop *loop)
{
	struct loop_pass pass = { loop->ready[0], loop->ready[1], 0,
	    loop->now };

	while (!loop->stopped)
		if (loop_take_turn(loop, &pass, -1) == -1)
			return -1;
	loop->stopped = false;
	return 0;
}

int
loop_settle(struct loop *loop, unsigned int turns)
{
	do {
		if (turns-- == 0)
			return error_set(ELOOP, "it does not come to rest");
		if (loop_turn(loop, 0) == -1)
			return -1;
	} while (loop->pass.count != 0 || loop->due <= loop->now);
	return 0;
}
