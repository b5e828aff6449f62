/* SPDX-License-Identifier: ISC */
/*
 * dispatch = thread: a thread for each connection; and dispatch = pool: so many
 * threads, each of which keeps a connection to its end, or is lent for a
 * message.
 */
#include "dispatch/conversation.h"
#include "dispatch/crew.h"
#include "dispatch/dispatch.h"

static int
threads_start(struct prong_service *s)
{
	return crew_start(s, CREW_GROWS);
}

const struct dispatch_mode dispatch_thread = {
	.bind = conversation_bind,
	.start = threads_start,
	.has_threads = true,
	.has_lanes = true,
	.can_wait = true,
};

static int
threads_start_pool(struct prong_service *s)
{
	return crew_start(s, s->settings.pool_unit == POOL_MESSAGE ?
	    CREW_LENT : CREW_FIXED);
}

const struct dispatch_mode dispatch_pool = {
	.bind = conversation_bind,
	.start = threads_start_pool,
	.has_threads = true,
	.has_lanes = true,
	.can_wait = true,
};
