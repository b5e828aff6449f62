/* SPDX-License-Identifier: ISC */
/*
 * The state of the server as JSON.  What is true of processes comes from the
 * master's own memory; the scoreboard is only copied from.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "dispatch/dispatch.h"
#include "server/control.h"
#include "server/takeover.h"

double
status_seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1000 : 0;
}

/* What is told of a worker beside its slot's words. */
static json_t *
status_health(const struct process *p, uint64_t now)
{
	json_t *next = p->state == PROCESS_WAITING ?
	    json_real(status_seconds(now, p->next)) : json_null();
	/* One that has lived for a while has nothing to tell of the last. */
	bool well = p->state == PROCESS_READY &&
	    now - p->started > BACKOFF_GOOD_LIFE;
	json_t *death = !well && p->death[0] != '\0' ?
	    json_string(p->death) : json_null();

	return json_pack("{s:i,s:o,s:o,s:b,s:b}",
	    "failures", well ? 0 : (int)p->backoff.failures,
	    "restart_in", next,
	    "death", death,
	    "full", p->full,
	    /* At work on a long task is not late. */
	    "late", p->late && p->role != ROLE_POOL);
}

/* How many threads are at work, and how many connections wait for one. */
static json_t *
status_threads(const struct slot_threads *t)
{
	return json_pack("{s:I,s:I,s:I,s:I}",
	    "threads", (json_int_t)t->all,
	    "threads_busy", (json_int_t)t->busy,
	    "waiting", (json_int_t)t->waiting,
	    "children", (json_int_t)t->children);
}

/* A process that has died left its numbers behind. */
static void
status_add_threads(const struct master *m, const struct process *p,
    uint32_t service, struct slot_threads *totals)
{
	if (p->state != PROCESS_NONE && p->pid != 0)
		scoreboard_add_threads(&m->scoreboard, p->slot, service,
		    totals);
}

/* What it says that it has entered; before it is ready nothing is known. */
static json_t *
status_sandbox(const struct process *p)
{
	char text[SANDBOX_MAX];

	return p->pid == 0 || p->state == PROCESS_STARTING ? json_null() :
	    json_string(sandbox_format(p->sandbox, text));
}

/* Those that it has given to handlers itself: its successor begins anew. */
static uint64_t
status_messages(const struct master *m, const struct process *p)
{
	uint64_t counters[COUNTERS] = { 0 };
	uint32_t i;

	for (i = 0; i < m->scoreboard.services; i++)
		scoreboard_add_row(&m->scoreboard, p->slot, i, counters);
	return counters[COUNTER_MESSAGES];
}

static json_t *
status_worker(struct master *m, struct process *p, uint64_t now)
{
	const struct slot *s = scoreboard_slot(&m->scoreboard, p->slot);
	uint64_t beat = __atomic_load_n(&s->last_beat, __ATOMIC_RELAXED);
	bool alive = p->pid != 0;
	struct slot_threads sum = { .all = 0 };
	json_t *row, *threads, *health = status_health(p, now);
	uint32_t i;

	for (i = 0; i < m->scoreboard.services; i++)
		status_add_threads(m, p, i, &sum);
	threads = status_threads(&sum);

	row = json_pack("{s:i,s:i,s:s,s:s,s:i,s:f,s:f,s:I,s:I}",
	    "slot", (int)p->slot,
	    "pid", (int)p->pid,
	    "role", process_role_name(p->role),
	    "state", process_state_name(p->state),
	    "generation", p->generation == NULL ? 0 :
	    (int)p->generation->number,
	    "started", status_seconds(m->started, p->started),
	    "last_beat", beat == 0 ? 0 : status_seconds(beat, now),
	    "active", alive ? (json_int_t)__atomic_load_n(&s->live,
		__ATOMIC_RELAXED) : (json_int_t)0,
	    "loops", (json_int_t)__atomic_load_n(&s->loops,
		__ATOMIC_RELAXED));
	json_object_set_new(row, "sandbox", status_sandbox(p));
	json_object_set_new(row, "messages",
	    json_integer((json_int_t)status_messages(m, p)));
	json_object_set_new(row, "pool", p->pool == NULL ? json_null() :
	    json_string(p->pool->name));
	json_object_update(row, threads);
	json_decref(threads);
	json_object_update(row, health);
	json_object_set_new(row, "drain", draining_of_process(p));
	json_decref(health);
	return row;
}

static json_t *
status_worker_list(struct master *m)
{
	json_t *list = json_array();
	uint64_t now = process_milliseconds();
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].state != PROCESS_NONE)
			json_array_append_new(list,
			    status_worker(m, &m->processes[i], now));
	return list;
}

