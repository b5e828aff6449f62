/* SPDX-License-Identifier: ISC */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

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

#endif
