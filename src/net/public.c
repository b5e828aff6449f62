/* SPDX-License-Identifier: ISC */
/*
 * The calls of <prong.h> about connections and their service.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/frame.h"

static OUT_OF_LINE int
public_send_framed(struct prong_conn *c, const void *data, size_t len)
{
	struct iovec iov = { __DECONST(void *, data), len };

	return prong_sendv(c, &iov, 1);
}

int USUAL
prong_send(struct prong_conn *c, const void *data, size_t len)
{
	/* Neither of them wraps what is sent. */
	if ((c->service->framing & (PRONG_RAW | PRONG_OWN)) != 0)
		return conn_put(c, data, len);
	return public_send_framed(c, data, len);
}

/* The last piece that has a byte: of a line, it shows whether it is ended. */
static const struct iovec *
public_last_piece(const struct iovec *iov, int count)
{
	static const struct iovec nothing = { NULL, 0 };

	while (count > 0 && iov[count - 1].iov_len == 0)
		count--;
	return count > 0 ? &iov[count - 1] : &nothing;
}

static int
public_wrap(const struct prong_conn *c, const struct iovec *iov, int count,
    struct frame_wrap *wrap)
{
	const struct iovec *last = public_last_piece(iov, count);
	int crlf = (c->flags & CONN_CRLF) != 0, i;
	size_t len = 0;

	if (c->service->framing == PRONG_LINE)
		return frame_wrap(PRONG_LINE, last->iov_base, last->iov_len,
		    crlf, wrap);
	for (i = 0; i < count; i++)
		len += iov[i].iov_len;
	return frame_wrap(c->service->framing, NULL, len, crlf, wrap);
}

static int
public_put_parts(struct prong_conn *c, const struct frame_wrap *wrap,
    const struct iovec *iov, int count)
{
	int i;

	if (wrap->header_length > 0 &&
	    conn_put(c, wrap->header, wrap->header_length) == -1)
		return -1;
	for (i = 0; i < count; i++)
		if (conn_put(c, iov[i].iov_base, iov[i].iov_len) == -1)
			return -1;
	if (wrap->trailer_length > 0)
		return conn_put(c, wrap->trailer, wrap->trailer_length);
	return 0;
}

/* Nobody else's message may come between the parts of one. */
int
prong_sendv(struct prong_conn *c, const struct iovec *iov, int count)
{
	struct frame_wrap wrap;
	int result;

	if (public_wrap(c, iov, count, &wrap) == -1)
		return -1;
	c->flags |= CONN_PARTIAL;
	result = public_put_parts(c, &wrap, iov, count);
	c->flags &= (uint16_t)~CONN_PARTIAL;
	return result == 0 && prong_is_full(c) ? conn_full(c) : result;
}

int
prong_sendf(struct prong_conn *c, const char *format, ...)
{
	char small[512], *large = NULL;
	va_list ap;
	int n, r;

	va_start(ap, format);
	n = vsnprintf(small, sizeof(small), format, ap);
	va_end(ap);
	if (n < 0)
		return error_errno("prong_sendf");
	if ((size_t)n >= sizeof(small)) {
		va_start(ap, format);
		n = vasprintf(&large, format, ap);
		va_end(ap);
		if (n == -1)
			return error_errno("prong_sendf");
	}
	r = prong_send(c, large != NULL ? large : small, (size_t)n);
	free(large);
	return r;
}

size_t
prong_queued(const struct prong_conn *c)
{
	return conn_queued(c);
}

bool
prong_is_full(const struct prong_conn *c)
{
	return (c->flags & CONN_PAUSED) != 0 || c->is_full;
}

void
prong_close(struct prong_conn *c)
{
	if ((c->flags & CONN_DIALED) != 0)
		dial_close(c);
	else
		conn_close(c, COUNTER_CLOSED_SERVER);
}

void
prong_abort(struct prong_conn *c)
{
	if ((c->flags & CONN_DEAD) == 0)
		c->flags |= CONN_ABORTED;
	conn_abort(c, COUNTER_CLOSED_SERVER);
	/* Whoever dialed it has let go of it. */
	if ((c->flags & CONN_DIALED) != 0)
		dial_close(c);
}

const char *
prong_peer(const struct prong_conn *c, char *buf, size_t size)
{
	return (c->flags & CONN_DIALED) != 0 ? dial_peer(c, buf, size) :
	    conntable_peer(c->entry, buf, size);
}

const char *
prong_local(const struct prong_conn *c, char *buf, size_t size)
{
	/* The descriptor of one that has ended may be another's by now. */
	return address_of_socket((c->flags & CONN_DEAD) != 0 ? -1 :
	    c->watch.fd, false, buf, size);
}

uint64_t
prong_conn_id(const struct prong_conn *c)
{
	return c->entry->id;
}

struct prong_service *
prong_conn_service(const struct prong_conn *c)
{
	return c->service->home;
}

void * USUAL
prong_data(const struct prong_conn *c)
{
	return c->data;
}

void
prong_set_data(struct prong_conn *c, void *data)
{
	c->data = data;
}

int
prong_set_timeout(struct prong_conn *c, int64_t ms)
{
	if (ms < 0 || ms > UINT32_MAX)
		return error_set(EINVAL, "no such time-out");
	return conn_timer_set(c, (uint32_t)ms);
}

const char *
prong_service_name(const struct prong_service *s)
{
	return s->name;
}

enum prong_framing
prong_service_framing(const struct prong_service *s)
{
	return s->framing;
}

int
prong_counter_add(struct prong_service *s, unsigned int counter, int64_t n)
{
	const struct tally *t = s->tally;

	if (t == NULL || counter >= t->count)
		return error_set(EINVAL, "service \"%s\" has no counter "
		    "number %u", s->name, counter);
	if (n < 0)
		return error_set(EINVAL, "a counter never falls");
	/* Threads add to it, and children; of another slot, nobody. */
	__atomic_fetch_add(t->cells[counter], (uint64_t)n, __ATOMIC_RELAXED);
	return 0;
}

void *
prong_service_data(const struct prong_service *s)
{
	return s->data;
}

void
prong_service_set_data(struct prong_service *s, void *data)
{
	s->data = data;
}
