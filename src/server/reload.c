/* SPDX-License-Identifier: ISC */
/*
 * A reload, step by step.
 */
#include "server/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/announce.h"
#include "server/control.h"
#include "server/diff.h"
#include "server/expel.h"
#include "server/loading.h"
#include "server/prepare.h"
#include "server/reading.h"
#include "server/requests.h"
#include "server/retire.h"
#include "server/saving.h"
#include "server/takeover.h"
#include "server/upgrade.h"

/* Generations that drain at once. */
#define RELOAD_DRAINING_MAX	8
/* How often it looks whether there is room for another. */
#define RELOAD_ROOM_MS		20

enum reload_step {
	RELOAD_NONE,
	RELOAD_LOADING,		/* the configuration is read and checked */
	RELOAD_ROOM,		/* until slots are free */
	RELOAD_READING,		/* dicts that are new are read */
	RELOAD_CANARY,		/* its first worker is to become ready */
	RELOAD_WATCHING,	/* ... and to live for canary-time */
	RELOAD_STARTING,	/* all others are to become ready */
	RELOAD_RETIRING,	/* what listens no more empties its queues */
};

struct reload {
	struct master *master;
	enum reload_step step;
	struct requests requests;
	struct requests trials;	/* what would change? */
	struct loading *loading;
	struct loading *trying;
	struct reading *reading;
	struct prong_server *server;	/* until its generation has it */
	struct generation *next;
	json_t *changes;
	uint64_t begun_at;
	uint64_t released;		/* who drains has heard of it */
	uint64_t limit;			/* process_milliseconds() */
	struct timer timer;
};

/* --- requests ------------------------------------------------------------- */

/* Numbers of trials are odd, so that one number says all. */
#define RELOAD_NUMBER(n, is_trial)	((n) << 1 | (is_trial))

static const struct requests *
reload_requests(const struct master *m, uint64_t number)
{
	return (number & 1) != 0 ? &m->reload->trials : &m->reload->requests;
}

bool
reload_is_done(const struct master *m, uint64_t number)
{
	if (reload_requests(m, number)->done < number >> 1)
		return false;
	/* Who comes after the answer is not to meet the generation before. */
	return (number & 1) != 0 || master_is_answered(m, m->reload->released);
}

json_t *
reload_result(const struct master *m, uint64_t number, json_t **errors)
{
	return requests_result(reload_requests(m, number), errors);
}

static void reload_begin(struct reload *);

/* Ready again; why is NULL, or why nothing has changed. */
static void
reload_announce(const struct master *m, const char *why)
{
	if (why == NULL)
		master_announce(m);
	else
		announce_status("the reload failed, generation %u goes on: %s",
		    m->current->number, why);
	announce_ready();
}

/* Over, well or not: what was asked for meanwhile comes next. */
static void
reload_finish(struct reload *r, json_t *result, const char *why)
{
	r->step = RELOAD_NONE;
	json_decref(r->changes);
	r->changes = NULL;
	r->next = NULL;
	r->server = NULL;
	loop_timer_stop(r->master->loop, &r->timer);
	requests_end(&r->requests, result, why);
	if (why != NULL) {
		requests_log(&r->requests, "reload");
		log_error("reload: nothing has changed: generation %u goes on",
		    r->master->current->number);
	}
	if (r->master->state != MASTER_RUNNING)
		return;
	reload_announce(r->master, why);
	if (requests_are_more(&r->requests))
		reload_begin(r);
}

/* What was tried is taken back; the current generation goes on. */
static void
reload_fail(struct reload *r, const char *reason)
{
	struct generation *next = r->next;
	struct master *m = r->master;
	char why[REQUESTS_WHY_MAX];

	/* The text may be that of the last error, and there may be others. */
	strlcpy(why, reason, sizeof(why));
	if (r->server != NULL)
		prong_server_free(r->server);
	if (r->reading != NULL)
		reading_cancel(r->reading);
	r->reading = NULL;
	control_settle(m, false);
	if (next != NULL) {
		master_settle(m, m->server, next->server);
		next->accepts = false;
		/* Whoever hangs in it is not to keep its addresses. */
		listening_close(&next->listening, true);
		generation_take_back(next);
		objects_adjust(m->server);
		assign_sockets(m);
	}
	reload_finish(r, NULL, why);
}

