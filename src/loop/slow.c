/* SPDX-License-Identifier: ISC */
/*
 * Which event of a turn took too long.
 */
#include "loop/slow.h"

/* From so much time on the scale is known to a per cent. */
#define SLOW_SCALE_MS	100
/* It is measured anew before the counter has wrapped. */
#define SLOW_SCALE_MAX	60000

void
slow_begin(struct slow_scale *s, uint64_t ms)
{
	*s = (struct slow_scale){ .ms = ms, .stamp = slow_stamp() };
}

static void
slow_measure(struct slow_scale *s, uint32_t stamp, uint64_t now)
{
	uint64_t ms = now - s->ms;

	if (ms >= SLOW_SCALE_MS && ms <= SLOW_SCALE_MAX)
		s->per_ms = (double)(stamp - s->stamp) / (double)ms;
	if (ms > SLOW_SCALE_MAX / 2) {
		s->ms = now;
		s->stamp = stamp;
	}
}

int
slow_find(struct slow_scale *s, const struct epoll_event *events, int count,
    uint64_t before, uint64_t now, uint64_t *ms)
{
	uint32_t stamp = slow_stamp(), longest = 0;
	double first, took;
	int i, slowest = 0;

	slow_measure(s, stamp, now);
	if (count == 0 || s->per_ms == 0)
		return -1;
	/* What is left of the time when sleep and the others are taken off. */
	first = (double)(now - before) -
	    (double)(stamp - events[0].events) / s->per_ms;
	for (i = 1; i < count; i++)
		if (events[i].events - events[i - 1].events > longest) {
			longest = events[i].events - events[i - 1].events;
			slowest = i;
		}
	took = (double)longest / s->per_ms;
	if (slowest == 0 || first > took) {
		slowest = 0;
		took = first;
	}
	*ms = took > 0 ? (uint64_t)(took + 0.5) : 0;
	return slowest;
}
