/* SPDX-License-Identifier: ISC */
/*
 * The harness for unit tests of handlers: its making, its turns, its time.
 * Nothing is simulated but the clock: loop, connections, framings and dispatch
 * are the worker's.
 */
#include "server/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/dispatch.h"
#include "net/admission.h"
#include "server/declare.h"
#include "task/caller.h"

/* How many connections it may have at once, and accounts of sources. */
#define HARNESS_CAPACITY	4096
#define HARNESS_SOURCES		1024
/* Turns in which nothing reaches a client: more are a handler in a circle. */
#define HARNESS_TURNS		100000
#define HARNESS_LOCK_MS		10000

/* Which one calls a handler now: for what has no argument that tells. */
static __thread struct prong_harness *harness_here;

void
harness_enter(struct prong_harness *h, struct harness_place *place)
{
	*place = (struct harness_place){ tasks_here(), net_here(),
	    harness_here };
	tasks_set_here(&h->tasks);
	net_set_here(h->net);
	harness_here = h;
}

void
harness_leave(const struct harness_place *place)
{
	tasks_set_here(place->tasks);
	net_set_here(place->net);
	harness_here = place->harness;
}

/* --- turning -------------------------------------------------------------- */

static void
harness_report(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
	strlcpy(harness_here->report, text, sizeof(harness_here->report));
}

static void
harness_note_end(struct prong_harness *h, const struct prong_conn *conn)
{
	struct prong_client *c;

	for (c = h->clients; c != NULL; c = c->next)
		if (c->conn == conn)
			harness_client_ended(c, conn);
}

static void
harness_turn(void *arg)
{
	struct prong_harness *h = arg;
	const struct prong_conn *conn;

	h->slot->serving = SLOT_NONE;
	for (conn = h->net->dead; conn != NULL; conn = conn->next_dead)
		harness_note_end(h, conn);
	net_end_turn(h->net);
	error_clear();
}

int
harness_settle(struct prong_harness *h)
{
	struct prong_client *c;
	bool moved;
	int r;

	do {
		if (loop_settle(h->loop, HARNESS_TURNS) == -1)
			return -1;
		moved = false;
		for (c = h->clients; c != NULL; c = c->next) {
			if ((r = harness_client_move(c)) == -1)
				return -1;
			moved |= r == 1;
		}
	} while (moved);
	return 0;
}

int
prong_harness_advance(struct prong_harness *h, int64_t ms)
{
	struct harness_place place;
	uint64_t left = (uint64_t)ms;
	int r;

	if (ms < 0)
		return error_set(EINVAL, "time does not go back");
	harness_enter(h, &place);
	do {
		left = loop_skip(h->loop, left);
		r = harness_settle(h);
	} while (r == 0 && left > 0);
	harness_leave(&place);
	return r;
}

int
prong_harness_drain(struct prong_harness *h)
{
	struct harness_place place;
	int r;

	harness_enter(h, &place);
	net_drain(h->net, NULL, NULL);
	drain_begin(h->service, 0);
	r = harness_settle(h);
	harness_leave(&place);
	return r;
}

/* --- asking --------------------------------------------------------------- */

struct prong_service *
prong_harness_service(const struct prong_harness *h)
{
	return h->service;
}

const char *
prong_harness_report(const struct prong_harness *h)
{
	return h->report;
}

int64_t
prong_harness_counter(const struct prong_harness *h, const char *name)
{
	const struct prong_service *s = h->service;
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		if (strcmp(counter_table[i].name, name) == 0)
			return (int64_t)s->counters[i];
	for (i = 0; s->tally != NULL && i < s->tally->count; i++)
		if (strcmp(s->handler->counters[i].name, name) == 0)
			return (int64_t)__atomic_load_n(s->tally->cells[i],
			    __ATOMIC_RELAXED);
	if (strcmp(counter_globals[GLOBAL_ACTIVE].name, name) == 0)
		return (int64_t)h->slot->live;
	return error_set(ENOENT, "there is no counter \"%s\"", name);
}

/* --- its making and its end ----------------------------------------------- */

static int
harness_resolve(struct prong_service *s)
{
	if (s->net != NULL)
		return error_set(EBUSY, "service \"%s\" is in a harness",
		    s->name);
	if (server_attach(s) == -1)
		return -1;
	if (dispatch_modes[s->settings.dispatch]->has_lanes)
		return error_set(EINVAL, "a harness has one thread: dispatch is "
		    "inline or coroutine");
	if (admission_prepare(s) == -1)
		return -1;
	/* Another service of the server may use them. */
	if (s->server->locks.guards != NULL)
		return 0;
	return declare_here(s->server) == -1 ? -1 : objects_make(s->server);
}

