/* SPDX-License-Identifier: ISC */
/*
 * Random numbers, from the kernel itself: arc4random(3) allocates in each
 * process, and where it cannot it ends the process without a word.
 */
#include "base/random.h"

#include <sys/random.h>
#include <sys/types.h>

#include <assert.h>
#include <errno.h>

/* So few come whole and at once; only a young machine may be interrupted. */
#define RANDOM_MAX	256

void
random_fill(void *to, size_t size)
{
	ssize_t n;

	assert(size <= RANDOM_MAX);
	do
		n = getrandom(to, size, 0);
	while (n == -1 && errno == EINTR);
	assert(n == (ssize_t)size);
}

uint32_t
random_below(uint32_t limit)
{
	uint32_t n;

	/* Not even to the last bit, which nobody here needs. */
	random_fill(&n, sizeof(n));
	return (uint32_t)((uint64_t)n * limit >> 32);
}
