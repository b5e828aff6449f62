/* SPDX-License-Identifier: ISC */
/*
 * loop/loop: timers, the end of a turn, and busy polling.  Every test runs on
 * epoll, poll and select.
 */
#include <sys/mman.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/process.h"
#include "loop_probe.h"
#include "unit.h"

/* --- timers and turns ---------------------------------------------------- */

struct alarm {
	struct timer timer;
	int name;
	void (*then)(struct alarm *);
};

static char fired[64];

static void
alarm_fire(struct timer *t)
{
	struct alarm *a = (struct alarm *)t;
	size_t n = strlen(fired);

	ck_assert_uint_eq(t->place, 0);
	if (n + 1 < sizeof(fired))
		fired[n] = (char)a->name;
	if (a->then != NULL)
		a->then(a);
}

static void
alarm_set(struct alarm *a, int name, uint64_t ms)
{
	a->timer.fn = alarm_fire;
	a->name = name;
	ck_assert_int_eq(loop_timer(probe_loop, &a->timer, ms), 0);
}

static void
alarm_stop(struct alarm *a)
{
	loop_stop(probe_loop);
}

START_TEST(test_loop_timer_order)
{
	struct alarm a[5] = { { .then = NULL } };
	uint64_t began, took;

	began = process_milliseconds();
	probe_start(_i, 0);
	alarm_set(&a[0], 'c', 15);
	alarm_set(&a[1], 'a', 0);
	alarm_set(&a[2], 'd', 20);
	alarm_set(&a[3], 'b', 10);
	alarm_set(&a[4], 'x', 5);
	loop_timer_stop(probe_loop, &a[4].timer);
	loop_timer_stop(probe_loop, &a[4].timer);
	a[2].then = alarm_stop;
	ck_assert_int_eq(loop_run(probe_loop), 0);
	took = process_milliseconds() - began;
	ck_assert_str_eq(fired, "abcd");
	/* Never early. */
	ck_assert_uint_ge(took, 20);
	probe_finish();
}
END_TEST

START_TEST(test_loop_timer_moved)
{
	struct alarm a[3] = { { .then = NULL } };

	probe_start(_i, 0);
	alarm_set(&a[0], 'a', 0);
	alarm_set(&a[0], 'a', 20);
	alarm_set(&a[1], 'b', 1000000);
	alarm_set(&a[1], 'b', 1);
	alarm_set(&a[2], 'c', 25);
	a[2].then = alarm_stop;
	ck_assert_int_eq(loop_run(probe_loop), 0);
	ck_assert_str_eq(fired, "bac");
	probe_finish();
}
END_TEST

static void
alarm_again(struct alarm *a)
{
	ck_assert_int_eq(loop_timer(probe_loop, &a->timer, 0), 0);
}

/* One that arms itself for now does not keep the loop from turning. */
START_TEST(test_loop_timer_again)
{
	struct alarm a[2] = { { .then = alarm_again } };

	probe_start(_i, 0);
	alarm_set(&a[0], 'a', 0);
	probe_turns(1);
	/* As often as there are timers at the most: it, and the guard. */
	ck_assert_uint_ge(strlen(fired), 1);
	ck_assert_uint_le(strlen(fired), 2);
	probe_turns(2);
	ck_assert_uint_ge(strlen(fired), 3);
	ck_assert_uint_le(strlen(fired), 6);
	/* And none is lost beside it. */
	alarm_set(&a[1], 'b', 0);
	probe_turns(3);
	ck_assert_ptr_nonnull(strchr(fired, 'b'));
	loop_timer_stop(probe_loop, &a[0].timer);
	probe_finish();
}
END_TEST

static struct alarm pingpong[2];
static int pings;

/* The other one, for now; at last it gives up. */
static void
alarm_other(struct alarm *a)
{
	if (++pings < 1000)
		alarm_set(&pingpong[a == &pingpong[0]], '.', 0);
}

