/* SPDX-License-Identifier: ISC */
#ifndef LOOP_YIELD_H
#define LOOP_YIELD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether it pays to let the others of this CPU run (sched_yield) instead of
 * sleeping.  It does as long as those are our own threads, which take some
 * microseconds each.  Another program that computes takes the processor for
 * milliseconds instead: with two such programs on two CPUs and Linux 6.18 a
 * server of 50 threads that yielded had 0.64 of the rate of one that slept.  So the threads of a process count their turns; where a yield
 * takes long for each turn that others had meanwhile, nobody yields for a while,
 * and then one tries for all.
 */
struct yielding {
	uint64_t turns;		/* of all threads */
	uint64_t pace;		/* of a turn while one yields, in nanoseconds */
	uint64_t until;		/* nobody is to before then; 0: everybody may */
};

/*
 * Between what 50 threads on two CPUs had, by a histogram of their yields over
 * 25 turns each: about 22 us without other programs, about 104 with two.
 */
#define YIELD_SLOW_NS	60000ULL
#define YIELD_REST_NS	1000000000ULL
/* The pace is an average of about so many. */
#define YIELD_AVERAGE	64

/* One yield; the caller keeps it from may to took. */
struct yield_turn {
	uint64_t before;
	uint64_t turn;
	bool tries;
};

/* Times are nanoseconds of one clock that never goes back and is not 0. */
bool yield_may(struct yielding *, struct yield_turn *, uint64_t now);
void yield_took(struct yielding *, const struct yield_turn *, uint64_t now);

#endif
