/* SPDX-License-Identifier: ISC */
/*
 * A connection in a drain (net/drain.h): when it is at rest, and its end.
 *
 * At rest is who has been answered as far as anybody can see: nothing of his is
 * kept, queued, waited for or unread.  His next message may be on its way all
 * the same.  So an idle one is closed only after some quiet, and one that is
 * active behind an answer: who looks for the end of a connection before he sends
 * on it loses nothing, and who does not finds it in place of an answer.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>

#include "base/units.h"
#include "loop/task.h"
#include "net/conn.h"
#include "net/input.h"

/* Reads of what still comes, before one is cut off. */
#define CONN_CUT_READS	16

/* What it waits for that is not the peer's next message. */
#define CONN_OCCUPIED	(CONN_EOF | CONN_PAUSED | CONN_CLOSING | CONN_LINGER | \
			    CONN_DEAD | CONN_STARVED | CONN_BUSY | CONN_NEW | \
			    CONN_DIALED | CONN_SPLICED | CONN_APART)

/* What a handler in a lane has begun there it has begun for this connection. */
static bool
conn_has_begun(const struct prong_conn *c)
{
	return c->service->net->lane != NULL && tasks_here() != NULL &&
	    tasks_here()->begun > 0;
}

/* The next message, or its end: the loop is about to bring it. */
static bool
conn_has_unread(const struct prong_conn *c)
{
	char byte;

	return recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1 ||
	    errno != EAGAIN;
}

static bool
conn_is_at_rest(const struct prong_conn *c)
{
	return (c->flags & CONN_OCCUPIED) == 0 && c->input == NULL &&
	    c->held == NULL && conn_queued(c) == 0 && !conn_has_begun(c) &&
	    !conn_has_unread(c);
}

uint64_t
conn_drain_quiet(const struct prong_conn *c)
{
	uint64_t ms = units_milliseconds(c->service->settings.drain_idle);

	if (c->drain == DRAIN_LAST && ms > DRAIN_LAST_QUIET_MS)
		return DRAIN_LAST_QUIET_MS;
	return ms > DRAIN_QUIET_MS ? ms : DRAIN_QUIET_MS;
}

bool
conn_drain_is_over(const struct prong_conn *c, uint64_t idle)
{
	return c->drain != DRAIN_OFF && idle >= conn_drain_quiet(c) &&
	    conn_is_at_rest(c);
}

/* Whether it is closed behind its next answer. */
static bool
conn_drain_is_last(const struct prong_conn *c)
{
	return c->drain == DRAIN_LAST || (c->drain == DRAIN_ON &&
	    c->service->settings.drain_idle == 0);
}

/*
 * An answer that may be the last is held back until that is known, so that the
 * end goes out with it: who has the one can see the other.
 */
static void
conn_cork(const struct prong_conn *c, int on)
{
	setsockopt(c->watch.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

void
conn_drain_answer(struct prong_conn *c)
{
	if (!c->is_answered || !conn_drain_is_last(c))
		return;
	if (conn_is_at_rest(c)) {
		c->flags |= CONN_CLOSING;
		c->reason = COUNTER_CLOSED_SERVER;
		return;
	}
	conn_cork(c, 0);
	conn_cork(c, 1);
	/* What its handler has said so far need not be all of it. */
	if ((c->flags & CONN_BUSY) == 0)
		c->is_answered = false;
}

/*
 * Closed with something unread, the kernel would reset it, and the peer lose
 * what it has not read yet.
 */
static void
conn_cut(struct prong_conn *c)
{
	struct net *net = c->service->net;
	int left = CONN_CUT_READS;

	if ((c->flags & CONN_LINGER) == 0)
		shutdown(c->watch.fd, SHUT_WR);
	while (left-- > 0 && recv(c->watch.fd, net->receive,
	    net->receive_size, MSG_DONTWAIT) > 0)
		continue;
	conn_end(c, (c->flags & CONN_CLOSING) != 0 ? (enum counter)c->reason :
	    COUNTER_CLOSED_SERVER);
}

static void
conn_drain_more(struct prong_conn *c, enum drain_phase phase)
{
	struct net *net = c->service->net;
	bool asked = (c->flags & CONN_DRAINED) != 0;

	c->flags |= CONN_DRAINED;
	if ((c->flags & CONN_DIALED) == 0)
		c->drain = phase & 3;
	conn_serve(c);
	if ((c->flags & CONN_CLOSING) == 0 && !asked)
		conn_check(c, c->service->ops->draining(c));
	/* An answer of long ago is none to what comes now. */
	c->is_answered = false;
	conn_update(c);
	net->serving = NULL;
	if ((c->flags & CONN_DEAD) == 0 && conn_drain_is_last(c))
		conn_cork(c, 1);
	conn_timer_review(c);
}

void
conn_drain(struct prong_conn *c, enum drain_phase phase)
{
	if ((c->flags & CONN_DEAD) != 0 || (phase == c->drain &&
	    (phase == DRAIN_OFF || (c->flags & CONN_DRAINED) != 0)))
		return;
	if (phase == DRAIN_CUT)
		conn_cut(c);
	else if (phase != DRAIN_OFF)
		conn_drain_more(c, phase);
	else {
		c->drain = DRAIN_OFF;
		conn_cork(c, 0);
		c->flags &= (uint16_t)~CONN_DRAINED;
		conn_timer_review(c);
	}
}
