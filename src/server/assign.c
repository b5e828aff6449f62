/* SPDX-License-Identifier: ISC */
/*
 * Who accepts from which socket.
 *
 * A socket for everybody is everybody's who is ready.  A socket of a slot is
 * its process's; while that one is not ready (dead, draining, not there yet)
 * the next ready neighbour accepts for it, so what waits in its queue is
 * served.  Everything is worked out anew whenever a state changes, and only
 * the differences are sent.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "server/channel.h"
#include "server/master.h"

static bool
assign_is_ready(const struct master *m, uint32_t slot)
{
	return m->processes[slot].state == PROCESS_READY;
}

/* The slot that serves another's sockets: itself, or the next one ready. */
static int
assign_deputy(const struct master *m, uint32_t slot)
{
	uint32_t i, k;

	for (i = 0; i < m->slots; i++) {
		k = (slot + i) % m->slots;
		if (assign_is_ready(m, k))
			return (int)k;
	}
	return -1;
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
		return error_errno("worker %u", p->slot);
	p->serves = serves;
	p->serves_size = sockets;
	return 0;
}

static void
assign_set(struct process *p, uint32_t key, bool wanted)
{
	const struct listening_socket *s = &p->master->listening.sockets[key];
	struct channel_message message = {
		.kind = wanted ? CHANNEL_ACCEPT : CHANNEL_RELEASE,
		.key = key,
		.service = s->service->index,
		.shared = s->slot == -1,
	};

	if (p->serves[key] != wanted &&
	    process_tell(p, &message, wanted ? s->fd : -1) == 0)
		p->serves[key] = wanted;
}

static void
assign_process(struct process *p, const int *deputies)
{
	const struct listening *l = &p->master->listening;
	uint32_t key;
	int slot;

	if (assign_grow(p, l->count) == -1) {
		log_error("%s", error_text());
		return;
	}
	for (key = 0; key < l->count; key++) {
		slot = l->sockets[key].slot;
		assign_set(p, key, slot == -1 ||
		    deputies[slot] == (int)p->slot);
	}
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
		if (assign_is_ready(m, slot))
			assign_process(&m->processes[slot], deputies);
	free(deputies);
}
