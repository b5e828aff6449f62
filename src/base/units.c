/* SPDX-License-Identifier: ISC */
/*
 * Sizes, durations, integers and truth values: text to number and back.
 *
 * expand_number(3) is not used for sizes: it accepts "-1", "010" and
 * trailing text.
 */
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

struct unit {
	const char *suffix;
	int64_t factor;
};

/* Largest first: the formatter takes the first that divides. */
static const struct unit size_units[] = {
	{ "T", 1LL << 40 }, { "G", 1LL << 30 }, { "M", 1LL << 20 },
	{ "K", 1LL << 10 }, { "", 1 }, { NULL, 0 }
};

static const struct unit duration_units[] = {
	{ "d", 86400000000LL }, { "h", 3600000000LL }, { "m", 60000000LL },
	{ "s", 1000000LL }, { "ms", 1000LL }, { "us", 1LL }, { NULL, 0 }
};

/*
 * Reads the digits at the start of text; *end is behind them.  Returns 0,
 * EINVAL or ERANGE.
 */
static int
units_digits(const char *text, uint64_t *n, const char **end)
{
	const char *p = text;
	bool overflow = false;

	for (*n = 0; isdigit((unsigned char)*p); p++)
		overflow |= __builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, *p - '0', n);
	*end = p;
	if (p == text || (text[0] == '0' && p - text > 1))
		return EINVAL;
	return overflow ? ERANGE : 0;
}

static int
units_parse(const char *text, const struct unit *units, const char *what,
    const char *example, int64_t *result)
{
	const struct unit *u = units;
	const char *suffix;
	int64_t product;
	uint64_t n;
	int error;

	error = units_digits(text, &n, &suffix);
	if (error == 0 && n == 0 && *suffix == '\0') {
		*result = 0;
		return 0;
	}
	while (u->suffix != NULL && strcmp(suffix, u->suffix) != 0)
		u++;
	if (error == EINVAL || u->suffix == NULL)
		return error_set(EINVAL, "\"%.64s\" is not a %s (write it "
		    "like %s)", text, what, example);
	if (error != 0 || __builtin_mul_overflow(n, u->factor, &product))
		return error_set(ERANGE, "\"%.64s\" is too large", text);
	*result = product;
	return 0;
}

int
units_size(const char *text, int64_t *bytes)
{
	return units_parse(text, size_units, "size", "512, 64K or 16M", bytes);
}

int
units_duration(const char *text, int64_t *us)
{
	return units_parse(text, duration_units, "duration",
	    "500ms, 30s or 5m", us);
}

int
units_integer(const char *text, int64_t min, int64_t max, int64_t *n)
{
	bool negative = text[0] == '-';
	const char *end;
	uint64_t digits;
	int64_t value = 0;
	int error;

	error = units_digits(text + negative, &digits, &end);
	if (error == EINVAL || *end != '\0')
		return error_set(EINVAL, "\"%.64s\" is not a number", text);
	if (error != 0 || (negative ?
	    __builtin_sub_overflow(0, digits, &value) :
	    __builtin_add_overflow(0, digits, &value)) ||
	    value < min || value > max)
		return error_set(ERANGE, "%.64s is not from %" PRId64 " to %"
		    PRId64, text, min, max);
	*n = value;
	return 0;
}

int
units_bool(const char *text, int *truth)
{
	static const char *const words[] =
	    { "false", "true", "no", "yes", "off", "on" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0) {
			*truth = i % 2;
			return 0;
		}
	return error_set(EINVAL, "\"%.64s\" is neither true nor false", text);
}

static const char *
units_format(int64_t n, const struct unit *units, char *buf)
{
	const struct unit *u = units;

	if (n == 0)
		return strcpy(buf, "0");
	while (n % u->factor != 0)
		u++;
	snprintf(buf, UNITS_MAX, "%" PRId64 "%s", n / u->factor, u->suffix);
	return buf;
}

const char *
units_format_size(int64_t bytes, char buf[UNITS_MAX])
{
	return units_format(bytes, size_units, buf);
}

const char *
units_format_duration(int64_t us, char buf[UNITS_MAX])
{
	return units_format(us, duration_units, buf);
}

uint32_t
units_milliseconds(int64_t us)
{
	int64_t ms = us / 1000 + (us % 1000 != 0);

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
