/* SPDX-License-Identifier: ISC */
/*
 * prongctl/rates: what is known of a counter's growth, whenever it is looked
 * at, and when it begins again.
 */
#include "prongctl/rates.h"

#include <math.h>
#include <stdio.h>

#include "unit.h"

/* The result of 1000 values is not off by more. */
#define NEAR	1e-6

START_TEST(test_rates_unknown)
{
	struct rate r;

	rate_start(&r, 5, 100);
	ck_assert_double_nan(rate_per_second(&r, RATES_NOW));
	ck_assert_double_nan(rate_per_second(&r, RATES_10S));
	ck_assert_double_nan(rate_per_second(&r, RATES_100S));
	/* No time, no rate, and nothing is lost. */
	rate_add(&r, 7, 100);
	ck_assert_double_nan(rate_per_second(&r, RATES_NOW));
	rate_add(&r, 25, 102);
	ck_assert_double_eq_tol(rate_per_second(&r, RATES_NOW), 10, NEAR);
}
END_TEST

/* A steady rate is what it is, from the first interval on, however uneven. */
START_TEST(test_rates_steady)
{
	static const double intervals[] = { 0.1, 1, 0.001, 60, 7, 300 };
	struct rate r;
	double at = 1e6;
	int i, span;

	rate_start(&r, 0, at);
	for (i = 0; i < 1000; i++) {
		at += intervals[i % 6];
		rate_add(&r, (int64_t)((at - 1e6) * 1000 + 0.5), at);
		for (span = RATES_10S; span < RATES_SPANS; span++)
			ck_assert_double_eq_tol(rate_per_second(&r,
			    (enum rates_span)span), 1000, 1);
	}
}
END_TEST

/* The average of a step is the same in one interval or in many. */
START_TEST(test_rates_uneven)
{
	struct rate one, many;
	double t;

	rate_start(&one, 0, 0);
	rate_start(&many, 0, 0);
	/* A long time of nothing, then 20 s of 100 a second. */
	rate_add(&one, 0, 5000);
	rate_add(&many, 0, 5000);
	rate_add(&one, 2000, 5020);
	for (t = 0.25; t <= 20; t += t < 10 ? 0.25 : 0.5)
		rate_add(&many, (int64_t)(t * 100), 5000 + t);
	ck_assert_double_eq_tol(rate_per_second(&one, RATES_10S),
	    rate_per_second(&many, RATES_10S), NEAR);
	ck_assert_double_eq_tol(rate_per_second(&one, RATES_100S),
	    rate_per_second(&many, RATES_100S), NEAR);
	/* As a load average: after twice its time 1 - e^-2 of the step. */
	ck_assert_double_eq_tol(rate_per_second(&one, RATES_10S),
	    100 * (1 - exp(-2)), 1e-3);
	ck_assert_double_eq_tol(rate_per_second(&one, RATES_100S),
	    100 * (1 - exp(-0.2)), 1e-3);
	ck_assert_double_eq_tol(rate_per_second(&many, RATES_NOW), 100, NEAR);
}
END_TEST

/* A counter that begins again is not negative, and spoils no average. */
START_TEST(test_rates_back)
{
	struct rate r;
	int i;

	rate_start(&r, 1000000, 0);
	for (i = 1; i <= 10; i++)
		rate_add(&r, 1000000 + i * 50, i);
	rate_add(&r, 3, 11);
	ck_assert_double_nan(rate_per_second(&r, RATES_NOW));
	ck_assert_double_eq_tol(rate_per_second(&r, RATES_10S), 50, NEAR);
	rate_add(&r, 53, 12);
	ck_assert_double_eq_tol(rate_per_second(&r, RATES_NOW), 50, NEAR);
	ck_assert_double_eq_tol(rate_per_second(&r, RATES_100S), 50, NEAR);
	/* What a hostile server says is no reason to go wrong. */
	rate_add(&r, INT64_MIN, 13);
	rate_add(&r, INT64_MAX, 14);
	ck_assert_double_eq_tol(rate_per_second(&r, RATES_NOW),
	    18446744073709551615.0, 1e6);
	rate_add(&r, INT64_MAX, 13);
	ck_assert_double_gt(rate_per_second(&r, RATES_NOW), 0);
}
END_TEST

START_TEST(test_rates_names)
{
	struct rates rates;
	const struct rate *r;
	char name[32];
	int look, i;

	rates_init(&rates);
	for (look = 0; look < 3; look++) {
		for (i = 0; i < 1000; i++) {
			snprintf(name, sizeof(name), "counter %d", i);
			r = rates_count(&rates, name, look * i, look);
			ck_assert_ptr_nonnull(r);
			if (look > 0)
				ck_assert_double_eq_tol(rate_per_second(r,
				    RATES_NOW), i, NEAR);
		}
		rates_sweep(&rates);
	}
	/* One that is not seen for a look is forgotten. */
	rates_count(&rates, "counter 1", 3, 3);
	rates_sweep(&rates);
	r = rates_count(&rates, "counter 1", 4, 4);
	ck_assert_double_eq_tol(rate_per_second(r, RATES_NOW), 1, NEAR);
	r = rates_count(&rates, "counter 2", 8, 4);
	ck_assert_double_nan(rate_per_second(r, RATES_NOW));
	rates_fini(&rates);
	r = rates_count(&rates, "counter 1", 5, 5);
	ck_assert_double_nan(rate_per_second(r, RATES_NOW));
	rates_fini(&rates);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("rates", &tc);

	tcase_add_test(tc, test_rates_unknown);
	tcase_add_test(tc, test_rates_steady);
	tcase_add_test(tc, test_rates_uneven);
	tcase_add_test(tc, test_rates_back);
	tcase_add_test(tc, test_rates_names);
	return unit_run(s);
}
