/* SPDX-License-Identifier: ISC */
/*
 * Connections that are not allowed any more.
 *
 * Who is connected stands in the tables, which the processes write.  One that
 * lies has its own connections ended, or keeps them until it has drained.  The
 * tables of former masters are theirs: they are asked for the list, page by
 * page, and told whom to close, so that the rules are judged by who has them.
 */
#include "server/expel.h"

#include <stddef.h>

#include "base/log.h"
#include "base/process.h"
#include "net/admission.h"
#include "server/channel.h"
#include "server/former.h"
#include "server/jsonmem.h"
#include "server/master.h"

/* Between two looks: one may have been accepted since, or not been told. */
#define EXPEL_MS	100
#define EXPEL_VAIN	2		/* looks that find nobody, but the last */
/* Who still has some then will hardly end them, and is looked at less often. */
#define EXPEL_PATIENCE	50
#define EXPEL_MS_MAX	5000
#define EXPEL_PAGE	256
/* So many does one process hear of at once. */
#define EXPEL_TOLD_MAX	1024
/* Whether a former master has answered. */
#define EXPEL_GLANCE_MS	5

static bool
expel_is_allowed(const struct master *m, const struct conn_entry *e)
{
	const struct prong_service *s = server_by_row(m->server, e->service);

	/* Of a service that is gone no rules are left. */
	return s == NULL || s->admission == NULL ||
	    admission_allows_entry(s, e);
}

/*
 * Tells a process to end those in one page of its table, as many as it may yet
 * hear of: how many there are.
 */
static size_t
expel_page(struct process *p, const struct conn_entry *page, size_t count,
    size_t *left)
{
	struct channel_message message = { .kind = CHANNEL_CLOSE };
	size_t i, found = 0;

	for (i = 0; i < count; i++) {
		if (expel_is_allowed(p->master, &page[i]))
			continue;
		found++;
		message.id = page[i].id;
		/* What its channel has no room for is for the next look. */
		if (*left > 0 && process_tell(p, &message, -1) == 0)
			--*left;
		else
			*left = 0;
	}
	return found;
}

static size_t
expel_process(struct process *p)
{
	struct conn_entry page[EXPEL_PAGE];
	uint32_t from = 0;
	size_t found = 0, count, left = EXPEL_TOLD_MAX;

	while (from != SCOREBOARD_END) {
		count = scoreboard_connections(&p->master->scoreboard, p->slot,
		    SCOREBOARD_ALL, &from, page, EXPEL_PAGE);
		found += expel_page(p, page, count, &left);
	}
	return found;
}

static bool
expel_rules(const struct master *m)
{
	size_t i;

	for (i = 0; i < m->server->service_count; i++)
		if (m->server->services[i]->settings.access.count > 0)
			return true;
	return false;
}

static uint64_t
expel_wait(unsigned int looks)
{
	uint64_t ms = EXPEL_MS;
	unsigned int i;

	for (i = EXPEL_PATIENCE; i < looks && ms < EXPEL_MS_MAX; i++)
		ms *= 2;
	return ms < EXPEL_MS_MAX ? ms : EXPEL_MS_MAX;
}

static void
expel_look(struct timer *t)
{
	struct generation *g = (struct generation *)((char *)t -
	    offsetof(struct generation, expelling));
	struct master *m = g->master;
	size_t found = 0;
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].generation == g && m->processes[i].pid != 0)
			found += expel_process(&m->processes[i]);
	if (found > 0 && g->expelled == 0)
		log_info("generation %u: %zu connection%s not allowed any "
		    "more, closed", g->number, found, found == 1 ? " is" :
		    "s are");
	g->expelled += found;
	/* Those that were accepted meanwhile are in the table the next time. */
	g->expel_looks++;
	if (found > 0 || g->expel_vain++ < EXPEL_VAIN)
		loop_timer(m->loop, t, expel_wait(g->expel_looks));
}

/* --- those of former masters ---------------------------------------------- */

