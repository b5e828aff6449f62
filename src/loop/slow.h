/* SPDX-License-Identifier: ISC */
#ifndef LOOP_SLOW_H
#define LOOP_SLOW_H

#include <sys/epoll.h>

#include <stdint.h>
#include <time.h>

/*
 * Finding out which event of a turn took too long, at the price of three
 * instructions an event: each leaves the time of its end, by the counter of the
 * processor, where its events stood.  They are looked at only when so much time
 * has passed from one waking to the next that one may have been slow.
 */

/* In some hundred nanoseconds, from anywhere; it wraps after half an hour. */
static inline uint32_t
slow_stamp(void)
{
#if defined(__x86_64__)
	uint32_t stamp, high;

	__asm__ volatile("rdtsc\n\tshrd $10, %%edx, %%eax" :
	    "=a" (stamp), "=d" (high));
	return stamp;
#elif defined(__aarch64__)
	uint64_t count;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r" (count));
	return (uint32_t)(count >> 4);
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)(((uint64_t)ts.tv_sec * 1000000000 +
	    (uint64_t)ts.tv_nsec) >> 10);
#endif
}

/* How long a stamp is: measured from the beginning on. */
struct slow_scale {
	uint64_t ms;
	uint32_t stamp;
	double per_ms;			/* stamps in a millisecond; 0: unknown */
};

void slow_begin(struct slow_scale *, uint64_t ms);

/*
 * Which of the count events of a turn took longest, and how many milliseconds:
 * they were stamped, the turn began at before and it is now, by the clock.
 * Returns -1 when there were none, or the scale is not known well yet.
 */
int slow_find(struct slow_scale *, const struct epoll_event *, int count,
    uint64_t before, uint64_t now, uint64_t *ms);

#endif
