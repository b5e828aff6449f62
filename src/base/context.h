/* SPDX-License-Identifier: ISC */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "config.h"

#include <stddef.h>

#ifndef HAVE_BOOST_CONTEXT
#include <ucontext.h>
#endif

/*
 * Contexts of execution, each on a stack of its own, and the switch between
 * them: Boost.Context's where configure found it, ucontext(3) elsewhere.  All
 * zero is whatever runs now.  A context belongs to the thread that made it.
 */
typedef void context_fn(void *arg);

struct context {
#ifdef HAVE_BOOST_CONTEXT
	void *at;		/* where it stands; unset while it runs */
#else
	ucontext_t at;
#endif
	struct context *next;	/* who goes on when this one leaves */
	context_fn *fn;
	void *arg;
	/* For sanitizers, which have to know the stacks. */
	const void *bottom;
	size_t size;
	void *fake;		/* of AddressSanitizer, or the fiber */
};

/*
 * Whether one that was made before a fork is as good in the child.  To
 * ThreadSanitizer it is a thread, and the child a process that has lost its
 * others: it follows no longer who waits for whom, and then takes for a race
 * what the parent did before and a task of the child does.
 */
#if defined(__SANITIZE_THREAD__)
#define CONTEXT_OUTLIVES_FORK	0
#else
#define CONTEXT_OUTLIVES_FORK	1
#endif

/* The name of the switch: "Boost.Context" or "ucontext". */
extern const char context_switch_name[];

/*
 * One that begins with fn(arg), on size bytes of stack from bottom on.  fn does
 * not return: it ends with context_leave().
 */
void context_make(struct context *, void *bottom, size_t size, context_fn *,
    void *arg);

/*
 * Notes in from where the caller stands and goes on where to stands; returns 0
 * when another goes on at from.  Rounding and the like are each context's own.
 * The sticky flags of floating-point exceptions are all set in a thread that
 * has made a context: to have one of them tell something, clear it first.
 */
int context_switch(struct context *from, struct context *to);

/* The same for one that does not come back, so that its stack can be had. */
void context_leave(struct context *from, struct context *to)
    __attribute__((noreturn));

/* Lets go of what sanitizers know of one that stands somewhere for good. */
void context_forget(struct context *);

#endif