static json_t *
status_counters_of(const uint64_t *counters)
{
	json_t *object = json_object();
	int i;

	for (i = 0; i < COUNTERS; i++)
		json_object_set_new(object, counter_table[i].name,
		    json_integer((json_int_t)counters[i]));
	return object;
}

static json_t *
status_listen(struct master *m, const struct prong_service *service)
{
	const struct listening *l = &m->current->listening;
	json_t *list = json_array();
	char text[ADDRESS_MAX];
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->sockets[i].service == service &&
		    l->sockets[i].number <= 0)
			json_array_append_new(list, json_string(address_format(
			    &l->sockets[i].address, text,
			    sizeof(text))));
	return list;
}

static const char *
status_accept(struct master *m, const struct prong_service *service)
{
	const struct listening *l = &m->current->listening;
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->sockets[i].service == service &&
		    l->sockets[i].number >= 0)
			return "reuseport";
	return "shared";
}

typedef void status_own_fn(json_t *, const char *service, const char *name,
    const char *help, uint64_t value);

static bool
status_is_named(const struct tally_name *names, size_t count, const char *name)
{
	while (count > 0 && strcmp(names[count - 1].name, name) != 0)
		count--;
	return count > 0;
}

/*
 * Counters of a handler's own, of a row that may be no service's any more; fn
 * gets each.  What only the master before knows, it counts on while it drains.
 */
static void
status_each_own(struct master *m, uint32_t row, status_own_fn *fn, json_t *to)
{
	const struct tallies *t = &m->scoreboard.tallies;
	const char *service = rows_name(&m->rows, row), *name;
	struct tally_name names[TALLY_MAX];
	size_t cells[TALLY_MAX], count, i;
	json_t *before = takeover_own(m, service), *value;

	count = tallies_names(t, row, names, cells);
	for (i = 0; i < count; i++)
		fn(to, service, names[i].name, names[i].help,
		    tallies_sum(t, row, cells[i]) +
		    (uint64_t)json_integer_value(json_object_get(before,
		    names[i].name)));
	json_object_foreach(before, name, value)
		if (!status_is_named(names, count, name))
			fn(to, service, name, "",
			    (uint64_t)json_integer_value(value));
}

