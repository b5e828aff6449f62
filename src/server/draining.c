/* SPDX-License-Identifier: ISC */
/*
 * How long drains may last; and in the master, the services that are drained as
 * asked, and what of a drain is still open.
 */
#include "server/draining.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/control.h"
#include "server/reload.h"
#include "server/takeover.h"
#include "server/upgrade.h"

uint64_t
draining_limit(const struct prong_service *s)
{
	int64_t us = s->server->settings.drain_timeout;

	/* It was checked when it was set. */
	if (s->settings.drain_timeout[0] != '\0' &&
	    units_duration(s->settings.drain_timeout, &us) == -1)
		us = 0;
	return units_milliseconds(us);
}

uint64_t
draining_longest(const struct prong_server *server)
{
	uint64_t ms, longest = 0;
	size_t i;

	for (i = 0; i < server->service_count; i++) {
		if ((ms = draining_limit(server->services[i])) == 0)
			return 0;
		if (ms > longest)
			longest = ms;
	}
	return longest + DRAINING_GRACE;
}

/* --- what a service has open --------------------------------------------- */

struct draining_count {
	uint64_t open;
	uint64_t closed;
};

static struct draining_count
draining_count_slot(const struct master *m, uint32_t slot, uint32_t service)
{
	uint64_t counters[COUNTERS] = { 0 };
	struct draining_count n = { 0 };
	int i;

	scoreboard_add_row(&m->scoreboard, slot, service, counters);
	for (i = 0; i < COUNTERS; i++)
		if (COUNTER_IS_CLOSED(i))
			n.closed += counters[i];
	/* A worker wrote them: they may be anything. */
	if (counters[COUNTER_ACCEPTED] > n.closed)
		n.open = counters[COUNTER_ACCEPTED] - n.closed;
	return n;
}

/* Also what masters before have, as they tell it. */
static struct draining_count
draining_count(const struct master *m, uint32_t service)
{
	uint64_t counters[COUNTERS] = { 0 };
	struct draining_count all = { 0 }, one;
	uint32_t slot;
	int i;

	all.open = takeover_add(m, rows_name(&m->rows, service), counters);
	for (i = 0; i < COUNTERS; i++)
		if (COUNTER_IS_CLOSED(i))
			all.closed += counters[i];
	for (slot = 0; slot < m->slots; slot++) {
		one = draining_count_slot(m, slot, service);
		all.open += one.open;
		all.closed += one.closed;
	}
	return all;
}

uint64_t
draining_cut(const struct master *m, uint32_t service)
{
	struct slot_threads sum = { .all = 0 };
	uint32_t slot;

	for (slot = 0; slot < m->slots; slot++)
		scoreboard_add_threads(&m->scoreboard, slot, service, &sum);
	return sum.cut + takeover_cut(m, rows_name(&m->rows, service));
}

/* --- the command drain --------------------------------------------------- */

/* Whose drain has this number. */
static const struct prong_service *
draining_by_number(const struct master *m, uint64_t number)
{
	const struct prong_server *server = m->server;
	const struct draining *d;
	size_t i;

	for (i = 0; i < server->service_count; i++) {
		d = &m->current->draining[server->services[i]->index];
		if (d->on && d->number == number)
			return server->services[i];
	}
	return NULL;
}

static bool
draining_is_done(const struct master *m, uint64_t number)
{
	const struct prong_service *s = draining_by_number(m, number);

	return s == NULL || (master_is_answered(m, number) &&
	    takeover_has_told(m, m->current->draining[s->index].since) &&
	    draining_count(m, s->index).open == 0);
}

/* The slots that still have some. */
static json_t *
draining_who(const struct master *m, uint64_t number)
{
	const struct prong_service *s = draining_by_number(m, number);
	json_t *list = json_array();
	uint32_t slot;

	for (slot = 0; s != NULL && slot < m->slots; slot++)
		if (draining_count_slot(m, slot, s->index).open > 0)
			json_array_append_new(list, json_integer(slot));
	return list;
}

