/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets that are to go.
 *
 * Closing one resets whoever waits in its queue, and between the last accept
 * and the close another may have come.  So first nobody can come any more: a
 * filter drops what begins a connection, and a path is removed.  Handshakes
 * that had begun come to their end, and their connections are accepted, before
 * it is closed.
 */
#include "server/retire.h"

#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/master.h"

/* How often it looks, and how long nobody must have come. */
#define RETIRE_LOOK_MS		5
#define RETIRE_QUIET_MS		100

static void
retire_refuse(const struct listening_socket *s)
{
	char text[ADDRESS_MAX];

	/* Its manager has it open: who comes waits for whoever is next. */
	if (s->is_given)
		return;
	if (address_is_unix(&s->address))
		unlink(s->address.un.sun_path);
	else if (socket_refuse(s->fd) == -1)
		log_warning("%s: %s; who connects at the last moment may be "
		    "reset", address_format(&s->address, text, sizeof(text)),
		    error_text());
}

static bool
retire_has_queue(const struct listening *l)
{
	struct pollfd p = { .events = POLLIN };
	size_t i;

	for (i = 0; i < l->count; i++) {
		p.fd = l->sockets[i].fd;
		if (!l->sockets[i].is_shared && !l->sockets[i].is_given &&
		    poll(&p, 1, 0) == 1)
			return true;
	}
	return false;
}

void
retire_cancel(struct generation *g)
{
	loop_timer_stop(g->master->loop, &g->retiring);
	g->accepts = false;
	listening_close(&g->listening, false);
}

/* When nobody accepts it never ends. */
static uint64_t
retire_patience(const struct generation *g)
{
	return units_milliseconds(g->server->settings.upgrade_timeout);
}

static void
retire_look(struct timer *t)
{
	struct generation *g = (struct generation *)((char *)t -
	    offsetof(struct generation, retiring));
	uint64_t now = process_milliseconds();
	bool has_queue = retire_has_queue(&g->listening);

	if (has_queue)
		g->quiet_since = now;
	if (now - g->quiet_since < RETIRE_QUIET_MS &&
	    now - g->retires_since < retire_patience(g)) {
		loop_timer(g->master->loop, t, RETIRE_LOOK_MS);
		return;
	}
	if (has_queue)
		log_warning("generation %u: connections to an address that is "
		    "no longer listened on were not accepted within "
		    "upgrade-timeout, and are reset", g->number);
	retire_cancel(g);
	g->retired(g->master, g);
}

void
retire(struct master *m, struct generation *g, retire_fn *fn)
{
	bool any = false;
	size_t i;

	for (i = 0; i < g->listening.count; i++)
		if (!g->listening.sockets[i].is_shared) {
			any = true;
			retire_refuse(&g->listening.sockets[i]);
		}
	if (!any) {
		fn(m, g);
		return;
	}
	g->state = GENERATION_RETIRING;
	/* Those of a paused service have waited long enough. */
	memset(g->paused, 0, m->rows.count * sizeof(*g->paused));
	g->accepts = true;
	assign_sockets(m);
	g->retired = fn;
	g->retires_since = g->quiet_since = process_milliseconds();
	g->retiring.fn = retire_look;
	loop_timer(m->loop, &g->retiring, RETIRE_LOOK_MS);
}
