/* SPDX-License-Identifier: ISC */
/*
 * loop/yield: who takes long to come back rests, and one tries for all.
 */
#include "loop/yield.h"

#include "unit.h"

#define START	(5 * YIELD_REST_NS)
#define QUICK	(YIELD_SLOW_NS / 4)
#define LONG	(YIELD_SLOW_NS * 2)
#define OTHERS	24

static struct yielding y;
static struct yield_turn t;
static uint64_t now;

static void
setup(void)
{
	y = (struct yielding){ 0 };
	now = START;
}

/* One yields, and each of the others takes so long meanwhile. */
static bool
turn_of(uint64_t ns)
{
	struct yield_turn other;
	int i;

	if (!yield_may(&y, &t, now))
		return false;
	for (i = 0; i < OTHERS; i++)
		yield_may(&y, &other, now);
	now += ns * (OTHERS + 1);
	yield_took(&y, &t, now);
	return true;
}

/* Until nobody yields any more; how many did. */
static int
slow_down(void)
{
	int n = 0;

	while (turn_of(LONG))
		ck_assert_int_lt(++n, 4 * YIELD_AVERAGE);
	return n;
}

START_TEST(test_yield_while_quick)
{
	int i;

	for (i = 0; i < 1000; i++)
		ck_assert(turn_of(QUICK));
}
END_TEST

/* A client's turn, a tick: some are long in the best of times. */
START_TEST(test_yield_some_are_long)
{
	int i;

	for (i = 0; i < 1000; i++)
		ck_assert(turn_of(i % 10 == 0 ? LONG * 2 : QUICK));
}
END_TEST

/* Alone, and it takes long: that is somebody else. */
START_TEST(test_yield_alone)
{
	int n;

	for (n = 0; yield_may(&y, &t, now); n++) {
		ck_assert_int_lt(n, YIELD_AVERAGE);
		yield_took(&y, &t, now += 50 * LONG);
	}
}
END_TEST

START_TEST(test_yield_rests_after_long_ones)
{
	uint64_t back;

	ck_assert_int_gt(slow_down(), 1);
	back = now;
	ck_assert(!yield_may(&y, &t, back + YIELD_REST_NS - 1));
	ck_assert(yield_may(&y, &t, back + YIELD_REST_NS));
}
END_TEST

START_TEST(test_yield_one_tries_for_all)
{
	struct yield_turn other;

	slow_down();
	now += YIELD_REST_NS;
	ck_assert(yield_may(&y, &t, now));
	ck_assert(!yield_may(&y, &other, now));
	ck_assert(!yield_may(&y, &other, now + QUICK));
	yield_took(&y, &t, now += QUICK);
	ck_assert(yield_may(&y, &other, now));
	ck_assert(yield_may(&y, &other, now));
}
END_TEST

START_TEST(test_yield_rests_on_when_the_try_was_long)
{
	slow_down();
	now += YIELD_REST_NS;
	ck_assert(yield_may(&y, &t, now));
	yield_took(&y, &t, now += LONG);
	ck_assert(!yield_may(&y, &t, now + YIELD_REST_NS - 1));
	ck_assert(yield_may(&y, &t, now + YIELD_REST_NS));
}
END_TEST

/* One that began before the rest does not end it. */
START_TEST(test_yield_late_comer)
{
	struct yield_turn late;

	ck_assert(yield_may(&y, &late, now));
	slow_down();
	yield_took(&y, &late, late.before + QUICK);
	ck_assert(!yield_may(&y, &t, now + 1));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("yield", &tc);

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_yield_while_quick);
	tcase_add_test(tc, test_yield_some_are_long);
	tcase_add_test(tc, test_yield_alone);
	tcase_add_test(tc, test_yield_rests_after_long_ones);
	tcase_add_test(tc, test_yield_one_tries_for_all);
	tcase_add_test(tc, test_yield_rests_on_when_the_try_was_long);
	tcase_add_test(tc, test_yield_late_comer);
	return unit_run(s);
}
