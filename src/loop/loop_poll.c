/* SPDX-License-Identifier: ISC */
/*
 * Waiting by poll(2): a dense array, and where in it each descriptor stands.
 *
 * For the loop of one connection in a thread of its own there is a variant: as
 * a rule the peer's next message is there by the time that the others of this
 * CPU have had their turn.  So it lets them have it, and has the descriptor
 * that was ready last read again without asking; only when that was in vain it
 * waits.  Measured with 50 threads: 0.67 of the rate of inline became 0.8.
 * Beside other programs that compute it does not do so (loop/yield.h).
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "loop/backend.h"
#include "loop/loop.h"
#include "loop/yield.h"

struct loop_poll {
	struct pollfd *fds;
	uint32_t *generations;	/* beside fds */
	uint32_t count;
	uint32_t capacity;
	uint32_t next;		/* where to look first, so that none starves */
	uint32_t *places;	/* by descriptor: place in fds, from 1 */
	uint32_t places_size;
	int eager;		/* the only one that was ready last; or -1 */
	uint32_t eager_turns;	/* since somebody else was looked at */
};

/* So often one is read without a look at the others. */
#define LOOP_LANE_TURNS	32

static struct yielding loop_lane_yielding;	/* of all threads */

static int
loop_poll_init(void **state)
{
	struct loop_poll *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	p->eager = -1;
	*state = p;
	return 0;
}

static void
loop_poll_fini(void *state)
{
	struct loop_poll *p = state;

	free(p->fds);
	free(p->generations);
	free(p->places);
	free(p);
}

static int
loop_poll_grow(struct loop_poll *p, uint32_t fd)
{
	uint32_t size = p->capacity == 0 ? 64 : p->capacity * 2;
	void *fds, *generations, *places;

	if (fd >= p->places_size) {
		places = recallocarray(p->places, p->places_size,
		    (size_t)fd * 2 + 64, sizeof(*p->places));
		if (places == NULL)
			return -1;
		p->places = places;
		p->places_size = fd * 2 + 64;
	}
	if (p->count < p->capacity)
		return 0;
	if ((fds = reallocarray(p->fds, size, sizeof(*p->fds))) == NULL)
		return -1;
	p->fds = fds;
	generations = reallocarray(p->generations, size,
	    sizeof(*p->generations));
	if (generations == NULL)
		return -1;
	p->generations = generations;
	p->capacity = size;
	return 0;
}

static int
loop_poll_add(void *state, int fd, uint32_t generation, unsigned int events)
{
	struct loop_poll *p = state;

	if (loop_check(fd) == -1 ||
	    loop_poll_grow(p, (uint32_t)fd) == -1)
		return -1;
	p->fds[p->count] = (struct pollfd){ .fd = fd, .events = (short)events };
	p->generations[p->count] = generation;
	p->places[fd] = ++p->count;
	return 0;
}

static int
loop_poll_modify(void *state, int fd, uint32_t generation, unsigned int events)
{
	struct loop_poll *p = state;

	p->fds[p->places[fd] - 1].events = (short)events;
	return 0;
}

/* The last one takes the place of the one that goes. */
static void
loop_poll_del(void *state, int fd)
{
	struct loop_poll *p = state;
	uint32_t place = p->places[fd], last = --p->count;

	if (fd == p->eager)
		p->eager = -1;
	p->places[fd] = 0;
	if (place - 1 == last)
		return;
	p->fds[place - 1] = p->fds[last];
	p->generations[place - 1] = p->generations[last];
	p->places[p->fds[last].fd] = place;
}

static int
loop_poll_wait(void *state, int ms, struct epoll_event *ready)
{
	struct loop_poll *p = state;
	uint32_t i, seen;
	int left, n = 0;

	left = poll(p->fds, p->count, ms);
	if (left <= 0)
		return left;
	i = p->next < p->count ? p->next : 0;
	for (seen = 0; seen < p->count && left > 0 && n < LOOP_EVENTS; seen++) {
		if (p->fds[i].revents != 0) {
			ready[n].data.u64 = loop_key(p->fds[i].fd,
			    p->generations[i]);
			ready[n++].events = (unsigned short)p->fds[i].revents;
			left--;
		}
		if (++i == p->count)
			i = 0;
	}
	p->next = i;
	return n;
}

/* Notes the one that was ready, if there was one only, and only to be read. */
static void
loop_lane_note(struct loop_poll *p, int n, const struct epoll_event *ready)
{
	p->eager = n == 1 && ready->events == POLLIN ?
	    (int)(uint32_t)ready->data.u64 : -1;
	p->eager_turns = 0;
}

static uint64_t
loop_lane_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Whether the others were let run instead of sleeping. */
static bool
loop_lane_yield(void)
{
	struct yield_turn turn;

	if (!yield_may(&loop_lane_yielding, &turn, loop_lane_clock()))
		return false;
	sched_yield();
	yield_took(&loop_lane_yielding, &turn, loop_lane_clock());
	return true;
}

static int
loop_lane_wait(void *state, int ms, struct epoll_event *ready)
{
	struct loop_poll *p = state;
	uint32_t place;
	int n;

	if (p->eager != -1 && p->eager_turns++ < LOOP_LANE_TURNS) {
		place = p->places[p->eager] - 1;
		if (p->fds[place].events == POLLIN && loop_lane_yield()) {
			ready->data.u64 = loop_key(p->eager,
			    p->generations[place]);
			ready->events = POLLIN;
			return 1;
		}
	}
	if ((n = loop_poll_wait(state, ms, ready)) >= 0)
		loop_lane_note(p, n, ready);
	return n;
}

static void
loop_lane_dry(void *state)
{
	((struct loop_poll *)state)->eager = -1;
}

/* Both keep their descriptors alike. */
#define LOOP_POLL_KEEPS							\
	.name = "poll", .init = loop_poll_init, .fini = loop_poll_fini,	\
	.add = loop_poll_add, .modify = loop_poll_modify,		\
	.del = loop_poll_del

const struct loop_backend loop_backend_poll = {
	LOOP_POLL_KEEPS,
	.wait = loop_poll_wait,
};

const struct loop_backend loop_backend_lane = {
	LOOP_POLL_KEEPS,
	.wait = loop_lane_wait,
	.dry = loop_lane_dry,
};
