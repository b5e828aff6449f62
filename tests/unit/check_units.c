/* SPDX-License-Identifier: ISC */
/*
 * base/units: sizes, durations, rates, numbers and truth values.
 */
#include "base/units.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "unit.h"

#define KIB	(INT64_C(1) << 10)
#define MIB	(INT64_C(1) << 20)
#define GIB	(INT64_C(1) << 30)
#define TIB	(INT64_C(1) << 40)
#define SECOND	INT64_C(1000000)

static const struct {
	const char *text;
	int64_t value;
} good_sizes[] = {
	{ "0", 0 }, { "1", 1 }, { "9", 9 }, { "512", 512 }, { "1023", 1023 },
	{ "1024", KIB }, { "1K", KIB }, { "64K", 64 * KIB }, { "16M", 16 * MIB },
	{ "1G", GIB }, { "2T", 2 * TIB }, { "0K", 0 }, { "0T", 0 },
	{ "999999999999999999", INT64_C(999999999999999999) },
	{ "1000000000000000000", INT64_C(1000000000000000000) },
	{ "9223372036854775807", INT64_MAX },
	{ "9007199254740991K", INT64_MAX - 1023 },
	{ "8388607T", INT64_MAX - TIB + 1 },
};

static const struct {
	const char *text;
	int64_t value;
} good_durations[] = {
	{ "0", 0 }, { "0s", 0 }, { "1us", 1 }, { "50us", 50 },
	{ "1ms", 1000 }, { "100ms", 100000 }, { "1s", SECOND },
	{ "30s", 30 * SECOND }, { "5m", 300 * SECOND }, { "1h", 3600 * SECOND },
	{ "2d", 2 * 86400 * SECOND },
	{ "106751991d", INT64_C(106751991) * 86400 * SECOND },
	{ "9223372036854775807us", INT64_MAX },
};

/* Neither sizes nor durations. */
static const char *const malformed[] = {
	"", " ", "-1", "-1s", "+1", "+0", "010", "00", "00s", "01K", "K", "s",
	" 1", "1 ", "1 K", " 1s", "1s ", "1\n", "1K1", "1s1", "1.5M", "1.5s",
	"1,5s", "0x10", "1e3", "1KB", "1KiB", "1k", "1m1s", "1sec", "1S", "1MS",
	"1\xc2\xb5s", "inf", "nan", "'1'", "one",
};

/* Too large whatever they are. */
static const char *const too_large[] = {
	"9223372036854775808", "18446744073709551615", "18446744073709551616",
	"99999999999999999999999999999999999999999999999999999999999999",
};

