/* SPDX-License-Identifier: ISC */
#ifndef BASE_COROUTINE_H
#define BASE_COROUTINE_H

#include "base/context.h"
#include "base/holder.h"

/*
 * Coroutines switched by hand are described in <prong.h>.  A task of the loop
 * that waits within one takes its place among them along, so that other tasks
 * of the thread find none.
 */
struct prong_co;

struct coroutine_place {
	struct prong_co *current;	/* NULL: it was in none */
	struct context root;
	struct holder *root_holder;
};

void coroutine_leave_some(struct coroutine_place *);
void coroutine_return_some(const struct coroutine_place *);

extern __thread struct prong_co *coroutine_current;

static inline void
coroutine_leave(struct coroutine_place *p)
{
	p->current = coroutine_current;
	if (p->current != NULL)
		coroutine_leave_some(p);
}

static inline void
coroutine_return(const struct coroutine_place *p)
{
	if (p->current != NULL)
		coroutine_return_some(p);
}

#endif
