/* SPDX-License-Identifier: ISC */
/*
 * Connections that are not allowed any more.
 *
 * Who is connected stands in the tables, which the processes write.  One that
 * lies has its own connections ended, or keeps them until it has drained.
 */
#include "server/expel.h"

#include <stddef.h>

#include "base/log.h"
#include "base/process.h"
#include "net/admission.h"
#include "server/channel.h"
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
expel_wait(const struct generation *g)
{
	uint64_t ms = EXPEL_MS;
	unsigned int i;

	for (i = EXPEL_PATIENCE; i < g->expel_looks && ms < EXPEL_MS_MAX; i++)
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
		loop_timer(m->loop, t, expel_wait(g));
}

void
expel(struct master *m)
{
	struct generation *g;

	if (!expel_rules(m))
		return;
	for (g = m->generations; g != NULL; g = g->before) {
		if (g->state != GENERATION_DRAINING)
			continue;
		g->expelled = 0;
		g->expel_looks = g->expel_vain = 0;
		g->expelling.fn = expel_look;
		loop_timer(m->loop, &g->expelling, 1);
	}
}
