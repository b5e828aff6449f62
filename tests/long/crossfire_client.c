/* SPDX-License-Identifier: ISC */
/*
 * One client of crossfire: its connection, what it has asked on it, and what
 * comes back, byte for byte.
 *
 * A message names its class, client, connection and number, so no reply can be
 * taken for another one's.  What was asked and not answered when a connection
 * ended is asked again on the next, as another client would; it is late by as
 * much, for its time runs on from when it was due.
 */
#include "crossfire.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/tcp.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Source addresses on loopback: one has too few ports for what comes anew. */
#define CLIENT_SOURCES	16

/* Writes the message of that number; returns its length. */
static size_t
client_message(const struct crossfire_client *c, uint64_t number, char *buffer)
{
	size_t least = CROSSFIRE_SIZE_MIN, length, head;

	length = least + number * 7919 % (c->class->size - least + 1);
	head = (size_t)snprintf(buffer, CROSSFIRE_SIZE_MIN,
	    "%.15s %u.%" PRIu64 " %" PRIu64 " ", c->class->name, c->number,
	    c->serial, number);
	assert(head < CROSSFIRE_SIZE_MIN);
	memset(buffer + head, 'a' + (int)(number % 26), length - head - 1);
	buffer[length - 1] = '\n';
	return length;
}

bool
crossfire_client_is_busy(const struct crossfire_client *c)
{
	return c->done < c->due;
}

/* Bytes that were to be answered and are not. */
static uint64_t
client_outstanding(const struct crossfire_client *c)
{
	char buffer[CROSSFIRE_SIZE_MAX];
	uint64_t number, bytes = 0;

	for (number = c->done; number < c->sent; number++)
		bytes += client_message(c, number, buffer);
	return bytes - c->got_part;
}

void
crossfire_client_close(struct crossfire_client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	c->events = 0;
	c->state = CROSSFIRE_CLOSED;
	c->sent = c->done;
	c->sent_part = c->got_part = c->greeting_part = 0;
	c->blocked = c->greeted = c->served = false;
}

/* The connection is over; goes on with another one where it has to. */
static void
client_again(struct crossfire_client *c)
{
	uint64_t now = crossfire_now();

	crossfire_client_close(c);
	if (!crossfire_client_is_busy(c) &&
	    (c->class->each || c->class->all->ending))
		return;
	/* Not from here: the next connection may end as soon. */
	c->state = CROSSFIRE_WAITING;
	c->begun = c->retry = now;
	c->class->all->again = true;
}

static void
client_reset(struct crossfire_client *c, const char *where)
{
	uint64_t bytes = client_outstanding(c);

	c->class->tally.resets++;
	c->class->tally.reset_bytes += bytes;
	crossfire_report_fault(c, "%s: %s, %" PRIu64 " bytes outstanding, "
	    "%sserved", where, strerror(errno), bytes, c->served ? "" : "un");
	client_again(c);
}

/* A clean end by the server. */
static void
client_ended(struct crossfire_client *c)
{
	struct crossfire_tally *t = &c->class->tally;
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 &&
	    error != 0)
		t->late_resets++;
	if (c->got_part > 0 || c->greeting_part > 0) {
		t->truncated++;
		crossfire_report_fault(c, "an end within a reply, after %zu "
		    "bytes", c->got_part + c->greeting_part);
	}
	if (c->sent == c->done)
		t->ends_idle++;
	else {
		t->ends_busy++;
		t->unanswered += c->sent - c->done;
		t->ends_unserved += !c->served;
	}
	client_again(c);
}

static void
client_connect_failed(struct crossfire_client *c, int error)
{
	struct crossfire_tally *t = &c->class->tally;

	crossfire_client_close(c);
	c->state = CROSSFIRE_WAITING;
	c->retry = crossfire_now() + CROSSFIRE_RETRY;
	/* A unix socket has no other way to say that the queue is full. */
	if (error == EAGAIN && address_is_unix(&c->class->address) &&
	    c->retry - c->begun < c->class->patience) {
		t->full++;
		return;
	}
	t->failed[error < CROSSFIRE_ERRORS ? error : 0]++;
	crossfire_report_fault(c, "connect: %s", strerror(error));
	c->begun = c->retry;
}

