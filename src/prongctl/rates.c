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
	RB_ENTRY(rates_entry) link;
	struct rate rate;
	uint64_t look;		/* its last */
	char name[];
};

static int
rates_compare(const struct rates_entry *a, const struct rates_entry *b)
{
	return strcmp(a->name, b->name);
}

/* RB_GENERATE_STATIC() wants a __unused that not every system has. */
RB_GENERATE_INTERNAL(rates_tree, rates_entry, link, rates_compare,
    __attribute__((unused)) static)

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
	RB_INIT(&rates->tree);
	rates->look = 1;
}

static void
rates_forget(struct rates *rates, struct rates_entry *e)
{
	RB_REMOVE(rates_tree, &rates->tree, e);
	free(e);
}

void
rates_fini(struct rates *rates)
{
	struct rates_entry *e;

	while ((e = RB_ROOT(&rates->tree)) != NULL)
		rates_forget(rates, e);
}

static struct rates_entry *
rates_find(struct rates *rates, const char *name)
{
	struct rates_entry *e = RB_ROOT(&rates->tree);
	int n;

	while (e != NULL && (n = strcmp(name, e->name)) != 0)
		e = n < 0 ? RB_LEFT(e, link) : RB_RIGHT(e, link);
	return e;
}

const struct rate *
rates_count(struct rates *rates, const char *name, int64_t value, double at)
{
	struct rates_entry *e = rates_find(rates, name);
	size_t size;

	if (e != NULL) {
		rate_add(&e->rate, value, at);
	} else {
		size = strlen(name) + 1;
		if ((e = malloc(sizeof(*e) + size)) == NULL)
			return NULL;
		memcpy(e->name, name, size);
		rate_start(&e->rate, value, at);
		RB_INSERT(rates_tree, &rates->tree, e);
	}
	e->look = rates->look;
	return &e->rate;
}

void
rates_sweep(struct rates *rates)
{
	struct rates_entry *e, *next;

	RB_FOREACH_SAFE(e, rates_tree, &rates->tree, next)
		if (e->look != rates->look)
			rates_forget(rates, e);
	rates->look++;
}
