/* SPDX-License-Identifier: ISC */
/*
 * Generations: what they hold, how one follows the other, how one ends.
 */
#include "server/generation.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/activation.h"
#include "server/channel.h"
#include "server/master.h"
#include "server/prepare.h"
#include "server/takeover.h"

uint32_t
generation_processes(const struct generation *g)
{
	return g->workers + g->forkers + g->tasks;
}

static int
generation_count(struct generation *g)
{
	const struct prong_server *s = g->server;

	g->workers = (uint32_t)server_workers(s);
	g->tasks = pools_processes(s);
	g->forkers = (uint32_t)server_processes(s) - g->workers - g->tasks;
	if (generation_processes(g) <= g->master->slots)
		return 0;
	return error_set(EINVAL, "workers is %u, and pools have %u processes, "
	    "but max-processes is only %u", g->workers, g->tasks,
	    g->master->slots);
}

static void
generation_release(struct generation *g)
{
	if (g == NULL)
		return;
	free(g->paused);
	free(g->draining);
	free(g->paused_after);
	free(g);
}

struct generation *
generation_new(struct master *m, struct prong_server *s, bool owns)
{
	struct generation *g;

	if ((g = calloc(1, sizeof(*g))) == NULL ||
	    (g->paused = calloc(m->rows.count, sizeof(*g->paused))) == NULL ||
	    (g->draining = calloc(m->rows.count, sizeof(*g->draining))) ==
	    NULL || (g->paused_after = calloc(m->rows.count,
	    sizeof(*g->paused_after))) == NULL) {
		error_errno("generation");
		generation_release(g);
		return NULL;
	}
	g->master = m;
	g->server = s;
	g->number = m->last_generation + 1;
	if (privilege_find(&g->privilege, s->settings.user,
	    s->settings.group) == -1 || rows_assign(m, s) == -1 ||
	    generation_count(g) == -1 || prepare_sandbox(s) == -1) {
		generation_release(g);
		return NULL;
	}
	g->owns_server = owns;
	g->before = m->generations;
	m->generations = g;
	m->last_generation = g->number;
	return g;
}

void
generation_free(struct generation *g)
{
	struct generation **at = &g->master->generations;
	struct master *m = g->master;

	while (*at != g)
		at = &(*at)->before;
	*at = g->before;
	if (m->current == g)
		m->current = NULL;
	if (m->loop != NULL) {
		loop_timer_stop(m->loop, &g->deadline);
		loop_timer_stop(m->loop, &g->retiring);
		loop_timer_stop(m->loop, &g->expelling);
	}
	listening_close(&g->listening, true);
	pools_close_bells(g->bells, m->slots);
	m->recovered += objects_recovered(g->server);
	if (g->owns_server)
		prong_server_free(g->server);
	else
		objects_free(g->server);
	generation_release(g);
}

int
generation_bind(struct generation *g, const struct generation *before)
{
	struct listening *given = activation_sockets();

	if (listening_open(&g->listening, g->server, (int)g->workers,
	    before == NULL ? given : &before->listening) == -1)
		return -1;
	if (before == NULL) {
		listening_keep(&g->listening, given);
		activation_settle();
	}
	return 0;
}

int
generation_share(struct generation *g, const struct generation *before)
{
	if (prepare_counters(g->server, &g->master->scoreboard) == -1 ||
	    objects_follow(g->server, before == NULL ? NULL :
	    before->server) == -1)
		return -1;
	return pools_open_bells(g->server, g->master->slots, &g->bells);
}

bool
generation_is_ready(const struct generation *g)
{
	const struct master *m = g->master;
	uint32_t i, ready = 0;

	for (i = 0; i < m->slots; i++)
		ready += m->processes[i].generation == g &&
		    m->processes[i].state == PROCESS_READY;
	return ready >= generation_processes(g);
}

void
generation_keep_paused(struct generation *g, const struct generation *before,
    uint64_t reload)
{
	uint32_t row;
	size_t i;

	for (i = 0; i < g->server->service_count; i++) {
		row = g->server->services[i]->index;
		if (!before->paused[row] || before->paused_after[row] < reload)
			continue;
		g->paused[row] = true;
		g->paused_after[row] = before->paused_after[row];
		g->draining[row] = before->draining[row];
	}
}

/* --- its end -------------------------------------------------------------- */

/* Whether a process lives that may wait for a task of a pool. */
static bool
generation_has_callers(const struct generation *g)
{
	const struct master *m = g->master;
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].generation == g &&
		    m->processes[i].pid != 0 &&
		    m->processes[i].role != ROLE_POOL)
			return true;
	return false;
}

static bool
generation_has_processes(const struct generation *g)
{
	const struct master *m = g->master;
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].generation == g &&
		    m->processes[i].pid != 0)
			return true;
	return false;
}

bool
generation_wants(const struct generation *g, unsigned int role)
{
	if (g->state == GENERATION_DRAINING)
		return role == ROLE_POOL && generation_has_callers(g);
	return g->state < GENERATION_DRAINING;
}

