/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_COMPARE_H
#define PRONGBENCH_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "prongbench/options.h"
#include "prongbench/ratio.h"

/*
 * Two servers against each other: single runs scatter, pairs of short slices
 * that follow each other closely do not.
 */

struct compare_side {
	struct load load;
	struct load_result total;	/* of the slices that count */
	uint64_t cpu_ns;
	double slice_rate, slice_cpu;	/* of the last slice */
};

struct compare {
	struct compare_side sides[2];
	bool has_cpu;
	unsigned int pairs;
	struct ratio rate, cpu;		/* A/B of each pair */
	bool wide;			/* --max-pairs was reached before */
};

/*
 * Measures.  -1 with error_text(): it could not be done, or an error on a
 * connection made the comparison void (its load has the errors).
 */
int compare_run(struct compare *, const struct options *, int signals);
void compare_fini(struct compare *);

#endif