static void
client_watch(struct crossfire_client *c)
{
	struct epoll_event event = { .data.ptr = c, .events = EPOLLIN };
	int op = c->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (c->state == CROSSFIRE_CONNECTING || c->blocked)
		event.events |= EPOLLOUT;
	if (event.events == c->events)
		return;
	if (epoll_ctl(c->class->all->epoll, op, c->fd, &event) == -1)
		client_connect_failed(c, errno);
	else
		c->events = event.events;
}

static void
client_wrong(struct crossfire_client *c, const char *data, size_t size,
    const char *what)
{
	c->class->tally.wrong++;
	crossfire_report_fault(c, "%s, connection %" PRIu64 ", byte %zu of "
	    "reply %" PRIu64 ": %.*s", what, c->serial, c->got_part, c->done,
	    size < 80 ? (int)size : 80, data);
	client_again(c);
}

/*
 * Takes the bytes of a greeting, which may be any of those of the class;
 * returns how many, or -1 if it is none of them.
 */
static ssize_t
client_greeting(struct crossfire_client *c, const char *data, size_t size)
{
	const char *text;
	size_t i;
	unsigned int g;

	for (i = 0; i < size && !c->greeted; i++, c->greeting_part++)
		for (g = 0; g < c->class->greeting_count; g++) {
			if ((c->greetings & 1U << g) == 0)
				continue;
			text = c->class->greetings[g];
			if (text[c->greeting_part] == '\0' &&
			    data[i] == '\n') {
				c->class->tally.greeted[g]++;
				c->greeted = true;
			} else if (text[c->greeting_part] != data[i])
				c->greetings &= ~(1U << g);
			if (c->greetings == 0)
				return -1;
		}
	if (c->greeted)
		c->greeting_part = 0;
	return (ssize_t)i;
}

/* Compares with what was asked; returns -1 if it differs. */
static int
client_compare(struct crossfire_client *c, const char *data, size_t size,
    uint64_t now)
{
	char buffer[CROSSFIRE_SIZE_MAX];
	size_t length, part;

	while (size > 0) {
		if (c->done == c->sent)
			return -1;
		length = client_message(c, c->done, buffer);
		part = length - c->got_part < size ? length - c->got_part :
		    size;
		if (memcmp(buffer + c->got_part, data, part) != 0)
			return -1;
		data += part;
		size -= part;
		c->got_part += part;
		if (c->got_part < length)
			return 0;
		c->got_part = 0;
		histogram_add(&c->class->tally.latency,
		    now - c->stamps[c->done++ % CROSSFIRE_RING]);
		c->class->tally.messages++;
	}
	return 0;
}

/* All bytes of a read; returns whether the connection stands. */
static bool
client_take(struct crossfire_client *c, const char *data, size_t size)
{
	ssize_t n;

	c->heard = crossfire_now();
	c->served = true;
	if ((n = client_greeting(c, data, size)) == -1) {
		client_wrong(c, data, size, "no greeting");
		return false;
	}
	data += n;
	size -= (size_t)n;
	if (client_compare(c, data, size, c->heard) == -1) {
		client_wrong(c, data, size, "other bytes");
		return false;
	}
	return true;
}

/* It cannot be sent to; what had come before is still there to be read. */
static void
client_broken(struct crossfire_client *c)
{
	char buffer[CROSSFIRE_SIZE_MAX];
	int error = errno;
	ssize_t n;

	while ((n = recv(c->fd, buffer, sizeof(buffer), 0)) > 0)
		if (!client_take(c, buffer, (size_t)n))
			return;
	if (n == 0) {
		c->class->tally.late_resets++;
		client_ended(c);
		return;
	}
	if (errno == EAGAIN)
		errno = error;
	client_reset(c, "send");
}

/* So many bytes have gone, from the start of the message of that number. */
static void
client_sent(struct crossfire_client *c, uint64_t number, size_t bytes)
{
	char buffer[CROSSFIRE_SIZE_MAX];
	size_t length;

	while (bytes > 0) {
		length = client_message(c, number++, buffer);
		if (bytes < length)
			break;
		bytes -= length;
	}
	c->sent = number;
	c->sent_part = bytes;
}

/* Sends what is due, as far as the depth of a batch allows, in one write. */
static void
client_send(struct crossfire_client *c)
{
	char buffer[CROSSFIRE_DEPTH_MAX * CROSSFIRE_SIZE_MAX];
	uint64_t first = c->sent - (c->sent_part > 0), number = first;
	size_t used = 0;
	ssize_t n;

	while (number < c->due && number - c->done < c->class->depth)
		used += client_message(c, number++, buffer + used);
	if (used == 0)
		return;
	n = send(c->fd, buffer + c->sent_part, used - c->sent_part,
	    MSG_NOSIGNAL);
	if (n == -1 && errno != EAGAIN) {
		client_broken(c);
		return;
	}
	if (n == -1)
		n = 0;
	c->blocked = (size_t)n < used - c->sent_part;
	client_sent(c, first, c->sent_part + (size_t)n);
	client_watch(c);
}

