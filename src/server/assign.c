/* SPDX-License-Identifier: ISC */
/*
 * Who accepts from which socket.
 *
 * A socket for everybody is everybody's who is ready.  That of a number is
 * the worker's who has it.  While that one is not well (dead, draining, not there yet,
 * late, out of descriptors) the next neighbour that is accepts for it too, so
 * what waits in its queue is served.  The sockets of a paused service are
 * nobody's.  Everything is worked out anew whenever a state changes, and only
 * the differences are sent.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "server/channel.h"
#include "server/master.h"

static bool
assign_is_ready(const struct process *p)
{
	return p->state == PROCESS_READY;
}

/*
 * The first worker after a number, its own included, of which a thing is true;
 * NULL.
 */
static const struct process *
assign_next(const struct generation *g, uint32_t number,
    bool (*is)(const struct process *))
{
	const struct process *p, *first = NULL, *next = NULL;
	uint32_t i;

	for (i = 0; i < g->master->slots; i++) {
		p = &g->master->processes[i];
		if (p->generation != g || p->role != ROLE_WORKER || !is(p))
			continue;
		if (first == NULL || p->number < first->number)
			first = p;
		if (p->number >= number &&
		    (next == NULL || p->number < next->number))
			next = p;
	}
	return next != NULL ? next : first;
}

/* Who serves a number's sockets beside its own worker, or instead. */
static const struct process *
assign_deputy(const struct generation *g, uint32_t number)
{
	const struct process *p = assign_next(g, number, process_is_well);

	return p != NULL ? p : assign_next(g, number, assign_is_ready);
}

/* What is paused now is so for who is tried, too: that may be taken back. */
static bool
assign_is_paused(const struct generation *g, const struct prong_service *s)
{
	return g->paused[s->index] || (g->state == GENERATION_STARTING &&
	    g->master->current->paused[s->index]);
}

/* Those of numbers are for workers alone, unless they are common. */
static bool
assign_is_wanted(const struct process *p, const struct listening_socket *s,
    const struct process *const *deputies)
{
	if (assign_is_paused(p->generation, s->service) ||
	    !process_serves(p->role, s->service) ||
	    (p->generation->state == GENERATION_RETIRING && s->is_shared))
		return false;
	return s->number == -1 || s->is_common ||
	    s->number == (int)p->number || deputies[s->number] == p;
}

static int
assign_grow(struct process *p, size_t sockets)
{
	bool *serves;

	if (sockets <= p->serves_size)
		return 0;
	serves = recallocarray(p->serves, p->serves_size, sockets,
	    sizeof(*serves));
	if (serves == NULL)
		return error_errno("%s", p->name);
	p->serves = serves;
	p->serves_size = sockets;
	return 0;
}

static void
assign_set(struct process *p, uint32_t key, bool wanted, uint64_t number)
{
	const struct listening_socket *s =
	    &p->generation->listening.sockets[key];
	struct channel_message message = {
		.kind = wanted ? CHANNEL_ACCEPT : CHANNEL_RELEASE,
		.key = key,
		.service = s->service->index,
		.shared = s->is_common || s->number != (int)p->number,
		.number = number,
	};

	if (p->serves[key] != wanted &&
	    process_tell(p, &message, wanted ? s->fd : -1) == 0)
		p->serves[key] = wanted;
}

static void
assign_process(struct process *p, const struct process *const *deputies)
{
	const struct listening *l = &p->generation->listening;
	uint32_t key, last = UINT32_MAX;

	if (assign_grow(p, l->count) == -1) {
		log_error("%s", error_text());
		process_tell_later(p->master);
		return;
	}
	for (key = 0; key < l->count; key++)
		if (p->serves[key] &&
		    !assign_is_wanted(p, &l->sockets[key], deputies))
			last = key;
	/* Who pauses a service waits until the last one has been let go of. */
	for (key = 0; key < l->count; key++)
		assign_set(p, key, assign_is_wanted(p, &l->sockets[key],
		    deputies), key == last ? p->master->release : 0);
}

/* Numbers that have sockets. */
static uint32_t
assign_numbers(const struct generation *g)
{
	uint32_t numbers = 0;
	size_t i;

	for (i = 0; i < g->listening.count; i++)
		if (g->listening.sockets[i].number >= (int)numbers)
			numbers = (uint32_t)g->listening.sockets[i].number + 1;
	return numbers;
}

static void
assign_generation(struct generation *g)
{
	struct master *m = g->master;
	uint32_t i, numbers = assign_numbers(g);
	const struct process **deputies;

	if ((deputies = calloc(numbers + 1, sizeof(*deputies))) == NULL) {
		log_error("cannot assign sockets: out of memory");
		process_tell_later(m);
		return;
	}
	for (i = 0; i < numbers; i++)
		deputies[i] = assign_deputy(g, i);
	/* A draining process has let go of all by itself. */
	for (i = 0; i < m->slots; i++)
		if (m->processes[i].generation == g &&
		    assign_is_ready(&m->processes[i]))
			assign_process(&m->processes[i], deputies);
	free(deputies);
}

void
assign_sockets(struct master *m)
{
	struct generation *g;

	for (g = m->generations; g != NULL; g = g->before)
		if (g->accepts)
			assign_generation(g);
}
