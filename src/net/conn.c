/* SPDX-License-Identifier: ISC */
/*
 * The life of a connection: opened, its events, paused and resumed, closed.
 *
 * After anything that may have changed what a connection waits for,
 * conn_update() writes what was sent and decides what comes next; it is the
 * only place that does.
 */
#include "net/conn.h"

#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "net/dial.h"
#include "net/input.h"
#include "net/mail.h"
#include "net/splice.h"

#define conn_of(w) \
	((struct prong_conn *)((char *)(w) - \
	    offsetof(struct prong_conn, watch)))

static void conn_event(struct watch *, unsigned int);

/* Whoever serves this one looks at what has happened. */
static void
conn_event_lend(struct watch *w, unsigned int events)
{
	struct prong_conn *c = conn_of(w);

	conn_leave(c);
	c->service->place(c);
}

struct prong_conn *
conn_of_watch(struct watch *w)
{
	return w->fn == conn_event || w->fn == conn_event_lend ||
	    w->fn == splice_event ? conn_of(w) : NULL;
}

void
conn_lend(struct prong_conn *c, bool lend)
{
	c->watch.fn = lend ? conn_event_lend : conn_event;
}

static void
conn_count(struct prong_conn *c, enum counter counter, uint64_t n)
{
	counter_add(c->service->counters, counter, n);
}

UNUSUAL void
conn_fail(struct prong_conn *c)
{
	conn_end(c, (c->flags & CONN_CLOSING) != 0 ?
	    (enum counter)c->reason : COUNTER_CLOSED_ERROR);
}

void
conn_end(struct prong_conn *c, enum counter reason)
{
	struct net *net = c->service->net;

	if ((c->flags & CONN_DEAD) != 0)
		return;
	c->flags |= CONN_DEAD;
	if (net->serving == c) {
		outbox_clear(&net->outbox);
		net->serving = NULL;
	}
	c->reason = (uint8_t)reason;
	if ((c->flags & CONN_SPLICED) != 0)
		splice_cut(c);
	c->service->ops->closed(c);
	if ((c->flags & CONN_DIALED) != 0)
		dial_leave(c);
	else {
		conn_leave(c);
		close(c->watch.fd);
		if (net->lane == NULL)
			conn_book_end(c, c->service);
	}
	/* Callers up the stack still look at it: freed when the turn ends. */
	c->next_dead = net->dead;
	net->dead = c;
}

void
conn_abort(struct prong_conn *c, enum counter reason)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if ((c->flags & CONN_DEAD) != 0)
		return;
	setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	conn_end(c, reason);
}

int
conn_error(const struct prong_conn *c)
{
	switch (c->reason) {
	case COUNTER_CLOSED_ERROR:
		return ECONNRESET;
	case COUNTER_CLOSED_TIMEOUT:
		return ETIMEDOUT;
	default:
		return 0;
	}
}

int
conn_want(struct prong_conn *c, unsigned int events)
{
	struct loop *loop = c->service->net->loop;

	if ((c->flags & CONN_APART) == 0)
		return loop_modify(loop, &c->watch, events);
	if (events == 0 || dial_is_connecting(c))
		return 0;
	c->watch.events = events;
	if (loop_add(loop, &c->watch) == -1)
		return -1;
	c->flags &= (uint16_t)~CONN_APART;
	return 0;
}

void
conn_step_aside(struct prong_conn *c)
{
	loop_del(c->service->net->loop, &c->watch);
	c->watch.events = 0;
	c->flags |= CONN_APART;
}

/* The output has gone: shut our side, and wait for the peer to see it. */
static void
conn_linger(struct prong_conn *c)
{
	struct loop *loop = c->service->net->loop;

	/* A client's end is final: the server may keep its own open for long. */
	if ((c->flags & (CONN_EOF | CONN_DIALED)) != 0 ||
	    shutdown(c->watch.fd, SHUT_WR) == -1 ||
	    loop_timer(loop, &c->timer, CONN_LINGER_MS) == -1) {
		conn_end(c, (enum counter)c->reason);
		return;
	}
	c->flags |= CONN_LINGER;
	/* The timer is for the lingering now. */
	c->flags &= (uint16_t)~CONN_STARVED;
}

static enum conn_phase
conn_phase(const struct prong_conn *c)
{
	if ((c->flags & CONN_LINGER) != 0)
		return CONN_PHASE_LINGERING;
	if ((c->flags & CONN_CLOSING) != 0)
		return CONN_PHASE_CLOSING;
	return (c->flags & CONN_PAUSED) != 0 ? CONN_PHASE_PAUSED :
	    CONN_PHASE_OPEN;
}

