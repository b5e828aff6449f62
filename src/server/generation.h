/* SPDX-License-Identifier: ISC */
#ifndef SERVER_GENERATION_H
#define SERVER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/privilege.h"
#include "loop/loop.h"
#include "server/draining.h"
#include "server/listening.h"
#include "server/server.h"

/*
 * A generation: the processes that serve one configuration, and what the master
 * holds for them.  A server begins with one; a reload makes another, which
 * takes over what both have in common (listening sockets with their queues,
 * shared objects, rows of counters), and has the one before it drain.  One at
 * most is being tried, one is current, the others drain.
 */

struct master;
struct process;

enum generation_state {
	GENERATION_STARTING,	/* on trial: the one before it is current */
	GENERATION_CURRENT,
	GENERATION_RETIRING,	/* empties the queues that go with it */
	GENERATION_DRAINING,	/* its successor is current */
	GENERATION_ENDING,	/* to end at once */
};

struct generation {
	struct generation *before;	/* in the master's list, newest first */
	struct master *master;
	struct prong_server *server;
	bool owns_server;		/* and frees it */
	bool accepts;			/* those that are ready get sockets */
	enum generation_state state;
	uint32_t number;
	uint32_t workers;		/* wanted */
	uint32_t forkers;		/* the same: 0 or 1 */
	uint32_t tasks;			/* the same: of all pools */
	struct privilege privilege;	/* of its processes */
	struct listening listening;
	int *bells;			/* by slot; NULL: there are no pools */
	bool *paused;			/* by row */
	struct draining *draining;	/* the same: as asked */
	uint64_t *paused_after;		/* the same: the reload asked for last */
	uint64_t drains_since;		/* process_milliseconds(); or 0 */
	bool unlimited;			/* however long that takes */
	struct timer deadline;		/* of draining, then of ending */
	/* retire.c */
	struct timer retiring;
	uint64_t retires_since, quiet_since;	/* process_milliseconds() */
	void (*retired)(struct master *, struct generation *);
	/* expel.c */
	struct timer expelling;
	size_t expelled;
	unsigned int expel_looks, expel_vain;
};

/* How long an end at once waits before it kills. */
#define GENERATION_STOP_MS	2000

/*
 * A new one for a server, at the head of the master's list.  NULL: ENOMEM,
 * ENOSPC, EINVAL with a text.  Nothing is opened or started yet.  The server
 * becomes its own unless this fails or owns is false.
 */
struct generation *generation_new(struct master *, struct prong_server *,
    bool owns);
/* Lets go of all that it holds; it has no processes any more. */
void generation_free(struct generation *);

/* Its sockets, without listening yet; what is in before is shared with it. */
int generation_bind(struct generation *, const struct generation *before);
/* Its objects; those that before has, too, are the same. */
int generation_share(struct generation *, const struct generation *before);

/*
 * What of before is paused or drained, and was so after that reload had been
 * asked for, it takes over.
 */
void generation_keep_paused(struct generation *,
    const struct generation *before, uint64_t reload);

/* How many slots it wants. */
uint32_t generation_processes(const struct generation *);
/* Whether it is to have a process of a role: one that dies has a successor. */
bool generation_wants(const struct generation *, unsigned int role);
/* Whether all that it wants are ready. */
bool generation_is_ready(const struct generation *);

/* One that was ready serves from now on, in the place of the current one. */
void generation_succeed(struct generation *);

/*
 * Accepts no more, and ends when it is empty, at the latest at the limit of its
 * services; or never, if it is unlimited.  Those that have heard of it answer
 * with the master's number.
 */
void generation_drain(struct generation *);
/* One on trial is not to be: whom it serves already, it serves to the end. */
void generation_take_back(struct generation *);
/* Ends at once. */
void generation_end(struct generation *);
/* One of its processes has gone: it goes, too, when that was the last. */
void generation_process_gone(struct generation *);

/* The one that a reload tries; NULL: there is none. */
struct generation *generation_on_trial(const struct master *);
/* How many drain. */
uint32_t generations_draining(const struct master *);

#endif