/* Starts of dead processes that were planned do not happen any more. */
static void
generation_cancel_starts(struct generation *g)
{
	struct master *m = g->master;
	struct process *p;
	uint32_t i;

	for (i = 0; i < m->slots; i++) {
		p = &m->processes[i];
		if (p->generation != g || p->state != PROCESS_WAITING)
			continue;
		loop_timer_stop(m->loop, &p->timer);
		p->state = PROCESS_NONE;
	}
}

/* They answer with m->number. */
static void
generation_tell(const struct generation *g, enum channel_kind kind)
{
	struct channel_message message = { .kind = kind, .key = g->unlimited };
	struct master *m = g->master;
	struct process *p;
	uint32_t i;

	message.number = ++m->number;
	for (i = 0; i < m->slots; i++) {
		p = &m->processes[i];
		if (p->generation != g || p->pid == 0 ||
		    (kind == CHANNEL_DRAIN && p->role == ROLE_POOL))
			continue;
		if (kind == CHANNEL_DRAIN && p->state != PROCESS_DRAINING) {
			p->state = PROCESS_DRAINING;
			p->drained_since = g->drains_since;
		}
		process_tell(p, &message, -1);
	}
}

static void
generation_kill(struct timer *t)
{
	struct generation *g = (struct generation *)((char *)t -
	    offsetof(struct generation, deadline));
	struct master *m = g->master;
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].generation == g &&
		    m->processes[i].pid != 0) {
			log_warning("%s (pid %d) does not stop: killed",
			    m->processes[i].name, (int)m->processes[i].pid);
			kill(m->processes[i].pid, SIGKILL);
		}
}

void
generation_end(struct generation *g)
{
	if (g->state == GENERATION_ENDING)
		return;
	g->state = GENERATION_ENDING;
	loop_timer_stop(g->master->loop, &g->retiring);
	generation_cancel_starts(g);
	generation_tell(g, CHANNEL_STOP);
	g->deadline.fn = generation_kill;
	loop_timer(g->master->loop, &g->deadline, GENERATION_STOP_MS);
	generation_process_gone(g);
}

static void
generation_drained_long_enough(struct timer *t)
{
	struct generation *g = (struct generation *)((char *)t -
	    offsetof(struct generation, deadline));

	log_warning("generation %u: drain-timeout is over: closing what is "
	    "still open", g->number);
	generation_end(g);
}

void
generation_drain(struct generation *g)
{
	uint64_t ms = g->unlimited ? 0 : draining_longest(g->server);

	if (g->state >= GENERATION_DRAINING)
		return;
	g->state = GENERATION_DRAINING;
	g->drains_since = process_milliseconds();
	g->accepts = false;
	loop_timer_stop(g->master->loop, &g->retiring);
	generation_cancel_starts(g);
	generation_tell(g, CHANNEL_DRAIN);
	g->deadline.fn = generation_drained_long_enough;
	if (ms > 0)
		loop_timer_exact(g->master->loop, &g->deadline, ms);
	generation_process_gone(g);
}

void
generation_take_back(struct generation *g)
{
	struct master *m = g->master;
	struct process *p;
	uint32_t i;

	/* Who is not ready serves nobody, and may never hear of it. */
	for (i = 0; i < m->slots; i++) {
		p = &m->processes[i];
		if (p->generation == g && p->state == PROCESS_STARTING &&
		    p->role != ROLE_POOL)
			kill(p->pid, SIGKILL);
	}
	generation_drain(g);
}

/* Pools are there as long as anybody who may wait for a task. */
void
generation_process_gone(struct generation *g)
{
	struct master *m = g->master;

	if (g->state < GENERATION_DRAINING || generation_has_callers(g))
		return;
	if (generation_has_processes(g)) {
		generation_end(g);
		return;
	}
	generation_cancel_starts(g);
	master_generation_gone(m, g);
}

struct generation *
generation_on_trial(const struct master *m)
{
	struct generation *g = m->generations;

	return g != m->current && g->state == GENERATION_STARTING ? g : NULL;
}

uint32_t
generations_draining(const struct master *m)
{
	const struct generation *g;
	uint32_t count = 0;

	for (g = m->generations; g != NULL; g = g->before)
		count += g->state >= GENERATION_RETIRING;
	return count;
}

/* --- its beginning -------------------------------------------------------- */

void
generation_succeed(struct generation *g)
{
	struct master *m = g->master;
	struct generation *before = m->current == g ? NULL : m->current;

	g->state = GENERATION_CURRENT;
	/* Whom one accepts that fails before it takes over would be cut off. */
	g->accepts = takeover_heritage(m) == NULL;
	m->current = g;
	m->server = g->server;
	if (before != NULL) {
		listening_keep(&g->listening, &before->listening);
		objects_keep(g->server, before->server);
	}
	/* The new ones first, so that no queue is without a reader. */
	assign_sockets(m);
}
