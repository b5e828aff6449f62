/* SPDX-License-Identifier: ISC */
#ifndef SERVER_BACKOFF_H
#define SERVER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/rate.h"

/*
 * When a dead process is started again.  Times are milliseconds of one clock,
 * which the caller reads.
 */

enum death {
	DEATH_OUTSIDE,		/* it was ready, and was killed from outside */
	DEATH_FAULT,		/* it was ready; a signal or exit of its own */
	DEATH_STUCK,		/* it was ready, and was killed by us */
	DEATH_MEMORY,		/* by the kernel, which was out of memory */
	DEATH_CUT,		/* killed from outside before it was ready */
	DEATH_EARLY,		/* before it was ready, otherwise */
	DEATH_HOPELESS,		/* it said that it cannot start */
};

/* Of one process. */
struct backoff {
	uint32_t failures;	/* one after another, without a good life */
	uint32_t cut;		/* starts that were cut short, in a row */
};

/* Of all of a server together: no fork bomb, however many they are. */
struct backoff_pace {
	uint32_t failures;	/* of any, until there is none for a while */
	uint64_t last;		/* when the last one was */
	uint64_t next;		/* no start after a failure before */
	uint64_t outside;	/* the word of a rate */
};

#define BACKOFF_GOOD_LIFE	60000
#define BACKOFF_MAX		60000
/* Longer than the longest delay: those who wait have not got well. */
#define BACKOFF_FORGET		(2 * BACKOFF_MAX)
/* After so many failures there is at most one start a second. */
#define BACKOFF_PATIENCE	5

/* It has become ready. */
void backoff_ready(struct backoff *);

/*
 * How long to wait, from now, before the next start: 0 is at once.
 *
 * Killed from outside is no failure, up to a hundred a second; nor is it
 * before being ready, unless it happens again before one is.  A first failure
 * of one that was ready is forgiven.  Then it is 1, 2, 4 ... 60 seconds, until
 * one has lived for a minute.
 */
uint64_t backoff_delay(struct backoff *, struct backoff_pace *, enum death,
    uint64_t lived, uint64_t now);

/*
 * When that time is over: how long to wait still, because of others that fail
 * too; 0 is to start now, and is booked.
 */
uint64_t backoff_wait(struct backoff_pace *, uint64_t now);

#endif
