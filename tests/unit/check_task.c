/* SPDX-License-Identifier: ISC */
/*
 * loop/task: tasks that park and are woken, beside a loop.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "loop/task.h"
#include "prong.h"
#include "unit.h"

#define GUARD_MS	10000
#define MANY		(UNIT_TSAN ? 500 : 5000)

static struct loop *loop;
static struct tasks tasks;
static struct timer guard;
static char trace[256];
static int running;		/* tasks that have not ended */
static int fds[2];

static void
on_guard(struct timer *t)
{
	ck_abort_msg("what is waited for does not happen: \"%s\"", trace);
}

/* Until no task is left. */
static void
on_turn(void *arg)
{
	if (running == 0)
		loop_stop(loop);
}

static void
setup(void)
{
	loop = loop_new(LOOP_AUTO, 0);
	ck_assert_ptr_nonnull(loop);
	tasks_init(&tasks, loop, 0);
	ck_assert_ptr_null(tasks_here());
	ck_assert_ptr_null(task_self());
	tasks_set_here(&tasks);
	loop_on_turn(loop, on_turn, NULL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
}

static void
teardown(void)
{
	ck_assert_ptr_null(task_self());
	tasks_fini(&tasks);
	tasks_fini(&tasks);
	tasks_set_here(NULL);
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

static void
run(void)
{
	guard.fn = on_guard;
	ck_assert_int_eq(loop_timer(loop, &guard, GUARD_MS), 0);
	ck_assert_int_eq(loop_run(loop), 0);
	loop_timer_stop(loop, &guard);
}

static int asked, ask_error;

/* Called when nothing else can go wrong. */
static int
ask(void)
{
	asked++;
	ck_assert_ptr_nonnull(task_self());
	return ask_error == 0 ? 0 : error_set(ask_error, "not now");
}

static void
say(const char *text)
{
	strlcat(trace, text, sizeof(trace));
}

static void
start(task_fn *fn, void *arg)
{
	running++;
	ck_assert_int_eq(task_start(&tasks, fn, arg, NULL), 0);
}

/* --- starting, parking, waking ------------------------------------------- */

static struct task *parked[MANY];
static int owner;

static void
say_and_park(void *arg)
{
	char text[32];

	ck_assert_ptr_eq(arg, trace);
	ck_assert_ptr_eq(task_owner(task_self()), &owner);
	parked[0] = task_self();
	snprintf(text, sizeof(text), "a%d", task_park());
	say(text);
	snprintf(text, sizeof(text), "b%d", task_park());
	say(text);
}

/* Each call returns when the task has parked, or ended. */
START_TEST(test_task_park)
{
	ck_assert_int_eq(task_start(&tasks, say_and_park, trace, &owner), 0);
	ck_assert_ptr_null(task_self());
	ck_assert(task_is_parked(parked[0]));
	ck_assert_str_eq(trace, "");
	task_wake(parked[0], 7);
	ck_assert_str_eq(trace, "a7");
	ck_assert(task_is_parked(parked[0]));
	ck_assert_ptr_null(task_self());
	task_wake(parked[0], -8);
	ck_assert_str_eq(trace, "a7b-8");
	ck_assert_ptr_null(task_self());
}
END_TEST

static void
say_it(void *arg)
{
	ck_assert(!task_is_parked(task_self()));
	say(arg);
}

START_TEST(test_task_without_parking)
{
	char word[] = "x";
	int i;

	for (i = 0; i < 5; i++)
		ck_assert_int_eq(task_start(&tasks, say_it, word, NULL), 0);
	ck_assert_str_eq(trace, "xxxxx");
}
END_TEST

static void
park_at(void *arg)
{
	struct task **at = arg;

	*at = task_self();
	/* Whoever is given up may be told so. */
	if (task_park() != 1)
		return;
	say("p");
	running--;
}

/* A task that starts tasks goes on when they have parked. */
static void
start_others(void *arg)
{
	struct task *self = task_self();
	int i;

	say("<");
	for (i = 0; i < 3; i++) {
		start(park_at, &parked[i]);
		ck_assert_ptr_eq(task_self(), self);
		ck_assert(task_is_parked(parked[i]));
	}
	ck_assert(!task_is_parked(self));
	say(">");
	parked[3] = self;
	task_park();
	/* Waking nests: each of them ends, and this goes on. */
	for (i = 0; i < 3; i++) {
		task_wake(parked[i], 1);
		ck_assert_ptr_eq(task_self(), self);
		say(",");
	}
}

START_TEST(test_task_nested)
{
	ck_assert_int_eq(task_start(&tasks, start_others, NULL, NULL), 0);
	ck_assert_str_eq(trace, "<>");
	task_wake(parked[3], 0);
	ck_assert_str_eq(trace, "<>p,p,p,");
	ck_assert_int_eq(running, 0);
}
END_TEST

static void
wake_next(void *arg)
{
	int i = *(int *)arg;
	char text[8];

	parked[i] = task_self();
	task_park();
	snprintf(text, sizeof(text), "%d", i);
	say(text);
	if (i < 9)
		task_wake(parked[i + 1], 0);
	snprintf(text, sizeof(text), "%d", i);
	say(text);
}

/* Ten deep, and back. */
START_TEST(test_task_nested_deep)
{
	int numbers[10], i;

	for (i = 0; i < 10; i++) {
		numbers[i] = i;
		ck_assert_int_eq(task_start(&tasks, wake_next, &numbers[i],
		    NULL), 0);
	}
	task_wake(parked[0], 0);
	ck_assert_str_eq(trace, "01234567899876543210");
}
END_TEST

static void
start_another(void *arg)
{
	int left = *(int *)arg;

	if (left == 0)
		return;
	*(int *)arg = left - 1;
	ck_assert_int_eq(task_start(&tasks, start_another, arg, NULL), 0);
	ck_assert_int_eq(*(int *)arg, 0);
}

START_TEST(test_task_starts_task)
{
	int depth = 1000;

	ck_assert_int_eq(task_start(&tasks, start_another, &depth, NULL), 0);
	ck_assert_int_eq(depth, 0);
}
END_TEST

/* --- for a time ---------------------------------------------------------- */

static void
park_for(void *arg)
{
	int64_t ms = *(int64_t *)arg;
	uint64_t before = loop_now(loop);

	ck_assert_int_eq(task_park_for(ms, ask), ETIMEDOUT);
	ck_assert_uint_ge(loop_now(loop) - before, (uint64_t)ms);
	say(ms == 0 ? "0" : ms == 10 ? "1" : "2");
	running--;
}

/* The shorter first, whoever began first. */
START_TEST(test_task_park_for)
{
	int64_t times[] = { 20, 10, 0 };
	int i;

	for (i = 0; i < 3; i++)
		start(park_for, &times[i]);
	ck_assert_str_eq(trace, "");
	run();
	ck_assert_str_eq(trace, "012");
}
END_TEST

static void
park_for_long(void *arg)
{
	parked[0] = task_self();
	ck_assert_int_eq(task_park_for(*(int64_t *)arg, ask), 42);
	say("w");
	ck_assert_int_eq(task_park_for(10, ask), ETIMEDOUT);
	say("t");
	running--;
}

/* Woken before its time; that time means nothing any more.  -1: no time. */
START_TEST(test_task_park_for_woken)
{
	static int64_t times[] = { 5, 3600 * 1000, -1 };

	start(park_for_long, &times[_i]);
	task_wake(parked[0], 42);
	ck_assert_str_eq(trace, "w");
	run();
	ck_assert_str_eq(trace, "wt");
}
END_TEST

/* --- descriptors --------------------------------------------------------- */

static int result;
static bool over;

struct waiting {
	unsigned int events;
	int64_t ms;
};

static void
wait_for(void *arg)
{
	const struct waiting *w = arg;

	parked[0] = task_self();
	errno = 0;
	result = task_wait(fds[0], w->events, w->ms, ask);
	over = true;
	running--;
}

/* Ready at once, but not without a turn of the loop. */
START_TEST(test_task_wait_ready)
{
	struct waiting w = { PRONG_WRITE, -1 };

	start(wait_for, &w);
	ck_assert(!over);
	run();
	ck_assert_int_eq(result, PRONG_WRITE);
}
END_TEST

static void
write_later(void *arg)
{
	ck_assert_int_eq(task_park_for(5, ask), ETIMEDOUT);
	ck_assert(!over);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	running--;
}

START_TEST(test_task_wait_later)
{
	struct waiting w = { PRONG_READ, GUARD_MS };

	start(wait_for, &w);
	start(write_later, NULL);
	run();
	ck_assert_int_eq(result, PRONG_READ);
	/* Nobody watches it any more. */
	over = false;
	start(wait_for, &w);
	run();
	ck_assert_int_eq(result, PRONG_READ);
}
END_TEST

START_TEST(test_task_wait_timeout)
{
	struct waiting w = { PRONG_READ, 10 };
	uint64_t before = loop_now(loop);

	start(wait_for, &w);
	run();
	ck_assert_int_eq(result, 0);
	ck_assert_uint_ge(loop_now(loop) - before, 10);
}
END_TEST

/* Woken by somebody else, with an error of that one's. */
START_TEST(test_task_wait_woken)
{
	struct waiting w = { PRONG_READ, 10 };

	start(wait_for, &w);
	task_wake(parked[0], ECANCELED);
	ck_assert(over);
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert_ptr_nonnull(strstr(error_text(), "given up"));
	start(wait_for, &w);
	run();
	ck_assert_int_eq(result, 0);
}
END_TEST

static const struct {
	int fd;			/* 0: one of the pair */
	unsigned int events;
	int error;
} wrong[] = {
	{ -1, PRONG_READ, EBADF },
	{ 1000000000, PRONG_READ, EBADF },
	{ 0, PRONG_HANGUP, EINVAL },
	{ 0, 1 << 20, EINVAL },
};

static void
wait_wrongly(void *arg)
{
	int fd = wrong[*(int *)arg].fd;

	ck_assert_int_eq(task_wait(fd == 0 ? fds[0] : fd,
	    wrong[*(int *)arg].events, 0, ask), -1);
	ck_assert_int_eq(errno, wrong[*(int *)arg].error);
	running--;
}

START_TEST(test_task_wait_errors)
{
	start(wait_wrongly, &_i);
	ck_assert_int_eq(running, 0);
	ck_assert_int_eq(asked, 0);
}
END_TEST

static void
wait_not_now(void *arg)
{
	ck_assert_int_eq(task_park_for(1, ask), EAGAIN);
	ck_assert_int_eq(task_park_for(-1, ask), EAGAIN);
	ck_assert_int_eq(task_wait(fds[0], PRONG_WRITE, -1, ask), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(asked, 3);
	ask_error = 0;
	ck_assert_int_eq(task_wait(fds[0], PRONG_WRITE, 1, ask),
	    PRONG_WRITE);
	running--;
}

/* Who is to be asked before it leaves says no: it stays, and nothing waits. */
START_TEST(test_task_before)
{
	ask_error = EAGAIN;
	start(wait_not_now, NULL);
	ck_assert_int_eq(asked, 4);
	run();
	ck_assert_int_eq(asked, 4);
}
END_TEST

static void
wait_twice(void *arg)
{
	ck_assert_int_eq(task_wait(fds[0], PRONG_WRITE, -1, ask), -1);
	ck_assert_int_eq(errno, EEXIST);
	running--;
}

START_TEST(test_task_wait_twice)
{
	struct waiting w = { PRONG_WRITE, -1 };

	start(wait_for, &w);
	start(wait_twice, NULL);
	run();
	ck_assert_int_eq(result, PRONG_WRITE);
}
END_TEST

/* --- many ---------------------------------------------------------------- */

static int order[MANY], next_in_order;

static void
park_in_order(void *arg)
{
	int i = *(int *)arg;
	char local[512];

	parked[i] = task_self();
	memset(local, i, sizeof(local));
	ck_assert_int_eq(task_park(), i);
	ck_assert_int_eq(local[511], (char)i);
	order[next_in_order++] = i;
	running--;
}

START_TEST(test_task_many)
{
	static int numbers[MANY];
	int i, at;

	for (i = 0; i < MANY; i++) {
		numbers[i] = i;
		start(park_in_order, &numbers[i]);
	}
	/* In an order of its own: 7 and MANY have no common divisor. */
	for (i = 0, at = 0; i < MANY; i++, at = (at + 7) % MANY)
		task_wake(parked[at], at);
	for (i = 0, at = 0; i < MANY; i++, at = (at + 7) % MANY)
		ck_assert_int_eq(order[i], at);
	ck_assert_int_eq(running, 0);
}
END_TEST

static void
sleep_a_little(void *arg)
{
	ck_assert_int_eq(task_park_for(20, ask), ETIMEDOUT);
	running--;
}

/* All wait at the same time. */
START_TEST(test_task_many_timers)
{
	uint64_t before = loop_now(loop);
	int i;

	for (i = 0; i < MANY; i++)
		start(sleep_a_little, NULL);
	ck_assert_int_eq(running, MANY);
	run();
	ck_assert_int_eq(running, 0);
	ck_assert_uint_ge(loop_now(loop) - before, 20);
	ck_assert_uint_lt(loop_now(loop) - before,
	    20 * MANY / (UNIT_TSAN ? 2 : 10));
}
END_TEST

/* --- memory -------------------------------------------------------------- */

static const void *places[1000];
static int place_count;

/* Notes on which stack a task is: they are far apart. */
static void
note_place(const void *here)
{
	const void *place = (const void *)((uintptr_t)here / 4096 * 4096);
	int i;

	for (i = 0; i < place_count; i++)
		if (places[i] == place)
			return;
	ck_assert_int_lt(place_count, UNIT_COUNT(places));
	places[place_count++] = place;
}

static void
note_frame(void *arg)
{
	note_place(__builtin_frame_address(0));
	if (arg == NULL)
		return;
	*(struct task **)arg = task_self();
	task_park();
}

/* Kilobytes that are resident. */
static long
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = -1;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/*
 * 100,000 tasks, so many of them at the same time, use the same few stacks
 * again and again.
 */
START_TEST(test_task_reuse)
{
	static const int together[] = { 1, 50, 200 };
	int i, k, n = together[_i];
	long before = 0;

	for (i = 0; i < (UNIT_TSAN ? 5000 : 100000) / n; i++) {
		for (k = 0; k < n; k++)
			ck_assert_int_eq(task_start(&tasks, note_frame,
			    n == 1 ? NULL : &parked[k], NULL), 0);
		for (k = 0; n > 1 && k < n; k++)
			task_wake(parked[k], 0);
		if (i == 10)
			before = resident();
	}
	ck_assert_int_ge(place_count, n);
	ck_assert_int_le(place_count, n + 32);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* They keep what was freed for some time. */
	ck_assert_int_le(resident() - before, 1024);
#else
	ck_assert_int_gt(before, 0);
#endif
}
END_TEST

/* What is left over is given up: a leak checker finds nothing. */
START_TEST(test_task_given_up)
{
	int i;

	for (i = 0; i < 100; i++)
		start(park_at, &parked[i]);
	for (i = 0; i < 100; i += 2)
		task_wake(parked[i], 1);
	ck_assert_int_eq(running, 50);
	running = 0;
	for (i = 1; i < 100; i += 2)
		ck_assert(task_is_parked(parked[i]));
	memset(parked, 0, sizeof(parked));
}
END_TEST

static void
wait_to_the_end(void *arg)
{
	ck_assert_int_eq(task_park_for(GUARD_MS, ask), ECANCELED);
	ck_assert_int_eq(task_park_for(GUARD_MS, ask), ECANCELED);
	ck_assert_int_eq(task_wait(fds[0], PRONG_WRITE, -1, ask), -1);
	ck_assert_int_eq(errno, ECANCELED);
	say("e");
	running--;
}

/* At the end nobody waits any more: all run to their own ends. */
START_TEST(test_task_end)
{
	start(wait_to_the_end, NULL);
	start(wait_to_the_end, NULL);
	start(park_at, &parked[0]);
	ck_assert_str_eq(trace, "");
	tasks_end(&tasks);
	ck_assert_str_eq(trace, "ee");
	ck_assert_int_eq(running, 1);
	start(wait_to_the_end, NULL);
	ck_assert_str_eq(trace, "eee");
}
END_TEST

static void
fill_stack(void *arg)
{
	volatile char large[700 * 1024];

	large[0] = large[sizeof(large) - 1] = 'x';
	task_park_for(0, ask);
	ck_assert_int_eq(large[0] + large[sizeof(large) - 1], 2 * 'x');
	running--;
}

/* As large as the loop's owner wants them. */
START_TEST(test_task_stack_size)
{
	tasks_fini(&tasks);
	tasks_init(&tasks, loop, 1024 * 1024);
	start(fill_stack, NULL);
	start(fill_stack, NULL);
	run();
}
END_TEST

static void *slow_owner;
static int slow_count;

static void
on_slow(void *who, uint64_t ms)
{
	slow_owner = who;
	slow_count++;
}

static void
nap_and_end(void *arg)
{
	task_park_for(1, ask);
	running--;
}

/* Whose time it was is told when a timer woke it, and not of its start. */
START_TEST(test_task_slow)
{
	/* Nothing is shorter than that. */
	tasks_on_slow(&tasks, 0, on_slow);
	running = 1;
	ck_assert_int_eq(task_start(&tasks, nap_and_end, NULL, &owner), 0);
	ck_assert_int_eq(slow_count, 0);
	run();
	ck_assert_int_eq(slow_count, 1);
	ck_assert_ptr_eq(slow_owner, &owner);
	/* Nothing is so long. */
	tasks_on_slow(&tasks, UINT64_MAX, on_slow);
	running = 1;
	ck_assert_int_eq(task_start(&tasks, nap_and_end, NULL, &owner), 0);
	run();
	ck_assert_int_eq(slow_count, 1);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("task", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_task_park);
	tcase_add_test(tc, test_task_without_parking);
	tcase_add_test(tc, test_task_nested);
	tcase_add_test(tc, test_task_nested_deep);
	tcase_add_test(tc, test_task_starts_task);
	tcase_add_test(tc, test_task_park_for);
	tcase_add_loop_test(tc, test_task_park_for_woken, 0, 3);
	tcase_add_test(tc, test_task_wait_ready);
	tcase_add_test(tc, test_task_wait_later);
	tcase_add_test(tc, test_task_wait_timeout);
	tcase_add_test(tc, test_task_wait_woken);
	tcase_add_loop_test(tc, test_task_wait_errors, 0, UNIT_COUNT(wrong));
	tcase_add_test(tc, test_task_before);
	tcase_add_test(tc, test_task_wait_twice);
	tcase_add_test(tc, test_task_many);
	tcase_add_test(tc, test_task_many_timers);
	tcase_add_loop_test(tc, test_task_reuse, 0, 3);
	tcase_add_test(tc, test_task_given_up);
	tcase_add_test(tc, test_task_end);
	tcase_add_test(tc, test_task_stack_size);
	tcase_add_test(tc, test_task_slow);
	return unit_run(s);
}
