/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_HISTOGRAM_H
#define PRONGBENCH_HISTOGRAM_H

#include <stdint.h>

/*
 * A histogram of nanoseconds, log-linear: exact below 128 ns, then 128 steps
 * for each power of two, so that what is read is at most 1/128 too high.
 */

#define HISTOGRAM_BITS	7
#define HISTOGRAM_STEPS	(1U << HISTOGRAM_BITS)
#define HISTOGRAM_TOP	40	/* the last power of two: 18 to 36 minutes */
#define HISTOGRAM_CELLS	\
	((HISTOGRAM_TOP - HISTOGRAM_BITS + 2) * HISTOGRAM_STEPS)

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;			/* exact */
	uint64_t cells[HISTOGRAM_CELLS];
};

/* All zero is an empty histogram. */
void histogram_add(struct histogram *, uint64_t ns);

/* The value that the share (0 to 1) of all values does not exceed; 0: empty. */
uint64_t histogram_quantile(const struct histogram *, double share);

double histogram_mean(const struct histogram *);

#endif