static int
harness_open_memory(struct prong_harness *h, struct conntable *table)
{
	struct prong_service *s = h->service;
	struct scoreboard *sb = &h->scoreboard;

	if (scoreboard_create(sb, 1, (uint32_t)s->server->service_count,
	    HARNESS_CAPACITY, s->admission->needs_source ? HARNESS_SOURCES :
	    0) == -1 || scoreboard_claim(sb, 0, HARNESS_LOCK_MS, table) == -1)
		return -1;
	h->slot = scoreboard_slot(sb, 0);
	s->row = s->counters = scoreboard_row(sb, 0, s->index);
	return 0;
}

static int
harness_open(struct prong_harness *h)
{
	struct prong_service *s = h->service;
	struct conntable table;

	if (harness_resolve(s) == -1 || harness_open_memory(h, &table) == -1 ||
	    (h->loop = loop_new(LOOP_AUTO, 0)) == NULL)
		return -1;
	loop_freeze(h->loop);
	tasks_init(&h->tasks, h->loop, 0);
	h->net = net_new(h->loop, (size_t)s->settings.read_size,
	    harness_report);
	if (h->net == NULL)
		return -1;
	h->net->table = table;
	h->net->live = &h->slot->live;
	h->net->serving_entry = &h->slot->serving;
	loop_on_turn(h->loop, harness_turn, h);
	s->net = h->net;
	s->home = s;
	s->read_size = (size_t)s->settings.read_size;
	dispatch_modes[s->settings.dispatch]->bind(s);
	return 0;
}

static int
harness_begin(struct prong_harness *h)
{
	const struct prong_handler *handler = h->service->handler;
	struct harness_place place;
	int r;

	harness_enter(h, &place);
	error_clear();
	r = handler->init == NULL ? 0 : handler->init(h->service);
	h->is_up = r == 0;
	if (r == 0)
		r = harness_settle(h);
	harness_leave(&place);
	return r;
}

/* Its text outlives what is released. */
static struct prong_harness *
harness_give_up(struct prong_harness *h, struct prong_server *server)
{
	char why[ERROR_MAX];
	int error = errno;

	strlcpy(why, error_text(), sizeof(why));
	prong_harness_free(h);
	prong_server_free(server);
	error_set(error, "%s", why);
	return NULL;
}

struct prong_harness *
prong_harness_serve(struct prong_service *s)
{
	struct prong_harness *h;

	if ((h = calloc(1, sizeof(*h))) == NULL) {
		error_errno("harness");
		return NULL;
	}
	h->scoreboard.segment.fd = h->scoreboard.connections.fd = -1;
	h->scoreboard.ledger.segment.fd = -1;
	h->scoreboard.tallies.segment.fd = -1;
	h->service = s;
	if (harness_open(h) == -1 || harness_begin(h) == -1)
		return harness_give_up(h, NULL);
	return h;
}

/* What a handler has to say for itself decides, unless the settings do. */
static int
harness_configure(struct prong_service *s, const struct prong_handler *handler,
    const char *const *settings, const char *const *options)
{
	bool only_converses = handler->converse != NULL &&
	    handler->message == NULL && handler->opened == NULL;

	if (prong_service_set(s, "handler", handler->name) == -1 ||
	    prong_service_set(s, "dispatch", only_converses ? "coroutine" :
	    "inline") == -1 ||
	    serve_pairs(s, settings, prong_service_set) == -1)
		return -1;
	return serve_pairs(s, options, prong_service_option);
}

struct prong_harness *
prong_harness_new(const struct prong_handler *handler,
    const char *const *settings, const char *const *options)
{
	struct prong_server *server;
	struct prong_service *s;
	struct prong_harness *h;

	if ((server = prong_server_new()) == NULL)
		return NULL;
	if (prong_server_handler(server, handler) == -1 ||
	    (s = prong_server_add(server, handler->name)) == NULL ||
	    harness_configure(s, handler, settings, options) == -1 ||
	    (h = prong_harness_serve(s)) == NULL)
		return harness_give_up(NULL, server);
	h->server = server;
	return h;
}

/* The service can be in another harness afterwards. */
static void
harness_let_go(struct prong_service *s)
{
	s->net = NULL;
	s->ops = NULL;
	s->row = s->counters = NULL;
	s->data = NULL;
}

static void
harness_end(struct prong_harness *h)
{
	const struct prong_handler *handler = h->service->handler;
	struct harness_place place;

	harness_enter(h, &place);
	net_close_all(h->net);
	tasks_end(&h->tasks);
	loop_end_deferred(h->loop);
	net_free(h->net);
	if (h->is_up && handler->exit != NULL)
		handler->exit(h->service);
	harness_leave(&place);
	callers_close();
	tasks_fini(&h->tasks);
	harness_let_go(h->service);
}

void
prong_harness_free(struct prong_harness *h)
{
	struct prong_client *c;

	if (h == NULL)
		return;
	if (h->net != NULL)
		harness_end(h);
	while ((c = h->clients) != NULL) {
		h->clients = c->next;
		harness_client_free(c);
	}
	loop_free(h->loop);
	scoreboard_close(&h->scoreboard);
	prong_server_free(h->server);
	free(h);
}
