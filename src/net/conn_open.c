/* SPDX-License-Identifier: ISC */
/*
 * From an accepted descriptor to a connection: whether it is let in, what it
 * needs, and taking all of that back when one thing is missing.  Then its
 * joining a loop and its beginning there.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/units.h"
#include "net/admission.h"
#include "net/conn.h"

/* What was made for a connection that is refused after all. */
static void
conn_unmake(struct prong_conn *c)
{
	struct net *net = c->service->net;

	if (c->entry != NULL) {
		conntable_unhold(&net->table, c->entry);
		conntable_release(&net->table, c->entry);
	}
	free(c);
}

/* 0, or why there is no room for it. */
static enum counter
conn_make(struct prong_service *service, int fd, const struct conn_entry *who,
    struct prong_conn **made)
{
	struct net *net = service->net;
	struct prong_conn *c;
	enum counter why;

	if ((*made = c = calloc(1, sizeof(*c) + service->extra)) == NULL) {
		error_errno("connection");
		return COUNTER_REFUSED_MEMORY;
	}
	conn_init(c, service, fd);
	error_clear();
	if ((c->entry = conntable_take(&net->table)) == NULL) {
		error_errno("connection");
		return COUNTER_REFUSED_MEMORY;
	}
	*c->entry = *who;
	c->entry->last = loop_now(net->loop);
	c->timeout = (uint32_t)units_milliseconds(
	    service->settings.idle_timeout);
	if ((why = admission_enter(service, c->entry)) != 0)
		return why;
	return service->place == NULL ? conn_join(c) : 0;
}

int
conn_open(struct prong_service *service, int fd, const struct address *peer)
{
	struct prong_conn *c = NULL;
	struct conn_entry who;
	enum counter why;
	int error;

	error_clear();
	admission_describe(&who, service, fd, peer);
	why = admission_gate(service, fd, peer);
	if (why == 0)
		why = conn_make(service, fd, &who, &c);
	if (why != 0) {
		error = errno;
		if (c != NULL)
			conn_unmake(c);
		admission_refuse(service, fd, &who, why,
		    error_text()[0] != '\0' ? error_text() : NULL);
		errno = error;
		return -1;
	}
	conn_book(c);
	if (service->place == NULL)
		conn_begin(c);
	else
		service->place(c);
	return 0;
}

enum counter
conn_join(struct prong_conn *c)
{
	struct net *net = c->service->net;

	/* select(2) cannot watch every descriptor; the rest is memory. */
	if (loop_add(net->loop, &c->watch) == -1)
		return errno == ERANGE ? COUNTER_REFUSED_LIMIT :
		    COUNTER_REFUSED_MEMORY;
	if (conn_timer_join(c) == 0)
		return 0;
	loop_del(net->loop, &c->watch);
	return COUNTER_REFUSED_MEMORY;
}

void
conn_leave(struct prong_conn *c)
{
	struct net *net = c->service->net;

	loop_timer_stop(net->loop, &c->timer);
	if ((c->flags & CONN_APART) == 0)
		loop_del(net->loop, &c->watch);
}

void
conn_begin(struct prong_conn *c)
{
	struct net *net = c->service->net;

	c->flags &= (uint16_t)~CONN_NEW;
	conn_serve(c);
	conn_check(c, c->service->ops->opened(c));
	conn_update(c);
	net->serving = NULL;
}
