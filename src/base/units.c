/* SPDX-License-Identifier: ISC */
/*
 * Sizes, durations, rates, numbers and truth values: text to number and back.
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

int
units_decimal(const char *text, int64_t *thousandths)
{
	int64_t value, part = 0, place = 100;
	const char *p;
	uint64_t n;
	int error;

	error = units_digits(text, &n, &p);
	if (*p == '.' && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p) && place > 0; place /= 10)
			part += (*p++ - '0') * place;
	if (error == EINVAL || *p != '\0')
		return error_set(EINVAL, "\"%.64s\" is not a number (write it "
		    "like 8 or 1.5, with up to three decimals)", text);
	if (error != 0 || __builtin_mul_overflow(n, 1000, &value) ||
	    __builtin_add_overflow(value, part, &value))
		return error_set(ERANGE, "\"%.64s\" is too large", text);
	*thousandths = value;
	return 0;
}

#define RATE_LONGEST	(365 * 86400 * UINT64_C(1000000000))

struct rate_words {
	uint64_t count;
	uint64_t period_ns;
	uint64_t burst;
};

/*
 * Takes "COUNT/UNIT" or "COUNT/UNIT burst COUNT" apart; a count with too many
 * digits is the largest.  Returns 0 or EINVAL.
 */
static int
units_split_rate(const char *text, struct rate_words *w)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} periods[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
	};
	static const char word[] = " burst ";
	const size_t count = sizeof(periods) / sizeof(periods[0]);
	const char *p;
	size_t i = 0;
	int error;

	error = units_digits(text, &w->count, &p);
	if (error == ERANGE)
		w->count = UINT64_MAX;
	if (error == EINVAL || *p++ != '/')
		return EINVAL;
	while (i < count && periods[i].letter != *p)
		i++;
	if (i == count)
		return EINVAL;
	w->period_ns = periods[i].seconds * 1000000000;
	w->burst = w->count;
	if (*++p == '\0')
		return 0;
	if (strncmp(p, word, strlen(word)) != 0)
		return EINVAL;
	error = units_digits(p + strlen(word), &w->burst, &p);
	if (error == ERANGE)
		w->burst = UINT64_MAX;
	return error == EINVAL || *p != '\0' ? EINVAL : 0;
}

int
units_rate(const char *text, struct units_rate *r)
{
	struct rate_words w;
	uint64_t interval;

	if (text[0] == '\0' || strcmp(text, "0") == 0) {
		*r = (struct units_rate){ 0, 1 };
		return 0;
	}
	if (units_split_rate(text, &w) != 0)
		return error_set(EINVAL, "\"%.64s\" is not a rate (write it "
		    "like 200/s, 10/m or \"5/h burst 20\")", text);
	if (w.count < 1 || w.count > UNITS_RATE_COUNT_MAX)
		return error_set(ERANGE, "\"%.64s\": the count is not from 1 "
		    "to %d", text, UNITS_RATE_COUNT_MAX);
	if (w.burst < 1 || w.burst > UNITS_RATE_COUNT_MAX)
		return error_set(ERANGE, "\"%.64s\": the burst is not from 1 "
		    "to %d", text, UNITS_RATE_COUNT_MAX);
	interval = (w.period_ns + w.count - 1) / w.count;
	if (w.burst > RATE_LONGEST / interval)
		return error_set(ERANGE, "\"%.64s\": at this rate the burst is "
		    "what comes in more than 365 days", text);
	*r = (struct units_rate){ interval, w.burst };
	return 0;
}

int
units_rate_check(const char *text)
{
	struct units_rate r;

	return units_rate(text, &r);
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

const char *
units_format_decimal(int64_t thousandths, char buf[UNITS_MAX])
{
	int n;

	n = snprintf(buf, UNITS_MAX, "%" PRId64 ".%03d", thousandths / 1000,
	    (int)(thousandths % 1000));
	while (buf[n - 1] == '0')
		buf[--n] = '\0';
	if (buf[n - 1] == '.')
		buf[n - 1] = '\0';
	return buf;
}

uint32_t
units_milliseconds(int64_t us)
{
	int64_t ms = us / 1000 + (us % 1000 != 0);

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
