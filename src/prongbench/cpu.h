/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_CPU_H
#define PRONGBENCH_CPU_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The CPU time of a server: of the processes that were named and of all that
 * descend from them.  From each process's CPU clock, in nanoseconds, threads
 * that ended included; what children did that have ended and were waited for
 * is added from /proc in clock ticks.
 */

#define CPU_ROOTS	64

struct cpu_group {
	pid_t roots[CPU_ROOTS];
	size_t count;			/* 0: nothing is known of the server */
};

struct cpu_reading {
	uint64_t ns;
	uint64_t user_ticks, system_ticks;	/* of the same processes */
	size_t processes;
};

/* "123" or "123,456"; adds to the group. */
int cpu_parse(const char *text, struct cpu_group *);

/* -1: a named process is not there, or /proc cannot be read. */
int cpu_read(const struct cpu_group *, struct cpu_reading *);

#endif
