/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_REPORT_H
#define PRONGBENCH_REPORT_H

#include "prongbench/compare.h"
#include "prongbench/options.h"
#include "prongbench/run.h"

/*
 * What was measured, as text or as JSON on standard output; what went wrong,
 * on standard error too.  -1: standard output failed.
 */

int report_run(const struct run *, const struct options *);
int report_compare(const struct compare *, const struct options *);

/* One line for each kind of error. */
void report_errors(const struct load *);

/* Whether the ratios keep the bounds that were given. */
bool report_holds(const struct compare *, const struct options *);

#endif