static void
draining_add(struct master *m, uint64_t number, json_t *result)
{
	const struct prong_service *s = draining_by_number(m, number);
	struct draining_count now;
	const struct draining *d;
	uint64_t cut;

	/* It was resumed meanwhile. */
	json_object_set_new(result, "resumed", json_boolean(s == NULL));
	if (s == NULL)
		return;
	d = &m->current->draining[s->index];
	now = draining_count(m, s->index);
	cut = draining_cut(m, s->index);
	cut = cut > d->cut ? cut - d->cut : 0;
	json_object_set_new(result, "open", json_integer(
	    (json_int_t)now.open));
	json_object_set_new(result, "ended", json_integer(
	    (json_int_t)(now.closed - d->closed)));
	json_object_set_new(result, "cut", json_integer((json_int_t)cut));
	log_info("service=%s drained: ended=%llu cut=%llu open=%llu", s->name,
	    (unsigned long long)(now.closed - d->closed),
	    (unsigned long long)cut, (unsigned long long)now.open);
}

static void
draining_tell(struct process *p, const struct prong_service *s, bool on,
    uint64_t number)
{
	const struct channel_message message = {
		.kind = CHANNEL_EMPTY, .service = s->index, .key = on,
		.number = number,
	};

	if (p->pid != 0 && process_serves(p->role, s))
		process_tell(p, &message, -1);
}

/* Who serves it is a matter of each generation. */
static void
draining_tell_all(struct generation *g, uint32_t row, bool on, uint64_t number)
{
	const struct prong_service *s = server_by_row(g->server, row);
	struct master *m = g->master;
	uint32_t slot;

	if (s == NULL)
		return;
	for (slot = 0; slot < m->slots; slot++)
		if (m->processes[slot].generation == g)
			draining_tell(&m->processes[slot], s, on, number);
}

static void
draining_begin(struct master *m, const struct prong_service *s)
{
	struct draining *d = &m->current->draining[s->index];

	*d = (struct draining){
		.on = true,
		.number = ++m->number,
		.since = process_milliseconds(),
		.closed = draining_count(m, s->index).closed,
		.cut = draining_cut(m, s->index),
	};
	log_info("service=%s drains, as asked: open=%llu",
	    s->name, (unsigned long long)draining_count(m, s->index).open);
	m->current->paused[s->index] = true;
	assign_sockets(m);
	/* Behind that, so that nobody comes after it. */
	draining_tell_all(m->current, s->index, true, d->number);
}

/* A reload that was asked for before does not end it. */
static void
draining_outlive(struct master *m, const struct prong_service *s)
{
	struct generation *trial = generation_on_trial(m);

	m->current->paused_after[s->index] = reload_asked(m);
	if (trial == NULL || server_by_name(trial->server, s->name) == NULL)
		return;
	trial->paused_after[s->index] = reload_asked(m);
	if (trial->draining[s->index].on)
		return;
	/* Who is tried may serve it already. */
	trial->draining[s->index] = m->current->draining[s->index];
	trial->paused[s->index] = true;
	draining_tell_all(trial, s->index, true, ++m->number);
}

json_t *
draining_command(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	struct prong_service *s = control_service(m, request);
	uint64_t limit, gone;
	struct draining *d;

	if (s == NULL)
		return NULL;
	if (m->state != MASTER_RUNNING) {
		error_set(EBUSY, "the server is %s",
		    master_state_name(m->state));
		return NULL;
	}
	d = &m->current->draining[s->index];
	if (!d->on && upgrade_is_busy(m)) {
		error_set(EBUSY, "an upgrade is under way");
		return NULL;
	}
	if (!d->on)
		draining_begin(m, s);
	draining_outlive(m, s);
	limit = draining_limit(s);
	gone = process_milliseconds() - d->since;
	wait->is_done = draining_is_done;
	wait->who = draining_who;
	wait->add = draining_add;
	wait->number = d->number;
	wait->limit = limit == 0 ? UINT64_MAX : limit + 2 * DRAINING_GRACE;
	if (limit != 0)
		wait->limit = wait->limit > gone ? wait->limit - gone : 1;
	return json_pack("{s:s}", "service", s->name);
}

