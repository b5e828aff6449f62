/* SPDX-License-Identifier: ISC */
/*
 * When to yield: one word, which the threads of a process share.
 */
#include "loop/yield.h"

bool
yield_may(struct yielding *y, uint64_t now)
{
	uint64_t until = __atomic_load_n(&y->until, __ATOMIC_RELAXED);

	if (until == 0)
		return true;
	/* The one that tries keeps the others from it meanwhile. */
	return now >= until && __atomic_compare_exchange_n(&y->until, &until,
	    now + YIELD_REST_NS, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void
yield_took(struct yielding *y, uint64_t before, uint64_t after)
{
	uint64_t until = after - before > YIELD_LONG_NS ?
	    after + YIELD_REST_NS : 0;

	/* Nearly always it is as before, and nobody's cache is disturbed. */
	if (__atomic_load_n(&y->until, __ATOMIC_RELAXED) != until)
		__atomic_store_n(&y->until, until, __ATOMIC_RELAXED);
}
