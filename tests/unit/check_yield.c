/* SPDX-License-Identifier: ISC */
/*
 * loop/yield: who takes long to come back rests, and one tries for all.
 */
#include "loop/yield.h"

#include "unit.h"

#define START	(5 * YIELD_REST_NS)
#define QUICK	(YIELD_LONG_NS / 10)

START_TEST(test_yield_while_quick)
{
	struct yielding y = { 0 };
	uint64_t now = START;
	int i;

	for (i = 0; i < 1000; i++, now += QUICK) {
		ck_assert(yield_may(&y, now));
		yield_took(&y, now, now + (i % 2 == 0 ? QUICK : YIELD_LONG_NS));
	}
}
END_TEST

START_TEST(test_yield_rests_after_a_long_one)
{
	struct yielding y = { 0 };
	uint64_t back = START + YIELD_LONG_NS + 1;

	ck_assert(yield_may(&y, START));
	yield_took(&y, START, back);
	ck_assert(!yield_may(&y, back));
	ck_assert(!yield_may(&y, back + YIELD_REST_NS - 1));
	ck_assert(yield_may(&y, back + YIELD_REST_NS));
}
END_TEST

START_TEST(test_yield_one_tries_for_all)
{
	struct yielding y = { 0 };
	uint64_t now = START + 2 * YIELD_REST_NS;

	yield_took(&y, START - YIELD_REST_NS, START);
	ck_assert(yield_may(&y, now));
	ck_assert(!yield_may(&y, now));
	ck_assert(!yield_may(&y, now + QUICK));
	yield_took(&y, now, now + QUICK);
	ck_assert(yield_may(&y, now + QUICK));
	ck_assert(yield_may(&y, now + QUICK));
}
END_TEST

START_TEST(test_yield_rests_on_when_the_try_was_long)
{
	struct yielding y = { 0 };
	uint64_t now = START + 2 * YIELD_REST_NS;
	uint64_t back = now + 2 * YIELD_LONG_NS;

	yield_took(&y, START - YIELD_REST_NS, START);
	ck_assert(yield_may(&y, now));
	yield_took(&y, now, back);
	ck_assert(!yield_may(&y, back + YIELD_REST_NS - 1));
	ck_assert(yield_may(&y, back + YIELD_REST_NS));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("yield", &tc);

	tcase_add_test(tc, test_yield_while_quick);
	tcase_add_test(tc, test_yield_rests_after_a_long_one);
	tcase_add_test(tc, test_yield_one_tries_for_all);
	tcase_add_test(tc, test_yield_rests_on_when_the_try_was_long);
	return unit_run(s);
}
