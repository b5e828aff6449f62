/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_RATES_H
#define PRONGCTL_RATES_H

#include <stdint.h>

/*
 * How fast counters grow: over the last interval, and on the average of the
 * last 10 and 100 seconds.  The averages are weighted exponentially by age, and
 * by time, so that intervals need not be equal.  While there is less to look
 * back on, they are of what there is: a steady rate is shown as it is from the
 * first interval on.
 */

enum rates_span {
	RATES_NOW,
	RATES_10S,
	RATES_100S,
	RATES_SPANS,
};

/* One counter's. */
struct rate {
	int64_t value;		/* the last */
	double at;		/* when that was, in seconds */
	double sum[RATES_SPANS], weight[RATES_SPANS];
};

/* A first value, from which nothing is known yet. */
void rate_start(struct rate *, int64_t value, double at);

/*
 * One more value.  A smaller one is that of a counter that has begun again: the
 * interval tells nothing, and is left out of the averages.
 */
void rate_add(struct rate *, int64_t value, double at);

/* Per second; NAN as long as it is not known. */
double rate_per_second(const struct rate *, enum rates_span);

/* Many, by their names. */
#define RATES_BUCKETS	4096

struct rates {
	struct rates_entry *buckets[RATES_BUCKETS];
	uint64_t look;		/* how many there have been */
};

void rates_init(struct rates *);
/* Forgets all. */
void rates_fini(struct rates *);

/* The rate of a counter after one more value of it; NULL: no memory. */
const struct rate *rates_count(struct rates *, const char *name, int64_t value,
    double at);

/* Forgets those that had no value since this was called last. */
void rates_sweep(struct rates *);

#endif
