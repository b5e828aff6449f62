/* SPDX-License-Identifier: ISC */
/*
 * dispatch/bells: tasks that wait for events, in a loop of each mechanism.
 */
#include <sys/resource.h>

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "loop/task.h"
#include "shm/event.h"
#include "unit.h"

#define GUARD_MS	30000
#define LONG_MS		20000

static const enum loop_mechanism mechanisms[] = {
	LOOP_EPOLL, LOOP_POLL, LOOP_SELECT, LOOP_LANE,
};

static struct prong_event *event, *other;
static struct loop *loop;
static struct tasks tasks;
static struct timer guard;
static int running, result;
static char order[64];

static void
on_guard(struct timer *t)
{
	ck_abort_msg("what is waited for does not happen");
}

static void
on_turn(void *arg)
{
	if (running == 0)
		loop_stop(loop);
}

static void
begin_loop(enum loop_mechanism mechanism)
{
	ck_assert_ptr_nonnull(loop = loop_new(mechanism, 0));
	tasks_init(&tasks, loop, 0);
	tasks_set_here(&tasks);
	loop_on_turn(loop, on_turn, NULL);
	guard.fn = on_guard;
	ck_assert_int_eq(loop_timer(loop, &guard, GUARD_MS), 0);
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(event = event_new("gate", false));
	ck_assert_ptr_nonnull(other = event_new("other", false));
}

static void
teardown(void)
{
	if (loop != NULL) {
		tasks_end(&tasks);
		tasks_fini(&tasks);
		tasks_set_here(NULL);
		loop_free(loop);
	}
	event_free(event);
	event_free(other);
}

static void
run_body(void *arg)
{
	((void (*)(void))arg)();
	running--;
}

static void
begin(void (*body)(void))
{
	running++;
	ck_assert_int_eq(task_start(&tasks, run_body, body, NULL), 0);
}

static void
run_loop(void)
{
	if (running > 0)
		ck_assert_int_eq(loop_run(loop), 0);
}

static void
expect_error(int error)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, error);
	ck_assert_ptr_nonnull(strstr(prong_error(), "event \"gate\""));
}

static void
waits(void)
{
	result = prong_event_wait(event, LONG_MS);
}

/* Sets it in another process, as soon as the loop waits for the bell. */
static pid_t
child_sets(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		while ((event_word(event) & EVENT_LOOPS) == 0)
			sched_yield();
		prong_event_set(event);
		prong_event_clear(event);
		_exit(0);
	}
	ck_assert_int_ne(pid, -1);
	return pid;
}

/* --- in each mechanism --------------------------------------------------------- */

/* As run_loop(), by hand: the clock of a loop that runs is read. */
static void
turn_loop(void)
{
	while (running > 0)
		ck_assert_int_eq(loop_turn(loop, GUARD_MS), 0);
}

/*
 * A bell is heard again and again, also when there was no wait for a while.
 * Time stands still, so no timer looks at the word.
 */
START_TEST(test_bells_ring)
{
	pid_t pid;
	int i;

	begin_loop(mechanisms[_i]);
	loop_freeze(loop);
	for (i = 0; i < 20; i++) {
		pid = child_sets();
		result = -1;
		begin(waits);
		turn_loop();
		ck_assert_int_eq(result, 0);
		ck_assert_int_eq(helper_wait_exit(pid), 0);
		if (i % 5 == 0)
			tasks.free_bells(tasks.bells);
	}
	ck_assert(!prong_event_is_set(event));
}
END_TEST

/* Other tasks go on meanwhile, and one of them sets it. */
static void
sleeps_and_sets(void)
{
	ck_assert_int_eq(prong_sleep(2), 0);
	prong_event_set(event);
}

START_TEST(test_bells_beside)
{
	begin_loop(mechanisms[_i]);
	result = -1;
	begin(waits);
	begin(waits);
	begin(sleeps_and_sets);
	ck_assert_int_eq(running, 3);
	run_loop();
	ck_assert_int_eq(result, 0);
	/* What is set needs no wait. */
	begin(waits);
	ck_assert_int_eq(running, 0);
}
END_TEST

/* --- who is woken, and when ------------------------------------------------------ */

static void
waits_as(const char *name)
{
	if (prong_event_wait(event, LONG_MS) == 0)
		strlcat(order, name, sizeof(order));
}

static void
waits_a(void)
{
	waits_as("a");
}

static void
waits_b(void)
{
	waits_as("b");
	/* Not of the same set: that has been. */
	ck_assert_int_eq(prong_event_wait(event, 20), -1);
	strlcat(order, "B", sizeof(order));
}

static void
waits_for_other(void)
{
	ck_assert_int_eq(prong_event_wait(other, LONG_MS), 0);
	strlcat(order, "o", sizeof(order));
}

