/* SPDX-License-Identifier: ISC */
/*
 * The arithmetic of starting again.
 */
#include "server/backoff.h"

/* 100 at once, and one more every 10 ms. */
static const struct rate backoff_outside = { 10000000, 100 };

/* Failures of one process: the first may be forgiven; then ever longer. */
static uint64_t
backoff_of_one(struct backoff *b, enum death how)
{
	uint32_t doubled = b->failures++;

	if (how == DEATH_HOPELESS)
		return BACKOFF_MAX;
	if (how == DEATH_FAULT || how == DEATH_STUCK) {
		if (doubled == 0)
			return 0;
		doubled--;
	}
	return doubled < 6 ? 1000ULL << doubled : BACKOFF_MAX;
}

static void
backoff_count(struct backoff_pace *p, uint64_t now)
{
	if (now - p->last > BACKOFF_FORGET)
		p->failures = 0;
	p->last = now;
	p->failures++;
}

uint64_t
backoff_wait(struct backoff_pace *p, uint64_t now)
{
	if (p->failures < BACKOFF_PATIENCE)
		return 0;
	if (now < p->next)
		return p->next - now;
	p->next = now + 1000;
	return 0;
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
	uint64_t delay;

	if (lived > BACKOFF_GOOD_LIFE)
		b->failures = 0;
	if (how == DEATH_OUTSIDE || (how == DEATH_CUT && b->cut++ == 0))
		return rate_take(&p->outside, &backoff_outside,
		    now * 1000000) ? 0 : 1000;
	backoff_count(p, now);
	delay = backoff_of_one(b, how);
	return delay > 0 ? delay : backoff_wait(p, now);
}
