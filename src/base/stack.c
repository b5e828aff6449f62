/* SPDX-License-Identifier: ISC */
/*
 * Stacks.  They are mapped in slabs, since a mapping is a thing of which a
 * process may have only so many (vm.max_map_count, 65530 as a rule).
 */
#include "base/stack.h"

#include "config.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#endif

#include "base/error.h"

/* Stacks that are mapped at once: so many, or as many as fit. */
#define STACK_SLAB		32
#define STACK_SLAB_SIZE		(4 * 1024 * 1024)
#define STACK_WARM_MAX		64
/* Since Linux 6.13: pages that may not be touched, without a mapping each. */
#define STACK_GUARD_INSTALL	102

struct stack_slab {
	struct stack_slab *next;
	void *memory;
	size_t size;
	size_t count;
	struct stack stacks[STACK_SLAB];
};

static void
stack_register(struct stack *s)
{
#ifdef HAVE_VALGRIND_VALGRIND_H
	s->valgrind = VALGRIND_STACK_REGISTER(s->bottom, s->bottom + s->size);
#endif
}

static void
stack_unregister(struct stack *s)
{
#ifdef HAVE_VALGRIND_VALGRIND_H
	VALGRIND_STACK_DEREGISTER(s->valgrind);
#endif
}

/* Running over the end of a stack is SIGSEGV and never another's data. */
static int
stack_guard(char *page, size_t size)
{
	if (madvise(page, size, STACK_GUARD_INSTALL) == 0)
		return 0;
	return mprotect(page, size, PROT_NONE);
}

/*
 * One page and not a power of two from stack to stack: their tops, which are
 * what is used, do not all fall into the same places of a cache.
 */
static int
stack_slab_cut(struct stack_pool *pool, struct stack_slab *slab, size_t page)
{
	size_t i, step = pool->size + page;
	struct stack *s;

	for (i = 0; i < slab->count; i++) {
		s = &slab->stacks[i];
		s->bottom = (char *)slab->memory + i * step + page;
		s->size = pool->size;
		if (stack_guard(s->bottom - page, page) == -1)
			return -1;
	}
	for (i = slab->count; i-- > 0;) {
		s = &slab->stacks[i];
		stack_register(s);
		s->next = pool->cold;
		pool->cold = s;
	}
	return 0;
}

static int
stack_pool_grow(struct stack_pool *pool)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct stack_slab *slab;

	if ((slab = calloc(1, sizeof(*slab))) == NULL)
		return -1;
	slab->count = STACK_SLAB_SIZE / (pool->size + page);
	if (slab->count > STACK_SLAB)
		slab->count = STACK_SLAB;
	if (slab->count == 0)
		slab->count = 1;
	slab->size = slab->count * (pool->size + page);
	slab->memory = mmap(NULL, slab->size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (slab->memory == MAP_FAILED) {
		free(slab);
		return -1;
	}
	/* A huge page would take 2 MiB for the first byte of each slab. */
	madvise(slab->memory, slab->size, MADV_NOHUGEPAGE);
	if (stack_slab_cut(pool, slab, page) == -1) {
		munmap(slab->memory, slab->size);
		free(slab);
		return -1;
	}
	slab->next = pool->slabs;
	pool->slabs = slab;
	return 0;
}

struct stack *
stack_take(struct stack_pool *pool)
{
	struct stack *s;

	if ((s = pool->warm) != NULL) {
		pool->warm = s->next;
		pool->warm_count--;
		return s;
	}
	if (pool->cold == NULL && stack_pool_grow(pool) == -1) {
		error_errno("a stack");
		errno = ENOMEM;
		return NULL;
	}
	s = pool->cold;
	pool->cold = s->next;
	return s;
}

void
stack_give(struct stack_pool *pool, struct stack *s)
{
	struct stack **list = &pool->warm;

	if (pool->warm_count < STACK_WARM_MAX)
		pool->warm_count++;
	else {
		madvise(s->bottom, s->size, MADV_DONTNEED);
		list = &pool->cold;
	}
	s->next = *list;
	*list = s;
}

void
stack_pool_free(struct stack_pool *pool)
{
	struct stack_slab *slab;
	size_t i;

	while ((slab = pool->slabs) != NULL) {
		pool->slabs = slab->next;
		for (i = 0; i < slab->count; i++)
			stack_unregister(&slab->stacks[i]);
		munmap(slab->memory, slab->size);
		free(slab);
	}
	pool->warm = pool->cold = NULL;
	pool->warm_count = 0;
}
