/* SPDX-License-Identifier: ISC */
#ifndef LOOP_DEFER_H
#define LOOP_DEFER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Calls that are put off: a queue that grows as it must, in one piece of
 * memory.  Zeroed memory is an empty one.
 */

typedef void defer_fn(void *arg);

struct defer_call {
	defer_fn *fn;
	void *arg;
};

struct defer_queue {
	struct defer_call *calls;	/* a ring */
	uint32_t first;
	uint32_t count;
	uint32_t capacity;		/* a power of two, or 0 */
	bool closed;			/* takes no more */
};

/* -1 with ENOMEM, or ECANCELED when it is closed. */
int defer_add(struct defer_queue *, defer_fn *, void *arg);

/*
 * Calls those that are there now, in their order; what they add stays for the
 * next time.
 */
void defer_run(struct defer_queue *);

void defer_free(struct defer_queue *);

#endif