START_TEST(test_units_size)
{
	int64_t n = -7;

	errno = 0;
	ck_assert_int_eq(units_size(good_sizes[_i].text, &n), 0);
	ck_assert_int_eq(n, good_sizes[_i].value);
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(test_units_duration)
{
	int64_t n = -7;

	ck_assert_int_eq(units_duration(good_durations[_i].text, &n), 0);
	ck_assert_int_eq(n, good_durations[_i].value);
}
END_TEST

START_TEST(test_units_malformed)
{
	int64_t n = -7;

	errno = 0;
	ck_assert_int_eq(units_size(malformed[_i], &n), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(units_duration(malformed[_i], &n), -1);
	ck_assert_int_eq(errno, EINVAL);
	/* A failure leaves the caller's number alone. */
	ck_assert_int_eq(n, -7);
}
END_TEST

START_TEST(test_units_unit_of_the_other)
{
	int64_t n = -7;

	/* A number without its unit is no duration; "1m" is no mebibyte. */
	ck_assert_int_eq(units_duration("30", &n), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(units_duration("1M", &n), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(units_size("1m", &n), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(units_size("1s", &n), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(n, -7);
}
END_TEST

START_TEST(test_units_too_large)
{
	char text[128];
	int64_t n = -7;

	ck_assert_int_eq(units_size(too_large[_i], &n), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(units_integer(too_large[_i], 0, INT64_MAX, &n), -1);
	ck_assert_int_eq(errno, ERANGE);
	snprintf(text, sizeof(text), "%sus", too_large[_i]);
	ck_assert_int_eq(units_duration(text, &n), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(n, -7);
}
END_TEST

/* The product overflows, not the digits. */
START_TEST(test_units_product_too_large)
{
	static const char *const sizes[] = {
		"8388608T", "8589934592G", "9007199254740992K",
	};
	int64_t n = -7;
	int i;

	for (i = 0; i < UNIT_COUNT(sizes); i++) {
		errno = 0;
		ck_assert_int_eq(units_size(sizes[i], &n), -1);
		ck_assert_int_eq(errno, ERANGE);
		ck_assert_ptr_nonnull(strstr(error_text(), "too large"));
	}
	errno = 0;
	ck_assert_int_eq(units_duration("106751992d", &n), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(n, -7);
}
END_TEST

START_TEST(test_units_error_texts)
{
	char text[1000];
	int64_t n;
	int truth;

	units_size("64 K", &n);
	ck_assert_str_eq(error_text(),
	    "\"64 K\" is not a size (write it like 512, 64K or 16M)");
	units_duration("30", &n);
	ck_assert_str_eq(error_text(), "\"30\" is not a duration (write it "
	    "like 500ms, 30s or 5m)");
	units_integer("x", 0, 9, &n);
	ck_assert_str_eq(error_text(), "\"x\" is not a number");
	units_integer("10", -1, 9, &n);
	ck_assert_str_eq(error_text(), "10 is not from -1 to 9");
	units_bool("maybe", &truth);
	ck_assert_str_eq(error_text(), "\"maybe\" is neither true nor false");
	units_decimal("1,5", &n);
	ck_assert_str_eq(error_text(), "\"1,5\" is not a number (write it "
	    "like 8 or 1.5, with up to three decimals)");
	units_decimal("9223372036854775.808", &n);
	ck_assert_str_eq(error_text(),
	    "\"9223372036854775.808\" is too large");

	/* Text from outside may have any length. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(units_size(text, &n), -1);
	ck_assert_uint_lt(strlen(error_text()), 200);
	ck_assert_int_eq(units_decimal(text, &n), -1);
	ck_assert_uint_lt(strlen(error_text()), 200);
	ck_assert_int_eq(units_rate_check(text), -1);
	ck_assert_uint_lt(strlen(error_text()), 200);
}
END_TEST

static const struct {
	const char *text;
	int64_t min, max;
	int error;		/* 0: value is expected */
	int64_t value;
} integers[] = {
	{ "0", 0, 0, 0, 0 },
	{ "7", 0, 9, 0, 7 },
	{ "-7", -9, 9, 0, -7 },
	{ "-1", 0, 9, ERANGE, 0 },
	{ "10", 0, 9, ERANGE, 0 },
	{ "-10", -9, 9, ERANGE, 0 },
	{ "65535", 0, 65535, 0, 65535 },
	{ "65536", 0, 65535, ERANGE, 0 },
	{ "999999999999999999", 0, INT64_MAX, 0, 999999999999999999 },
	{ "1000000000000000000", 0, INT64_MAX, 0, 1000000000000000000 },
	{ "9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX },
	{ "-9223372036854775807", INT64_MIN, INT64_MAX, 0, -INT64_MAX },
	{ "-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN },
	{ "9223372036854775808", INT64_MIN, INT64_MAX, ERANGE, 0 },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX, ERANGE, 0 },
	{ "-99999999999999999999999", INT64_MIN, INT64_MAX, ERANGE, 0 },
	{ "", 0, 9, EINVAL, 0 },
	{ "-", -9, 9, EINVAL, 0 },
	{ "--1", -9, 9, EINVAL, 0 },
	{ "+1", 0, 9, EINVAL, 0 },
	{ " 1", 0, 9, EINVAL, 0 },
	{ "1 ", 0, 9, EINVAL, 0 },
	{ "- 1", -9, 9, EINVAL, 0 },
	{ "01", 0, 9, EINVAL, 0 },
	{ "-01", -9, 9, EINVAL, 0 },
	{ "1K", 0, INT64_MAX, EINVAL, 0 },
	{ "0x1", 0, 9, EINVAL, 0 },
	{ "1.0", 0, 9, EINVAL, 0 },
	/* The same, as long as the longest numbers. */
	{ "                    1", 0, 9, EINVAL, 0 },
	{ "+000000000000000000001", 0, 9, EINVAL, 0 },
	{ "0000000000000000000001", 0, 9, EINVAL, 0 },
	{ "-000000000000000000001", -9, 9, EINVAL, 0 },
	{ "9223372036854775807 ", 0, INT64_MAX, EINVAL, 0 },
	{ "92233720368547758070x", 0, INT64_MAX, EINVAL, 0 },
};

START_TEST(test_units_integer)
{
	int64_t n = 12345;
	int result;

	errno = 0;
	result = units_integer(integers[_i].text, integers[_i].min,
	    integers[_i].max, &n);
	ck_assert_int_eq(errno, integers[_i].error);
	ck_assert_int_eq(result, integers[_i].error == 0 ? 0 : -1);
	ck_assert_int_eq(n, result == 0 ? integers[_i].value : 12345);
}
END_TEST

START_TEST(test_units_bool)
{
	static const char *const bad[] = {
		"", "1", "0", "True", "YES", "truee", "tru", " true", "true ",
		"y", "n",
	};
	static const char *const yes[] = { "true", "yes", "on" };
	static const char *const no[] = { "false", "no", "off" };
	int i, truth;

	for (i = 0; i < UNIT_COUNT(yes); i++) {
		truth = -7;
		ck_assert_int_eq(units_bool(yes[i], &truth), 0);
		ck_assert_int_eq(truth, 1);
		truth = -7;
		ck_assert_int_eq(units_bool(no[i], &truth), 0);
		ck_assert_int_eq(truth, 0);
	}
	truth = -7;
	for (i = 0; i < UNIT_COUNT(bad); i++) {
		errno = 0;
		ck_assert_int_eq(units_bool(bad[i], &truth), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_int_eq(truth, -7);
}
END_TEST

START_TEST(test_units_format_is_shortest)
{
	char buf[UNITS_MAX];

	ck_assert_str_eq(units_format_size(0, buf), "0");
	ck_assert_str_eq(units_format_size(1, buf), "1");
	ck_assert_str_eq(units_format_size(1023, buf), "1023");
	ck_assert_str_eq(units_format_size(1024, buf), "1K");
	ck_assert_str_eq(units_format_size(1025, buf), "1025");
	ck_assert_str_eq(units_format_size(1536 * KIB, buf), "1536K");
	ck_assert_str_eq(units_format_size(64 * KIB, buf), "64K");
	ck_assert_str_eq(units_format_size(1024 * GIB, buf), "1T");
	ck_assert_str_eq(units_format_duration(0, buf), "0");
	ck_assert_str_eq(units_format_duration(1, buf), "1us");
	ck_assert_str_eq(units_format_duration(1500, buf), "1500us");
	ck_assert_str_eq(units_format_duration(100000, buf), "100ms");
	ck_assert_str_eq(units_format_duration(90 * SECOND, buf), "90s");
	ck_assert_str_eq(units_format_duration(60 * SECOND, buf), "1m");
	ck_assert_str_eq(units_format_duration(86400 * SECOND, buf), "1d");
	ck_assert_ptr_eq(units_format_size(1, buf), buf);
}
END_TEST

/* Every number that can be written reads back as itself. */
START_TEST(test_units_format_reads_back)
{
	static const int64_t factors[] = {
		1, 7, 1000, KIB, 60 * SECOND, MIB, 3600 * SECOND, GIB, TIB,
	};
	char buf[UNITS_MAX];
	int64_t base, delta, n, back;
	int i, shift;

	for (shift = 0; shift < 63; shift++) {
		for (i = 0; i < UNIT_COUNT(factors); i++) {
			base = INT64_C(1) << shift;
			if (__builtin_mul_overflow(base, factors[i], &base))
				base = INT64_MAX - 1;
			for (delta = -1; delta <= 1; delta++) {
				n = base + delta;
				ck_assert_int_eq(units_size(
				    units_format_size(n, buf), &back), 0);
				ck_assert_int_eq(back, n);
				ck_assert_int_eq(units_duration(
				    units_format_duration(n, buf), &back), 0);
				ck_assert_int_eq(back, n);
			}
		}
	}
}
END_TEST

static const struct {
	const char *text;
	int error;		/* 0: value is expected */
	int64_t value;
} decimals[] = {
	{ "0", 0, 0 },
	{ "0.0", 0, 0 },
	{ "0.000", 0, 0 },
	{ "8", 0, 8000 },
	{ "10", 0, 10000 },
	{ "1.5", 0, 1500 },
	{ "1.50", 0, 1500 },
	{ "1.500", 0, 1500 },
	{ "0.05", 0, 50 },
	{ "0.001", 0, 1 },
	{ "0.999", 0, 999 },
	{ "12.345", 0, 12345 },
	{ "9223372036854775.807", 0, INT64_MAX },
	{ "9223372036854775", 0, INT64_MAX - 807 },
	{ "9223372036854775.808", ERANGE, 0 },
	{ "9223372036854776", ERANGE, 0 },
	{ "18446744073709551615", ERANGE, 0 },
	{ "18446744073709551616", ERANGE, 0 },
	{ "18446744073709551616.5", ERANGE, 0 },
	{ "", EINVAL, 0 },
	{ ".", EINVAL, 0 },
	{ ".5", EINVAL, 0 },
	{ "1.", EINVAL, 0 },
	{ "1..5", EINVAL, 0 },
	{ "1.5.", EINVAL, 0 },
	{ "1.2345", EINVAL, 0 },
	{ "1.0000", EINVAL, 0 },
	{ "01", EINVAL, 0 },
	{ "00.5", EINVAL, 0 },
	{ "-1", EINVAL, 0 },
	{ "-0.5", EINVAL, 0 },
	{ "+1.5", EINVAL, 0 },
	{ "1.-5", EINVAL, 0 },
	{ "1.+5", EINVAL, 0 },
	{ "1. 5", EINVAL, 0 },
	{ "1,5", EINVAL, 0 },
	{ " 1.5", EINVAL, 0 },
	{ "1.5 ", EINVAL, 0 },
	{ "1.5\n", EINVAL, 0 },
	{ "1.5x", EINVAL, 0 },
	{ "1e3", EINVAL, 0 },
	{ "0x1", EINVAL, 0 },
	{ "inf", EINVAL, 0 },
	{ "nan", EINVAL, 0 },
};

START_TEST(test_units_decimal)
{
	int64_t n = -7;
	int result;

	errno = 0;
	result = units_decimal(decimals[_i].text, &n);
	ck_assert_int_eq(errno, decimals[_i].error);
	ck_assert_int_eq(result, decimals[_i].error == 0 ? 0 : -1);
	ck_assert_int_eq(n, result == 0 ? decimals[_i].value : -7);
}
END_TEST

START_TEST(test_units_format_decimal)
{
	char buf[UNITS_MAX];
	int64_t n, back;
	int shift;

	ck_assert_str_eq(units_format_decimal(0, buf), "0");
	ck_assert_str_eq(units_format_decimal(1, buf), "0.001");
	ck_assert_str_eq(units_format_decimal(50, buf), "0.05");
	ck_assert_str_eq(units_format_decimal(500, buf), "0.5");
	ck_assert_str_eq(units_format_decimal(1000, buf), "1");
	ck_assert_str_eq(units_format_decimal(1010, buf), "1.01");
	ck_assert_str_eq(units_format_decimal(10000, buf), "10");
	ck_assert_str_eq(units_format_decimal(100000, buf), "100");
	ck_assert_str_eq(units_format_decimal(100500, buf), "100.5");
	ck_assert_str_eq(units_format_decimal(INT64_MAX, buf),
	    "9223372036854775.807");
	ck_assert_ptr_eq(units_format_decimal(1, buf), buf);

	for (shift = 0; shift < 63; shift++)
		for (n = (INT64_C(1) << shift) - 1; n <= INT64_C(1) << shift;
		    n++) {
			ck_assert_int_eq(units_decimal(units_format_decimal(n,
			    buf), &back), 0);
			ck_assert_int_eq(back, n);
		}
}
END_TEST

#define NS	UINT64_C(1000000000)

static const struct {
	const char *text;
	uint64_t interval, burst;
} good_rates[] = {
	{ "", 0, 1 },
	{ "0", 0, 1 },
	{ "1/s", NS, 1 },
	{ "200/s", 5000000, 200 },
	{ "3/s", 333333334, 3 },	/* upwards */
	{ "7/s", 142857143, 7 },
	{ "1000000/s", 1000, 1000000 },
	{ "999999/s", 1001, 999999 },
	{ "10/m", 6 * NS, 10 },
	{ "5/h", 720 * NS, 5 },
	{ "1000/d", 86400 * NS / 1000, 1000 },
	{ "1/d", 86400 * NS, 1 },
	{ "1000000/d", 86400000, 1000000 },
	{ "200/s burst 50", 5000000, 50 },
	{ "200/s burst 1", 5000000, 1 },
	{ "1/s burst 1000000", NS, 1000000 },
	{ "1/m burst 5", 60 * NS, 5 },
	{ "1/h burst 8760", 3600 * NS, 8760 },
	{ "1/d burst 365", 86400 * NS, 365 },
};

START_TEST(test_units_rate)
{
	struct units_rate r = { 7, 7 };

	errno = 0;
	ck_assert_int_eq(units_rate(good_rates[_i].text, &r), 0);
	ck_assert_int_eq(errno, 0);
	ck_assert_uint_eq(r.interval_ns, good_rates[_i].interval);
	ck_assert_uint_eq(r.burst, good_rates[_i].burst);
	ck_assert_int_eq(units_rate_check(good_rates[_i].text), 0);
}
END_TEST

#define NO_RATE(t)	{ t, EINVAL, "\"" t "\" is not a rate (write it like " \
    "200/s, 10/m or \"5/h burst 20\")" }
#define COUNT_RANGE	": the count is not from 1 to 1000000"
#define BURST_RANGE	": the burst is not from 1 to 1000000"
#define TOO_LONG	": at this rate the burst is what comes in more " \
    "than 365 days"

static const struct {
	const char *text;
	int error;
	const char *says;
} bad_rates[] = {
	NO_RATE(" "), NO_RATE("200"), NO_RATE("1"), NO_RATE("00"),
	NO_RATE("/s"), NO_RATE("200/"), NO_RATE("200/x"), NO_RATE("200/S"),
	NO_RATE("200/sec"), NO_RATE("200/ms"), NO_RATE("200s"),
	NO_RATE("200 /s"), NO_RATE("200/ s"), NO_RATE(" 200/s"),
	NO_RATE("200/s "), NO_RATE("200/s\n"), NO_RATE("-1/s"),
	NO_RATE("+1/s"), NO_RATE("01/s"), NO_RATE("1.5/s"), NO_RATE("1K/s"),
	NO_RATE("200//s"), NO_RATE("200/s/s"), NO_RATE("s/200"),
	NO_RATE("1/2s"), NO_RATE("200/s burst"), NO_RATE("200/s burst "),
	NO_RATE("200/s burst  5"), NO_RATE("200/s  burst 5"),
	NO_RATE("200/sburst 5"), NO_RATE("200/s burst5"),
	NO_RATE("200/s burst -5"), NO_RATE("200/s burst 05"),
	NO_RATE("200/s burst 5 "), NO_RATE("200/s burst 5/s"),
	NO_RATE("200/s burst 1K"), NO_RATE("200/s Burst 5"),
	NO_RATE("200/s 5"), NO_RATE("burst 5"), NO_RATE("0 burst 5"),
	{ "0/s", ERANGE, "\"0/s\"" COUNT_RANGE },
	{ "0/d burst 5", ERANGE, "\"0/d burst 5\"" COUNT_RANGE },
	{ "1000001/s", ERANGE, "\"1000001/s\"" COUNT_RANGE },
	{ "1000001/d", ERANGE, "\"1000001/d\"" COUNT_RANGE },
	{ "18446744073709551617/s", ERANGE,
	    "\"18446744073709551617/s\"" COUNT_RANGE },
	{ "5/s burst 0", ERANGE, "\"5/s burst 0\"" BURST_RANGE },
	{ "5/s burst 1000001", ERANGE, "\"5/s burst 1000001\"" BURST_RANGE },
	{ "5/s burst 18446744073709551617", ERANGE,
	    "\"5/s burst 18446744073709551617\"" BURST_RANGE },
	{ "1/d burst 366", ERANGE, "\"1/d burst 366\"" TOO_LONG },
	{ "1/h burst 8761", ERANGE, "\"1/h burst 8761\"" TOO_LONG },
	{ "1/d burst 1000000", ERANGE, "\"1/d burst 1000000\"" TOO_LONG },
};

START_TEST(test_units_rate_errors)
{
	struct units_rate r = { 7, 7 };

	errno = 0;
	ck_assert_int_eq(units_rate(bad_rates[_i].text, &r), -1);
	ck_assert_int_eq(errno, bad_rates[_i].error);
	ck_assert_str_eq(error_text(), bad_rates[_i].says);
	ck_assert_uint_eq(r.interval_ns, 7);
	ck_assert_uint_eq(r.burst, 7);

	errno = 0;
	error_clear();
	ck_assert_int_eq(units_rate_check(bad_rates[_i].text), -1);
	ck_assert_int_eq(errno, bad_rates[_i].error);
	ck_assert_str_eq(error_text(), bad_rates[_i].says);
}
END_TEST

/* Whatever is written: never more than it says, at most a thousandth less. */
START_TEST(test_units_rate_never_more)
{
	static const struct {
		char letter;
		uint64_t ns;
	} periods[] = {
		{ 's', NS }, { 'm', 60 * NS }, { 'h', 3600 * NS },
		{ 'd', 86400 * NS },
	};
	struct units_rate r;
	uint64_t count, period;
	char text[64];
	int i;

	for (i = 0; i < UNIT_COUNT(periods); i++)
		for (count = 1; count <= UNITS_RATE_COUNT_MAX;
		    count += 1 + count / 50) {
			period = periods[i].ns;
			snprintf(text, sizeof(text), "%u/%c",
			    (unsigned int)count, periods[i].letter);
			ck_assert_int_eq(units_rate(text, &r), 0);
			ck_assert_uint_ge(r.interval_ns, 1000);
			ck_assert_uint_ge(r.interval_ns * count, period);
			ck_assert_uint_le((r.interval_ns - 1) * count, period -
			    1);
			ck_assert_uint_le(r.interval_ns * count,
			    period + period / 1000);
			ck_assert_uint_eq(r.burst, count);
		}
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("units", &tc);

	tcase_add_loop_test(tc, test_units_size, 0, UNIT_COUNT(good_sizes));
	tcase_add_loop_test(tc, test_units_duration, 0,
	    UNIT_COUNT(good_durations));
	tcase_add_loop_test(tc, test_units_malformed, 0, UNIT_COUNT(malformed));
	tcase_add_test(tc, test_units_unit_of_the_other);
	tcase_add_loop_test(tc, test_units_too_large, 0, UNIT_COUNT(too_large));
	tcase_add_test(tc, test_units_product_too_large);
	tcase_add_test(tc, test_units_error_texts);
	tcase_add_loop_test(tc, test_units_integer, 0, UNIT_COUNT(integers));
	tcase_add_test(tc, test_units_bool);
	tcase_add_test(tc, test_units_format_is_shortest);
	tcase_add_test(tc, test_units_format_reads_back);
	tcase_add_loop_test(tc, test_units_decimal, 0, UNIT_COUNT(decimals));
	tcase_add_test(tc, test_units_format_decimal);
	tcase_add_loop_test(tc, test_units_rate, 0, UNIT_COUNT(good_rates));
	tcase_add_loop_test(tc, test_units_rate_errors, 0,
	    UNIT_COUNT(bad_rates));
	tcase_add_test(tc, test_units_rate_never_more);
	return unit_run(s);
}
