/* SPDX-License-Identifier: ISC */
/*
 * Connections of ours to others: made, owned, ended, freed.
 *
 * One is freed when it has ended, the turn in which it did is over, and nobody
 * holds it: whichever comes last frees it.  The last two may happen in another
 * thread than the first, when its owner goes from a lane to its home; so one
 * that has ended is on no list of its loop any more.
 */
#include "net/dial.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/admission.h"
#include "net/input.h"
#include "prong.h"

/* One that is being closed may make no progress for so long. */
#define DIAL_CLOSING_MS	CONN_LINGER_MS

#define dial_const_of(c) \
	((const struct dialed *)((const char *)(c) - \
	    offsetof(struct dialed, conn)))

/* What dials outside of all services, such as a timer. */
static const struct prong_handler dial_handler = { .name = "none" };
static char dial_name[] = "none";

/* Where those are that have ended: their loop may have ended, too. */
static struct net dial_nowhere;

struct dialed *
dial_of(struct prong_conn *c)
{
	return (struct dialed *)((char *)c - offsetof(struct dialed, conn));
}

bool
dial_is_connecting(const struct prong_conn *c)
{
	return (c->flags & CONN_DIALED) != 0 && dial_const_of(c)->connecting;
}

int
dial_error(const struct prong_conn *c)
{
	const struct dialed *d = dial_const_of(c);

	if (d->connecting)
		return ECANCELED;
	return d->error != 0 ? d->error : conn_error(c);
}

const char *
dial_peer(const struct prong_conn *c, char *buf, size_t size)
{
	if (size > 0)
		strlcpy(buf, dial_const_of(c)->peer, size);
	return buf;
}

/* --- made ------------------------------------------------------------------ */

static void
dial_free(struct dialed *d)
{
	if (d->forget != NULL)
		d->forget(&d->conn);
	output_free(&d->conn.output);
	input_free(&d->conn);
	free(d);
}

/* A service of its own, which says who it is for and has none of its limits. */
static void
dial_set_service(struct dialed *d, struct net *net,
    const struct prong_service *for_whom)
{
	struct prong_service *s = &d->service;

	s->name = for_whom != NULL ? for_whom->name : dial_name;
	s->handler = for_whom != NULL ? for_whom->handler : &dial_handler;
	s->home = for_whom != NULL ? for_whom->home : s;
	s->index = for_whom != NULL ? for_whom->index : 0;
	s->server = for_whom != NULL ? for_whom->server : NULL;
	s->net = net;
	s->counters = net->uncounted;
	s->read_size = net->receive_size;
	s->framing = PRONG_RAW;
	s->settings.max_message = 64 * 1024;
}

struct dialed *
dial_new(struct net *net, const struct prong_service *for_whom, size_t extra)
{
	struct dialed *d;
	struct prong_conn *c;

	if (net->closing) {
		error_set(ECANCELED, "the server is about to stop");
		return NULL;
	}
	if ((d = calloc(1, sizeof(*d) + extra)) == NULL) {
		error_errno("connection");
		return NULL;
	}
	dial_set_service(d, net, for_whom);
	c = &d->conn;
	conn_init(c, &d->service, -1);
	c->entry = &d->entry;
	c->flags = CONN_DIALED | CONN_APART;
	c->watch.events = 0;
	LIST_INIT(&c->dialed);
	return d;
}

/* It is one of this loop's now. */
static int
dial_join(struct dialed *d, int fd, const struct address *to)
{
	struct prong_conn *c = &d->conn;

	admission_describe(&d->entry, &d->service, fd, to);
	address_format(to, d->peer, sizeof(d->peer));
	c->watch.fd = fd;
	c->watch.events = (c->flags & CONN_BUSY) != 0 ? 0 : PRONG_READ;
	if (conn_join(c) == 0) {
		c->flags &= (uint16_t)~CONN_APART;
		return 0;
	}
	d->error = errno;
	return -1;
}

