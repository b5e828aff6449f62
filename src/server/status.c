/* SPDX-License-Identifier: ISC */
/*
 * The state of the server as JSON.  What is true of processes comes from the
 * master's own memory; the scoreboard is only copied from.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "dispatch/dispatch.h"
#include "server/control.h"

static double
status_seconds(uint64_t from, uint64_t to)
{
	return to > from ? (double)(to - from) / 1000 : 0;
}

static json_t *
status_worker(struct master *m, struct process *p, uint64_t now)
{
	const struct slot *s = scoreboard_slot(&m->scoreboard, p->slot);
	uint64_t beat = __atomic_load_n(&s->last_beat, __ATOMIC_RELAXED);
	bool alive = p->pid != 0;

	return json_pack("{s:i,s:i,s:s,s:s,s:i,s:f,s:f,s:I,s:I}",
	    "slot", (int)p->slot,
	    "pid", (int)p->pid,
	    "role", "worker",
	    "state", process_state_name(p->state),
	    "generation", (int)m->generation,
	    "started", status_seconds(m->started, p->started),
	    "last_beat", beat == 0 ? 0 : status_seconds(beat, now),
	    "active", alive ? (json_int_t)__atomic_load_n(&s->live,
		__ATOMIC_RELAXED) : (json_int_t)0,
	    "loops", (json_int_t)__atomic_load_n(&s->loops,
		__ATOMIC_RELAXED));
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
status_counters(const uint64_t *counters)
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
	json_t *list = json_array();
	char text[ADDRESS_MAX];
	size_t i;

	for (i = 0; i < m->listening.count; i++)
		if (m->listening.sockets[i].service == service &&
		    m->listening.sockets[i].slot <= 0)
			json_array_append_new(list, json_string(address_format(
			    &m->listening.sockets[i].address, text,
			    sizeof(text))));
	return list;
}

static const char *
status_accept(struct master *m, const struct prong_service *service)
{
	size_t i;

	for (i = 0; i < m->listening.count; i++)
		if (m->listening.sockets[i].service == service &&
		    m->listening.sockets[i].slot >= 0)
			return "reuseport";
	return "shared";
}

struct status_totals {
	uint64_t counters[COUNTERS];
	uint64_t active;
};

static json_t *
status_service(struct master *m, struct prong_service *s, uint64_t active,
    struct status_totals *totals)
{
	uint64_t counters[COUNTERS] = { 0 };
	uint32_t slot;
	int i;

	for (slot = 0; slot < m->slots; slot++)
		scoreboard_add_row(&m->scoreboard, slot, s->index, counters);
	for (i = 0; i < COUNTERS; i++)
		totals->counters[i] += counters[i];
	totals->active += active;
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:I,s:o}",
	    "name", s->name,
	    "handler", s->handler->name,
	    "dispatch", dispatch_names[s->settings.dispatch],
	    "framing", s->settings.framing,
	    "accept", status_accept(m, s),
	    "listen", status_listen(m, s),
	    "active", (json_int_t)active,
	    "counters", status_counters(counters));
}

static json_t *
status_service_list(struct master *m, struct status_totals *totals)
{
	json_t *list = json_array();
	uint64_t *active;
	uint32_t slot;
	size_t i;

	active = calloc(m->scoreboard.services, sizeof(*active));
	if (active == NULL)
		return list;
	/* Ends before beginnings: the tables are counted first. */
	for (slot = 0; slot < m->slots; slot++)
		scoreboard_add_active(&m->scoreboard, slot, active);
	for (i = 0; i < m->server->service_count; i++)
		json_array_append_new(list, status_service(m,
		    m->server->services[i], active[i], totals));
	free(active);
	return list;
}

static uint64_t
status_recovered(struct master *m)
{
	uint64_t n = scoreboard_recovered(&m->scoreboard);
	size_t i;

	for (i = 0; i < m->server->array_count; i++)
		n += array_recovered(m->server->arrays[i]);
	return n;
}

static json_t *
status_totals(struct master *m, const struct status_totals *totals)
{
	json_t *object = status_counters(totals->counters);
	const struct {
		const char *name;
		uint64_t value;
	} more[] = {
		{ "active", totals->active },
		{ "restarts_crash", m->restarts_crash },
		{ "restarts_stuck", m->restarts_stuck },
		{ "reloads", 0 },
		{ "upgrades", 0 },
		{ "locks_recovered", status_recovered(m) },
	};
	size_t i;

	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		json_object_set_new(object, more[i].name,
		    json_integer((json_int_t)more[i].value));
	return object;
}

json_t *
status_workers(struct master *m, const json_t *request)
{
	return json_pack("{s:o}", "workers", status_worker_list(m));
}

json_t *
status_services(struct master *m, const json_t *request)
{
	struct status_totals totals = { .active = 0 };

	return json_pack("{s:o}", "services",
	    status_service_list(m, &totals));
}

json_t *
status_all(struct master *m, const json_t *request)
{
	struct status_totals totals = { .active = 0 };
	json_t *services = status_service_list(m, &totals);

	return json_pack("{s:s,s:i,s:f,s:i,s:s,s:o,s:o,s:o}",
	    "version", prong_version(),
	    "pid", (int)getpid(),
	    "uptime", status_seconds(m->started, process_milliseconds()),
	    "generation", (int)m->generation,
	    "state", master_state_name(m->state),
	    "workers", status_worker_list(m),
	    "services", services,
	    "totals", status_totals(m, &totals));
}
