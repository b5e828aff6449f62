/* SPDX-License-Identifier: ISC */
#ifndef SERVER_DRAINING_H
#define SERVER_DRAINING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Drains: how long each may last; in the master, which services are drained and
 * what is still open.  What becomes of connections is the business of those
 * that have them (net/drain.h).
 */

struct generation;
struct process;
struct prong_server;
struct prong_service;

/* Of a service, as it drains; milliseconds, 0: without a limit. */
uint64_t draining_limit(const struct prong_service *);

/*
 * Of a process that drains all of its services: after that it is to have ended,
 * and is ended by others; the same.
 */
uint64_t draining_longest(const struct prong_server *);

/* How long after the limit those of a process have to be gone. */
#define DRAINING_GRACE	1000

/* A service that is being drained or has been, as asked. */
struct draining {
	bool on;
	uint64_t number;	/* of the order */
	uint64_t since;
	uint64_t closed;	/* how many had ended before, */
	uint64_t cut;		/* and had been cut off */
};

/* It accepts again: what is left of it goes on. */
void draining_resume(struct generation *, const struct prong_service *);
/* The channel has room again: what the process may not have heard. */
void draining_tell_again(struct process *);

#endif