static void
client_opened(struct crossfire_client *c)
{
	struct crossfire_tally *t = &c->class->tally;
	uint64_t now = crossfire_now();

	t->connects++;
	histogram_add(&t->connect, now - c->begun);
	c->state = CROSSFIRE_OPEN;
	c->heard = now;
	client_watch(c);
	if (c->state == CROSSFIRE_OPEN)
		client_send(c);
}

static int
client_socket(const struct crossfire_client *c)
{
	struct sockaddr_in in = c->class->address.in;
	int fd, on = 1;

	fd = socket(c->class->address.sa.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || address_is_unix(&c->class->address))
		return fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (in.sin_family != AF_INET)
		return fd;
	in.sin_port = 0;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK +
	    (in_addr_t)((c->serial + c->number) % CLIENT_SOURCES));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
client_connect(struct crossfire_client *c, uint64_t now)
{
	const struct address *to = &c->class->address;

	if (c->state == CROSSFIRE_CLOSED)
		c->begun = now;
	c->serial++;
	c->heard = now;
	c->greeting_part = 0;
	c->greetings = (1U << c->class->greeting_count) - 1;
	c->greeted = c->class->greeting_count == 0;
	if ((c->fd = client_socket(c)) == -1)
		client_connect_failed(c, errno);
	else if (connect(c->fd, &to->sa, to->length) == 0)
		client_opened(c);
	else if (errno != EINPROGRESS)
		client_connect_failed(c, errno);
	else {
		c->state = CROSSFIRE_CONNECTING;
		client_watch(c);
	}
}

static void
client_connected(struct crossfire_client *c)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		error = errno;
	if (error != 0)
		client_connect_failed(c, error);
	else
		client_opened(c);
}

static void
client_receive(struct crossfire_client *c)
{
	char buffer[64 * 1024];
	ssize_t n;

	if ((n = recv(c->fd, buffer, sizeof(buffer), 0)) == -1) {
		if (errno != EAGAIN)
			client_reset(c, "receive");
		return;
	}
	if (n == 0) {
		client_ended(c);
		return;
	}
	if (!client_take(c, buffer, (size_t)n))
		return;
	if (c->class->each && c->done == c->sent && c->greeted) {
		crossfire_client_close(c);
		if (crossfire_client_is_busy(c))
			client_connect(c, c->heard);
		return;
	}
	client_send(c);
}

void
crossfire_client_event(struct crossfire_client *c, uint32_t events)
{
	uint64_t serial = c->serial;

	if (c->fd == -1)
		return;
	if (c->state == CROSSFIRE_CONNECTING) {
		client_connected(c);
		return;
	}
	if (events & ~(uint32_t)EPOLLOUT)
		client_receive(c);
	if ((events & EPOLLOUT) && c->serial == serial && c->fd != -1)
		client_send(c);
}

void
crossfire_client_shoot(struct crossfire_client *c, uint64_t now)
{
	unsigned int i;

	if (c->due + c->class->depth - c->done > CROSSFIRE_RING) {
		c->class->tally.overrun += c->class->depth;
		return;
	}
	if (!crossfire_client_is_busy(c))
		c->heard = crossfire_now();
	for (i = 0; i < c->class->depth; i++)
		c->stamps[c->due++ % CROSSFIRE_RING] = now;
	if (c->state == CROSSFIRE_OPEN)
		client_send(c);
	else if (c->state == CROSSFIRE_CLOSED)
		client_connect(c, crossfire_now());
}

void
crossfire_client_tend(struct crossfire_client *c, uint64_t now)
{
	if (c->state == CROSSFIRE_WAITING && now >= c->retry)
		client_connect(c, now);
	if ((c->state == CROSSFIRE_CONNECTING ||
	    (c->state == CROSSFIRE_OPEN && crossfire_client_is_busy(c))) &&
	    now > c->heard + c->class->patience) {
		c->class->tally.silent++;
		crossfire_report_fault(c, "nothing comes %s", c->state ==
		    CROSSFIRE_OPEN ? "back" : "of a connect");
		client_again(c);
	}
}
