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
#include <stdio.h>
#include <stdlib.h>
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
 * Reads the digits at the start of text; *end is behind them.  At most 18 of
 * them, so that nothing overflows.
 */
static int
units_digits(const char *text, int64_t *n, const char **end)
{
	int64_t value = 0;
	const char *p = text;

	while (isdigit((unsigned char)*p) && p - text < 18)
		value = value * 10 + (*p++ - '0');
	if (p == text || (text[0] == '0' && p - text > 1))
		return -1;
	if (isdigit((unsigned char)*p))
		return -1;
	*n = value;
	*end = p;
	return 0;
}

static int
units_parse(const char *text, const struct unit *units, const char *what,
    const char *example, int64_t *result)
{
	const struct unit *u;
	const char *suffix;
	int64_t n;

	if (units_digits(text, &n, &suffix) == -1)
		goto bad;
	if (n == 0 && *suffix == '\0') {
		*result = 0;
		return 0;
	}
	for (u = units; u->suffix != NULL; u++) {
		if (strcmp(suffix, u->suffix) != 0)
			continue;
		if (__builtin_mul_overflow(n, u->factor, result))
			return error_set(ERANGE, "\"%.64s\" is too large",
			    text);
		return 0;
	}
bad:
	return error_set(EINVAL, "\"%.64s\" is not a %s (write it like %s)",
	    text, what, example);
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
	const char *end;
	int64_t value;
	int negative = text[0] == '-';

	/* int64_t itself has 19 digits: leave those to strtoll. */
	if (units_digits(text + negative, &value, &end) == -1 &&
	    strspn(text + negative, "0123456789") < 19)
		end = "x";
	if (strlen(text + negative) >= 19) {
		char *stop;

		errno = 0;
		value = strtoll(text, &stop, 10);
		end = stop;
		if (errno == ERANGE && *end == '\0')
			goto range;
	} else if (negative)
		value = -value;
	if (*end != '\0')
		return error_set(EINVAL, "\"%.64s\" is not a number", text);
	if (value < min || value > max)
		goto range;
	*n = value;
	return 0;
range:
	return error_set(ERANGE, "%.64s is not from %" PRId64 " to %" PRId64,
	    text, min, max);
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