static void
reload_wait(struct reload *r, uint64_t ms, void (*fn)(struct timer *))
{
	r->timer.fn = fn;
	loop_timer(r->master->loop, &r->timer, ms);
}

/* --- the end of it -------------------------------------------------------- */

static json_t *
reload_report(const struct reload *r)
{
	return json_pack("{s:i,s:O,s:f}",
	    "generation", (int)r->master->current->number,
	    "changes", r->changes,
	    "seconds", status_seconds(r->begun_at, process_milliseconds()));
}

static void
reload_log_changes(const struct reload *r)
{
	size_t i;

	for (i = 0; i < json_array_size(r->changes); i++)
		log_info("reload: %s", json_string_value(json_array_get(
		    r->changes, i)));
	if (i == 0)
		log_info("reload: nothing is configured otherwise than before");
}

/* What the queues of removed sockets held has been accepted. */
static void
reload_retired(struct master *m, struct generation *before)
{
	struct reload *r = m->reload;

	generation_drain(before);
	r->released = m->number;
	expel(m);
	log_info("reload: generation %u serves, workers=%u services=%zu",
	    m->current->number, m->current->workers,
	    m->server->service_count);
	reload_finish(r, reload_report(r), NULL);
}

/* All of the new generation are ready. */
static void
reload_succeed(struct reload *r)
{
	struct generation *before = r->master->current, *next = r->next;
	struct master *m = r->master;
	bool other_log = prepare_has_other_log(next->server, before->server);

	r->next = NULL;
	r->step = RELOAD_RETIRING;
	loop_timer_stop(m->loop, &r->timer);
	reload_log_changes(r);
	generation_succeed(next);
	if (other_log && prepare_log(next->server) == -1)
		log_error("reload: %s; the log goes on as it was",
		    error_text());
	listening_log_new(&next->listening, &before->listening);
	control_settle(m, true);
	master_settle(m, before->server, next->server);
	saving_follow(m);
	m->reloads++;
	retire(m, before, reload_retired);
}

/* --- its processes -------------------------------------------------------- */

static void
reload_took_too_long(struct timer *t)
{
	struct reload *r = (struct reload *)((char *)t -
	    offsetof(struct reload, timer));

	reload_fail(r, r->step == RELOAD_READING ?
	    "its dicts were not read within upgrade-timeout" :
	    "its processes were not ready within upgrade-timeout");
}

/* The canary has lived long enough: it gets company. */
static void
reload_start_rest(struct timer *t)
{
	struct reload *r = (struct reload *)((char *)t -
	    offsetof(struct reload, timer));

	r->step = RELOAD_STARTING;
	reload_wait(r, units_milliseconds(
	    r->next->server->settings.upgrade_timeout), reload_took_too_long);
	if (supervise_start_rest(r->next) == -1)
		reload_fail(r, error_text());
	else if (generation_is_ready(r->next))
		reload_succeed(r);
}

void
reload_process_ready(struct process *p)
{
	struct reload *r = p->master->reload;

	if (r->next != p->generation)
		return;
	/* It serves at once: a canary that does nothing finds nothing. */
	r->next->accepts = true;
	if (r->step == RELOAD_CANARY) {
		r->step = RELOAD_WATCHING;
		reload_wait(r, units_milliseconds(
		    r->next->server->settings.canary_time), reload_start_rest);
	}
	assign_sockets(p->master);
	if (r->step == RELOAD_STARTING && generation_is_ready(r->next))
		reload_succeed(r);
}

void
reload_process_died(struct process *p, const char *how)
{
	struct reload *r = p->master->reload;
	char why[ERROR_MAX];

	if (r->next != p->generation)
		return;
	snprintf(why, sizeof(why), "its %s %s%s; the log says more", p->name,
	    how, r->step == RELOAD_CANARY || r->step == RELOAD_STARTING ?
	    " before all were ready" : "");
	reload_fail(r, why);
}

