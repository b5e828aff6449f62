/* SPDX-License-Identifier: ISC */
/*
 * prongctl/figure: numbers in five places.
 */
#include "prongctl/figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

START_TEST(test_figure_count)
{
	static const struct {
		double x;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 0.004, "0.00" }, { 0.25, "0.25" },
		{ 1, "1" }, { 9.994, "9.99" }, { 9.996, "10.0" },
		{ 12.34, "12.3" }, { 99.96, "100" }, { 999, "999" },
		{ 999.4, "999" }, { 999.6, "1.00k" }, { 1000, "1.00k" },
		{ 1234, "1.23k" }, { 12345, "12.3k" }, { 99960, "100k" },
		{ 123456, "123k" }, { 999499, "999k" }, { 999501, "1.00M" },
		{ 1e18, "1.00E" }, { 1.8e19, "18.0E" }, { 1e30, "9999E" },
		{ -1, "-" }, { NAN, "-" }, { INFINITY, "-" },
	};
	char buf[FIGURE_MAX];
	int i;

	for (i = 0; i < UNIT_COUNT(cases); i++)
		ck_assert_str_eq(figure_count(cases[i].x, buf),
		    cases[i].text);
}
END_TEST

START_TEST(test_figure_bytes)
{
	static const struct {
		double x;
		const char *text;
	} cases[] = {
		{ 0, "0" }, { 1023, "1023" }, { 1023.4, "1023" },
		{ 1023.6, "1.00K" }, { 1024, "1.00K" }, { 1536, "1.50K" },
		{ 10240, "10.0K" }, { 1000 * 1024.0, "1000K" },
		{ 1024 * 1024.0, "1.00M" }, { 18446744073709551615.0,
		"16.0E" }, { NAN, "-" },
	};
	char buf[FIGURE_MAX];
	int i;

	for (i = 0; i < UNIT_COUNT(cases); i++)
		ck_assert_str_eq(figure_bytes(cases[i].x, buf),
		    cases[i].text);
}
END_TEST

/* Whatever a number is, it has room, and says what it is to a half percent. */
START_TEST(test_figure_any)
{
	static const char units[] = " kMGTPE";
	char buf[FIGURE_MAX], *end;
	double x, got, base;
	const char *unit;

	for (x = 0.001; x < 1e19; x *= 1.0013) {
		figure_count(x, buf);
		ck_assert_uint_le(strlen(buf), FIGURE_WIDTH);
		got = strtod(buf, &end);
		for (base = 1, unit = units; *end != '\0' && *unit != *end;
		    unit++)
			base *= 1000;
		ck_assert_double_eq_tol(got * base, x, x * 0.0051 + 0.0051);
		figure_bytes(x, buf);
		ck_assert_uint_le(strlen(buf), FIGURE_WIDTH);
	}
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("figure", &tc);

	tcase_add_test(tc, test_figure_count);
	tcase_add_test(tc, test_figure_bytes);
	tcase_add_test(tc, test_figure_any);
	return unit_run(s);
}
