/* SPDX-License-Identifier: ISC */
/*
 * When to yield: three words, which the threads of a process share.  Each of
 * them may be a little behind without harm.
 */
#include "loop/yield.h"

static inline uint64_t
load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void
store(uint64_t *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
}

bool
yield_may(struct yielding *y, struct yield_turn *t, uint64_t now)
{
	uint64_t until = load(&y->until);

	*t = (struct yield_turn){
		.before = now,
		.turn = __atomic_fetch_add(&y->turns, 1, __ATOMIC_RELAXED),
		.tries = until != 0,
	};
	if (until == 0)
		return true;
	/* The one that tries keeps the others from it meanwhile. */
	return now >= until && __atomic_compare_exchange_n(&y->until, &until,
	    now + YIELD_REST_NS, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void
yield_took(struct yielding *y, const struct yield_turn *t, uint64_t now)
{
	/* Its own is one of them. */
	uint64_t each = (now - t->before) / (load(&y->turns) - t->turn);
	uint64_t pace = load(&y->pace);

	if (t->tries)
		pace = each;
	else
		pace += each / YIELD_AVERAGE - pace / YIELD_AVERAGE;
	store(&y->pace, pace);
	if (pace > YIELD_SLOW_NS) {
		store(&y->pace, 0);
		store(&y->until, now + YIELD_REST_NS);
	} else if (t->tries)
		store(&y->until, 0);
}