static void
sets_both(void)
{
	ck_assert_int_eq(prong_sleep(1), 0);
	prong_event_set(event);
	prong_event_clear(event);
	ck_assert_int_eq(prong_sleep(30), 0);
	prong_event_set(other);
}

START_TEST(test_bells_order)
{
	begin_loop(LOOP_AUTO);
	begin(waits_for_other);
	begin(waits_b);
	begin(waits_a);
	begin(waits_a);
	begin(sets_both);
	run_loop();
	/* B and o come by timers of their own. */
	ck_assert_msg(strcmp(order, "baaBo") == 0 ||
	    strcmp(order, "baaoB") == 0, "%s", order);
}
END_TEST

static void
waits_little(void)
{
	result = prong_event_wait(event, 0);
	expect_error(ETIMEDOUT);
	result = prong_event_wait(event, 10);
	expect_error(ETIMEDOUT);
	result = prong_event_wait(event, 230);
	expect_error(ETIMEDOUT);
}

START_TEST(test_bells_late)
{
	begin_loop(LOOP_AUTO);
	begin(waits_little);
	run_loop();
}
END_TEST

/* Who was to ring was killed before: the word is looked at. */
static void
loses_the_bell(void)
{
	ck_assert_int_eq(prong_sleep(1), 0);
	__atomic_store_n(&event->layout->word, EVENT_ONCE, __ATOMIC_RELEASE);
}

START_TEST(test_bells_lost)
{
	begin_loop(LOOP_AUTO);
	result = -1;
	begin(waits);
	begin(loses_the_bell);
	run_loop();
	ck_assert_int_eq(result, 0);
}
END_TEST

/* --- where it cannot wait ---------------------------------------------------------- */

static void
waits_in_the_end(void)
{
	result = prong_event_wait(event, -1);
	expect_error(ECANCELED);
	result = prong_event_wait(event, LONG_MS);
	expect_error(ECANCELED);
}

START_TEST(test_bells_cancelled)
{
	begin_loop(LOOP_AUTO);
	begin(waits_in_the_end);
	begin(waits_in_the_end);
	tasks_end(&tasks);
	ck_assert_int_eq(running, 0);
}
END_TEST

START_TEST(test_bells_loop_itself)
{
	begin_loop(LOOP_AUTO);
	result = prong_event_wait(event, 10);
	expect_error(EDEADLK);
	result = prong_event_wait(event, 0);
	expect_error(ETIMEDOUT);
	prong_event_set(event);
	ck_assert_int_eq(prong_event_wait(event, 10), 0);
}
END_TEST

/* --- what it takes ------------------------------------------------------------------ */

static void
sleeps(void)
{
	ck_assert_int_eq(prong_sleep(3 * EVENT_LOOK_MS), 0);
}

/* Nothing is left open or armed when nobody waits. */
START_TEST(test_bells_are_let_go)
{
	int open;

	begin_loop(LOOP_AUTO);
	open = helper_descriptors();
	begin(waits_little);
	run_loop();
	ck_assert_ptr_nonnull(tasks.bells);
	ck_assert_int_eq(helper_descriptors(), open + 1);
	begin(sleeps);
	run_loop();
	ck_assert_ptr_null(tasks.bells);
	ck_assert_int_eq(helper_descriptors(), open);
}
END_TEST

/* One that is gone, and another in its place. */
START_TEST(test_bells_another_event)
{
	begin_loop(LOOP_AUTO);
	begin(waits_little);
	run_loop();
	ck_assert_ptr_nonnull(tasks.bells);
	event_free(event);
	ck_assert_ptr_nonnull(event = event_new("gate", false));
	result = -1;
	begin(waits);
	begin(sleeps_and_sets);
	run_loop();
	ck_assert_int_eq(result, 0);
}
END_TEST

/* Without a descriptor for the bell it takes a little longer. */
START_TEST(test_bells_without_descriptors)
{
	struct rlimit few, was;
	int last;

	begin_loop(LOOP_AUTO);
	ck_assert_int_ne(last = dup(0), -1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = (rlim_t)last + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	result = -1;
	begin(waits);
	begin(sleeps_and_sets);
	run_loop();
	ck_assert_int_eq(result, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	close(last);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("bells", &tc);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_bells_ring, 0, UNIT_COUNT(mechanisms));
	tcase_add_loop_test(tc, test_bells_beside, 0, UNIT_COUNT(mechanisms));
	tcase_add_test(tc, test_bells_order);
	tcase_add_test(tc, test_bells_late);
	tcase_add_test(tc, test_bells_lost);
	tcase_add_test(tc, test_bells_cancelled);
	tcase_add_test(tc, test_bells_loop_itself);
	tcase_add_test(tc, test_bells_are_let_go);
	tcase_add_test(tc, test_bells_another_event);
	tcase_add_test(tc, test_bells_without_descriptors);
	return unit_run(s);
}
