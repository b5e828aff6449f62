/* SPDX-License-Identifier: ISC */
#ifndef BASE_HOLDER_H
#define BASE_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who it is that holds something: a task of a loop, a coroutine by hand, or the
 * thread where neither runs.  Each has a number that nobody else has, in any
 * process: a random one for each thread, made anew after a fork, for a thread
 * id may be used again, with the serial number of the coroutine in its low bits.
 */

/* Something that is held, in the list of its holder. */
struct held {
	struct held *next;
	/* Its holder, whose number id was, ends without giving it back. */
	void (*abandon)(struct held *, uint64_t id);
};

/* Zeroed memory is one that holds nothing. */
struct holder {
	uint64_t id;		/* 0: nobody has asked yet */
	struct held *held;
};

extern __thread uint64_t holder_cookie;		/* the thread's; 0: not yet */
extern __thread uint64_t holder_serials;	/* given out so far */
extern __thread uint64_t holder_here;		/* who runs; 0: not asked yet */
/* The same where nothing is to be looked after at an end or beside it; else 0. */
extern __thread uint64_t holder_plain;
extern __thread uint32_t holder_waiters;	/* tasks that wait for others' */
/* Of the coroutine or task that runs; NULL: the thread itself. */
extern __thread struct holder *holder_current;

uint64_t holder_ask(void);

static inline void
holder_set(uint64_t id)
{
	holder_here = id;
	holder_plain = holder_current == NULL && holder_waiters == 0 ? id : 0;
}

/* The number of who runs; never 0. */
static inline uint64_t
holder_id(void)
{
	return __builtin_expect(holder_here != 0, 1) ? holder_here :
	    holder_ask();
}

/* Whether the number is that of somebody in this thread. */
static inline bool
holder_is_here(uint64_t id)
{
	return (id ^ holder_cookie) <= holder_serials && id != 0;
}

/* Whoever switches between stacks says so. */
static inline void
holder_enter(struct holder *h)
{
	uint64_t id = h == NULL ? holder_cookie : h->id;

	holder_current = h;
	/* One that was made before a fork is not that one any more. */
	holder_set(holder_is_here(id) ? id : 0);
}

/*
 * What a coroutine or task holds is abandoned when it ends.  What a thread
 * holds is not noted: the kernel sees to its locks.
 */
static inline void
holder_add(struct held *held)
{
	if (__builtin_expect(holder_current != NULL, 0)) {
		held->next = holder_current->held;
		holder_current->held = held;
	}
}

void holder_del_some(struct held *);

static inline void
holder_del(struct held *held)
{
	if (__builtin_expect(holder_current != NULL, 0))
		holder_del_some(held);
}

void holder_end_some(struct holder *);

static inline void
holder_end(struct holder *h)
{
	if (__builtin_expect(h->held != NULL, 0))
		holder_end_some(h);
	h->id = 0;
}

#endif
