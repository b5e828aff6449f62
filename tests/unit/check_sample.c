/* SPDX-License-Identifier: ISC */
/*
 * base/sample: how many events are taken, and that each has the same chance.
 */
#include "base/sample.h"

#include <string.h>

#include "unit.h"

static const uint32_t factors[] = { 1, 2, 3, 10, 1000 };

/* Of each row of events exactly one. */
START_TEST(test_sample_rows)
{
	const uint32_t of = factors[_i];
	struct sample s;
	uint32_t taken;
	int row;
	uint32_t i;

	sample_init(&s, of);
	for (row = 0; row < 100; row++) {
		taken = 0;
		for (i = 0; i < of; i++)
			taken += sample_takes(&s);
		ck_assert_uint_eq(taken, 1);
	}
}
END_TEST

/*
 * Each place of a row is taken as often: 10,000 of them are about 1,000 each,
 * and further off than 6 standard deviations of 30 once in 10^8 runs.
 */
START_TEST(test_sample_uniform)
{
	uint32_t places[10] = { 0 };
	struct sample s;
	int row;
	uint32_t i;

	sample_init(&s, UNIT_COUNT(places));
	for (row = 0; row < 10000; row++)
		for (i = 0; i < UNIT_COUNT(places); i++)
			places[i] += sample_takes(&s);
	for (i = 0; i < UNIT_COUNT(places); i++) {
		ck_assert_uint_gt(places[i], 820);
		ck_assert_uint_lt(places[i], 1180);
	}
}
END_TEST

/* Also in the first row, which may be all that a process lives for. */
START_TEST(test_sample_first)
{
	struct sample s;
	int i, taken = 0;

	for (i = 0; i < 10000; i++) {
		sample_init(&s, 10);
		taken += sample_takes(&s);
	}
	ck_assert_int_gt(taken, 820);
	ck_assert_int_lt(taken, 1180);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("sample", &tc);

	tcase_add_loop_test(tc, test_sample_rows, 0, UNIT_COUNT(factors));
	tcase_add_test(tc, test_sample_uniform);
	tcase_add_test(tc, test_sample_first);
	return unit_run(s);
}
