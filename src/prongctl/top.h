/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_TOP_H
#define PRONGCTL_TOP_H

#include <stdint.h>

/* prongctl top: rates as they are, on the whole terminal or printed once. */

#define TOP_INTERVAL_MIN	100		/* ms */
#define TOP_INTERVAL_MAX	3600000

struct top_options {
	const char *socket;
	int64_t limit;			/* us for a look; 0: none */
	int64_t interval;		/* ms between two looks */
	const char *service;		/* whose counters; NULL: of all */
};

/*
 * Runs until somebody has had enough.  -1: error_text() says why it cannot;
 * errno is ENOTTY or ENOSYS when there is no screen.
 */
int top_run(const struct top_options *);

#endif
