/* SPDX-License-Identifier: ISC */
/*
 * Connecting: one address after the other, each for its share of the time that
 * is left, so that one that does not answer leaves some to the others.
 */
#include "net/connect.h"

#include <sys/socket.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "net/resolve.h"
#include "prong.h"

/*
 * The queue of a unix socket is full: the kernel says so at once, and does not
 * tell when there is room.
 */
#define CONNECT_AGAIN_MS	10

#define connect_of_timer(t) \
	((struct connect *)((char *)(t) - offsetof(struct connect, timer)))
#define connect_of_watch(w) \
	((struct connect *)((char *)(w) - offsetof(struct connect, watch)))

/* Lets go of the address that is being tried. */
static void
connect_drop(struct connect *k)
{
	if (k->watch.fd == -1)
		return;
	loop_del(k->loop, &k->watch);
	close(k->watch.fd);
	k->watch.fd = -1;
}

static void
connect_clear(struct connect *k)
{
	connect_drop(k);
	loop_timer_stop(k->loop, &k->timer);
	free(k->list);
	free(k->text);
	k->list = NULL;
	k->text = NULL;
}

void
connect_stop(struct connect *k)
{
	resolve_stop(k->resolve);
	k->resolve = NULL;
	connect_clear(k);
}

static void
connect_end(struct connect *k, int fd, const struct address *to)
{
	struct address copy = { .length = 0 };
	int error = errno;

	if (to != NULL)
		copy = *to;
	connect_clear(k);
	errno = error;
	k->fn(k, fd, &copy);
}

/* --- time ------------------------------------------------------------------ */

/* The share of what is tried now; UINT64_MAX: no limit. */
static uint64_t
connect_share(const struct connect *k)
{
	uint64_t now = process_milliseconds(), left;
	size_t others = k->next < k->count ? k->count - k->next : 0;

	if (k->deadline == UINT64_MAX)
		return UINT64_MAX;
	left = k->deadline > now ? k->deadline - now : 0;
	return left / (others + 1);
}

static int
connect_set_timer(struct connect *k, uint64_t ms)
{
	if (ms == UINT64_MAX)
		return 0;
	if (loop_timer_exact(k->loop, &k->timer, ms) == 0)
		return 0;
	return error_errno("cannot connect to %.128s", k->text);
}

/* --- one address ------------------------------------------------------------ */

/*
 * The kernel may give a socket the very port that it is to connect to, and
 * have it talk to itself.
 */
static bool
connect_is_own(int fd, const struct address *to)
{
	struct address own = { .length = sizeof(own.storage) };

	return !address_is_unix(to) &&
	    getsockname(fd, &own.sa, &own.length) == 0 &&
	    address_is_equal(&own, to);
}

static int
connect_failed(struct connect *k, const struct address *to)
{
	char text[ADDRESS_MAX];

	k->error = errno;
	address_format(to, text, sizeof(text));
	if (strcmp(text, k->text) == 0)
		return error_errno("cannot connect to %s", text);
	return error_errno("cannot connect to %.128s at %s", k->text, text);
}

/* It has said yes or no: 0, or -1 with its errno. */
static int
connect_result(int fd, const struct address *to)
{
	socklen_t length = sizeof(int);
	int error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		return -1;
	if (error == 0 && connect_is_own(fd, to))
		error = ECONNREFUSED;
	errno = error;
	return error == 0 ? 0 : -1;
}

/* 1: under way; 0: not now, ask again; -1. */
static int
connect_try(struct connect *k, const struct address *to)
{
	int fd, on = 1, error;

	fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (!address_is_unix(to))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* One that is there at once is told like one that takes time. */
	k->watch.fd = fd;
	k->watch.events = PRONG_WRITE;
	if ((connect(fd, &to->sa, to->length) == 0 || errno == EINPROGRESS) &&
	    loop_add(k->loop, &k->watch) == 0)
		return 1;
	error = errno;
	close(fd);
	k->watch.fd = -1;
	errno = error;
	return error == EAGAIN && address_is_unix(to) ? 0 : -1;
}

/* Begins with the next address that can be tried; -1: there is none. */
static int
connect_next(struct connect *k)
{
	const struct address *to;
	uint64_t share;
	int r;

	while (k->next < k->count) {
		to = &k->list[k->next++];
		share = connect_share(k);
		if ((r = connect_try(k, to)) >= 0) {
			if (r == 0) {
				k->next--;
				share = share < CONNECT_AGAIN_MS ? share :
				    CONNECT_AGAIN_MS;
			}
			return connect_set_timer(k, share);
		}
		connect_failed(k, to);
	}
	errno = k->error;
	return -1;
}

static void
connect_go_on(struct connect *k)
{
	if (connect_next(k) == -1)
		connect_end(k, -1, NULL);
}

static void
connect_event(struct watch *w, unsigned int events)
{
	struct connect *k = connect_of_watch(w);
	const struct address *to = &k->list[k->next - 1];
	int fd = w->fd;

	if (connect_result(fd, to) == 0) {
		loop_del(k->loop, w);
		w->fd = -1;
		connect_end(k, fd, to);
		return;
	}
	connect_failed(k, to);
	connect_drop(k);
	connect_go_on(k);
}

/* --- the whole -------------------------------------------------------------- */

static void
connect_due(struct timer *t)
{
	struct connect *k = connect_of_timer(t);
	bool tried = k->watch.fd != -1;

	errno = ETIMEDOUT;
	if (k->resolve != NULL)
		error_errno("cannot look up \"%.128s\"", k->text);
	else
		connect_failed(k, &k->list[tried ? k->next - 1 : k->next]);
	connect_drop(k);
	if (process_milliseconds() < k->deadline)
		connect_go_on(k);
	else {
		resolve_stop(k->resolve);
		k->resolve = NULL;
		errno = ETIMEDOUT;
		connect_end(k, -1, NULL);
	}
}

static void
connect_resolved(void *arg, struct address *list, size_t count)
{
	struct connect *k = arg;

	k->resolve = NULL;
	k->list = list;
	k->count = count;
	if (list == NULL)
		connect_end(k, -1, NULL);
	else
		connect_go_on(k);
}

static int
connect_begin(struct connect *k)
{
	if (!address_is_name(k->text)) {
		if (address_resolve(k->text, false, &k->list, &k->count) == -1)
			return -1;
		return connect_next(k);
	}
	k->resolve = resolve_start(k->loop, k->text, connect_resolved, k);
	if (k->resolve == NULL)
		return -1;
	return connect_set_timer(k, connect_share(k));
}

int
connect_start(struct connect *k, struct loop *loop, const char *text,
    int64_t ms, connect_fn *fn)
{
	int error;

	*k = (struct connect){ .loop = loop, .fn = fn,
	    .watch = { connect_event, -1, PRONG_WRITE },
	    .timer.fn = connect_due, .deadline = UINT64_MAX };
	if (ms >= 0)
		/* The clock has left out a part of a millisecond. */
		k->deadline = process_milliseconds() + (uint64_t)ms + 1;
	if ((k->text = strdup(text)) == NULL)
		return error_errno("\"%.128s\"", text);
	if (connect_begin(k) == 0)
		return 0;
	error = errno;
	connect_stop(k);
	errno = error;
	return -1;
}
