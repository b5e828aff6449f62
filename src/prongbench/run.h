/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_RUN_H
#define PRONGBENCH_RUN_H

#include "prongbench/options.h"

/*
 * One load on one server.
 */

struct run {
	struct load load;
	struct load_result result;
	bool has_cpu;
	struct cpu_reading before, after;	/* of the server */
	uint64_t client_ns;			/* CPU time of this program */
};

/* -1 with error_text(): it could not be done at all. */
int run_run(struct run *, const struct options *, int signals);
void run_fini(struct run *);

#endif