void
draining_resume(struct generation *g, const struct prong_service *s)
{
	if (!g->draining[s->index].on)
		return;
	g->draining[s->index].on = false;
	draining_tell_all(g, s->index, false, 0);
}

void
draining_tell_again(struct process *p)
{
	const struct generation *g = p->generation;
	const struct prong_service *s;
	size_t i;

	for (i = 0; i < g->server->service_count; i++) {
		s = g->server->services[i];
		draining_tell(p, s, g->draining[s->index].on, p->asked);
	}
}

/* --- what status shows --------------------------------------------------- */

/* limit: 0 is none. */
static json_t *
draining_show(uint64_t since, uint64_t limit, const struct scoreboard_rest *rest)
{
	uint64_t now = process_milliseconds();

	return json_pack("{s:f,s:o,s:I,s:o}",
	    "running", status_seconds(since, now),
	    "left", limit == 0 ? json_null() :
	    json_real(status_seconds(now, since + limit)),
	    "active", (json_int_t)rest->open,
	    "oldest", rest->opened == 0 ? json_null() :
	    json_real(status_seconds(rest->opened, now)));
}

json_t *
draining_of_service(const struct master *m, const struct prong_service *s,
    const struct scoreboard_rest *rest)
{
	const struct generation *g = m->current;
	const struct draining *d = &g->draining[s->index];
	uint64_t since = g->drains_since, cut = draining_cut(m, s->index);
	json_t *shown;

	if (m->state != MASTER_DRAINING && !d->on)
		return json_null();
	/* The first is the one whose limit holds. */
	if (d->on)
		since = d->since;
	shown = draining_show(since, g->unlimited && !d->on ? 0 :
	    draining_limit(s), rest);
	json_object_set_new(shown, "cut", json_integer((json_int_t)
	    (cut > d->cut ? cut - d->cut : 0)));
	return shown;
}

/* What the slots from first to last have open; names: of each service. */
static void
draining_add_rests(const struct master *m, uint32_t first, uint32_t last,
    struct scoreboard_rest *all, json_t *names)
{
	struct scoreboard_rest *rests;
	uint32_t i;

	rests = calloc(m->scoreboard.services, sizeof(*rests));
	for (i = first; rests != NULL && i <= last; i++)
		scoreboard_add_rests(&m->scoreboard, i, rests);
	for (i = 0; rests != NULL && i < m->scoreboard.services; i++) {
		scoreboard_join_rest(all, &rests[i]);
		if (rests[i].open > 0 && names != NULL)
			json_object_set_new(names, rows_name(&m->rows, i),
			    json_integer((json_int_t)rests[i].open));
	}
	free(rests);
}

json_t *
draining_of_process(const struct process *p)
{
	const struct generation *g = p->generation;
	struct scoreboard_rest all = { 0 };
	json_t *shown, *names;

	if (p->pid == 0 || g == NULL || p->state != PROCESS_DRAINING)
		return json_null();
	names = json_object();
	draining_add_rests(p->master, p->slot, p->slot, &all, names);
	shown = draining_show(p->drained_since, g->unlimited ? 0 :
	    draining_longest(g->server), &all);
	json_object_set_new(shown, "services", names);
	return shown;
}

json_t *
draining_of_server(const struct master *m)
{
	const struct generation *g = m->current;
	struct scoreboard_rest all = { 0 };

	if (m->state != MASTER_DRAINING)
		return json_null();
	draining_add_rests(m, 0, m->slots - 1, &all, NULL);
	return draining_show(g->drains_since, g->unlimited ? 0 :
	    draining_longest(g->server), &all);
}
