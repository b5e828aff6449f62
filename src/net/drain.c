/* SPDX-License-Identifier: ISC */
/*
 * The phases of a service's drain, in the loop of the process that accepted
 * its connections.  What a phase means for a connection is in conn_drain.c.
 */
#include "net/drain.h"

#include <stddef.h>

#include "net/conn.h"
#include "net/net.h"

static void
drain_one(struct watch *w, void *arg)
{
	struct prong_service *s = arg;
	struct prong_conn *c = conn_of_watch(w);

	if (c != NULL && c->service == s)
		conn_drain(c, s->drain.phase);
}

static void
drain_enter(struct prong_service *s, enum drain_phase phase)
{
	s->drain.phase = phase;
	loop_each(s->net->loop, drain_one, s);
	if (s->drain.tell != NULL)
		s->drain.tell(s);
}

static void
drain_arm(struct prong_service *s, uint64_t ms)
{
	loop_timer_exact(s->net->loop, &s->drain.timer, ms);
}

/* Some may not hear of it, or be new: they are told again. */
static void
drain_cut(struct prong_service *s)
{
	uint32_t open = s->open;

	if (open == 0)
		return;
	if (s->drain.phase != DRAIN_CUT && s->drain.cut != NULL)
		s->drain.cut(s, open);
	drain_arm(s, DRAIN_AGAIN_MS);
	drain_enter(s, DRAIN_CUT);
}

static void
drain_due(struct timer *t)
{
	struct prong_service *s = (struct prong_service *)((char *)t -
	    offsetof(struct prong_service, drain.timer));

	if (s->drain.phase != DRAIN_ON) {
		drain_cut(s);
		return;
	}
	drain_arm(s, s->drain.last);
	drain_enter(s, DRAIN_LAST);
}

void
drain_begin(struct prong_service *s, uint64_t ms)
{
	uint64_t last = ms / DRAIN_LAST_PART;

	if (s->drain.phase != DRAIN_OFF)
		return;
	s->drain.last = last < DRAIN_LAST_MS ? last : DRAIN_LAST_MS;
	s->drain.timer.fn = drain_due;
	/* Without memory for it the master's own limit holds. */
	if (ms > 0)
		drain_arm(s, ms - s->drain.last);
	drain_enter(s, DRAIN_ON);
}

void
drain_end(struct prong_service *s)
{
	if (s->drain.phase == DRAIN_OFF)
		return;
	loop_timer_stop(s->net->loop, &s->drain.timer);
	drain_enter(s, DRAIN_OFF);
}
