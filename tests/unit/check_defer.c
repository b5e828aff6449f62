/* SPDX-License-Identifier: ISC */
/*
 * loop/defer: the queue, and what the loop makes of it, with every mechanism.
 */
#include "loop/defer.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "loop_probe.h"
#include "unit.h"

#define MANY	5000

static struct defer_queue queue;
static int numbers[2 * MANY], seen[2 * MANY], count;

static void
note(void *arg)
{
	seen[count++] = *(int *)arg;
}

/* Two of them for each, as long as there are few. */
static void
note_and_add(void *arg)
{
	int *number = arg;

	note(arg);
	if (*number < MANY)
		ck_assert_int_eq(defer_add(&queue, note, number + MANY), 0);
}

static void
setup(void)
{
	int i;

	for (i = 0; i < 2 * MANY; i++)
		numbers[i] = i;
	count = 0;
	queue = (struct defer_queue){ 0 };
}

START_TEST(test_defer_order)
{
	int i, k;

	defer_run(&queue);
	/* It grows while its first one stands anywhere. */
	for (k = 0; k < 40; k++) {
		count = 0;
		for (i = 0; i < k * 3; i++)
			ck_assert_int_eq(defer_add(&queue, note, &numbers[i]),
			    0);
		defer_run(&queue);
		ck_assert_int_eq(count, k * 3);
		for (i = 0; i < count; i++)
			ck_assert_int_eq(seen[i], i);
	}
	defer_free(&queue);
	defer_free(&queue);
}
END_TEST

START_TEST(test_defer_added_meanwhile)
{
	int i;

	for (i = 0; i < MANY; i++)
		ck_assert_int_eq(defer_add(&queue, note_and_add, &numbers[i]),
		    0);
	defer_run(&queue);
	ck_assert_int_eq(count, MANY);
	ck_assert_uint_eq(queue.count, MANY);
	defer_run(&queue);
	ck_assert_int_eq(count, 2 * MANY);
	for (i = 0; i < count; i++)
		ck_assert_int_eq(seen[i], i);
	/* So much memory is not kept. */
	ck_assert_uint_eq(queue.capacity, 0);
}
END_TEST

START_TEST(test_defer_closed)
{
	ck_assert_int_eq(defer_add(&queue, note, &numbers[7]), 0);
	queue.closed = true;
	errno = 0;
	ck_assert_int_eq(defer_add(&queue, note, &numbers[8]), -1);
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert_ptr_nonnull(strstr(error_text(), "end"));
	defer_run(&queue);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(seen[0], 7);
	defer_free(&queue);
	ck_assert_int_eq(defer_add(&queue, note, &numbers[8]), -1);
}
END_TEST

/* --- in the loop ---------------------------------------------------------- */

static void
event(struct probe *p)
{
	int two = p->watch.fd % 2;

	note(&numbers[0]);
	ck_assert_int_eq(loop_defer(probe_loop, note, &numbers[2 + two]), 0);
}

static void
timer(struct timer *t)
{
	note(&numbers[1]);
	ck_assert_int_eq(loop_defer(probe_loop, note, &numbers[4]), 0);
}

/* After the events and the timers of the turn, and not within the caller. */
START_TEST(test_defer_after_events)
{
	struct probe a = { .then = event }, b = { .then = event };
	struct timer t = { .fn = timer };
	int one[2], other[2], i;

	probe_start(_i, 0);
	probe_pair(one);
	probe_pair(other);
	ck_assert_int_eq(probe_add(&a, one[0], PRONG_WRITE), 0);
	ck_assert_int_eq(probe_add(&b, other[0], PRONG_WRITE), 0);
	ck_assert_int_eq(loop_timer(probe_loop, &t, 0), 0);
	probe_turns(1);
	ck_assert_int_eq(count, 6);
	ck_assert_int_eq(seen[0], 0);
	ck_assert_int_eq(seen[1], 0);
	ck_assert_int_eq(seen[2], 1);
	for (i = 3; i < 5; i++)
		ck_assert(seen[i] == 2 || seen[i] == 3);
	ck_assert_int_eq(seen[5], 4);
	loop_del(probe_loop, &a.watch);
	loop_del(probe_loop, &b.watch);
	probe_close(one);
	probe_close(other);
	probe_finish();
}
END_TEST

static void
again(void *arg)
{
	note(arg);
	ck_assert_int_eq(loop_defer(probe_loop, again, arg), 0);
}

/* One that defers itself: once a turn, and the loop does not sleep. */
START_TEST(test_defer_again)
{
	struct probe p = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	ck_assert(!loop_has_deferred(probe_loop));
	ck_assert_int_eq(loop_defer(probe_loop, again, &numbers[1]), 0);
	ck_assert(loop_has_deferred(probe_loop));
	ck_assert_int_eq(count, 0);
	probe_turns(3);
	ck_assert_int_eq(count, 3);
	/* Others get their turns beside it. */
	probe_put(fd[1]);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(count, 4);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

/* A turn that begins when nothing is deferred any more may sleep again. */
START_TEST(test_defer_sleeps_again)
{
	uint64_t begin;
	struct timer t = { .fn = timer };

	probe_start(_i, 0);
	ck_assert_int_eq(loop_defer(probe_loop, note, &numbers[1]), 0);
	probe_turns(1);
	ck_assert_int_eq(count, 1);
	begin = loop_now(probe_loop);
	ck_assert_int_eq(loop_timer(probe_loop, &t, 30), 0);
	/* The timer's, and what that one defers, in a single turn. */
	probe_turns(1);
	ck_assert_uint_ge(loop_now(probe_loop) - begin, 30);
	ck_assert_int_eq(count, 3);
	probe_finish();
}
END_TEST

static void
at_the_end(void *arg)
{
	note(arg);
	errno = 0;
	ck_assert_int_eq(loop_defer(probe_loop, note, arg), -1);
	ck_assert_int_eq(errno, ECANCELED);
}

START_TEST(test_defer_end)
{
	probe_start(_i, 0);
	ck_assert_int_eq(loop_defer(probe_loop, at_the_end, &numbers[5]), 0);
	loop_end_deferred(probe_loop);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(loop_defer(probe_loop, note, &numbers[6]), -1);
	loop_begin_deferred(probe_loop);
	ck_assert_int_eq(loop_defer(probe_loop, note, &numbers[7]), 0);
	probe_turns(1);
	ck_assert_int_eq(count, 2);
	ck_assert_int_eq(seen[1], 7);
	/* What nobody calls is let go of. */
	ck_assert_int_eq(loop_defer(probe_loop, note, &numbers[8]), 0);
	probe_finish();
	ck_assert_int_eq(count, 2);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("defer", &tc);

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_defer_order);
	tcase_add_test(tc, test_defer_added_meanwhile);
	tcase_add_test(tc, test_defer_closed);
	tcase_add_loop_test(tc, test_defer_after_events, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_defer_again, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_defer_sleeps_again, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_defer_end, 0, PROBE_MECHANISMS);
	return unit_run(s);
}