/* What the state of a connection asks for, when it is not the usual one. */
static OUT_OF_LINE void
conn_update_state(struct prong_conn *c)
{
	struct net *net = c->service->net;
	unsigned int events = 0;

	if (net->outbox.starved) {
		net->outbox.starved = false;
		conn_timer_starve(c);
	}
	if ((c->flags & CONN_SPLICED) != 0) {
		splice_update(c);
		return;
	}
	/* One large answer may be more than a connection may hold. */
	if (!conn_has_room(c, 0))
		return;
	conntable_set_phase(c->entry, conn_phase(c));
	if (c->drain != DRAIN_OFF)
		conn_drain_answer(c);
	if (c->output == NULL) {
		if ((c->flags & (CONN_CLOSING | CONN_LINGER)) == CONN_CLOSING)
			conn_linger(c);
		else if ((c->flags & (CONN_EOF | CONN_PAUSED | CONN_BUSY)) ==
		    CONN_EOF && !c->is_held)
			conn_end(c, COUNTER_CLOSED_CLIENT);
		if ((c->flags & CONN_DEAD) != 0)
			return;
		conntable_set_phase(c->entry, conn_phase(c));
	}
	if ((c->flags & (CONN_EOF | CONN_PAUSED | CONN_CLOSING | CONN_BUSY)) ==
	    0 || (c->flags & CONN_LINGER) != 0)
		events |= PRONG_READ;
	if ((c->flags & CONN_STARVED) == 0 && (c->output != NULL ||
	    (c->flags & (CONN_PAUSED | CONN_CLOSING)) == CONN_PAUSED))
		events |= PRONG_WRITE;
	if (conn_want(c, events) == -1)
		conn_fail(c);
}

/* Nothing queued, nothing special, waiting to read: as it was. */
static inline bool
conn_is_usual(const struct prong_conn *c)
{
	return c->output == NULL && (c->flags & ~CONN_CRLF) == 0 &&
	    c->watch.events == PRONG_READ;
}

void USUAL
conn_update(struct prong_conn *c)
{
	struct net *net = c->service->net;

	if ((c->flags & CONN_DEAD) != 0)
		return;
	if (net->serving == c && !outbox_is_empty(&net->outbox)) {
		if (!conn_flush_outbox(c) || conn_is_usual(c))
			return;
		c->is_answered = true;
	}
	if (!conn_is_usual(c))
		conn_update_state(c);
}

bool
conn_check(struct prong_conn *c, int result)
{
	if (result == -1 && (c->flags & CONN_DEAD) == 0) {
		conn_count(c, COUNTER_HANDLER_ERRORS, 1);
		/* Its text may be what the client has sent. */
		if (error_text()[0] != '\0')
			error_prefix("the handler failed");
		c->service->net->report(PRONG_WARNING, c,
		    error_text()[0] == '\0' ? "the handler failed" :
		    error_text());
		conn_close(c, COUNTER_CLOSED_ERROR);
	}
	return (c->flags & CONN_DEAD) == 0;
}

void
conn_close(struct prong_conn *c, enum counter reason)
{
	if ((c->flags & (CONN_CLOSING | CONN_DEAD)) != 0)
		return;
	c->flags |= CONN_CLOSING;
	c->reason = (uint8_t)reason;
	/* Not from here: the caller's own event, or the next, sees to it. */
	if (c->service->net->serving != c)
		conn_want(c, c->watch.events | PRONG_WRITE);
}

void
conn_malformed(struct prong_conn *c, enum prong_malformed what)
{
	static const char *const texts[] = {
		[PRONG_BAD_FRAME] = "malformed input",
		[PRONG_OVERSIZE] = "a message longer than max-message",
		[PRONG_TRUNCATED] = "the input ended within a message",
	};

	if (what == PRONG_OVERSIZE)
		conn_count(c, COUNTER_OVERSIZE, 1);
	c->service->net->report(PRONG_INFO, c, texts[what]);
	/* One who waits before it answers closes it by itself. */
	if (conn_check(c, c->service->ops->malformed(c, what)) &&
	    (c->flags & CONN_BUSY) == 0)
		conn_close(c, COUNTER_CLOSED_ERROR);
}

/* Input after the close was decided: thrown away until the end. */
static void
conn_discard(struct prong_conn *c)
{
	struct net *net = c->service->net;
	ssize_t n;

	n = recv(c->watch.fd, net->receive, net->receive_size, 0);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		conn_end(c, (enum counter)c->reason);
}

