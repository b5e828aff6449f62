/* SPDX-License-Identifier: ISC */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/*
 * For the unusual branch of a function on the path of every message: kept out
 * of line, its registers and buffers cost the usual branch nothing.
 */
#define UNUSUAL	__attribute__((noinline))

#endif
