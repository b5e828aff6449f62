/* SPDX-License-Identifier: ISC */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

/*
 * Sizes, durations, integers and truth values as people write them.  The
 * whole text must be one value: no sign, no leading zero before a digit, no
 * trailing text.  On -1 errno is EINVAL (not such a value) or ERANGE, and
 * error_text() says so in words.
 */

/* "0", "512", "64K", "16M", "1G", "2T": powers of 1024, in bytes. */
int units_size(const char *text, int64_t *bytes);

/* "0", "50us", "100ms", "30s", "5m", "1h", "2d": in microseconds. */
int units_duration(const char *text, int64_t *us);

/* A decimal integer from min to max; a minus sign is allowed. */
int units_integer(const char *text, int64_t min, int64_t max, int64_t *n);

/* true, yes, on and false, no, off. */
int units_bool(const char *text, int *truth);

/* Microseconds as milliseconds: upwards, since 0 is often "never". */
uint32_t units_milliseconds(int64_t us);

#define UNITS_MAX	32	/* room for what the next two write */

/* The shortest text that reads back as the same value. */
const char *units_format_size(int64_t bytes, char buf[UNITS_MAX]);
const char *units_format_duration(int64_t us, char buf[UNITS_MAX]);

#endif