static void
status_set_own(json_t *object, const char *service, const char *name,
    const char *help, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *
status_own(struct master *m, uint32_t row)
{
	json_t *object = json_object();

	status_each_own(m, row, status_set_own, object);
	return object;
}

/* Also how many the kernel has that nobody has accepted; null: unknown. */
static json_t *
status_places(struct master *m, const struct prong_service *s)
{
	struct slot_threads sum = { .all = 0 };
	int64_t queued = listening_queued(&m->current->listening, s);
	json_t *object;
	uint32_t slot;

	for (slot = 0; slot < m->slots; slot++)
		status_add_threads(m, &m->processes[slot], s->index, &sum);
	object = status_threads(&sum);
	json_object_set_new(object, "queued", queued == -1 ? json_null() :
	    json_integer(queued));
	return object;
}

struct status_totals {
	uint64_t counters[COUNTERS];
	uint64_t active;
};

static json_t *
status_service(struct master *m, struct prong_service *s,
    const struct scoreboard_rest *rest, struct status_totals *totals)
{
	uint64_t counters[COUNTERS] = { 0 }, active;
	struct scoreboard_rest all = *rest;
	json_t *row, *places = status_places(m, s);
	uint32_t slot;
	int i;

	for (slot = 0; slot < m->slots; slot++)
		scoreboard_add_row(&m->scoreboard, slot, s->index, counters);
	active = rest->open + takeover_add(m, s->name, counters);
	all.open = active;
	for (i = 0; i < COUNTERS; i++)
		totals->counters[i] += counters[i];
	totals->active += active;
	row = json_pack("{s:s,s:s,s:s,s:s?,s:s,s:o,s:b,s:I,s:o,s:o}",
	    "name", s->name,
	    "handler", s->settings.handler,
	    "dispatch", dispatch_names[s->settings.dispatch],
	    /* The one that a module prefers is known to the workers. */
	    "framing", s->settings.framing[0] == '\0' ? NULL :
	    s->settings.framing,
	    "accept", status_accept(m, s),
	    "listen", status_listen(m, s),
	    "paused", m->current->paused[s->index],
	    "active", (json_int_t)active,
	    "counters", status_counters_of(counters),
	    "own", status_own(m, s->index));
	json_object_update(row, places);
	json_object_set_new(row, "drain", draining_of_service(m, s, &all));
	json_decref(places);
	return row;
}

static bool
status_has_service(const struct master *m, const char *service)
{
	return server_by_name(m->server, service) != NULL;
}

/* What services that the configuration has no more add to the whole. */
static void
status_add_gone(struct master *m, const struct scoreboard_rest *rests,
    struct status_totals *totals)
{
	uint32_t row, slot;
	int i;

	for (i = 0; i < COUNTERS; i++)
		totals->counters[i] += m->rows.retired[i];
	totals->active += takeover_add_others(m, status_has_service,
	    totals->counters);
	for (row = 0; row < m->rows.count; row++) {
		if (server_by_row(m->server, row) != NULL)
			continue;
		totals->active += rests[row].open;
		for (slot = 0; slot < m->slots; slot++)
			scoreboard_add_row(&m->scoreboard, slot, row,
			    totals->counters);
	}
}

/* only: one of them, or NULL for all. */
static json_t *
status_service_list(struct master *m, struct status_totals *totals,
    const struct prong_service *only)
{
	json_t *list = json_array();
	struct prong_service *service;
	struct scoreboard_rest *rests;
	uint32_t slot;
	size_t i;

	rests = calloc(m->scoreboard.services, sizeof(*rests));
	if (rests == NULL)
		return list;
	/* Ends before beginnings: the tables are counted first. */
	for (slot = 0; slot < m->slots; slot++)
		scoreboard_add_rests(&m->scoreboard, slot, rests);
	for (i = 0; i < m->server->service_count; i++) {
		service = m->server->services[i];
		if (only == NULL || service == only)
			json_array_append_new(list, status_service(m, service,
			    &rests[service->index], totals));
	}
	if (only == NULL)
		status_add_gone(m, rests, totals);
	free(rests);
	return list;
}

/* Of objects that all generations have, or had. */
static uint64_t
status_recovered(const struct master *m)
{
	const struct generation *g;
	uint64_t sum = m->recovered;

	for (g = m->generations; g != NULL; g = g->before)
		sum += objects_recovered(g->server);
	return sum;
}

static void
status_globals(struct master *m, uint64_t active,
    uint64_t globals[GLOBALS])
{
	const uint64_t all[GLOBALS] = {
		[GLOBAL_ACTIVE] = active,
		[GLOBAL_RESTARTS_CRASH] = m->restarts_crash,
		[GLOBAL_RESTARTS_STUCK] = m->restarts_stuck,
		[GLOBAL_RELOADS] = m->reloads,
		[GLOBAL_UPGRADES] = m->upgrades,
		[GLOBAL_LOCKS_RECOVERED] = scoreboard_recovered(&m->scoreboard) +
	    status_recovered(m),
		[GLOBAL_UPTIME] = (process_milliseconds() - m->started) / 1000,
	};

	int i;

	memcpy(globals, all, sizeof(all));
	for (i = GLOBAL_RESTARTS_CRASH; i < GLOBAL_UPTIME; i++)
		globals[i] += takeover_global(m, (enum counter_global)i);
}

static json_t *
status_totals(struct master *m, const struct status_totals *totals)
{
	json_t *object = status_counters_of(totals->counters);
	uint64_t globals[GLOBALS];
	size_t i;

	status_globals(m, totals->active, globals);
	for (i = 0; i < GLOBALS; i++)
		json_object_set_new(object, counter_globals[i].name,
		    json_integer((json_int_t)globals[i]));
	return object;
}

/* --- for the next master --------------------------------------------------- */

static bool
status_has_row(const struct master *m, const char *service)
{
	uint32_t i;

	for (i = 0; i < m->rows.count; i++)
		if (strcmp(m->rows.names[i], service) == 0)
			return true;
	return false;
}

static json_t *
status_report_row(struct master *m, uint32_t row, uint64_t active)
{
	uint64_t counters[COUNTERS] = { 0 };
	uint32_t slot;

	for (slot = 0; slot < m->slots; slot++)
		scoreboard_add_row(&m->scoreboard, slot, row, counters);
	active += takeover_add(m, m->rows.names[row], counters);
	return json_pack("{s:s,s:o,s:I,s:I,s:o}", "name", m->rows.names[row],
	    "counters", status_counters_of(counters),
	    "active", (json_int_t)active,
	    "cut", (json_int_t)draining_cut(m, row),
	    "own", status_own(m, row));
}

/* Of names that have no row any more, and of which nobody is served. */
static json_t *
status_report_rest(struct master *m)
{
	uint64_t counters[COUNTERS], active;

	memcpy(counters, m->rows.retired, sizeof(counters));
	active = takeover_add_others(m, status_has_row, counters);
	return json_pack("{s:s,s:o,s:I}", "name", "", "counters",
	    status_counters_of(counters), "active", (json_int_t)active);
}

/*
 * Of those names what handlers have counted: the rest has no names.  It is what
 * the master before has said, so each service is there once.
 */
static void
status_report_gone(struct master *m, json_t *services)
{
	const char *name;
	json_t *s, *own;
	size_t i;

	json_array_foreach(takeover_services(m), i, s) {
		name = json_string_value(json_object_get(s, "name"));
		own = json_object_get(s, "own");
		if (name != NULL && json_object_size(own) > 0 &&
		    !status_has_row(m, name))
			json_array_append_new(services, json_pack(
			    "{s:s,s:{},s:i,s:O}", "name", name, "counters",
			    "active", 0, "own", own));
	}
}

json_t *
status_report(struct master *m)
{
	json_t *services = json_array(), *object = json_object();
	struct scoreboard_rest *rests;
	uint64_t globals[GLOBALS];
	uint32_t i;

	rests = calloc(m->rows.count, sizeof(*rests));
	if (rests == NULL) {
		json_decref(services);
		json_decref(object);
		return NULL;
	}
	/* Ends before beginnings, as ever. */
	for (i = 0; i < m->slots; i++)
		scoreboard_add_rests(&m->scoreboard, i, rests);
	for (i = 0; i < m->rows.count; i++)
		if (m->rows.names[i][0] != '\0')
			json_array_append_new(services, status_report_row(m, i,
			    rests[i].open));
	free(rests);
	status_report_gone(m, services);
	json_array_append_new(services, status_report_rest(m));
	status_globals(m, 0, globals);
	for (i = GLOBAL_RESTARTS_CRASH; i < GLOBAL_UPTIME; i++)
		json_object_set_new(object, counter_globals[i].name,
		    json_integer((json_int_t)globals[i]));
	return json_pack("{s:o,s:o}", "services", services, "globals", object);
}

json_t *
status_workers(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	return json_pack("{s:o}", "workers", status_worker_list(m));
}

json_t *
status_services(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	struct status_totals totals = { .active = 0 };

	return json_pack("{s:o}", "services",
	    status_service_list(m, &totals, NULL));
}

json_t *
status_all(struct master *m, const json_t *request, struct control_wait *wait)
{
	struct status_totals totals = { .active = 0 };
	json_t *services = status_service_list(m, &totals, NULL);

	return json_pack("{s:s,s:i,s:f,s:i,s:s,s:o,s:o,s:o,s:o,s:o}",
	    "version", prong_version(),
	    "pid", (int)getpid(),
	    "uptime", status_seconds(m->started, process_milliseconds()),
	    "generation", (int)m->current->number,
	    "state", master_state_name(m->state),
	    "drain", draining_of_server(m),
	    "before", takeover_shown(m),
	    "workers", status_worker_list(m),
	    "services", services,
	    "totals", status_totals(m, &totals));
}

static void
status_add_counter(json_t *list, const char *name, uint64_t value,
    const char *help)
{
	json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "name", name,
	    "value", (json_int_t)value, "help", help));
}

