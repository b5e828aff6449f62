/* SPDX-License-Identifier: ISC */
/*
 * The arithmetic of starting again.
 */
#include "server/backoff.h"

/* 100 at once, and one more every 10 ms. */
static const struct rate backoff_outside = { 10000000, 100 };

/* Failures of one process: 0 or 1 s, then doubled each time. */
static uint64_t
backoff_of_one(struct backoff *b, enum death how, uint64_t lived)
{
	uint64_t delay;
	uint32_t doubled;

	if (lived > BACKOFF_GOOD_LIFE)
		b->failures = 0;
	b->failures++;
	if (how == DEATH_HOPELESS)
		return BACKOFF_MAX;
	if (b->failures == 1)
		return how == DEATH_FAULT || how == DEATH_STUCK ? 0 : 1000;
	doubled = b->failures - 2;
	delay = doubled < 6 ? 1000ULL << doubled : BACKOFF_MAX;
	return delay < BACKOFF_MAX ? delay : BACKOFF_MAX;
}

/* Failures of all: after some of them the starts stand a second apart. */
static uint64_t
backoff_of_all(struct backoff_pace *p, uint64_t delay, uint64_t now)
{
	if (now - p->last > BACKOFF_GOOD_LIFE)
		p->failures = 0;
	p->last = now;
	if (++p->failures < BACKOFF_PATIENCE)
		return delay;
	if (now + delay < p->next)
		delay = p->next - now;
	p->next = now + delay + 1000;
	return delay;
}

void
backoff_ready(struct backoff *b)
{
	b->cut = 0;
}

uint64_t
backoff_delay(struct backoff *b, struct backoff_pace *p, enum death how,
    uint64_t lived, uint64_t now)
{
	if (how == DEATH_OUTSIDE || (how == DEATH_CUT && b->cut++ == 0))
		return rate_take(&p->outside, &backoff_outside,
		    now * 1000000) ? 0 : 1000;
	return backoff_of_all(p, backoff_of_one(b, how, lived), now);
}
