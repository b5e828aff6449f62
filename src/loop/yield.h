/* SPDX-License-Identifier: ISC */
#ifndef LOOP_YIELD_H
#define LOOP_YIELD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether it pays to let the others of this CPU run (sched_yield) instead of
 * sleeping.  It does as long as those are our own threads, which take some
 * microseconds each.  Another program that computes takes the whole share of
 * the processor that was given away, milliseconds, and as of Linux 6.18 (sched:
 * forfeit vruntime on yield) whoever yields has lost it: with two such programs
 * on two CPUs a server of 50 threads that yielded had an eighth of the rate of
 * one that slept.  So when a yield takes that long, nobody does it for a while,
 * and then one tries for all.
 */
struct yielding {
	uint64_t until;		/* nobody is to before then; 0: everybody may */
};

#define YIELD_LONG_NS	1000000ULL
#define YIELD_REST_NS	1000000000ULL

/* Times are nanoseconds of one clock that never goes back and is not 0. */
bool yield_may(struct yielding *, uint64_t now);
void yield_took(struct yielding *, uint64_t before, uint64_t after);

#endif
