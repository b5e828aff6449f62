/* SPDX-License-Identifier: ISC */
/*
 * The switch from one stack to another.
 */
#include "base/context.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
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
	/* Whoever wakes a task is another one each time. */
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
#if defined(__SANITIZE_ADDRESS__)
	/* Frames of one that was given up on this stack. */
	__asan_unpoison_memory_region(c->bottom, c->size);
#endif
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

#ifdef HAVE_BOOST_CONTEXT

const char context_switch_name[] = "Boost.Context";

/* The calls that Boost.Context is made of; it has no header for C. */
struct context_transfer {
	void *at;		/* where the one that left stands */
	void *data;		/* its context */
};
struct context_transfer jump_fcontext(void *to, void *data);
void *make_fcontext(void *top, size_t size,
    void (*fn)(struct context_transfer));

/*
 * The jump loads MXCSR.  Where the two sides differ in it, if only in a sticky
 * flag that a computation has left, that takes 80 to 100 ns and not 5, each
 * time.  Flags that are all set are never changed by a computation.
 */
static void
context_set_flags(void)
{
#if defined(__x86_64__)
	const uint32_t sticky = 0x3f;

	__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | sticky);
#endif
}

static void
context_begin(struct context_transfer t)
{
	struct context *from = t.data, *self = from->next;

	from->at = t.at;
	context_arrive(from, self);
	self->fn(self->arg);
	abort();
}

static void
context_place(struct context *c, char *bottom, size_t size)
{
	context_set_flags();
	c->at = make_fcontext(bottom + size, size, context_begin);
}

static inline void
context_jump(struct context *from, struct context *to, bool for_good)
{
	struct context_transfer t;

	from->next = to;
	context_depart(from, to, for_good);
	t = jump_fcontext(to->at, from);
	/* Where the one that left stands is known only on arrival. */
	((struct context *)t.data)->at = t.at;
	context_arrive(t.data, from);
}

#else

const char context_switch_name[] = "ucontext";

/* Who left this thread's last context. */
static __thread struct context *context_left;

static inline void
context_jump(struct context *from, struct context *to, bool for_good)
{
	from->next = to;
	context_left = from;
	context_depart(from, to, for_good);
	swapcontext(&from->at, &to->at);
	context_arrive(context_left, from);
}

static void
context_begin(void)
{
	struct context *self = context_left->next;

	context_arrive(context_left, self);
	self->fn(self->arg);
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

#if defined(HAVE_BOOST_CONTEXT) && defined(__x86_64__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

_Static_assert(offsetof(struct context, at) == 0 &&
    offsetof(struct context, next) == 8, "as below");

/*
 * context_jump() as it stands there.  It leaves by a jump, as Boost's own code
 * does: whoever arrives comes from elsewhere than the processor expects, and a
 * return would cost as much as all the rest.
 */
__asm__(
    "	.text\n"
    "	.p2align 4\n"
    "	.globl context_switch\n"
    "	.hidden context_switch\n"
    "	.type context_switch, @function\n"
    "context_switch:\n"
    "	.cfi_startproc\n"
    "	endbr64\n"
    "	movq %rsi, 8(%rdi)\n"			/* from->next = to */
    "	movq (%rsi), %rax\n"
    "	movq %rdi, %rsi\n"
    "	movq %rax, %rdi\n"
    "	call jump_fcontext\n"
    "	movq %rax, (%rdx)\n"			/* who left stands there */
    "	xorl %eax, %eax\n"
    "	popq %rcx\n"
    "	.cfi_adjust_cfa_offset -8\n"
    "	.cfi_register rip, rcx\n"
    "	jmp *%rcx\n"
    "	.cfi_endproc\n"
    "	.size context_switch, . - context_switch\n");

#else

int
context_switch(struct context *from, struct context *to)
{
	context_jump(from, to, false);
	return 0;
}

#endif

void
context_leave(struct context *from, struct context *to)
{
	context_jump(from, to, true);
	abort();
}