static void
dial_connected(struct connect *k, int fd, const struct address *to)
{
	struct dialed *d = (struct dialed *)((char *)k -
	    offsetof(struct dialed, connect));
	struct prong_conn *c = &d->conn;

	d->connecting = false;
	if (fd == -1)
		d->error = errno;
	if (fd != -1 && dial_join(d, fd, to) == 0) {
		conn_begin(c);
		return;
	}
	/* What the handler makes of it is its own affair. */
	d->service.net->report(PRONG_DEBUG, c, error_text());
	conn_end(c, COUNTER_CLOSED_ERROR);
}

int
dial_start(struct dialed *d, const char *address, int64_t ms)
{
	struct net *net = d->service.net;
	int error;

	strlcpy(d->peer, address, sizeof(d->peer));
	if (connect_start(&d->connect, net->loop, address, ms,
	    dial_connected) == -1) {
		error = errno;
		dial_free(d);
		errno = error;
		return -1;
	}
	d->connecting = true;
	LIST_INSERT_HEAD(&net->dialed, d, of_net);
	return 0;
}

/* --- owned ------------------------------------------------------------------ */

void
dial_hold(struct prong_conn *c, struct dialed_list *owner)
{
	struct dialed *d = dial_of(c);

	/* Nobody receives from it yet. */
	c->flags |= CONN_BUSY;
	c->is_held = true;
	d->owned = owner != NULL;
	if (d->owned)
		LIST_INSERT_HEAD(owner, d, of_owner);
}

/* What is queued goes out first, for as long as it goes on. */
static void
dial_say_rest(struct prong_conn *c)
{
	c->flags |= CONN_CLOSING;
	c->flags &= (uint16_t)~CONN_BUSY;
	c->is_full = false;
	c->reason = COUNTER_CLOSED_SERVER;
	if (c->output == NULL || conn_timer_set(c, DIAL_CLOSING_MS) == -1)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else
		conn_writable(c);
}

void
dial_close(struct prong_conn *c)
{
	struct dialed *d = dial_of(c);
	bool held = c->is_held;

	if (d->owned)
		LIST_REMOVE(d, of_owner);
	d->owned = false;
	c->is_held = false;
	if (d->buried)
		dial_free(d);
	else if (d->connecting)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else if (!held)
		conn_close(c, COUNTER_CLOSED_SERVER);
	else if ((c->flags & (CONN_DEAD | CONN_CLOSING)) == 0)
		dial_say_rest(c);
}

void
dial_let_go_all(struct dialed_list *owner)
{
	struct dialed *d;

	while ((d = LIST_FIRST(owner)) != NULL) {
		if ((d->conn.flags & CONN_DEAD) == 0)
			d->service.net->report(PRONG_DEBUG, &d->conn,
			    "closed with who had dialed it");
		dial_close(&d->conn);
	}
}

/* --- ended ------------------------------------------------------------------ */

bool
dial_is_any_closing(const struct net *net)
{
	const struct dialed *d;

	LIST_FOREACH(d, &net->dialed, of_net)
		if ((d->conn.flags & CONN_CLOSING) != 0)
			return true;
	return false;
}

void
dial_end_all(struct net *net)
{
	bool closing = net->closing;

	/* Who hears of an end may dial again. */
	net->closing = true;
	while (!LIST_EMPTY(&net->dialed))
		conn_end(&LIST_FIRST(&net->dialed)->conn,
		    COUNTER_CLOSED_SERVER);
	net->closing = closing;
}

void
dial_leave(struct prong_conn *c)
{
	struct dialed *d = dial_of(c);

	LIST_REMOVE(d, of_net);
	conn_leave(c);
	if (d->connecting)
		connect_stop(&d->connect);
	else if (c->watch.fd != -1)
		close(c->watch.fd);
	d->connecting = false;
}

void
dial_bury(struct prong_conn *c)
{
	struct dialed *d = dial_of(c);

	if (c->is_held) {
		d->buried = true;
		d->service.net = &dial_nowhere;
	} else
		dial_free(d);
}
