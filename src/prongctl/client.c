/* SPDX-License-Identifier: ISC */
/*
 * The client's end of the control socket.  Nothing here trusts the server to
 * answer, to answer soon, to answer briefly or to answer in JSON.
 */
#include "prongctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"

#define CLIENT_READ	65536

static int64_t
client_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

void
client_set_limit(struct client *c, int64_t limit)
{
	c->limit = limit;
	c->deadline = limit == 0 ? 0 : client_now() + limit;
}

static int
client_timed_out(const struct client *c)
{
	char limit[UNITS_MAX];

	return error_set(ETIMEDOUT, "no answer within %s",
	    units_format_duration(c->limit, limit));
}

/* Makes a blocking connect(2) or send(2) end with the limit. */
static int
client_limit_socket(struct client *c)
{
	int64_t left = c->deadline == 0 ? 0 : c->deadline - client_now();
	struct timeval t;

	/* 0 would be no limit. */
	if (c->deadline != 0 && left < 1)
		left = 1;
	t.tv_sec = left / 1000000;
	t.tv_usec = left % 1000000;
	return setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

int
client_open(struct client *c, const char *path, int64_t limit)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	client_set_limit(c, limit);
	if (strlcpy(un.sun_path, path, sizeof(un.sun_path)) >=
	    sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return error_errno("cannot connect to %s", path);
	}
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1 || client_limit_socket(c) == -1)
		return error_errno("socket");
	if (connect(c->fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return 0;
	if (errno == EAGAIN)
		return client_timed_out(c);
	if (errno == ENOENT || errno == ECONNREFUSED)
		return error_set(errno, "cannot connect to %s: %s; no prongd "
		    "has its control socket there (-s names another)", path,
		    strerror(errno));
	return error_errno("cannot connect to %s", path);
}

void
client_close(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	free(c->buffer);
	c->buffer = NULL;
	c->length = c->size = 0;
}

static int
client_write(struct client *c, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if (client_limit_socket(c) == -1)
			return error_errno("setsockopt");
		n = send(c->fd, data, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return client_timed_out(c);
		if (n == -1)
			return error_errno("cannot send the command");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int
client_send(struct client *c, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int result;

	if (text == NULL)
		return error_set(ENOMEM, "no memory");
	result = client_write(c, text, strlen(text));
	if (result == 0)
		result = client_write(c, "\n", 1);
	free(text);
	return result;
}

/* How long poll(2) may wait: until the deadline, but at most ms; -1: ever. */
static int
client_left(const struct client *c, int ms)
{
	int64_t left;

	if (c->deadline == 0)
		return ms;
	/* Rounded up, or it would spin through the last millisecond. */
	left = (c->deadline - client_now() + 999) / 1000;
	if (left < 0)
		left = 0;
	if (ms >= 0 && ms < left)
		return ms;
	return left < INT_MAX ? (int)left : INT_MAX;
}

static int
client_poll(const struct client *c, struct pollfd *p, int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	return ppoll(p, 1, ms < 0 ? NULL : &t, c->mask);
}

static bool
client_is_stopped(const struct client *c)
{
	return c->stop != NULL && *c->stop != 0;
}

int
client_wait(struct client *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int n;

	do
		n = client_poll(c, &p, client_left(c, ms));
	while (n == -1 && errno == EINTR && !client_is_stopped(c));
	if (n == -1 && errno == EINTR)
		return error_set(EINTR, "interrupted");
	if (n == -1)
		return error_errno("poll");
	if (n == 0 && c->deadline != 0 && client_now() >= c->deadline)
		return client_timed_out(c);
	return n;
}

/* Makes room for one more read; the last byte of a full answer is "\n". */
static int
client_grow(struct client *c)
{
	size_t size = c->size == 0 ? CLIENT_READ : 2 * c->size;
	char *buffer;

	if (c->length < c->size)
		return 0;
	if (size > CLIENT_ANSWER_MAX)
		return error_set(EPROTO, "the answer is longer than %d bytes",
		    CLIENT_ANSWER_MAX);
	if ((buffer = realloc(c->buffer, size)) == NULL)
		return error_set(ENOMEM, "no memory");
	c->buffer = buffer;
	c->size = size;
	return 0;
}

/* Returns 1 when there is more in the buffer, 0 at the end, or -1. */
static int
client_read(struct client *c)
{
	ssize_t n;

	if (client_grow(c) == -1 || client_wait(c, -1) == -1)
		return -1;
	do
		n = recv(c->fd, c->buffer + c->length, c->size - c->length, 0);
	while (n == -1 && errno == EINTR);
	/* A server that dies with a request unread resets the connection. */
	if (n == -1 && errno == ECONNRESET)
		n = 0;
	if (n == -1)
		return error_errno("cannot read the answer");
	c->length += (size_t)n;
	return n > 0;
}

int
client_receive(struct client *c, json_t **answer)
{
	json_error_t error;
	const char *end;
	size_t seen = 0, used;
	int n;

	while ((end = c->length == seen ? NULL :
	    memchr(c->buffer + seen, '\n', c->length - seen)) == NULL) {
		seen = c->length;
		if ((n = client_read(c)) == -1)
			return -1;
		if (n == 0 && c->length > 0)
			return error_set(EPROTO, "the server closed the "
			    "connection within its answer");
		if (n == 0)
			return 0;
	}
	*answer = json_loadb(c->buffer, (size_t)(end - c->buffer),
	    JSON_REJECT_DUPLICATES, &error);
	used = (size_t)(end - c->buffer) + 1;
	memmove(c->buffer, end + 1, c->length - used);
	c->length -= used;
	if (*answer == NULL)
		return error_set(EPROTO, "what answers is no prongd: %s",
		    error.text);
	return 1;
}

int
client_judge(json_t *answer, json_t **result)
{
	const json_t *ok = json_object_get(answer, "ok");
	const char *reason;

	if (json_is_true(ok)) {
		*result = json_incref(json_object_get(answer, "result"));
		if (json_is_object(*result))
			return 0;
		json_decref(*result);
		*result = NULL;
	} else if (json_is_false(ok)) {
		reason = json_string_value(json_object_get(answer, "error"));
		return error_set(EPERM, "%s", reason != NULL ? reason :
		    "the server refused without a reason");
	}
	return error_set(EPROTO, "what answers is no prongd: an answer "
	    "without ok and result");
}

int
client_next(const json_t *part, json_int_t *from)
{
	const json_t *next = json_object_get(part, "next");
	json_int_t n = json_integer_value(next);

	if (next == NULL || json_is_null(next)) {
		*from = 0;
		return 0;
	}
	if (!json_is_integer(next) || n <= *from)
		return error_set(EPROTO, "the server's list does not get on "
		    "from %lld", (long long)*from);
	*from = n;
	return 0;
}