/* Two that arm each other for now: descriptors get their turn as well. */
START_TEST(test_loop_timers_do_not_starve)
{
	struct probe p = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	probe_put(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	pingpong[0].then = pingpong[1].then = alarm_other;
	alarm_set(&pingpong[0], '.', 0);
	probe_turns(3);
	ck_assert_int_eq(p.calls, 3);
	ck_assert_int_lt(pings, 10);
	loop_timer_stop(probe_loop, &pingpong[0].timer);
	loop_timer_stop(probe_loop, &pingpong[1].timer);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

static void
alarm_vanish(struct timer *t)
{
	fired[0] = 'v';
	ck_assert_int_eq(munmap(t, (size_t)sysconf(_SC_PAGESIZE)), 0);
}

/*
 * The timer's memory may go with it: prong_timer() says that it is gone when
 * its function is called.
 */
START_TEST(test_loop_timer_gone)
{
	struct timer *t;

	probe_start(_i, 0);
	t = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(t, MAP_FAILED);
	t->fn = alarm_vanish;
	ck_assert_int_eq(loop_timer(probe_loop, t, 0), 0);
	probe_turns(1);
	ck_assert_str_eq(fired, "v");
	probe_finish();
}
END_TEST

static struct alarm victims[2];

/* Itself too, which is harmless. */
static void
alarm_kill_both(struct alarm *a)
{
	loop_timer_stop(probe_loop, &victims[0].timer);
	loop_timer_stop(probe_loop, &victims[1].timer);
}

START_TEST(test_loop_timer_stopped_by_another)
{
	probe_start(_i, 0);
	victims[0].then = victims[1].then = alarm_kill_both;
	alarm_set(&victims[0], 'a', 0);
	alarm_set(&victims[1], 'b', 0);
	probe_turns(1);
	probe_turn();
	ck_assert_uint_eq(strlen(fired), 1);
	probe_finish();
}
END_TEST

/* The clock stands still within a turn and moves between turns. */
START_TEST(test_loop_now)
{
	struct alarm a = { .then = alarm_stop };
	uint64_t before;

	probe_start(_i, 0);
	before = loop_now(probe_loop);
	ck_assert_uint_le(before, process_milliseconds());
	alarm_set(&a, 'a', 10);
	ck_assert_int_eq(loop_run(probe_loop), 0);
	ck_assert_uint_ge(loop_now(probe_loop), before + 10);
	ck_assert_uint_le(loop_now(probe_loop), process_milliseconds());
	probe_finish();
}
END_TEST

static int order_calls, order_turn;

static void
order_event(struct probe *p)
{
	ck_assert_int_eq(order_turn, 0);
	order_calls++;
}

static void
order_alarm(struct alarm *a)
{
	ck_assert_int_eq(order_turn, 0);
	order_calls++;
}

static void
order_end(void *arg)
{
	ck_assert_ptr_eq(arg, &order_turn);
	order_turn++;
	loop_stop(probe_loop);
}

/* The hook comes after all events and timers of its turn, and once. */
START_TEST(test_loop_turn_hook)
{
	struct probe p = { .then = order_event };
	struct alarm a = { .then = order_alarm };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	probe_put(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	alarm_set(&a, 'a', 0);
	loop_on_turn(probe_loop, order_end, &order_turn);
	ck_assert_int_eq(loop_run(probe_loop), 0);
	ck_assert_int_eq(order_calls, 2);
	ck_assert_int_eq(order_turn, 1);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

/* --- busy polling -------------------------------------------------------- */

static int64_t
cpu_microseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
read_one(struct probe *p)
{
	probe_get(p->watch.fd);
}

static int turns;

static void
count_turn(void *arg)
{
	turns++;
}

/*
 * After an event it spins so long, then it sleeps: the rest of the time is
 * one turn, or the two of a rounded time-out.
 */
START_TEST(test_loop_busy_poll)
{
	struct probe p = { .then = read_one };
	struct alarm end = { .then = alarm_stop };
	int64_t cpu;
	int fd[2], spun, calls;

	probe_start(_i, 20000);
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	loop_on_turn(probe_loop, count_turn, NULL);

	/* Nothing has come yet: it sleeps. */
	alarm_set(&end, 'a', 50);
	ck_assert_int_eq(loop_run(probe_loop), 0);
	ck_assert_int_le(turns, 3);

	/* Another process may have the CPU for all of one time. */
	for (calls = 1, spun = 0; spun <= 20; calls++) {
		ck_assert_int_le(calls, 20);
		probe_put(fd[1]);
		alarm_set(&end, 'b', 10);
		turns = 0;
		ck_assert_int_eq(loop_run(probe_loop), 0);
		spun = turns;
		ck_assert_int_eq(p.calls, calls);
	}

	/* 10 of the 20 ms are left at the most; it sleeps for the rest. */
	alarm_set(&end, 'c', 300);
	cpu = cpu_microseconds();
	ck_assert_int_eq(loop_run(probe_loop), 0);
	ck_assert_int_lt(cpu_microseconds() - cpu, 100000);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("loop_timers", &tc);

	tcase_add_loop_test(tc, test_loop_timer_order, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_timer_moved, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_timer_again, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_timers_do_not_starve, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_timer_gone, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_timer_stopped_by_another, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_now, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_turn_hook, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_busy_poll, 0, PROBE_MECHANISMS);
	return unit_run(s);
}
