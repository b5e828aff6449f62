/* SPDX-License-Identifier: ISC */
/*
 * From values of counters to rates.  Nothing here looks at a clock.
 */
#include "prongctl/rates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Over how many seconds; 0: the last interval alone. */
static const double rates_seconds[RATES_SPANS] = {
	[RATES_NOW] = 0,
	[RATES_10S] = 10,
	[RATES_100S] = 100,
};

struct rates_entry {
	struct rates_entry *next;	/* in its bucket */
	struct rate rate;
	uint64_t look;			/* its last */
	char name[];
};

/* --- one ---------------------------------------------------------------- */

void
rate_start(struct rate *r, int64_t value, double at)
{
	memset(r, 0, sizeof(*r));
	r->value = value;
	r->at = at;
}

void
rate_add(struct rate *r, int64_t value, double at)
{
	double seconds = at - r->at, now, keep;
	int i;

	/* No time has gone by: the next value tells of this one, too. */
	if (value >= r->value && seconds <= 0)
		return;
	if (value < r->value) {
		r->weight[RATES_NOW] = 0;
	} else {
		now = (double)((uint64_t)value - (uint64_t)r->value) / seconds;
		for (i = 0; i < RATES_SPANS; i++) {
			keep = rates_seconds[i] > 0 ?
			    exp(-seconds / rates_seconds[i]) : 0;
			r->sum[i] = keep * r->sum[i] + (1 - keep) * now;
			/* What is missing to 1 was before the first value. */
			r->weight[i] = keep * r->weight[i] + (1 - keep);
		}
	}
	r->value = value;
	r->at = at;
}

double
rate_per_second(const struct rate *r, enum rates_span span)
{
	return r->weight[span] > 0 ? r->sum[span] / r->weight[span] : NAN;
}

/* --- many --------------------------------------------------------------- */

void
rates_init(struct rates *rates)
{
	memset(rates, 0, sizeof(*rates));
	rates->look = 1;
}

/* Forgets those of a bucket that were seen before that look. */
static void
rates_forget(struct rates *rates, int bucket, uint64_t look)
{
	struct rates_entry **at = &rates->buckets[bucket], *e;

	for (e = *at; e != NULL; e = *at) {
		if (e->look >= look) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		free(e);
	}
}

void
rates_fini(struct rates *rates)
{
	int i;

	for (i = 0; i < RATES_BUCKETS; i++)
		rates_forget(rates, i, UINT64_MAX);
}

void
rates_sweep(struct rates *rates)
{
	int i;

	for (i = 0; i < RATES_BUCKETS; i++)
		rates_forget(rates, i, rates->look);
	rates->look++;
}

/* FNV-1a. */
static struct rates_entry **
rates_bucket(struct rates *rates, const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return &rates->buckets[hash % RATES_BUCKETS];
}

const struct rate *
rates_count(struct rates *rates, const char *name, int64_t value, double at)
{
	struct rates_entry **bucket = rates_bucket(rates, name), *e;
	size_t size = strlen(name) + 1;

	for (e = *bucket; e != NULL && strcmp(e->name, name) != 0;)
		e = e->next;
	if (e != NULL) {
		rate_add(&e->rate, value, at);
	} else {
		if ((e = malloc(sizeof(*e) + size)) == NULL)
			return NULL;
		memcpy(e->name, name, size);
		rate_start(&e->rate, value, at);
		e->next = *bucket;
		*bucket = e;
	}
	e->look = rates->look;
	return &e->rate;
}
