/* SPDX-License-Identifier: ISC */
/*
 * The new master of an upgrade, and what the one before it has counted.
 */
#include "server/takeover.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/pidlock.h"
#include "base/process.h"
#include "base/units.h"
#include "server/announce.h"
#include "server/control.h"
#include "server/expel.h"
#include "server/former.h"
#include "server/jsonmem.h"
#include "server/link.h"
#include "server/saving.h"

struct takeover {
	struct master *master;
	struct heritage *heritage;	/* NULL: it has been taken over */
	struct link *link;		/* NULL: the one before has gone */
	uint32_t behind;		/* that one, and those before it */
	pid_t pid;			/* of that one */
	json_t *report;			/* the last one of it; NULL: none yet */
	uint64_t told;			/* when; process_milliseconds() */
	bool has_company;		/* the first worker, of all others */
	struct timer canary;
	uint64_t patience;		/* with its silence; milliseconds */
	uint64_t patient_since;		/* process_milliseconds() */
	struct timer silence;
};

/* --- becoming the server -------------------------------------------------- */

/* The files that say who the server is are ours from now on. */
static void
takeover_files(struct master *m, struct heritage *h)
{
	const char *path = m->server->settings.pidfile;

	if (h->pidlock != -1 && m->pidlock != h->pidlock)
		pidlock_remove(h->pidlock, h->pidfile);
	if (m->pidlock != -1 && pidlock_write(m->pidlock, getpid(), path) ==
	    -1)
		log_error("upgrade: %s", error_text());
	if (h->control_socket != -1 && !control_has(m, h->control_socket)) {
		unlink(h->control);
		close(h->control_socket);
	}
	control_begin(m->control);
}

static void
takeover_go(struct takeover *t)
{
	struct master *m = t->master;
	struct heritage *h = t->heritage;

	t->heritage = NULL;
	/* Not before: one that fails leaves all as it was. */
	listening_keep(&m->current->listening, &h->before.listening);
	objects_keep(m->server, h->before.server);
	m->current->accepts = true;
	assign_sockets(m);
	takeover_files(m, h);
	former_open(m, h->ask);
	h->ask = -1;
	log_info("upgrade: process %d serves in the place of process %d, "
	    "version %s after %s", (int)getpid(), (int)h->pid, prong_version(),
	    h->version);
	if (h->ledger_why[0] != '\0')
		log_info("upgrade: limits count anew: %s", h->ledger_why);
	heritage_free(h);
	announce_mainpid(getpid());
	m->upgrades++;
	/* They were opened before, and the request to reopen them is old. */
	if (log_has_moved())
		master_reopen_logs(m);
	expel(m);
	master_serves(m);
}

/* It died before it could say what became of its connections. */
static void
takeover_book(struct takeover *t)
{
	json_t *services = json_object_get(t->report, "services"), *s, *c;
	json_int_t active;
	size_t i;

	json_array_foreach(services, i, s) {
		active = json_integer_value(json_object_get(s, "active"));
		c = json_object_get(s, "counters");
		json_object_set_new(c, "closed_crash", json_integer(active +
		    json_integer_value(json_object_get(c, "closed_crash"))));
		json_object_set_new(s, "active", json_integer(0));
	}
}

/* Nothing more will be heard of it. */
static void
takeover_forget(struct takeover *t)
{
	struct master *m = t->master;

	t->link = NULL;
	loop_timer_stop(m->loop, &t->silence);
	former_close(m);
	takeover_book(t);
	t->behind = 0;
	ledger_keep_formers(&m->scoreboard.ledger, 0);
	master_finish(m);
}

static void
takeover_gone(struct takeover *t)
{
	struct master *m = t->master;

	t->link = NULL;
	if (t->heritage != NULL && m->result == -1)
		return;
	if (t->heritage != NULL)
		takeover_go(t);
	log_info("upgrade: the process before this one has ended");
	takeover_forget(t);
}

/* One that lives tells something all the time, however long it drains. */
static void
takeover_is_silent(struct timer *timer)
{
	struct takeover *t = (struct takeover *)((char *)timer -
	    offsetof(struct takeover, silence));
	uint64_t last = t->told > t->patient_since ? t->told :
	    t->patient_since;
	uint64_t gone = process_milliseconds() - last;

	if (gone < t->patience) {
		loop_timer(t->master->loop, timer, t->patience - gone);
		return;
	}
	log_warning("upgrade: process %d, which was to end first, says "
	    "nothing: it is not waited for any more", (int)t->pid);
	link_close(t->link);
	takeover_forget(t);
}

