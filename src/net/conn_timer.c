/* SPDX-License-Identifier: ISC */
/*
 * The timer of a connection: its idle time-out, its lingering, and waiting for
 * a kernel without memory.
 */
#include <errno.h>
#include <stddef.h>

#include "base/error.h"
#include "net/conn.h"

void
conn_timer_starve(struct prong_conn *c)
{
	if (loop_timer(c->service->net->loop, &c->timer, CONN_STARVED_MS) == 0)
		c->flags |= CONN_STARVED;
}

/* How long until so much of it has gone by; then, until it is looked again. */
static uint64_t
conn_timer_left(uint64_t ms, uint64_t idle)
{
	return idle >= ms ? ms : ms - idle;
}

/* When to look next, for what it is not lent; 0: there is nothing to see. */
static uint64_t
conn_timer_next(const struct prong_conn *c, uint64_t idle)
{
	uint64_t ms = c->timeout == 0 ? 0 : conn_timer_left(c->timeout, idle);
	uint64_t quiet;

	if (c->drain == DRAIN_OFF)
		return ms;
	quiet = conn_timer_left(conn_drain_quiet(c), idle);
	return ms == 0 || quiet < ms ? quiet : ms;
}

/* The timer was lent for it: what it was for is looked at anew. */
static void
conn_timer_fed(struct prong_conn *c)
{
	struct net *net = c->service->net;
	uint64_t ms = conn_timer_next(c, 0);

	c->flags &= (uint16_t)~CONN_STARVED;
	if (ms != 0 && loop_timer(net->loop, &c->timer, ms) == -1) {
		conn_end(c, COUNTER_CLOSED_ERROR);
		return;
	}
	conn_serve(c);
	conn_writable(c);
	net->serving = NULL;
}

/* It drains, and nothing is under way. */
static void
conn_timer_goodbye(struct prong_conn *c)
{
	struct net *net = c->service->net;

	/* What is left of it needs no thread. */
	conn_lend(c, false);
	conn_serve(c);
	conn_close(c, COUNTER_CLOSED_SERVER);
	conn_update(c);
	net->serving = NULL;
}

/* The timer is not moved with each message: it looks when it is due. */
static void
conn_timer_due(struct timer *t)
{
	struct prong_conn *c = (struct prong_conn *)((char *)t -
	    offsetof(struct prong_conn, timer));
	struct loop *loop = c->service->net->loop;
	uint64_t idle = loop_now(loop) - c->entry->last;

	if ((c->flags & CONN_STARVED) != 0)
		conn_timer_fed(c);
	else if ((c->flags & CONN_LINGER) != 0)
		conn_end(c, (enum counter)c->reason);
	else if (c->timeout == 0 && c->drain == DRAIN_OFF)
		return;
	/* While its handler is at work it is the peer who waits, but for one
	 * that does not take what it is sent. */
	else if (c->timeout != 0 && idle >= c->timeout && ((c->flags & CONN_SPLICED) != 0 ||
	    (c->flags & (CONN_BUSY | CONN_PAUSED)) != CONN_BUSY))
		conn_end(c, COUNTER_CLOSED_TIMEOUT);
	else if (conn_drain_is_over(c, idle))
		conn_timer_goodbye(c);
	else if (loop_timer(loop, t, conn_timer_next(c, idle)) == -1)
		conn_end(c, COUNTER_CLOSED_ERROR);
}

void
conn_timer_review(struct prong_conn *c)
{
	struct loop *loop = c->service->net->loop;

	/* It is not in the loop of who dialed it; or is lent for another end. */
	if ((c->flags & (CONN_DEAD | CONN_DIALED | CONN_LINGER |
	    CONN_STARVED)) != 0)
		return;
	if (c->drain != DRAIN_OFF)
		conn_timer_due(&c->timer);
	else if (c->timeout == 0)
		loop_timer_stop(loop, &c->timer);
}

int
conn_timer_set(struct prong_conn *c, uint32_t ms)
{
	struct loop *loop = c->service->net->loop;

	if ((c->flags & CONN_DEAD) != 0)
		return error_set(EPIPE, "the connection has ended");
	c->timeout = ms;
	conn_set_last(c, loop_now(loop));
	/* The timer is lent for another end, and looks here after it. */
	if ((c->flags & (CONN_LINGER | CONN_STARVED)) != 0)
		return 0;
	if (ms > 0 || c->drain != DRAIN_OFF)
		return loop_timer(loop, &c->timer, conn_timer_next(c, 0));
	loop_timer_stop(loop, &c->timer);
	return 0;
}

void
conn_timer_init(struct prong_conn *c)
{
	c->timer.fn = conn_timer_due;
}

int
conn_timer_join(struct prong_conn *c)
{
	struct loop *loop = c->service->net->loop;
	uint64_t ms = conn_timer_next(c, 0);

	if ((c->flags & CONN_LINGER) != 0)
		ms = CONN_LINGER_MS;
	else if ((c->flags & CONN_STARVED) != 0)
		ms = CONN_STARVED_MS;
	return ms == 0 ? 0 : loop_timer(loop, &c->timer, ms);
}
