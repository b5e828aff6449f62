/* SPDX-License-Identifier: ISC */
/*
 * loop/timer: the heap keeps its order whatever is armed, moved and cleared.
 */
#include "loop/timer.h"

#include "unit.h"

#define TIMERS	500

static struct timer_heap heap;
static struct timer timers[TIMERS];

static void
setup(void)
{
	/* The same numbers in every run. */
	srandom(1);
}

static void
teardown(void)
{
	timer_heap_free(&heap);
}

static void
assert_heap(void)
{
	const struct timer *t;
	uint32_t i;

	for (i = 1; i <= heap.count; i++) {
		t = heap.timers[i - 1];
		if (t->place != i)
			ck_abort_msg("%u stands at %u", t->place, i);
		if (i > 1 && heap.timers[i / 2 - 1]->deadline > t->deadline)
			ck_abort_msg("%u is before its parent", i);
	}
}

/* Takes all in their order; returns how many there were. */
static int
take_all(void)
{
	uint64_t last = 0;
	struct timer *t;
	int n = 0;

	while ((t = timer_first(&heap)) != NULL) {
		ck_assert_uint_ge(t->deadline, last);
		last = t->deadline;
		timer_clear(&heap, t);
		ck_assert_uint_eq(t->place, 0);
		n++;
	}
	return n;
}

START_TEST(test_timer_empty)
{
	struct timer t = { 0 };

	ck_assert_ptr_null(timer_first(&heap));
	/* One that is not armed: nothing happens. */
	timer_clear(&heap, &t);
	timer_clear(&heap, &t);
	ck_assert_ptr_null(timer_first(&heap));
}
END_TEST

START_TEST(test_timer_order)
{
	int i;

	for (i = 0; i < TIMERS; i++)
		ck_assert_int_eq(timer_set(&heap, &timers[i],
		    (uint64_t)random() % 100), 0);
	assert_heap();
	ck_assert_int_eq(take_all(), TIMERS);
}
END_TEST

START_TEST(test_timer_move)
{
	static const uint64_t deadlines[] = { 5, 50, 0, 50, 49, UINT64_MAX };
	int i;

	for (i = 0; i < 10; i++)
		timer_set(&heap, &timers[i], 10 * (uint64_t)i);
	for (i = 0; i < UNIT_COUNT(deadlines); i++) {
		ck_assert_int_eq(timer_set(&heap, &timers[3], deadlines[i]),
		    0);
		ck_assert_uint_eq(timers[3].deadline, deadlines[i]);
		ck_assert_uint_eq(heap.count, 10);
		assert_heap();
	}
	ck_assert_int_eq(take_all(), 10);
}
END_TEST

START_TEST(test_timer_clear)
{
	int i;

	for (i = 0; i < 15; i++)
		timer_set(&heap, &timers[i], (uint64_t)(i * 7 % 15));
	timer_clear(&heap, &timers[_i]);
	ck_assert_uint_eq(timers[_i].place, 0);
	ck_assert_uint_eq(heap.count, 14);
	assert_heap();
	ck_assert_int_eq(take_all(), 14);
}
END_TEST

/* A long mixture, checked at every step. */
START_TEST(test_timer_mixture)
{
	int step, armed = 0;
	struct timer *t;

	for (step = 0; step < 20000; step++) {
		t = &timers[random() % TIMERS];
		if (random() % 3 == 0) {
			armed -= t->place != 0;
			timer_clear(&heap, t);
		} else {
			armed += t->place == 0;
			if (timer_set(&heap, t, (uint64_t)random() % 1000) ==
			    -1)
				ck_abort_msg("no memory");
		}
		if (step % 50 == 0)
			assert_heap();
	}
	ck_assert_uint_eq(heap.count, (uint32_t)armed);
	ck_assert_int_eq(take_all(), armed);
}
END_TEST

START_TEST(test_timer_heap_free)
{
	timer_set(&heap, &timers[0], 1);
	timer_heap_free(&heap);
	ck_assert_ptr_null(timer_first(&heap));
	timer_heap_free(&heap);
	/* It serves again. */
	ck_assert_int_eq(timer_set(&heap, &timers[1], 1), 0);
	ck_assert_ptr_eq(timer_first(&heap), &timers[1]);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("timer", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_timer_empty);
	tcase_add_test(tc, test_timer_order);
	tcase_add_test(tc, test_timer_move);
	tcase_add_loop_test(tc, test_timer_clear, 0, 15);
	tcase_add_test(tc, test_timer_mixture);
	tcase_add_test(tc, test_timer_heap_free);
	return unit_run(s);
}
