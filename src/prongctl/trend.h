/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_TREND_H
#define PRONGCTL_TREND_H

#include <jansson.h>
#include <stdbool.h>

#include "prongctl/rates.h"

/*
 * Adds to what a server tells how fast its counters grow: "rates" (the last
 * interval), "rates_10s" and "rates_100s" beside each object of counters, all
 * per second, null where it is not known.
 */

/* Of enum rates_span. */
extern const char *const trend_members[RATES_SPANS];

struct trend {
	struct rates rates;
	json_int_t pid;		/* of the last server; 0: there was none */
	double uptime;		/* of it */
	double at;		/* when that was */
};

void trend_init(struct trend *);
/* Releasing twice is harmless. */
void trend_fini(struct trend *);

/*
 * Adds the rates to the result of status, and to a list of connections, which
 * may be NULL; at is the time, in seconds, and spans how many of them to add.
 * Another server than before begins anew: *other says so.  -1: no memory.
 */
int trend_note(struct trend *, json_t *status, json_t *conns, double at,
    int spans, bool *other);

#endif
