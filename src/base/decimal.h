/* SPDX-License-Identifier: ISC */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Integers as decimal text that need not end in a NUL: what printf(3) and
 * strtoll(3) do, at a tenth of the time.
 */

/* Bytes of the longest one: -2^63. */
#define DECIMAL_MAX	20

/*
 * The integer of a text that decimal_write() might have written; false when it
 * is none: "+1", "01" and "-0" are not.
 */
bool decimal_read(const char *text, size_t length, int64_t *);

/* Writes it without a NUL; returns how many bytes. */
size_t decimal_write(char *to, int64_t);

#endif
