/* SPDX-License-Identifier: ISC */
/*
 * The switch from one stack to another.
 */
#include "base/context.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

/* --- what sanitizers are told -------------------------------------------- */

static inline void
context_depart(struct context *from, struct context *to, bool for_good)
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(for_good ? NULL : &from->fake,
	    to->bottom, to->size);
#elif defined(__SANITIZE_THREAD__)
	if (from->fake == NULL)
		from->fake = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(to->fake, 0);
#endif
}

static inline void
context_arrive(struct context *from, struct context *to)
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(to->fake, &from->bottom, &from->size);
#endif
}

static void
context_announce(struct context *c)
{
#if defined(__SANITIZE_THREAD__)
	c->fake = __tsan_create_fiber(0);
#endif
}

void
context_forget(struct context *c)
{
#if defined(__SANITIZE_THREAD__)
	if (c->fake != NULL)
		__tsan_destroy_fiber(c->fake);
#endif
	c->fake = NULL;
}

/* --- the switch ---------------------------------------------------------- */

/* Who left, and who goes on. */
struct context_passage {
	struct context *from;
	struct context *to;
};

#ifdef HAVE_BOOST_CONTEXT

const char context_switch_name[] = "Boost.Context";

/* The calls that Boost.Context is made of; it has no header for C. */
struct context_transfer {
	void *at;		/* where the one that left stands */
	void *data;
};
struct context_transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size,
    void (*fn)(struct context_transfer));

/*
 * The jump loads MXCSR.  Where the two sides differ in it, if only in the
 * sticky flags that a computation leaves, that takes 80 to 100 ns and not 5,
 * each time: so nobody takes such flags along.
 */
static inline void
context_clear_flags(void)
{
#if defined(__x86_64__)
	const uint32_t sticky = 0x3f;
	uint32_t mxcsr = __builtin_ia32_stmxcsr();

	if (__builtin_expect((mxcsr & sticky) != 0, 0))
		__builtin_ia32_ldmxcsr(mxcsr & ~sticky);
#endif
}

static inline void
context_jump(struct context *from, struct context *to, bool for_good)
{
	struct context_passage passage = { from, to }, *p;
	struct context_transfer t;

	context_clear_flags();
	context_depart(from, to, for_good);
	t = jump_fcontext(to->at, &passage);
	/* Where the one that left stands is known only on arrival. */
	p = t.data;
	p->from->at = t.at;
	context_arrive(p->from, p->to);
}

static void
context_begin(struct context_transfer t)
{
	struct context_passage p = *(struct context_passage *)t.data;

	p.from->at = t.at;
	context_arrive(p.from, p.to);
	p.to->fn(p.to->arg);
	abort();
}

static void
context_place(struct context *c, char *bottom, size_t size)
{
	c->at = make_fcontext(bottom + size, size, context_begin);
}

#else

const char context_switch_name[] = "ucontext";

/* The thread's passage under way. */
static __thread struct context_passage context_under_way;

static inline void
context_jump(struct context *from, struct context *to, bool for_good)
{
	context_under_way = (struct context_passage){ from, to };
	context_depart(from, to, for_good);
	swapcontext(&from->at, &to->at);
	context_arrive(context_under_way.from, context_under_way.to);
}

static void
context_begin(void)
{
	struct context_passage p = context_under_way;

	context_arrive(p.from, p.to);
	p.to->fn(p.to->arg);
	abort();
}

static void
context_place(struct context *c, char *bottom, size_t size)
{
	getcontext(&c->at);
	c->at.uc_stack.ss_sp = bottom;
	c->at.uc_stack.ss_size = size;
	c->at.uc_link = NULL;
	makecontext(&c->at, context_begin, 0);
}

#endif

void
context_make(struct context *c, void *bottom, size_t size, context_fn *fn,
    void *arg)
{
	*c = (struct context){ .fn = fn, .arg = arg, .bottom = bottom,
	    .size = size };
	context_place(c, bottom, size);
	context_announce(c);
}

void
context_switch(struct context *from, struct context *to)
{
	context_jump(from, to, false);
}

void
context_leave(struct context *from, struct context *to)
{
	context_jump(from, to, true);
	abort();
}