static void
takeover_hear(struct link *l, json_t *message, void *arg)
{
	struct takeover *t = arg;
	json_t *report;

	if (message == NULL) {
		takeover_gone(t);
		return;
	}
	if ((report = json_object_get(message, "report")) != NULL) {
		json_decref(t->report);
		t->report = json_incref(report);
		t->told = process_milliseconds();
		t->behind = 1 + (uint32_t)json_integer_value(json_object_get(
		    report, "behind"));
		ledger_keep_formers(&t->master->scoreboard.ledger,
		    t->behind);
	}
	if (t->heritage != NULL && json_is_true(json_object_get(message,
	    "go")))
		takeover_go(t);
}

int
takeover_open(struct master *m, struct heritage *h)
{
	struct takeover *t;

	if (h == NULL)
		return 0;
	if ((t = calloc(1, sizeof(*t))) == NULL)
		return error_errno("upgrade");
	t->master = m;
	t->heritage = h;
	t->behind = h->behind + 1;
	t->pid = h->pid;
	m->takeover = t;
	return 0;
}

void
takeover_close(struct master *m)
{
	struct takeover *t = m->takeover;

	if (t == NULL)
		return;
	if (m->loop != NULL) {
		loop_timer_stop(m->loop, &t->canary);
		loop_timer_stop(m->loop, &t->silence);
	}
	former_close(m);
	link_close(t->link);
	if (t->heritage != NULL)
		heritage_free(t->heritage);
	json_decref(t->report);
	free(t);
	m->takeover = NULL;
}

struct heritage *
takeover_heritage(const struct master *m)
{
	return m->takeover == NULL ? NULL : m->takeover->heritage;
}

const struct generation *
takeover_before(const struct master *m)
{
	struct heritage *h = takeover_heritage(m);

	return h == NULL ? NULL : &h->before;
}

int
takeover_limits(struct master *m)
{
	struct heritage *h = takeover_heritage(m);

	if (h == NULL)
		return 0;
	if (ledger_follow(&m->scoreboard.ledger, h->ledgers,
	    h->ledger_count) == -1)
		return -1;
	h->ledger_count = 0;
	return 0;
}

/* The first worker has lived long enough. */
static void
takeover_start_rest(struct timer *timer)
{
	struct takeover *t = (struct takeover *)((char *)timer -
	    offsetof(struct takeover, canary));
	struct master *m = t->master;

	t->has_company = true;
	heritage_stage("all processes");
	if (supervise_start_rest(m->current) == -1)
		master_fail(m, error_text());
	else if (generation_is_ready(m->current))
		master_is_ready(m);
}

bool
takeover_watches_canary(struct master *m)
{
	struct takeover *t = m->takeover;

	if (t == NULL || t->has_company)
		return false;
	t->canary.fn = takeover_start_rest;
	loop_timer(m->loop, &t->canary, units_milliseconds(
	    m->server->settings.canary_time));
	return true;
}

void
takeover_fail(const struct master *m, const char *why)
{
	const struct takeover *t = m->takeover;

	if (t == NULL || t->heritage == NULL)
		return;
	jsonmem_begin();
	if (t->link != NULL)
		link_send(t->link, json_pack("{s:s}", "failed", why));
	else
		heritage_fail(why);
}

/* Sockets of the one before that are not listened on any more. */
static json_t *
takeover_unused(const struct master *m, const struct heritage *h)
{
	const struct listening *before = &h->before.listening;
	json_t *fds = json_array();
	size_t i;

	for (i = 0; i < before->count; i++)
		if (!listening_holds(&m->current->listening,
		    before->sockets[i].fd))
			json_array_append_new(fds, json_integer(
			    before->sockets[i].fd));
	return fds;
}

bool
takeover_ready(struct master *m)
{
	struct takeover *t = m->takeover;
	struct heritage *h = takeover_heritage(m);
	json_t *message = NULL;

	if (h == NULL)
		return false;
	t->link = link_open(m->loop, h->link, takeover_hear, t);
	jsonmem_begin();
	if (t->link != NULL) {
		h->link = -1;
		message = json_pack("{s:b,s:o,s:o}", "ready", 1, "unused",
		    takeover_unused(m, h), "unsaved",
		    saving_unsaved(m->server, h->before.server));
	}
	if (t->link == NULL || link_send(t->link, message) == -1)
		master_fail(m, error_text());
	return true;
}

