/* SPDX-License-Identifier: ISC */
#ifndef SHM_RATE_H
#define SHM_RATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A rate that several processes keep together, in one word: the generic cell
 * rate algorithm (ITU-T I.371, annex A) as a virtual schedule.  The word holds
 * the theoretical arrival time of the next event, in nanoseconds.
 */
struct rate {
	uint64_t interval;	/* nanoseconds from event to event; 0: no rate */
	uint64_t burst;		/* so many may come at once; at least 1 */
};

/*
 * Whether an event may happen at now (nanoseconds of a clock that all share);
 * one that may is booked.  Takes no lock; a process that is stopped or killed
 * anywhere in it holds nobody up, and has booked the event or not.
 */
bool rate_take(uint64_t *word, const struct rate *, uint64_t now);

/* Takes back what was just booked. */
void rate_return(uint64_t *word, const struct rate *);

/* Whether a word says no more than one that was never used. */
bool rate_is_idle(const uint64_t *word, uint64_t now);

#endif