static void
reload_wait_ready(struct reload *r)
{
	reload_wait(r, units_milliseconds(
	    r->next->server->settings.upgrade_timeout), reload_took_too_long);
}

static int
reload_start_canary(struct reload *r)
{
	struct generation *g = r->next;
	struct master *m = r->master;

	r->step = RELOAD_CANARY;
	reload_wait_ready(r);
	if (control_prepare(m, g->server) == -1 ||
	    master_prepare(m, g->server) == -1 ||
	    listening_start(&g->listening) == -1)
		return -1;
	return supervise_start_canary(g);
}

static void
reload_has_read(struct master *m, const char *why, void *arg)
{
	struct reload *r = arg;

	r->reading = NULL;
	if (why != NULL)
		reload_fail(r, why);
	else if (reload_start_canary(r) == -1)
		reload_fail(r, error_text());
}

static int
reload_open_generation(struct reload *r)
{
	struct master *m = r->master;
	struct generation *g, *current = m->current;
	int reads;

	if ((g = generation_new(m, r->server, true)) == NULL)
		return -1;
	r->server = NULL;
	r->next = g;
	generation_keep_paused(g, current, r->requests.begun);
	r->step = RELOAD_READING;
	reload_wait_ready(r);
	if (generation_bind(g, current) == -1 ||
	    generation_share(g, current) == -1 ||
	    (reads = reading_begin(g, reload_has_read, r, &r->reading)) == -1)
		return -1;
	return reads == 1 ? 0 : reload_start_canary(r);
}

static bool
reload_has_room(const struct reload *r)
{
	return generations_draining(r->master) < RELOAD_DRAINING_MAX &&
	    supervise_room(r->master) >=
	    (uint32_t)server_processes(r->server);
}

static void
reload_try_room(struct timer *t)
{
	struct reload *r = (struct reload *)((char *)t -
	    offsetof(struct reload, timer));
	char why[ERROR_MAX];

	if (reload_has_room(r)) {
		if (reload_open_generation(r) == -1)
			reload_fail(r, error_text());
	} else if (process_milliseconds() >= r->limit) {
		snprintf(why, sizeof(why), "there is no room: %u generations "
		    "drain, and %u of max-processes (%u) are free; "
		    "drain-timeout, or prongctl close, ends them",
		    generations_draining(r->master), supervise_room(r->master),
		    r->master->slots);
		reload_fail(r, why);
	} else
		reload_wait(r, RELOAD_ROOM_MS, reload_try_room);
}

/* --- its configuration ---------------------------------------------------- */

/* What the scoreboard was made for. */
static int
reload_check_fixed(const struct server_settings *now,
    const struct server_settings *new)
{
	const struct {
		const char *name;
		int64_t now, new;
	} fixed[] = {
		{ "max-processes", now->max_processes, new->max_processes },
		{ "max-services", now->max_services, new->max_services },
		{ "max-sources", now->max_sources, new->max_sources },
	};
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i].now != fixed[i].new)
			return error_set(EINVAL, "%s is %lld, and a reload "
			    "cannot make it %lld: that takes an upgrade or a "
			    "restart", fixed[i].name, (long long)fixed[i].now,
			    (long long)fixed[i].new);
	return 0;
}

/* Whether the server that was loaded can follow the one that serves. */
static int
reload_check(const struct master *m, struct prong_server *s)
{
	if (reload_check_fixed(&m->server->settings, &s->settings) == -1)
		return -1;
	if (server_processes(s) > (int)m->slots)
		return error_set(EINVAL, "it has %d processes, but "
		    "max-processes is %u", server_processes(s), m->slots);
	return prepare_services(s) == -1 ? -1 :
	    objects_check_follow(s, m->server);
}

static void
reload_loaded(struct master *m, struct prong_server *s, const char *why,
    void *arg)
{
	struct reload *r = arg;

	r->loading = NULL;
	r->server = s;
	if (s == NULL)
		reload_fail(r, why);
	else if (reload_check(m, s) == -1)
		reload_fail(r, error_text());
	else {
		r->changes = diff_servers(m->server, s);
		r->step = RELOAD_ROOM;
		r->limit = process_milliseconds() +
		    units_milliseconds(s->settings.upgrade_timeout);
		reload_try_room(&r->timer);
	}
}

