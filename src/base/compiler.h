/* SPDX-License-Identifier: ISC */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The path of every message is kept short and close together: the kernel, in
 * between, leaves little of it in the caches.  What is on the path is USUAL;
 * a part of it that others call too is IN_LINE.
 * A branch of it that is taken less often is OUT_OF_LINE, so that its registers
 * and buffers cost the path nothing; one that is seldom taken is UNUSUAL and
 * stands with its like elsewhere.
 */
#define USUAL		__attribute__((hot))
#define IN_LINE		inline __attribute__((always_inline))
#define OUT_OF_LINE	__attribute__((noinline))
#define UNUSUAL		__attribute__((noinline, cold))
#define ON_A_LINE	__attribute__((aligned(64)))

/* Between two looks at what another CPU is about to change. */
static IN_LINE void
spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/*
 * Adds to a number that others may read meanwhile and nobody else changes.
 * Relaxed atomics say the same and take three instructions, since compilers do
 * not join a load and a store that are atomic each.
 */
static IN_LINE void
add_owned(uint64_t *p, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	__asm__("addq %1, %0" : "+m" (*p) : "er" (n) : "cc");
#else
	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + n,
	    __ATOMIC_RELAXED);
#endif
}

/*
 * Adds to a number that others add to as well; returns whether it has run over.
 * The processor says so along with the addition, where compilers ask for the
 * sum and work it out.
 */
static IN_LINE bool
add_shared(int64_t *p, int64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	bool over;

	__asm__ volatile("lock addq %2, %0" : "+m" (*p), "=@cco" (over) :
	    "er" (n) : "memory");
	return over;
#else
	int64_t sum;

	return __builtin_add_overflow(__atomic_fetch_add(p, n,
	    __ATOMIC_ACQ_REL), n, &sum);
#endif
}

#endif
