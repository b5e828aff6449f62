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
 * Books an event at now (nanoseconds of a clock that all share), if it may
 * happen: returns what the word became, RATE_NONE when there is no rate, 0 when
 * the event has to wait.  Takes no lock; a process that is stopped or killed
 * anywhere in it holds nobody up, and has booked the event or not.
 */
#define RATE_NONE	UINT64_MAX
uint64_t rate_book(uint64_t *word, const struct rate *, uint64_t now);

static inline bool
rate_take(uint64_t *word, const struct rate *r, uint64_t now)
{
	return rate_book(word, r, now) != 0;
}

/*
 * Takes back an event that was booked, unless another has been since: whether
 * that one's time had already passed ours by cannot be told any more, and a
 * rate is rather kept than used to the full.
 */
void rate_return(uint64_t *word, const struct rate *, uint64_t booked);

/* Whether a word says no more than one that was never used. */
bool rate_is_idle(const uint64_t *word, uint64_t now);

#endif