static void
reload_begin(struct reload *r)
{
	requests_begin(&r->requests);
	r->begun_at = process_milliseconds();
	r->step = RELOAD_LOADING;
	log_info("reload: begun");
	announce_reloading();
	r->loading = loading_start(r->master, reload_loaded, r);
	if (r->loading == NULL)
		reload_fail(r, error_text());
}

static int
reload_check_state(const struct master *m)
{
	if (upgrade_is_busy(m) || takeover_heritage(m) != NULL)
		return error_set(EBUSY, "an upgrade is under way");
	if (m->state == MASTER_RUNNING)
		return 0;
	return error_set(EBUSY, "the server is %s",
	    master_state_name(m->state));
}

bool
reload_is_busy(const struct master *m)
{
	return m->reload->step != RELOAD_NONE;
}

uint64_t
reload_asked(const struct master *m)
{
	return m->reload->requests.asked;
}

uint64_t
reload_ask(struct master *m)
{
	struct reload *r = m->reload;
	uint64_t number;

	if (reload_check_state(m) == -1)
		return 0;
	number = ++r->requests.asked;
	if (r->step == RELOAD_NONE)
		reload_begin(r);
	return RELOAD_NUMBER(number, 0);
}

/* --- trials --------------------------------------------------------------- */

static void reload_try(struct reload *);

static void
reload_tried(struct master *m, struct prong_server *s, const char *why,
    void *arg)
{
	struct reload *r = arg;
	json_t *result = NULL;

	r->trying = NULL;
	if (s != NULL && reload_check(m, s) == -1)
		why = error_text();
	else if (s != NULL)
		result = json_pack("{s:i,s:o}", "generation",
		    (int)m->current->number, "changes",
		    diff_servers(m->server, s));
	requests_end(&r->trials, result, why);
	if (s != NULL)
		prong_server_free(s);
	if (requests_are_more(&r->trials))
		reload_try(r);
}

static void
reload_try(struct reload *r)
{
	requests_begin(&r->trials);
	r->trying = loading_start(r->master, reload_tried, r);
	if (r->trying == NULL)
		requests_end(&r->trials, NULL, error_text());
}

uint64_t
reload_ask_changes(struct master *m)
{
	struct reload *r = m->reload;
	uint64_t number;

	if (reload_check_state(m) == -1)
		return 0;
	number = ++r->trials.asked;
	if (r->trying == NULL)
		reload_try(r);
	return RELOAD_NUMBER(number, 1);
}

/* --- the master's beginning and end --------------------------------------- */

int
reload_open(struct master *m)
{
	if ((m->reload = calloc(1, sizeof(*m->reload))) == NULL)
		return error_errno("reload");
	m->reload->master = m;
	return 0;
}

void
reload_cancel(struct master *m)
{
	struct reload *r = m->reload;

	if (r == NULL)
		return;
	if (r->trying != NULL) {
		loading_cancel(r->trying);
		r->trying = NULL;
		requests_begin(&r->trials);
		requests_end(&r->trials, NULL, "the server stops");
	}
	if (r->loading != NULL) {
		loading_cancel(r->loading);
		r->loading = NULL;
	}
	/* Those that were to come next have the same answer. */
	if (r->step != RELOAD_NONE)
		requests_begin(&r->requests);
	if (r->step == RELOAD_RETIRING)
		reload_finish(r, reload_report(r), NULL);
	else if (r->step != RELOAD_NONE)
		reload_fail(r, "the server stops");
}

void
reload_close(struct master *m)
{
	struct reload *r = m->reload;

	if (r == NULL)
		return;
	if (m->loop != NULL)
		loop_timer_stop(m->loop, &r->timer);
	requests_free(&r->requests);
	requests_free(&r->trials);
	json_decref(r->changes);
	free(r);
	m->reload = NULL;
}
