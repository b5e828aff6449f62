/* SPDX-License-Identifier: ISC */
/*
 * A probe_loop, and watches that note what comes to them.
 */
#include "loop_probe.h"

#include <sys/socket.h>

#include <unistd.h>

#include "unit.h"

/* A test that would wait for ever ends here. */
#define GUARD_MS	10000

const enum loop_mechanism probe_mechanisms[PROBE_MECHANISMS] = {
	LOOP_EPOLL, LOOP_POLL, LOOP_SELECT,
};

struct loop *probe_loop;
static struct timer probe_guard;
static int probe_left;			/* turns */

static void
probe_guard_fire(struct timer *t)
{
	ck_abort_msg("nothing more happens");
}

void
probe_start(int mechanism, int64_t busy_poll)
{
	probe_loop = loop_new(probe_mechanisms[mechanism], busy_poll);
	ck_assert_ptr_nonnull(probe_loop);
	probe_guard.fn = probe_guard_fire;
	ck_assert_int_eq(loop_timer(probe_loop, &probe_guard, GUARD_MS), 0);
}

void
probe_finish(void)
{
	loop_free(probe_loop);
	probe_loop = NULL;
}

static void
probe_end_turn(void *arg)
{
	if (--probe_left == 0)
		loop_stop(probe_loop);
}

void
probe_turns(int count)
{
	probe_left = count;
	loop_on_turn(probe_loop, probe_end_turn, NULL);
	ck_assert_int_eq(loop_run(probe_loop), 0);
	loop_on_turn(probe_loop, NULL, NULL);
}

static void
probe_nothing(struct timer *t)
{
}

void
probe_turn(void)
{
	struct timer t = { .fn = probe_nothing };

	ck_assert_int_eq(loop_timer(probe_loop, &t, 0), 0);
	probe_turns(1);
	loop_timer_stop(probe_loop, &t);
}

static void
probe_event(struct watch *w, unsigned int events)
{
	struct probe *p = (struct probe *)w;

	p->calls++;
	p->events = events;
	if (p->then != NULL)
		p->then(p);
}

int
probe_add(struct probe *p, int fd, unsigned int events)
{
	*p = (struct probe){
		.watch = { probe_event, fd, events }, .then = p->then,
	};
	return loop_add(probe_loop, &p->watch);
}

void
probe_pair(int fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
}

void
probe_close(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

void
probe_put(int fd)
{
	ck_assert_int_eq(write(fd, "x", 1), 1);
}

void
probe_get(int fd)
{
	char c;

	ck_assert_int_eq(read(fd, &c, 1), 1);
}

