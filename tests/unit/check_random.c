/* SPDX-License-Identifier: ISC */
/*
 * base/random: all of it is filled, each time anew, and a number is below its
 * limit wherever it lies.
 */
#include "base/random.h"

#include <string.h>

#include "unit.h"

START_TEST(test_random_fill)
{
	static const unsigned char none[32];
	unsigned char all[32] = { 0 }, some[32], before[32];
	size_t i;
	int turn;

	memset(before, 0, sizeof(before));
	for (turn = 0; turn < 64; turn++) {
		random_fill(some, sizeof(some));
		ck_assert(memcmp(some, before, sizeof(some)) != 0);
		memcpy(before, some, sizeof(some));
		for (i = 0; i < sizeof(some); i++)
			all[i] |= some[i];
	}
	ck_assert(memcmp(all, none, sizeof(all)) != 0);
	for (i = 0; i < sizeof(all); i++)
		ck_assert_int_ne(all[i], 0);
}
END_TEST

START_TEST(test_random_below)
{
	static const uint32_t limits[] = { 1, 2, 3, 7, 1000, UINT32_MAX };
	unsigned int seen = 0;
	size_t i;
	int turn;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		for (turn = 0; turn < 1000; turn++)
			ck_assert_uint_lt(random_below(limits[i]), limits[i]);
	for (turn = 0; turn < 1000; turn++)
		seen |= 1U << random_below(7);
	ck_assert_uint_eq(seen, 0x7f);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("random", &tc);

	tcase_add_test(tc, test_random_fill);
	tcase_add_test(tc, test_random_below);
	return unit_run(s);
}
