/* SPDX-License-Identifier: ISC */
/*
 * The clients of a harness.  One that reaches the end of the output closes its
 * side, as clients do.
 */
#include "server/harness.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So much waits to be looked at before a client reads no more. */
#define CLIENT_WINDOW	(1024 * 1024)
/* From these ports they come. */
#define CLIENT_PORT	40000

/* --- moving bytes --------------------------------------------------------- */

static void
client_drop_input(struct prong_client *c)
{
	free(c->input);
	c->input = NULL;
	c->input_length = 0;
}

static bool
client_finish(struct prong_client *c)
{
	if (c->input_length > 0 || !c->finishing || c->finished)
		return false;
	c->finished = true;
	shutdown(c->fd, SHUT_WR);
	return true;
}

/* Whether the connection has taken any of its input, or the end of it. */
static bool
client_push(struct prong_client *c)
{
	ssize_t n;

	if (c->input_length == 0)
		return client_finish(c);
	n = send(c->fd, c->input, c->input_length, MSG_NOSIGNAL |
	    MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n == -1) {
		client_drop_input(c);
		return client_finish(c);
	}
	c->input_length -= (size_t)n;
	memmove(c->input, c->input + n, c->input_length);
	client_finish(c);
	return true;
}

/* Room for one read, and a NUL behind it. */
static char *
client_make_room(struct prong_client *c, size_t room)
{
	char *output = realloc(c->output, c->output_length + room + 1);

	if (output == NULL)
		return NULL;
	c->output = output;
	return output + c->output_length;
}

/* The same of its output; -1: there is no memory for it. */
static int
client_pull(struct prong_client *c)
{
	size_t room = c->window > c->output_length ?
	    c->window - c->output_length : 0;
	ssize_t n;
	char *to;

	if (room > 64 * 1024)
		room = 64 * 1024;
	if (c->eof || room == 0)
		return 0;
	if ((to = client_make_room(c, room)) == NULL)
		return error_errno("client");
	n = recv(c->fd, to, room, MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n > 0) {
		c->output_length += (size_t)n;
		return 1;
	}
	c->eof = c->finishing = true;
	client_drop_input(c);
	client_finish(c);
	return 1;
}

int
harness_client_move(struct prong_client *c)
{
	bool pushed;
	int pulled;

	if (c->fd == -1)
		return 0;
	pushed = client_push(c);
	pulled = client_pull(c);
	return pulled == 0 ? pushed : pulled;
}

void
harness_client_ended(struct prong_client *c, const struct prong_conn *conn)
{
	static const enum prong_end ends[COUNTERS] = {
		[COUNTER_CLOSED_CLIENT] = PRONG_END_CLIENT,
		[COUNTER_CLOSED_SERVER] = PRONG_END_SERVER,
		[COUNTER_CLOSED_TIMEOUT] = PRONG_END_TIMEOUT,
		[COUNTER_CLOSED_ERROR] = PRONG_END_ERROR,
	};

	c->end = (conn->flags & CONN_ABORTED) != 0 ? PRONG_END_ABORT :
	    ends[conn->reason];
	c->conn = NULL;
}

/* --- the connection ------------------------------------------------------- */

static struct prong_client *
client_new(struct prong_harness *h, int fd)
{
	struct prong_client **at, *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		error_errno("client");
		return NULL;
	}
	c->harness = h;
	c->fd = fd;
	c->window = CLIENT_WINDOW;
	for (at = &h->clients; *at != NULL; at = &(*at)->next)
		continue;
	*at = c;
	return c;
}

struct client_search {
	int fd;
	struct prong_conn *conn;
};

static void
client_look_at(struct watch *w, void *arg)
{
	struct client_search *search = arg;

	if (w->fd == search->fd && conn_of_watch(w) != NULL)
		search->conn = conn_of_watch(w);
}

/* The connection that was just opened, which may have ended already. */
static struct prong_conn *
client_find(struct prong_harness *h, int fd)
{
	struct client_search search = { .fd = fd };
	struct prong_conn *conn;

	for (conn = h->net->dead; conn != NULL; conn = conn->next_dead)
		if (conn->watch.fd == fd)
			return conn;
	loop_each(h->loop, client_look_at, &search);
	return search.conn;
}

static int
client_open(struct prong_client *c, int fd)
{
	struct prong_harness *h = c->harness;
	struct harness_place place;
	struct address peer = { .in = { .sin_family = AF_INET } };
	int r;

	peer.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer.in.sin_port = htons((uint16_t)(CLIENT_PORT + ++h->connects));
	peer.length = sizeof(peer.in);
	harness_enter(h, &place);
	if (conn_open(h->service, fd, &peer) == 0)
		c->conn = client_find(h, fd);
	else
		c->end = PRONG_END_REFUSED;
	r = harness_settle(h);
	harness_leave(&place);
	return r;
}

struct prong_client *
prong_harness_connect(struct prong_harness *h)
{
	struct prong_client *c;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    fd) == -1) {
		error_errno("client");
		return NULL;
	}
	if ((c = client_new(h, fd[0])) == NULL) {
		close(fd[0]);
		close(fd[1]);
		return NULL;
	}
	/* The client stays the harness's, whatever comes of it. */
	return client_open(c, fd[1]) == -1 ? NULL : c;
}

static int
client_settle(struct prong_client *c)
{
	struct harness_place place;
	int r;

	harness_enter(c->harness, &place);
	r = harness_client_move(c) == -1 ? -1 : harness_settle(c->harness);
	harness_leave(&place);
	return r;
}

int
prong_client_feed(struct prong_client *c, const void *data, size_t length)
{
	char *input;

	if (c->finishing || c->fd == -1)
		return error_set(EPIPE, "the client has closed its side");
	if (length > 0) {
		input = realloc(c->input, c->input_length + length);
		if (input == NULL)
			return error_errno("client");
		memcpy(input + c->input_length, data, length);
		c->input = input;
		c->input_length += length;
	}
	return client_settle(c);
}

int
prong_client_finish(struct prong_client *c)
{
	c->finishing = true;
	return client_settle(c);
}

int
prong_client_reset(struct prong_client *c)
{
	if (c->fd == -1)
		return 0;
	/* A close with unread data is a reset: there is some, at the least. */
	if (c->conn != NULL)
		send(c->conn->watch.fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	client_drop_input(c);
	c->finishing = true;
	close(c->fd);
	c->fd = -1;
	return client_settle(c);
}

int
prong_client_window(struct prong_client *c, size_t size)
{
	c->window = size;
	return client_settle(c);
}

const char *
prong_client_output(struct prong_client *c, size_t *length)
{
	if (length != NULL)
		*length = c->output_length;
	free(c->taken);
	c->taken = c->output;
	if (c->taken != NULL)
		c->taken[c->output_length] = '\0';
	c->output = NULL;
	c->output_length = 0;
	return c->taken == NULL ? "" : c->taken;
}

enum prong_end
prong_client_end(const struct prong_client *c)
{
	return c->end;
}

struct prong_conn *
prong_client_conn(const struct prong_client *c)
{
	return c->conn;
}

void
harness_client_free(struct prong_client *c)
{
	if (c->fd != -1)
		close(c->fd);
	free(c->input);
	free(c->output);
	free(c->taken);
	free(c);
}
