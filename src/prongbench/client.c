/* SPDX-License-Identifier: ISC */
/*
 * One connection of the load.
 *
 * The path of a reply is kept short: one epoll event, one recv into the
 * common buffer, one memcmp against the ring, one clock reading, one send of
 * all that follows.  Every result but CLIENT_OK comes with error_text().
 */
#include "prongbench/client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

/* Source addresses on loopback, from 127.0.0.1 on. */
#define CLIENT_SOURCES	8

uint64_t
client_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static enum client_result
client_failed(const struct client *c, enum client_result result,
    const char *what)
{
	error_errno("connection %u, message %" PRIu64 ": %s", c->number + 1,
	    c->done + 1, what);
	return result;
}

static enum client_result
client_watch(struct client_shared *s, struct client *c)
{
	struct epoll_event event = { .data.ptr = c };
	int op = c->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	event.events = EPOLLIN;
	if (c->unsent > 0 || !c->established)
		event.events |= EPOLLOUT;
	if (event.events == c->events)
		return CLIENT_OK;
	if (epoll_ctl(s->epoll, op, c->fd, &event) == -1)
		return client_failed(c, CLIENT_CONNECT, "epoll_ctl");
	c->events = event.events;
	return CLIENT_OK;
}

static void
client_established(struct client_shared *s, struct client *c)
{
	c->established = true;
	s->connecting--;
	s->opened++;
	s->progress = client_now();
}

/* Sends what is unsent; does not change what epoll tells. */
static enum client_result
client_send(struct client_shared *s, struct client *c)
{
	const struct payload_ring *ring = &s->payload.request;
	ssize_t n;

	n = send(c->fd, ring->bytes + c->send_at, c->unsent, MSG_NOSIGNAL);
	if (n == -1) {
		if (errno == EAGAIN)
			return CLIENT_OK;
		if (!c->established)
			return client_failed(c, CLIENT_CONNECT, "connect");
		return client_failed(c, CLIENT_CLOSED, "send");
	}
	if (!c->established)
		client_established(s, c);
	c->unsent -= (size_t)n;
	c->send_at += (size_t)n;
	if (c->send_at >= ring->size)
		c->send_at -= ring->size;
	return CLIENT_OK;
}

/* Puts messages into flight and sends as much of them as goes. */
static enum client_result
client_put(struct client_shared *s, struct client *c, uint32_t count,
    uint64_t now)
{
	uint32_t i;

	if (count > s->depth - c->inflight)
		count = s->depth - c->inflight;
	if (count > s->left)
		count = (uint32_t)s->left;
	if (count == 0)
		return CLIENT_OK;
	for (i = c->inflight; i < c->inflight + count; i++)
		c->stamps[(c->oldest + i) % s->depth] = now;
	c->inflight += count;
	s->inflight += count;
	s->left -= count;
	c->unsent += count * s->payload.request.frame;
	c->due += count * s->payload.reply.frame;
	return client_send(s, c);
}

enum client_result
client_begin(struct client_shared *s, struct client *c, uint32_t count)
{
	enum client_result result = client_put(s, c, count, client_now());

	return result == CLIENT_OK ? client_watch(s, c) : result;
}

/*
 * A connection for each message leaves the port in TIME-WAIT.  One address
 * has 28,000 ports, and the search for a free one among few takes longer than
 * the message: on loopback the clients' addresses alternate.
 */
static int
client_bind(const struct client_shared *s, int fd)
{
	struct sockaddr_in in = s->address.in;
	in_addr_t host = ntohl(in.sin_addr.s_addr);
	int on = 1;

	if (in.sin_family != AF_INET || host >> 24 != IN_LOOPBACKNET)
		return 0;
	in.sin_port = 0;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK +
	    (in_addr_t)(s->opened % CLIENT_SOURCES));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on)) == -1)
		return -1;
	return bind(fd, (struct sockaddr *)&in, sizeof(in));
}

/*
 * A connect to a full unix socket cannot be waited for by epoll, so that one
 * blocks; TCP does not.
 */
