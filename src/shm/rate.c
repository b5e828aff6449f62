/* SPDX-License-Identifier: ISC */
/*
 * Rates without a lock.
 */
#include "shm/rate.h"

uint64_t
rate_book(uint64_t *word, const struct rate *r, uint64_t now)
{
	uint64_t due = __atomic_load_n(word, __ATOMIC_RELAXED), from;

	if (r->interval == 0)
		return RATE_NONE;
	do {
		from = due > now ? due : now;
		/* How far it may run ahead: all but one of a burst. */
		if (from - now > (r->burst - 1) * r->interval)
			return 0;
	} while (!__atomic_compare_exchange_n(word, &due, from + r->interval,
	    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return from + r->interval;
}

void
rate_return(uint64_t *word, const struct rate *r, uint64_t booked)
{
	__atomic_compare_exchange_n(word, &booked, booked - r->interval,
	    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

bool
rate_is_idle(const uint64_t *word, uint64_t now)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED) <= now;
}