bool
takeover_is_waited_for(const struct master *m)
{
	const struct takeover *t = m->takeover;

	/* One that has failed before it took over waits for nobody. */
	return t != NULL && t->link != NULL &&
	    (t->heritage == NULL || m->result == 0);
}

pid_t
takeover_pid(const struct master *m)
{
	return takeover_is_waited_for(m) ? m->takeover->pid : 0;
}

uint32_t
takeover_behind(const struct master *m)
{
	return takeover_is_waited_for(m) ? m->takeover->behind : 0;
}

void
takeover_stop(const struct master *m, bool fast)
{
	jsonmem_begin();
	if (takeover_is_waited_for(m))
		link_send(m->takeover->link, json_pack("{s:b}", "stop", fast));
}

void
takeover_limit(const struct master *m, uint64_t ms)
{
	struct takeover *t = m->takeover;

	if (!takeover_is_waited_for(m) || ms == 0)
		return;
	t->patience = ms;
	t->patient_since = process_milliseconds();
	t->silence.fn = takeover_is_silent;
	loop_timer(m->loop, &t->silence, ms);
}

/* --- what has been counted ------------------------------------------------ */

static json_t *
takeover_find(const struct master *m, const char *service)
{
	json_t *services, *s;
	const char *name;
	size_t i;

	if (m->takeover == NULL)
		return NULL;
	services = json_object_get(m->takeover->report, "services");
	json_array_foreach(services, i, s) {
		name = json_string_value(json_object_get(s, "name"));
		if (name != NULL && strcmp(name, service) == 0)
			return s;
	}
	return NULL;
}

static uint64_t
takeover_number(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static uint64_t
takeover_add_one(const json_t *s, uint64_t counters[COUNTERS])
{
	const json_t *c = json_object_get(s, "counters");
	int i;

	for (i = 0; i < COUNTERS; i++)
		counters[i] += takeover_number(c, counter_table[i].name);
	return takeover_number(s, "active");
}

uint64_t
takeover_add(const struct master *m, const char *service,
    uint64_t counters[COUNTERS])
{
	return takeover_add_one(takeover_find(m, service), counters);
}

uint64_t
takeover_add_others(const struct master *m,
    bool (*is_there)(const struct master *, const char *service),
    uint64_t counters[COUNTERS])
{
	json_t *services, *s;
	const char *name;
	uint64_t active = 0;
	size_t i;

	if (m->takeover == NULL)
		return 0;
	services = json_object_get(m->takeover->report, "services");
	json_array_foreach(services, i, s) {
		name = json_string_value(json_object_get(s, "name"));
		if (name == NULL || !is_there(m, name))
			active += takeover_add_one(s, counters);
	}
	return active;
}

const json_t *
takeover_services(const struct master *m)
{
	return m->takeover == NULL ? NULL :
	    json_object_get(m->takeover->report, "services");
}

json_t *
takeover_own(const struct master *m, const char *service)
{
	return json_object_get(takeover_find(m, service), "own");
}

uint64_t
takeover_cut(const struct master *m, const char *service)
{
	return takeover_number(takeover_find(m, service), "cut");
}

bool
takeover_has_told(const struct master *m, uint64_t since)
{
	return !takeover_is_waited_for(m) || m->takeover->told > since;
}

uint64_t
takeover_global(const struct master *m, enum counter_global global)
{
	return m->takeover == NULL ? 0 : takeover_number(json_object_get(
	    m->takeover->report, "globals"), counter_globals[global].name);
}

json_t *
takeover_shown(const struct master *m)
{
	if (!takeover_is_waited_for(m) || m->takeover->report == NULL)
		return json_null();
	return json_pack("{s:O?,s:O?,s:i}",
	    "pid", json_object_get(m->takeover->report, "pid"),
	    "drain", json_object_get(m->takeover->report, "drain"),
	    "processes", (int)m->takeover->behind);
}

json_t *
takeover_report(struct master *m)
{
	json_t *report = status_report(m);

	json_object_set_new(report, "behind",
	    json_integer((json_int_t)takeover_behind(m)));
	json_object_set_new(report, "pid", json_integer(getpid()));
	json_object_set_new(report, "drain", draining_of_server(m));
	return report;
}