static int
client_socket(const struct client_shared *s)
{
	bool local = address_is_unix(&s->address);
	struct timeval tv = {
		.tv_sec = s->timeout / 1000000,
		.tv_usec = s->timeout % 1000000,
	};
	int fd, on = 1;

	fd = socket(s->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    (local ? 0 : SOCK_NONBLOCK), 0);
	if (fd == -1)
		return -1;
	if (local)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	else if (!s->each)	/* the only write of a connection has no wait */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

enum client_result
client_open(struct client_shared *s, struct client *c, bool first)
{
	uint64_t now = client_now();
	enum client_result result = CLIENT_OK;

	if ((c->fd = client_socket(s)) == -1)
		return client_failed(c, CLIENT_CONNECT, "socket");
	c->events = 0;
	c->established = false;
	s->connecting++;
	if (s->each && client_bind(s, c->fd) == -1)
		return client_failed(c, CLIENT_CONNECT, "bind");
	if (connect(c->fd, &s->address.sa, s->address.length) == 0) {
		if (fcntl(c->fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
			return client_failed(c, CLIENT_CONNECT, "fcntl");
		client_established(s, c);
	} else if (errno != EINPROGRESS)
		return client_failed(c, CLIENT_CONNECT, "connect");
	/* Over loopback the connection already stands: try to send. */
	if (first)
		result = client_put(s, c, 1, now);
	return result == CLIENT_OK ? client_watch(s, c) : result;
}

void
client_close(struct client_shared *s, struct client *c)
{
	if (c->fd == -1)
		return;
	close(c->fd);
	c->fd = -1;
	if (!c->established)
		s->connecting--;
	s->inflight -= c->inflight;
	c->oldest = (c->oldest + c->inflight) % s->depth;
	c->inflight = 0;
	c->unsent = c->due = c->part = 0;
}

/* Says which byte is wrong. */
static enum client_result
client_wrong(const struct client_shared *s, const struct client *c, size_t len)
{
	const char *expected = s->payload.reply.bytes + c->check_at;
	size_t frame = s->payload.reply.frame, i = 0, at;

	while (i < len && i < c->due && s->buffer[i] == expected[i])
		i++;
	at = c->part + i;
	if (i == c->due)
		error_set(EPROTO, "connection %u, after message %" PRIu64
		    ": more than was asked for, by %zu byte%s", c->number + 1,
		    c->done + at / frame, len - i, len - i == 1 ? "" : "s");
	else
		error_set(EPROTO, "connection %u, message %" PRIu64 ": byte "
		    "%zu of %zu is 0x%02x, not 0x%02x", c->number + 1,
		    c->done + at / frame + 1, at % frame + 1, frame,
		    (unsigned char)s->buffer[i], (unsigned char)expected[i]);
	return CLIENT_WRONG;
}

/* Books the replies that the len bytes completed; returns their number. */
static uint32_t
client_book(struct client_shared *s, struct client *c, size_t len,
    uint64_t now)
{
	const struct payload_ring *ring = &s->payload.reply;
	uint32_t whole, i;

	c->due -= len;
	c->check_at += len;
	if (c->check_at >= ring->size)
		c->check_at -= ring->size;
	c->part += len;
	if (c->part < ring->frame)
		return 0;
	whole = (uint32_t)(c->part / ring->frame);
	c->part %= ring->frame;
	for (i = 0; i < whole; i++) {
		histogram_add(&s->latency, now - c->stamps[c->oldest]);
		if (++c->oldest == s->depth)
			c->oldest = 0;
	}
	c->inflight -= whole;
	c->done += whole;
	s->inflight -= whole;
	s->messages += whole;
	return whole;
}

static enum client_result
client_receive(struct client_shared *s, struct client *c)
{
	uint32_t whole;
	ssize_t n;

	n = recv(c->fd, s->buffer, CLIENT_BUFFER, 0);
	if (n == -1) {
		if (errno == EAGAIN)
			return CLIENT_OK;
		return client_failed(c, CLIENT_CLOSED, "receive");
	}
	if (n == 0) {
		error_set(ECONNRESET, "connection %u, message %" PRIu64
		    ": closed by the server with %zu byte%s missing",
		    c->number + 1, c->done + 1, c->due, c->due == 1 ? "" : "s");
		return CLIENT_CLOSED;
	}
	if ((size_t)n > c->due || memcmp(s->buffer, s->payload.reply.bytes +
	    c->check_at, (size_t)n) != 0)
		return client_wrong(s, c, (size_t)n);
	s->progress = client_now();
	whole = client_book(s, c, (size_t)n, s->progress);
	if (s->each && c->due == 0) {
		client_close(s, c);
		if (s->refill && s->left > 0)
			return client_open(s, c, true);
		return CLIENT_OK;
	}
	if (s->refill && whole > 0)
		return client_put(s, c, whole, s->progress);
	return CLIENT_OK;
}

/* A connect has ended, well or not. */
static enum client_result
client_connected(struct client_shared *s, struct client *c)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		error = errno;
	if (error != 0) {
		errno = error;
		return client_failed(c, CLIENT_CONNECT, "connect");
	}
	client_established(s, c);
	return CLIENT_OK;
}

enum client_result
client_event(struct client_shared *s, struct client *c, uint32_t events)
{
	enum client_result result = CLIENT_OK;
	int fd = c->fd;

	if (!c->established)
		result = client_connected(s, c);
	if (result == CLIENT_OK && c->unsent > 0 && (events & EPOLLOUT))
		result = client_send(s, c);
	if (result == CLIENT_OK && (events & ~(uint32_t)EPOLLOUT) != 0)
		result = client_receive(s, c);
	/* A connection that was just replaced is watched already. */
	if (result == CLIENT_OK && c->fd == fd && fd != -1)
		result = client_watch(s, c);
	return result;
}
