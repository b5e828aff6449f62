/* SPDX-License-Identifier: ISC */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

/*
 * Sizes, durations, rates, numbers and truth values as people write them.  The
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

/*
 * "0", "8", "1.5": up to three decimals, no sign.  In thousandths; from 0.
 */
int units_decimal(const char *text, int64_t *thousandths);

/* How often something may happen: what the cell rate algorithm wants. */
struct units_rate {
	uint64_t interval_ns;	/* between two in the long run; 0: no limit */
	uint64_t burst;		/* so many at once; at least 1 */
};

#define UNITS_RATE_COUNT_MAX	1000000

/*
 * "200/s", "10/m", "5/h", "1000/d", each perhaps with " burst 50" behind; ""
 * and "0" are no limit.  Without a burst, what is allowed in the period is
 * allowed at once.  Count and burst are from 1 to UNITS_RATE_COUNT_MAX.
 *
 * The interval is rounded up: never more than was said, and at most a
 * thousandth less.  It is at least 1000 ns, and interval times burst at most
 * 365 days, so that sums of times cannot overflow.
 */
int units_rate(const char *text, struct units_rate *);

/* The same, when only the answer is wanted. */
int units_rate_check(const char *text);

/* Microseconds as milliseconds: upwards, since 0 is often "never". */
uint32_t units_milliseconds(int64_t us);

#define UNITS_MAX	32	/* room for what the next three write */

/* The shortest text that reads back as the same value. */
const char *units_format_size(int64_t bytes, char buf[UNITS_MAX]);
const char *units_format_duration(int64_t us, char buf[UNITS_MAX]);
const char *units_format_decimal(int64_t thousandths, char buf[UNITS_MAX]);

#endif