/* The peer's end of input, or an error. */
static UNUSUAL void
conn_read_ended(struct prong_conn *c, ssize_t n)
{
	if (n == 0) {
		c->flags |= CONN_EOF;
		input_finish(c);
		if ((c->flags & (CONN_CLOSING | CONN_DEAD)) == 0)
			conn_check(c, c->service->ops->finished(c));
		conn_update(c);
	} else if (errno != EAGAIN && errno != EINTR)
		conn_fail(c);
	else
		loop_dry(c->service->net->loop);
}

/* Reads behind the start of a message that is kept. */
static OUT_OF_LINE void
conn_read_on(struct prong_conn *c)
{
	size_t size;
	ssize_t n;
	char *to;

	if ((to = input_buffer(c, &size)) == NULL) {
		conn_end(c, COUNTER_CLOSED_ERROR);
		return;
	}
	n = recv(c->watch.fd, to, size, 0);
	if (n > 0) {
		conn_count_read(c, (size_t)n);
		input_received_more(c, (size_t)n);
	} else
		conn_read_ended(c, n);
}

static void USUAL
conn_readable(struct prong_conn *c)
{
	const struct prong_service *service = c->service;
	ssize_t n;

	if (c->input != NULL) {
		conn_read_on(c);
		return;
	}
	n = recv(c->watch.fd, service->net->receive,
	    service->read_size, 0);
	if (n > 0) {
		conn_count_read(c, (size_t)n);
		input_received(c, (size_t)n);
	} else
		conn_read_ended(c, n);
}

void
conn_writable(struct prong_conn *c)
{
	ssize_t n;

	if ((n = output_write(&c->output, c->watch.fd)) == -1) {
		conn_fail(c);
		return;
	}
	if (n == 0 && c->output != NULL && output_is_starved(errno))
		conn_timer_starve(c);
	if (c->output == NULL)
		c->flags &= (uint16_t)~CONN_STARVED;
	if (n > 0) {
		conn_wrote(c, n);
		c->is_answered = true;
	}
	if (prong_is_full(c) &&
	    output_bytes(c->output) < conn_high_water(c) / 4) {
		c->flags &= (uint16_t)~CONN_PAUSED;
		c->is_full = false;
		if (c->held != NULL)
			mail_resume(c);
		if ((c->flags & (CONN_CLOSING | CONN_PAUSED | CONN_DEAD)) ==
		    0 && conn_check(c, c->service->ops->writable(c)))
			input_resume(c);
	}
	conn_update(c);
}

/*
 * A hang-up while nothing is read.  A peer at a unix socket that has sent all
 * and gone is no reason to drop what it sent: that is read when the handler has
 * time for it.
 */
static void
conn_hung_up(struct prong_conn *c, unsigned int events)
{
	if ((events & PRONG_FAIL) == 0 && (c->flags & CONN_BUSY) != 0 &&
	    c->output == NULL)
		loop_mute(c->service->net->loop, &c->watch);
	else
		conn_fail(c);
}

/* Errors and hang-ups show in reading, after what came before them. */
static OUT_OF_LINE void
conn_event_unusual(struct prong_conn *c, unsigned int events)
{
	if ((events & PRONG_WRITE) != 0)
		conn_writable(c);
	if ((events & ~(unsigned int)PRONG_WRITE) == 0 ||
	    (c->flags & CONN_DEAD) != 0)
		return;
	if ((c->flags & CONN_LINGER) != 0)
		conn_discard(c);
	else if ((events & (PRONG_FAIL | PRONG_HANGUP)) != 0 &&
	    (c->watch.events & PRONG_READ) == 0)
		/* There may be something to receive before that. */
		if (c->is_held)
			conn_step_aside(c);
		else
			conn_hung_up(c, events);
	else if ((c->flags & CONN_CLOSING) != 0)
		conn_update(c);
	else if ((c->watch.events & PRONG_READ) != 0)
		conn_readable(c);
}

static void USUAL
conn_event(struct watch *w, unsigned int events)
{
	struct prong_conn *c = conn_of(w);
	struct net *net = c->service->net;

	conn_serve(c);
	if (events == PRONG_READ &&
	    (c->flags & (CONN_CLOSING | CONN_LINGER | CONN_BUSY)) == 0)
		conn_readable(c);
	else
		conn_event_unusual(c, events);
	net->serving = NULL;
}

void
conn_look(struct prong_conn *c)
{
	conn_event(&c->watch, c->watch.events != 0 ? c->watch.events :
	    (unsigned int)PRONG_HANGUP);
}

void
conn_init(struct prong_conn *c, struct prong_service *service, int fd)
{
	c->service = service;
	c->watch = (struct watch){ conn_event, fd, PRONG_READ };
	c->flags = CONN_NEW;
	conn_timer_init(c);
}
