/* SPDX-License-Identifier: ISC */
/*
 * Who accepts from which socket.
 *
 * A socket for everybody is everybody's who is ready.  A socket of a slot is
 * its process's.  While that one is not well (dead, draining, not there yet,
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

/* The sockets of slots are for workers alone. */
static bool
assign_is_ready_worker(const struct process *p)
{
	return p->role == ROLE_WORKER && assign_is_ready(p);
}

static bool
assign_is_well_worker(const struct process *p)
{
	return p->role == ROLE_WORKER && process_is_well(p);
}

/* The first after a slot, itself included, of which a thing is true; -1. */
static int
assign_next(const struct master *m, uint32_t slot,
    bool (*is)(const struct process *))
{
	uint32_t i, k;

	for (i = 0; i < m->slots; i++) {
		k = (slot + i) % m->slots;
		if (is(&m->processes[k]))
			return (int)k;
	}
	return -1;
}

/* Who serves a slot's sockets beside its own process, or instead. */
static int
assign_deputy(const struct master *m, uint32_t slot)
{
	int deputy = assign_next(m, slot, assign_is_well_worker);

	return deputy != -1 ? deputy : assign_next(m, slot,
	    assign_is_ready_worker);
}

static bool
assign_is_wanted(const struct process *p, const struct listening_socket *s,
    const int *deputies)
{
	if (p->master->paused[s->service->index] ||
	    !process_serves(p->role, s->service))
		return false;
	return s->slot == -1 || s->slot == (int)p->slot ||
	    deputies[s->slot] == (int)p->slot;
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
	const struct listening_socket *s = &p->master->listening.sockets[key];
	struct channel_message message = {
		.kind = wanted ? CHANNEL_ACCEPT : CHANNEL_RELEASE,
		.key = key,
		.service = s->service->index,
		.shared = s->slot != (int)p->slot,
		.number = number,
	};

	if (p->serves[key] != wanted &&
	    process_tell(p, &message, wanted ? s->fd : -1) == 0)
		p->serves[key] = wanted;
}

static void
assign_process(struct process *p, const int *deputies)
{
	const struct listening *l = &p->master->listening;
	uint32_t key, last = UINT32_MAX;

	if (assign_grow(p, l->count) == -1) {
		log_error("%s", error_text());
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

void
assign_sockets(struct master *m)
{
	uint32_t slot;
	int *deputies;

	if ((deputies = calloc(m->slots, sizeof(*deputies))) == NULL) {
		log_error("cannot assign sockets: out of memory");
		return;
	}
	for (slot = 0; slot < m->slots; slot++)
		deputies[slot] = assign_deputy(m, slot);
	/* A draining process has let go of all by itself. */
	for (slot = 0; slot < m->slots; slot++)
		if (assign_is_ready(&m->processes[slot]))
			assign_process(&m->processes[slot], deputies);
	free(deputies);
}
