/* SPDX-License-Identifier: ISC */
/*
 * Two connections joined.
 *
 * Each direction is a flow: from the socket of one into a pipe and from there
 * into the socket of the other, by splice(2), which copies nothing.  Without
 * a pipe, for want of descriptors, or where the kernel cannot, it is a buffer.
 * No more is read before what was read has gone, so a slow reader holds up its
 * peer and takes no memory here.
 */
#include "net/splice.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/input.h"
#include "prong.h"

/* What a pipe takes, and one read. */
#define SPLICE_PIECE	(64 * 1024)
/* So many pieces, then it is others' turn. */
#define SPLICE_SHARE	16

struct splice_flow {
	struct prong_conn *from, *to;
	int pipe[2];			/* -1: there is none */
	char *buffer;			/* in its place */
	size_t start, inside;		/* bytes in either */
	bool eof;			/* nothing more comes */
	bool shut;			/* and the other side knows */
	bool begun;			/* what was there has been looked at */
};

struct splice {
	struct splice_flow flows[2];
	struct splice_wait *wait;
	struct prong_conn *first;	/* whose end came first */
	bool over;
};

static struct prong_conn *
splice_conn(struct watch *w)
{
	return (struct prong_conn *)((char *)w -
	    offsetof(struct prong_conn, watch));
}

static struct prong_conn *
splice_other(const struct splice *s, const struct prong_conn *c)
{
	return s->flows[0].from == c ? s->flows[0].to : s->flows[0].from;
}

/* --- its end ---------------------------------------------------------------- */

static void
splice_flow_fini(struct splice_flow *f)
{
	if (f->pipe[0] != -1) {
		close(f->pipe[0]);
		close(f->pipe[1]);
	}
	free(f->buffer);
}

static void
splice_free(struct splice *s)
{
	splice_flow_fini(&s->flows[0]);
	splice_flow_fini(&s->flows[1]);
	free(s);
}

/* They are two connections again. */
static void
splice_part(struct splice *s, int error)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		s->flows[i].from->flags &= (uint16_t)~CONN_SPLICED;
		s->flows[i].from->splice = NULL;
		conn_lend(s->flows[i].from, false);
	}
	s->over = true;
	if (s->wait != NULL) {
		s->wait->over = true;
		s->wait->error = error;
	}
}

/* The last thing, unless who waits has been woken by an end already. */
static void
splice_tell(struct splice *s)
{
	struct splice_wait *wait = s->wait;

	splice_free(s);
	if (wait != NULL) {
		wait->splice = NULL;
		wait->fn(wait);
	}
}

/*
 * First the one that was dialed: a task that is woken by the other's end closes
 * it in its own way.
 */
static void
splice_end_both(struct splice *s, int error)
{
	size_t first = (s->flows[0].from->flags & CONN_DIALED) == 0;
	struct prong_conn *a = s->flows[first].from;
	struct prong_conn *b = s->flows[!first].from;
	enum counter reason = s->first == b ? COUNTER_CLOSED_CLIENT :
	    COUNTER_CLOSED_SERVER;

	splice_part(s, error);
	if (error != 0) {
		conn_abort(a, COUNTER_CLOSED_ERROR);
		conn_abort(b, COUNTER_CLOSED_ERROR);
	} else {
		conn_end(a, reason);
		conn_end(b, reason);
	}
	splice_tell(s);
}

void
splice_stop(struct splice *s)
{
	s->wait = NULL;
	if (!s->over)
		splice_end_both(s, ECANCELED);
}

void
splice_cut(struct prong_conn *c)
{
	struct splice *s = c->splice;
	struct prong_conn *other = splice_other(s, c);
	int error = conn_error(c);

	splice_part(s, error == 0 ? ECANCELED : error);
	/* It must not take what it has for the whole. */
	conn_abort(other, (enum counter)c->reason);
	splice_tell(s);
}

/* One of them was told to close: so does the other, with what it has. */
static void
splice_close(struct splice *s)
{
	struct prong_conn *a = s->flows[0].from, *b = s->flows[1].from;

	splice_part(s, EPIPE);
	if (!a->is_held)
		conn_close(a, COUNTER_CLOSED_SERVER);
	if (!b->is_held)
		conn_close(b, COUNTER_CLOSED_SERVER);
	splice_tell(s);
	conn_update(a);
	conn_update(b);
}