static bool
expel_row_is_allowed(const struct master *m, const json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "service"));
	const char *peer = json_string_value(json_object_get(row, "peer"));
	const struct prong_service *s = name == NULL ? NULL :
	    server_by_name(m->server, name);
	struct conn_entry e;

	return s == NULL || s->admission == NULL || peer == NULL ||
	    conntable_read_peer(peer, &e) == -1 ||
	    admission_allows_entry(s, &e);
}

/* The numbers of those of a list that are to go. */
static json_t *
expel_rows(const struct master *m, const json_t *list)
{
	json_t *ids = json_array(), *id, *row;
	size_t i;

	json_array_foreach(list, i, row) {
		id = json_object_get(row, "id");
		if (json_is_integer(id) && !expel_row_is_allowed(m, row))
			json_array_append(ids, id);
	}
	return ids;
}

/* What one page of the list says; false: that was the last one. */
static bool
expel_take(struct master *m, const json_t *page)
{
	struct expelling *e = &m->expelling;
	json_t *ids = expel_rows(m, json_object_get(page, "conns"));
	json_int_t next = json_integer_value(json_object_get(page, "next"));

	if (json_array_size(ids) > 0) {
		e->found += json_array_size(ids);
		former_ask(m, json_pack("{s:s,s:O}", "command", "close", "ids",
		    ids));
	}
	json_decref(ids);
	if (next <= e->from)
		return false;
	e->from = next;
	return true;
}

/* All pages have been seen: how long until the next look; 0: there is none. */
static uint64_t
expel_end_look(struct expelling *e)
{
	bool again = e->found > 0 || e->vain++ < EXPEL_VAIN;

	if (e->found > 0 && e->total == 0)
		log_info("earlier masters: %zu connection%s not allowed any "
		    "more, closed", e->found, e->found == 1 ? " is" : "s are");
	e->total += e->found;
	e->found = 0;
	e->from = 0;
	return again ? expel_wait(++e->looks) : 0;
}

/* Asks, or looks at the answer: when to go on; 0: not at all. */
static uint64_t
expel_go_on(struct master *m)
{
	struct expelling *e = &m->expelling;
	uint64_t ms = EXPEL_GLANCE_MS;
	json_t *page;

	if (e->asked == 0) {
		e->asked = former_ask(m, json_pack("{s:s,s:I}", "command",
		    "conns", "from", (json_int_t)e->from));
		return e->asked == 0 ? EXPEL_MS : EXPEL_GLANCE_MS;
	}
	if (!former_is_answered(m, e->asked))
		return EXPEL_GLANCE_MS;
	page = former_result(m, e->asked);
	e->asked = 0;
	/* One that did not answer is asked again, later. */
	if (page == NULL)
		ms = EXPEL_MS;
	else if (!expel_take(m, page))
		/* Nor is the list whole without those behind it. */
		ms = json_object_get(page, "silent") != NULL ?
		    expel_wait(++e->looks) : expel_end_look(e);
	json_decref(page);
	return ms;
}

static void
expel_look_at_former(struct timer *t)
{
	struct master *m = (struct master *)((char *)t -
	    offsetof(struct master, expelling) -
	    offsetof(struct expelling, timer));
	uint64_t ms;

	jsonmem_begin();
	ms = former_is_there(m) ? expel_go_on(m) : 0;
	if (ms > 0)
		loop_timer(m->loop, t, ms);
}

static void
expel_from_former(struct master *m)
{
	struct expelling *e = &m->expelling;

	if (!former_is_there(m))
		return;
	*e = (struct expelling){ .timer = e->timer };
	e->timer.fn = expel_look_at_former;
	loop_timer(m->loop, &e->timer, 1);
}

void
expel(struct master *m)
{
	struct generation *g;

	if (!expel_rules(m))
		return;
	expel_from_former(m);
	for (g = m->generations; g != NULL; g = g->before) {
		if (g->state != GENERATION_DRAINING)
			continue;
		g->expelled = 0;
		g->expel_looks = g->expel_vain = 0;
		g->expelling.fn = expel_look;
		loop_timer(m->loop, &g->expelling, 1);
	}
}
