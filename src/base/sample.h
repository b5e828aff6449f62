/* SPDX-License-Identifier: ISC */
#ifndef BASE_SAMPLE_H
#define BASE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * One of so many events, chosen at random: of each row of that many, exactly
 * one, and each with the same probability.  So whatever rhythm events have,
 * none of them is preferred, and the number that were taken, times the factor,
 * is the number that there were, but for less than two rows.  One that is not
 * taken costs a comparison.  To be used by one thread.
 */
struct sample {
	uint32_t of;		/* the factor; 1 takes all of them */
	uint32_t place;		/* the next event's, in its row */
	uint32_t chosen;	/* the place that is taken */
};

/* The factor is at least 1. */
void sample_init(struct sample *, uint32_t of);

/* Begins a new row. */
void sample_choose(struct sample *);

/* Whether this event is one of them. */
static inline bool
sample_takes(struct sample *s)
{
	bool taken = s->place == s->chosen;

	if (++s->place == s->of)
		sample_choose(s);
	return taken;
}

#endif