/* --- a flow ------------------------------------------------------------------ */

static bool
splice_is_later(int error)
{
	return error == EAGAIN || error == EINTR || output_is_starved(error);
}

/* The pipe cannot be had, or the kernel does not do this. */
static int
splice_use_buffer(struct splice_flow *f)
{
	if (f->pipe[0] != -1) {
		close(f->pipe[0]);
		close(f->pipe[1]);
		f->pipe[0] = f->pipe[1] = -1;
	}
	f->buffer = malloc(SPLICE_PIECE);
	return f->buffer == NULL ? error_errno("joining connections") : 0;
}

/* Reads when nothing is inside; bytes, 0 at the end, -1. */
static ssize_t
splice_fill(struct splice_flow *f)
{
	int fd = f->from->watch.fd;
	ssize_t n;

	if (f->buffer == NULL) {
		n = splice(fd, NULL, f->pipe[1], NULL, SPLICE_PIECE,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n != -1 || (errno != EINVAL && errno != ENOSYS))
			return n;
		if (splice_use_buffer(f) == -1)
			return -1;
	}
	f->start = 0;
	return recv(fd, f->buffer, SPLICE_PIECE, 0);
}

static ssize_t
splice_drain(struct splice_flow *f)
{
	int fd = f->to->watch.fd;
	ssize_t n;

	if (f->buffer == NULL)
		return splice(f->pipe[0], NULL, fd, NULL, f->inside,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	n = send(fd, f->buffer + f->start, f->inside, MSG_NOSIGNAL);
	if (n > 0)
		f->start += (size_t)n;
	return n;
}

/* What was sent before they were joined goes first.  1: it has gone; 0; -1. */
static int
splice_flow_queued(struct splice_flow *f)
{
	ssize_t n;

	if (f->to->output == NULL)
		return 1;
	if ((n = output_write(&f->to->output, f->to->watch.fd)) == -1)
		return -1;
	if (n > 0)
		conn_wrote(f->to, n);
	return f->to->output == NULL;
}

/* 1: there is something inside; 0: not now, or never; -1. */
static int
splice_flow_fill(struct splice *s, struct splice_flow *f)
{
	ssize_t n;

	f->begun = true;
	if (f->from->input != NULL)
		return input_forward(f->from, &f->to->output) == -1 ? -1 : 1;
	if (f->eof)
		return 0;
	if ((n = splice_fill(f)) == -1)
		return splice_is_later(errno) ? 0 : -1;
	if (n == 0) {
		f->eof = true;
		f->from->flags |= CONN_EOF;
		if (s->first == NULL)
			s->first = f->from;
		return 0;
	}
	conn_count_read(f->from, (size_t)n);
	f->inside = (size_t)n;
	return 1;
}

/* 1: it has gone; 0: the rest waits; -1. */
static int
splice_flow_drain(struct splice_flow *f)
{
	ssize_t n;

	while (f->inside > 0) {
		if ((n = splice_drain(f)) == -1) {
			if (output_is_starved(errno))
				conn_timer_starve(f->to);
			return splice_is_later(errno) ? 0 : -1;
		}
		f->inside -= (size_t)n;
		conn_wrote(f->to, n);
	}
	return 1;
}

/* All that can go now.  -1: one side has failed. */
static int
splice_flow_run(struct splice *s, struct splice_flow *f)
{
	int i, r = 1;

	for (i = 0; i < SPLICE_SHARE && r == 1; i++)
		if ((r = splice_flow_queued(f)) == 1 &&
		    (r = splice_flow_drain(f)) == 1)
			r = splice_flow_fill(s, f);
	if (r == -1)
		return -1;
	if (!f->eof || f->shut || f->inside > 0 || f->to->output != NULL ||
	    f->from->input != NULL)
		return 0;
	f->shut = true;
	/* It may have gone by itself. */
	return shutdown(f->to->watch.fd, SHUT_WR) == -1 &&
	    errno != ENOTCONN ? -1 : 0;
}

/* --- both -------------------------------------------------------------------- */

static void
splice_want(struct splice_flow *in, struct splice_flow *out)
{
	struct prong_conn *c = in->from;
	unsigned int events = 0;

	if (!in->eof && in->inside == 0 && in->to->output == NULL)
		events |= PRONG_READ;
	if ((out->inside > 0 || c->output != NULL) &&
	    (c->flags & CONN_STARVED) == 0)
		events |= PRONG_WRITE;
	if (!in->begun && in->to->output == NULL)
		events |= PRONG_WRITE;
	if (conn_want(c, events) == -1)
		conn_end(c, COUNTER_CLOSED_ERROR);
}

void
splice_update(struct prong_conn *c)
{
	struct splice *s = c->splice;
	struct splice_flow *f = s->flows;

	if (((f[0].from->flags | f[1].from->flags) & CONN_CLOSING) != 0)
		splice_close(s);
	else if (f[0].shut && f[1].shut)
		splice_end_both(s, 0);
	else {
		splice_want(&f[0], &f[1]);
		/* The first may have cut them. */
		if (c->splice == s)
			splice_want(&f[1], &f[0]);
	}
}

static bool
splice_is_broken(const struct prong_conn *c)
{
	socklen_t length = sizeof(int);
	int error = 0;

	return getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &error,
	    &length) == -1 || error != 0;
}

