/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_CREW_H
#define DISPATCH_CREW_H

#include "net/net.h"

/*
 * The threads of a service in a worker, each with a lane: dispatch thread and
 * dispatch pool.  One that is lent for a message is given back to the worker's
 * loop when it is at rest; otherwise a thread keeps a connection to its end.
 */
enum crew_kind {
	CREW_GROWS,	/* a thread for each connection */
	CREW_FIXED,	/* so many from the start; connections wait */
	CREW_LENT,	/* the same, lent for a message */
};

/*
 * Starts the crew of a service; all calls are the worker's own thread's.
 * EAGAIN, ENOMEM.
 */
int crew_start(struct prong_service *, enum crew_kind);

/* The service may have more threads than before: s->threads. */
void crew_resize(struct prong_service *);

/*
 * The end of a turn: what the loop has counted of their services goes into the
 * rows, which the threads add to as well.
 */
void crews_turn(void);

/* Closes the connection with this number, if a crew has it. */
void crews_close(uint64_t id);

/*
 * Ends all connections and threads.  A thread is waited for unless its service
 * abandons: false when there are some that were not.
 */
bool crews_stop(void);

#endif
