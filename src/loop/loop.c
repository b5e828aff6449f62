/* SPDX-License-Identifier: ISC */
/*
 * The event loop: who watches which descriptor, and the turn.
 */
#include "loop/loop.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/process.h"
#include "loop/alarm.h"
#include "loop/backend.h"
#include "loop/defer.h"
#include "loop/slow.h"
#include "prong.h"

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

static const struct loop_backend *const loop_backends[] = {
	[LOOP_AUTO] = &loop_backend_epoll,	/* the best on Linux */
	[LOOP_EPOLL] = &loop_backend_epoll,
	[LOOP_POLL] = &loop_backend_poll,
	[LOOP_SELECT] = &loop_backend_select,
	[LOOP_LANE] = &loop_backend_lane,
};

/*
 * The table of owners is mapped for every descriptor that the process may ever
 * have: only what is touched takes memory, and it never moves.
 */
static int
loop_map_owners(struct loop *loop)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -1;
	loop->owners_size = limit.rlim_max > PROCESS_DESCRIPTORS_MAX ?
	    PROCESS_DESCRIPTORS_MAX : (uint32_t)limit.rlim_max;
	loop->owners = mmap(NULL, loop->owners_size * sizeof(*loop->owners),
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	    -1, 0);
	if (loop->owners == MAP_FAILED) {
		loop->owners = NULL;
		return -1;
	}
	return 0;
}

static inline void
loop_read_clock(struct loop *loop)
{
	clock_gettime(CLOCK_MONOTONIC, &loop->time);
	loop->now = (uint64_t)loop->time.tv_sec * 1000 +
	    (uint64_t)loop->time.tv_nsec / 1000000;
}

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
loop_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
loop_check_events(const struct loop *loop, unsigned int events)
{
	if ((events & ~(PRONG_READ | PRONG_WRITE | (unsigned int)PRONG_EDGE)) !=
	    0)
		return error_set(EINVAL, "no such events: %#x", events);
	if ((events & PRONG_EDGE) != 0 && !loop->backend->has_edge)
		return error_set(ENOTSUP, "%s has no edge-triggered events",
		    loop->backend->name);
	return 0;
}

int
loop_add(struct loop *loop, struct watch *w)
{
	struct loop_owner *owner;

	if (loop_check_events(loop, w->events) == -1)
		return -1;
	if (w->fd < 0 || (uint32_t)w->fd >= loop->owners_size)
		return error_set(EBADF, "no such descriptor: %d", w->fd);
	owner = &loop->owners[w->fd];
	if (owner->watch != NULL)
		return error_set(EEXIST, "descriptor %d is watched already",
		    w->fd);
	owner->generation++;
	if (loop->backend->add(loop->state, w->fd, owner->generation,
	    w->events) == -1)
		return error_errno("%s cannot watch descriptor %d",
		    loop->backend->name, w->fd);
	owner->watch = w;
	owner->mute = false;
	if ((uint32_t)w->fd >= loop->owners_end)
		loop->owners_end = (uint32_t)w->fd + 1;
	return 0;
}

int
loop_modify(struct loop *loop, struct watch *w, unsigned int events)
{
	struct loop_owner *owner = &loop->owners[w->fd];

	if (w->events == events)
		return 0;
	if (loop_check_events(loop, events) == -1)
		return -1;
	if ((owner->mute ? loop->backend->add : loop->backend->modify)(
	    loop->state, w->fd, owner->generation, events) == -1)
		return error_errno("%s cannot change descriptor %d",
		    loop->backend->name, w->fd);
	owner->mute = false;
	w->events = events;
	return 0;
}

void
loop_mute(struct loop *loop, struct watch *w)
{
	struct loop_owner *owner = &loop->owners[w->fd];

	if (!owner->mute)
		loop->backend->del(loop->state, w->fd);
	owner->mute = true;
	w->events = 0;
}

void
loop_dry(struct loop *loop)
{
	if (loop->backend->dry != NULL)
		loop->backend->dry(loop->state);
}

static void
loop_do_nothing(void *arg)
{
}

void
loop_del(struct loop *loop, struct watch *w)
{
	assert(loop->owners[w->fd].watch == w);
	loop->owners[w->fd].watch = NULL;
	if (!loop->owners[w->fd].mute)
		loop->backend->del(loop->state, w->fd);
	/* What comes of an end comes at the end of a turn: there is to be one. */
	if (loop->resting)
		loop_defer(loop, loop_do_nothing, NULL);
}

void
loop_each(struct loop *loop, void (*fn)(struct watch *, void *), void *arg)
{
	uint32_t fd;

	for (fd = 0; fd < loop->owners_end; fd++)
		if (loop->owners[fd].watch != NULL)
			fn(loop->owners[fd].watch, arg);
}

static void
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
