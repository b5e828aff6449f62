/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_SEED_H
#define TESTS_UNIT_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Chance that can be had again: the seed is printed, and PRONG_SEED sets it.
 * A test begins with seed_use(), so that it draws the same whatever ran before.
 */
static unsigned int seed;

/* In main(), before any test. */
static inline void
seed_init(void)
{
	const char *again = getenv("PRONG_SEED");

	seed = again != NULL ? (unsigned int)strtoul(again, NULL, 10) :
	    arc4random();
	printf("# PRONG_SEED=%u\n", seed);
	fflush(stdout);
}

static inline void
seed_use(void)
{
	srandom(seed);
}

/* From 0 to n - 1. */
static inline uint64_t
seed_below(uint64_t n)
{
	return (((uint64_t)random() << 31) ^ (uint64_t)random()) % n;
}

#endif
