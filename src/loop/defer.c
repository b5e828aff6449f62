/* SPDX-License-Identifier: ISC */
/*
 * Calls that are put off.
 */
#include "loop/defer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define DEFER_FIRST	16
/* More than this is given back when the queue is empty again. */
#define DEFER_KEEP	1024
/* A gigabyte of them: whoever puts off so many has lost count. */
#define DEFER_MAX	(1U << 26)

/* In the larger ring the first one stands at the beginning. */
static int
defer_grow(struct defer_queue *q)
{
	uint32_t capacity = q->capacity == 0 ? DEFER_FIRST : q->capacity * 2;
	uint32_t end = q->capacity - q->first;
	struct defer_call *calls;

	if (capacity > DEFER_MAX)
		return error_set(ENOMEM, "%u calls are deferred already",
		    q->count);
	calls = reallocarray(NULL, capacity, sizeof(*calls));
	if (calls == NULL)
		return error_errno("a deferred call");
	if (q->count > 0) {
		memcpy(calls, q->calls + q->first, end * sizeof(*calls));
		memcpy(calls + end, q->calls, q->first * sizeof(*calls));
	}
	free(q->calls);
	q->calls = calls;
	q->first = 0;
	q->capacity = capacity;
	return 0;
}

int
defer_add(struct defer_queue *q, defer_fn *fn, void *arg)
{
	if (q->closed)
		return error_set(ECANCELED, "the loop has come to its end");
	if (q->count == q->capacity && defer_grow(q) == -1)
		return -1;
	q->calls[(q->first + q->count++) & (q->capacity - 1)] =
	    (struct defer_call){ fn, arg };
	return 0;
}

void
defer_run(struct defer_queue *q)
{
	uint32_t left = q->count;
	struct defer_call call;

	while (left-- > 0) {
		call = q->calls[q->first];
		q->first = (q->first + 1) & (q->capacity - 1);
		q->count--;
		call.fn(call.arg);
	}
	if (q->count == 0 && q->capacity > DEFER_KEEP)
		defer_free(q);
}

/* Closed it stays so. */
void
defer_free(struct defer_queue *q)
{
	free(q->calls);
	*q = (struct defer_queue){ .closed = q->closed };
}
