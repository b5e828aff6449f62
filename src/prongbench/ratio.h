/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_RATIO_H
#define PRONGBENCH_RATIO_H

/*
 * The geometric mean of many ratios with its 95 % confidence interval
 * (Student's t on the logarithms).
 */

struct ratio {
	unsigned int count;
	double mean;			/* of the logarithms */
	double squares;			/* of their deviations, summed */
};

struct ratio_estimate {
	double mean;
	double low, high;		/* of the 95 % interval */
};

/* All zero is an empty set.  The ratio must be above 0. */
void ratio_add(struct ratio *, double);

/* At least two ratios must have been added. */
struct ratio_estimate ratio_estimate(const struct ratio *);

/* Half the width of the interval. */
double ratio_margin(const struct ratio *);

#endif
