/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_GUARD_H
#define PRONGD_GUARD_H

#include <signal.h>

#define GUARD_SIGNALS	4

/* What was done about these signals before. */
struct guard {
	struct sigaction before[GUARD_SIGNALS];
};

/* Between the two, a crash is an end with exit code 1 and a word about it. */
void guard_set(struct guard *);
void guard_unset(const struct guard *);

#endif
