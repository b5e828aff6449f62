/* SPDX-License-Identifier: ISC */
#ifndef BASE_STACK_H
#define BASE_STACK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Stacks for coroutines: mapped, each above a page that may not be touched,
 * and used again.  Only pages that were touched take memory, and of those that
 * are free most give it back.
 */
struct stack {
	struct stack *next;		/* while it is free */
	char *bottom;
	size_t size;			/* of what may be used */
	unsigned int valgrind;		/* its number there */
};

struct stack_slab;

/* All zero but for size is an empty pool.  Not shared by threads. */
struct stack_pool {
	size_t size;			/* of each stack, in bytes */
	struct stack *warm;		/* free ones that keep their memory */
	uint32_t warm_count;
	struct stack *cold;		/* and those that gave it back */
	struct stack_slab *slabs;
};

/* A few pages: what getaddrinfo(3) and printf(3) need, several times over. */
#define STACK_SIZE	(64 * 1024)

/* NULL with ENOMEM: no memory, or no room for a further mapping. */
struct stack *stack_take(struct stack_pool *);
void stack_give(struct stack_pool *, struct stack *);

/* Unmaps all of them, those that were not given back too. */
void stack_pool_free(struct stack_pool *);

#endif
