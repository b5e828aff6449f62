/* SPDX-License-Identifier: ISC */
/*
 * What is sent on a connection: to the outbox while its event is handled, else
 * to its queue; and how much it may hold.
 */
#include <sys/socket.h>

#include <errno.h>

#include "base/compiler.h"
#include "base/error.h"
#include "net/conn.h"
#include "net/input.h"

size_t
conn_queued(const struct prong_conn *c)
{
	const struct net *net = c->service->net;

	return output_bytes(c->output) +
	    (net->serving == c ? net->outbox.bytes : 0);
}

/* Data too large to gather: the kernel takes what it can at once. */
static int
conn_put_directly(struct prong_conn *c, const char *data, size_t len)
{
	ssize_t n;

	n = send(c->watch.fd, data, len, MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN && errno != EINTR &&
	    !output_is_starved(errno)) {
		conn_fail(c);
		return error_set(EPIPE, "the connection was reset");
	}
	if (n == -1)
		n = 0;
	else
		conn_wrote(c, n);
	return output_append(&c->output, data + n, len - (size_t)n);
}

static int
conn_gather(struct prong_conn *c, const void *data, size_t len)
{
	struct net *net = c->service->net;

	if (c->output == NULL && net->serving == c) {
		if (outbox_add(&net->outbox, data, len))
			return 0;
		/* A reader that keeps up must not keep the loop for itself. */
		net->burst += net->outbox.bytes + len;
		if (net->burst > OUTPUT_HIGH)
			c->flags |= CONN_PAUSED;
		if (!conn_flush_outbox(c))
			return error_set(EPIPE, "the connection was reset");
		if (c->output == NULL && outbox_add(&net->outbox, data, len))
			return 0;
		if (c->output == NULL)
			return conn_put_directly(c, data, len);
	}
	return output_append(&c->output, data, len);
}

size_t
conn_high_water(const struct prong_conn *c)
{
	size_t half = (size_t)c->service->settings.limit_memory / 2;

	return half > 0 && half < OUTPUT_HIGH ? half : OUTPUT_HIGH;
}

bool
conn_has_room(struct prong_conn *c, size_t more)
{
	size_t max = (size_t)c->service->settings.limit_memory;

	if (max == 0 || output_bytes(c->output) + input_bytes(c) + more <= max)
		return true;
	error_set(ENOMEM, "closed: it would hold more than limits.memory");
	c->service->net->report(PRONG_WARNING, c, error_text());
	conn_end(c, COUNTER_CLOSED_ERROR);
	return false;
}

/*
 * Who dialed goes on reading: the peer may take no more before its answers are
 * taken.
 */
static void
conn_set_full(struct prong_conn *c)
{
	if (c->is_held)
		c->is_full = true;
	else
		c->flags |= CONN_PAUSED;
}

/* The whole of conn_put(), for the cases that are not the usual one. */
static OUT_OF_LINE int
conn_put_slowly(struct prong_conn *c, const void *data, size_t len)
{
	if ((c->flags & (CONN_CLOSING | CONN_DEAD)) != 0)
		return error_set(EPIPE, "the connection is closing");
	if (conn_gather(c, data, len) == -1) {
		/* What is missing in the middle cannot be sent later. */
		conn_end(c, COUNTER_CLOSED_ERROR);
		return -1;
	}
	if (conn_queued(c) > conn_high_water(c))
		conn_set_full(c);
	if (!conn_has_room(c, 0))
		return error_set(ENOMEM, "the connection holds too much");
	/* Nobody will look at another connection's event: ask for one. */
	if (c->service->net->serving != c && (c->flags & CONN_DEAD) == 0)
		conn_want(c, c->watch.events | PRONG_WRITE);
	return prong_is_full(c) ? conn_full(c) : 0;
}

OUT_OF_LINE int
conn_full(struct prong_conn *c)
{
	conn_set_full(c);
	/* Who waits, waits between messages. */
	return (c->flags & CONN_PARTIAL) != 0 ? 0 :
	    c->service->ops->full(c);
}

int USUAL
conn_put(struct prong_conn *c, const void *data, size_t len)
{
	struct net *net = c->service->net;

	/* An answer to the event that is being handled, and nothing queued. */
	if (net->serving == c && c->output == NULL &&
	    (c->flags & (CONN_CLOSING | CONN_DEAD)) == 0 &&
	    outbox_add(&net->outbox, data, len)) {
		return net->outbox.bytes > OUTPUT_HIGH ? conn_full(c) : 0;
	}
	return conn_put_slowly(c, data, len);
}
