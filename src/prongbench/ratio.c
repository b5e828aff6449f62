/* SPDX-License-Identifier: ISC */
/*
 * Ratios of paired measurements.
 */
#include "prongbench/ratio.h"

#include <math.h>

/* B. P. Welford's running variance: no cancellation. */
void
ratio_add(struct ratio *r, double ratio)
{
	double value = log(ratio), delta = value - r->mean;

	r->count++;
	r->mean += delta / r->count;
	r->squares += delta * (value - r->mean);
}

/*
 * The 0.975 quantile of Student's t: Cornish and Fisher's expansion, right
 * to a thousandth from 9 degrees of freedom on.
 */
static double
ratio_student(double freedom)
{
	const double z = 1.959963985, z3 = z * z * z, z5 = z3 * z * z;

	return z + (z3 + z) / (4 * freedom) +
	    (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom);
}

struct ratio_estimate
ratio_estimate(const struct ratio *r)
{
	double freedom = r->count - 1;
	double half = ratio_student(freedom) *
	    sqrt(r->squares / freedom / r->count);

	return (struct ratio_estimate) {
		.mean = exp(r->mean),
		.low = exp(r->mean - half),
		.high = exp(r->mean + half),
	};
}

double
ratio_margin(const struct ratio *r)
{
	struct ratio_estimate e = ratio_estimate(r);

	return (e.high - e.low) / 2;
}
