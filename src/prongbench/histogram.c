/* SPDX-License-Identifier: ISC */
/*
 * The log-linear histogram of latencies.
 */
#include "prongbench/histogram.h"

#include <math.h>
#include <stddef.h>

static size_t
histogram_cell(uint64_t ns)
{
	unsigned int shift;

	if (ns < HISTOGRAM_STEPS)
		return ns;
	if (ns >> (HISTOGRAM_TOP + 1) != 0)
		return HISTOGRAM_CELLS - 1;
	shift = 63U - (unsigned int)__builtin_clzll(ns) - HISTOGRAM_BITS;
	return shift * HISTOGRAM_STEPS + (ns >> shift);
}

/* The largest value that falls into the cell. */
static uint64_t
histogram_limit(size_t cell)
{
	size_t shift;

	if (cell < 2 * HISTOGRAM_STEPS)
		return cell;
	shift = cell / HISTOGRAM_STEPS - 1;
	return ((cell - shift * HISTOGRAM_STEPS + 1) << shift) - 1;
}

void
histogram_add(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	h->cells[histogram_cell(ns)]++;
}

uint64_t
histogram_quantile(const struct histogram *h, double share)
{
	uint64_t seen = 0, limit;
	double wanted = ceil(share * (double)h->count);
	size_t i;

	for (i = 0; i < HISTOGRAM_CELLS; i++) {
		seen += h->cells[i];
		if (seen > 0 && (double)seen >= wanted)
			break;
	}
	if (i >= HISTOGRAM_CELLS - 1)
		return h->max;
	limit = histogram_limit(i);
	return limit < h->max ? limit : h->max;
}

double
histogram_mean(const struct histogram *h)
{
	return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
}
