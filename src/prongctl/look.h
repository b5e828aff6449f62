/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_LOOK_H
#define PRONGCTL_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "prongctl/client.h"

/*
 * A look at a server: some questions one after the other, over one connection,
 * without waiting for the answers.
 */

/* Looking at more connections than this would hold the server up. */
#define LOOK_CONNS_MAX	10000

struct look {
	const char *socket;
	int64_t limit;		/* microseconds for all of it; 0: none */
	bool wants_conns, wants_counters;	/* beside the status */
	struct client client;
	int step;		/* what it is at; LOOK_IDLE: nothing */
	json_int_t from;	/* the part of the list of connections */
	double at;		/* when the status came, in seconds */
	/* What there is to see; NULL: it has not been seen yet. */
	json_t *status, *conns, *counters;
	bool all_conns;		/* those are all that there are */
};

void look_init(struct look *, const char *socket, int64_t limit);
/* Releases all; twice is harmless. */
void look_fini(struct look *);

/*
 * Begins one; what there was to see stays.  -1: error_text() says why not;
 * errno ENOTCONN: there is no server, or none to be reached.
 */
int look_begin(struct look *);
bool look_is_on(const struct look *);
/* What becomes readable when it can go on. */
int look_fd(const struct look *);

/*
 * Goes on as far as it can: 1 when it is over, 0 while it is not, -1 if it has
 * failed.  wait: until it is over.
 */
int look_go_on(struct look *, bool wait);

/* Gives it up, if one is on. */
void look_cancel(struct look *);

/* Whether a status has a service; error_text() says that it has not. */
bool look_has_service(const json_t *status, const char *name);

/* The clock that at is of. */
double look_now(void);

#endif
