/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_REPORT_JSON_H
#define PRONGBENCH_REPORT_JSON_H

#include "prongbench/compare.h"
#include "prongbench/options.h"
#include "prongbench/run.h"

/* The results as one JSON object on standard output; the keys are stable. */
int report_json_run(const struct run *, const struct options *);
int report_json_compare(const struct compare *, const struct options *);

#endif
