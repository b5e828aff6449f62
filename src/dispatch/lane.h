/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_LANE_H
#define DISPATCH_LANE_H

#include "loop/task.h"
#include "net/net.h"

/* Until when it has a connection. */
enum lane_keeps {
	LANE_TO_THE_END,	/* and beyond: nobody else could see to it */
	LANE_UNTIL_CLOSING,
	LANE_WHILE_BUSY,	/* with what has happened, or was begun here */
};

/*
 * A lane: a loop of its own for one connection at a time, in a thread or a
 * process of its own.  Everything about a connection works in it as it does in
 * a worker's loop, and whatever waits there holds up nobody else.
 *
 * What is booked of a connection, its beginning and its end, is booked at home:
 * in the loop of the process that accepted it.  A lane adds what it counts to
 * the home's row: what was received before the handler gets it, the rest after
 * each turn.
 */
struct lane {
	struct loop *loop;
	struct net *net;
	struct tasks tasks;
	struct prong_service *home;
	struct prong_service service;	/* as it is here */
	struct service_ops ops;
	struct prong_conn *conn;	/* NULL: none */
	enum lane_keeps keeps;
	bool hurries;			/* does not wait for calls */
	uint64_t counters[COUNTERS];	/* of this turn */
	uint64_t serving;
	char name[16];
};

/* ENOMEM, EMFILE. */
int lane_init(struct lane *, struct prong_service *home, const char *name);
/* Makes it the lane of the calling thread. */
void lane_enter(struct lane *);
/* Does not wait for the calls that its handler has been promised. */
void lane_hurry(struct lane *);
/* And no longer; what has been begun in it ends. */
void lane_leave(struct lane *);
void lane_fini(struct lane *);
/* Makes it serve another service. */
void lane_renew(struct lane *, struct prong_service *home);
/* Has at hand what a task needs. */
void lane_warm(struct lane *);

/*
 * Serves a connection until it has ended (CONN_DEAD) or is to be given back,
 * and the handler has had its calls; its service is the home's again then.
 */
void lane_serve(struct lane *, struct prong_conn *);

/* Of which a thread is; NULL: of none. */
struct lane *lane_here(void);

#endif
