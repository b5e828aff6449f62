/* SPDX-License-Identifier: ISC */
/*
 * base/decimal: integers and their text.
 */
#include "base/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static const int64_t numbers[] = {
	0, 1, -1, 9, 10, -10, 99, 100, 12345, INT32_MAX, INT32_MIN,
	999999999999999999, 1000000000000000000, INT64_MAX - 1, INT64_MAX,
	INT64_MIN + 1, INT64_MIN,
};

/* As printf() writes them, and back. */
START_TEST(decimal_both_ways)
{
	char want[32], got[DECIMAL_MAX];
	int64_t n = 0;
	size_t length;

	snprintf(want, sizeof(want), "%" PRId64, numbers[_i]);
	length = decimal_write(got, numbers[_i]);
	ck_assert_uint_eq(length, strlen(want));
	ck_assert_mem_eq(got, want, length);
	ck_assert(decimal_read(got, length, &n));
	ck_assert_int_eq(n, numbers[_i]);
}
END_TEST

static const char *const bad[] = {
	"", "-", "+1", "01", "00", "-0", "-01", " 1", "1 ", "1.0", "x", "1x",
	"--1", "0x1", "9223372036854775808", "-9223372036854775809",
	"99999999999999999999", "18446744073709551617",
	"-18446744073709551615", "100000000000000000000000000000",
};

START_TEST(decimal_reads_nothing_else)
{
	int64_t n = 7;

	ck_assert_msg(!decimal_read(bad[_i], strlen(bad[_i]), &n), "%s",
	    bad[_i]);
	ck_assert_int_eq(n, 7);
}
END_TEST

/* No more than it was told to. */
START_TEST(decimal_reads_a_part)
{
	int64_t n;

	ck_assert(decimal_read("1234", 2, &n));
	ck_assert_int_eq(n, 12);
	ck_assert(!decimal_read("1\0" "2", 3, &n));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("decimal", &tc);

	tcase_add_loop_test(tc, decimal_both_ways, 0, UNIT_COUNT(numbers));
	tcase_add_loop_test(tc, decimal_reads_nothing_else, 0,
	    UNIT_COUNT(bad));
	tcase_add_test(tc, decimal_reads_a_part);
	return unit_run(s);
}