static void
status_add_own(json_t *list, const char *service, const char *name,
    const char *help, uint64_t value)
{
	json_array_append_new(list, json_pack("{s:s,s:I,s:s,s:s}",
	    "name", name, "value", (json_int_t)value, "help", help,
	    "service", service));
}

/* Of services that are gone, too: who is served still counts. */
static void
status_add_all_own(struct master *m, json_t *list)
{
	json_t *s, *own, *value;
	const char *service, *name;
	uint32_t row;
	size_t i;

	for (row = 0; row < m->rows.count; row++)
		if (m->rows.names[row][0] != '\0')
			status_each_own(m, row, status_add_own, list);
	json_array_foreach(takeover_services(m), i, s) {
		service = json_string_value(json_object_get(s, "name"));
		if (service == NULL || status_has_row(m, service))
			continue;
		own = json_object_get(s, "own");
		json_object_foreach(own, name, value)
			status_add_own(list, service, name, "",
			    (uint64_t)json_integer_value(value));
	}
}

/* Every number with its description; of one service, or of all and the rest. */
json_t *
status_counters(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	bool one = json_object_get(request, "service") != NULL;
	const struct prong_service *service = NULL;
	struct status_totals totals = { .active = 0 };
	uint64_t globals[GLOBALS];
	json_t *list;
	size_t i;

	if (one && (service = control_service(m, request)) == NULL)
		return NULL;
	json_decref(status_service_list(m, &totals, service));
	list = json_array();
	for (i = 0; i < COUNTERS; i++)
		status_add_counter(list, counter_table[i].name,
		    totals.counters[i], counter_table[i].help);
	status_globals(m, totals.active, globals);
	/* Of a service alone, only the gauge, which is the first. */
	for (i = 0; i < (one ? 1 : GLOBALS); i++)
		status_add_counter(list, counter_globals[i].name, globals[i],
		    counter_globals[i].help);
	if (one)
		status_each_own(m, service->index, status_add_own, list);
	else
		status_add_all_own(m, list);
	return json_pack("{s:o}", "counters", list);
}