/* A flow that has both ends here: 0, or -1 when one side has failed. */
static int
splice_run(struct splice *s, const struct prong_conn *c, unsigned int events)
{
	struct splice_flow *in = &s->flows[s->flows[0].from != c];
	struct splice_flow *out = &s->flows[s->flows[0].from == c];

	if ((events & ~(unsigned int)PRONG_READ) != 0 &&
	    splice_flow_run(s, out) == -1)
		return -1;
	if (((events & ~(unsigned int)PRONG_WRITE) != 0 || !in->begun) &&
	    splice_flow_run(s, in) == -1)
		return -1;
	return 0;
}

void
splice_event(struct watch *w, unsigned int events)
{
	struct prong_conn *c = splice_conn(w);
	struct splice *s = c->splice;

	conn_serve(c);
	c->service->net->serving = NULL;
	if (w->events == 0) {
		/* Told though nobody asked: it has gone, or failed. */
		if ((events & PRONG_FAIL) != 0 && splice_is_broken(c))
			splice_end_both(s, ECONNRESET);
		else
			conn_step_aside(c);
	} else if (splice_run(s, c, events) == -1)
		splice_end_both(s, ECONNRESET);
	else
		splice_update(c);
}

static int
splice_flow_init(struct splice_flow *f, struct prong_conn *from,
    struct prong_conn *to)
{
	*f = (struct splice_flow){ .from = from, .to = to, .pipe = { -1, -1 },
	    .eof = (from->flags & CONN_EOF) != 0 };
	return pipe2(f->pipe, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 :
	    splice_use_buffer(f);
}

static int
splice_check(const struct prong_conn *a, const struct prong_conn *b)
{
	unsigned int flags = a->flags | b->flags;

	if (a == b)
		return error_set(EINVAL, "a connection cannot be joined to "
		    "itself");
	if ((flags & CONN_SPLICED) != 0)
		return error_set(EBUSY, "the connection is joined to another");
	if ((flags & (CONN_DEAD | CONN_CLOSING)) != 0 ||
	    dial_is_connecting(a) || dial_is_connecting(b))
		return error_set(EPIPE, "the connection is not open");
	return 0;
}

int
splice_start(struct prong_conn *a, struct prong_conn *b,
    struct splice_wait *wait)
{
	struct splice *s;
	size_t i;

	if (splice_check(a, b) == -1)
		return -1;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return error_errno("joining connections");
	s->flows[1].pipe[0] = -1;
	if (splice_flow_init(&s->flows[0], a, b) == -1 ||
	    splice_flow_init(&s->flows[1], b, a) == -1) {
		splice_free(s);
		return -1;
	}
	s->wait = wait;
	if (wait != NULL)
		wait->splice = s;
	for (i = 0; i < 2; i++) {
		struct prong_conn *c = s->flows[i].from;

		c->flags |= CONN_SPLICED;
		c->flags &= (uint16_t)~CONN_PAUSED;
		c->is_full = false;
		c->splice = s;
		c->watch.fn = splice_event;
	}
	/* Whatever is there already is looked at in events of their own. */
	if (conn_want(a, PRONG_READ | PRONG_WRITE) == -1 ||
	    conn_want(b, PRONG_READ | PRONG_WRITE) == -1) {
		s->wait = NULL;
		splice_part(s, 0);
		splice_free(s);
		return -1;
	}
	return 0;
}
