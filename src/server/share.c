/* SPDX-License-Identifier: ISC */
/*
 * Which worker has which part of the threads.
 *
 * A service's threads are of all workers together, so each has a part of them,
 * a share; with fewer threads than workers some shares are without.  A share is
 * that of a worker's number at first, and each is one worker's alone.  The dead has no threads
 * any more, so one that is ready and has fewer gets its share, and leaves the
 * successor its own: nobody waits for a worker that is dead, and at no time
 * there are more threads than there may be.  A share is never taken from one
 * that lives, whose threads are at work.
 */
#include "base/log.h"
#include "dispatch/dispatch.h"
#include "server/channel.h"
#include "server/master.h"
#include "server/worker.h"

/* Threads that the worker would have more, of any service, with a share. */
static bool
share_is_more(const struct process *p, uint32_t share)
{
	const struct prong_server *server = p->generation->server;
	const struct prong_service *s;
	size_t i;

	for (i = 0; i < server->service_count; i++) {
		s = server->services[i];
		if (dispatch_modes[s->settings.dispatch]->has_threads &&
		    worker_threads(s, share) > worker_threads(s, p->share))
			return true;
	}
	return false;
}

static void
share_move(struct process *from, struct process *to)
{
	const struct channel_message m = {
		.kind = CHANNEL_SHARE, .key = from->share
	};

	from->share = to->share;
	to->share = m.key;
	process_tell(to, &m, -1);
	log_info("%s (pid %d) has the threads of %s from now on", to->name,
	    (int)to->pid, from->name);
}

/* Another worker of its generation, in that state. */
static bool
share_is_mate(const struct process *p, const struct process *other,
    enum process_state state)
{
	return other->generation == p->generation &&
	    other->role == ROLE_WORKER && other->state == state;
}

void
share_pass_on(struct process *p)
{
	struct process *other, *least = NULL;
	uint32_t i;

	if (p->role != ROLE_WORKER)
		return;
	for (i = 0; i < p->master->slots; i++) {
		other = &p->master->processes[i];
		if (share_is_mate(p, other, PROCESS_READY) && !other->stuck &&
		    share_is_more(other, p->share) &&
		    (least == NULL || other->share > least->share))
			least = other;
	}
	if (least != NULL)
		share_move(p, least);
}

void
share_inherit(struct process *p)
{
	struct process *other, *most = NULL;
	uint32_t i;

	if (p->role != ROLE_WORKER)
		return;
	for (i = 0; i < p->master->slots; i++) {
		other = &p->master->processes[i];
		if (share_is_mate(p, other, PROCESS_WAITING) &&
		    share_is_more(p, other->share) &&
		    (most == NULL || other->share < most->share))
			most = other;
	}
	if (most != NULL)
		share_move(most, p);
}

static bool
share_is_had(const struct process *p)
{
	return p->role == ROLE_WORKER && (p->state == PROCESS_WAITING ||
	    p->state == PROCESS_STARTING || p->state == PROCESS_READY);
}

static bool
share_is_only_crew(const struct process *p, const struct prong_service *s)
{
	const struct master *m = p->master;
	uint32_t i;

	if (!dispatch_modes[s->settings.dispatch]->has_threads ||
	    worker_threads(s, p->share) == 0)
		return false;
	for (i = 0; i < m->slots; i++)
		if (i != p->slot && share_is_had(&m->processes[i]) &&
		    m->processes[i].generation == p->generation &&
		    worker_threads(s, m->processes[i].share) > 0)
			return false;
	return true;
}

bool
share_is_needed(const struct process *p)
{
	const struct prong_server *server = p->generation->server;
	size_t i;

	for (i = 0; i < server->service_count; i++)
		if (share_is_only_crew(p, server->services[i]))
			return true;
	return false;
}
