/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_OPTIONS_H
#define PRONGBENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "prongbench/cpu.h"
#include "prongbench/load.h"

/*
 * What the command line asks for.
 */

/* A server: an address and, where they are known, its processes. */
struct options_server {
	const char *address;
	struct cpu_group processes;
};

struct options {
	struct load_options load;
	struct options_server servers[2];
	int64_t duration;		/* microseconds; 0: not given */
	int64_t messages;		/* 0: not given */
	int64_t idle;			/* microseconds */
	bool json;
	bool help, version;
	bool compare;
	int64_t pairs, max_pairs;
	int64_t slice;			/* microseconds */
	double min_rate, max_cpu;	/* 0: no bound */
};

/* -1: bad usage, which has been said on standard error. */
int options_parse(struct options *, int argc, char **argv);

void options_usage(void);

#endif
