/* SPDX-License-Identifier: ISC */
/*
 * dispatch/waiting: the calls of <prong.h> that wait, in a task, in the loop
 * and outside of both; and tasks of the handler's own.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"
#include "loop/task.h"
#include "prong.h"
#include "unit.h"

#define GUARD_MS	10000

static struct loop *loop;
static struct tasks tasks;
static struct timer guard;
static bool done;
static int fds[2];
static char trace[256];

static void
on_guard(struct timer *t)
{
	ck_abort_msg("what is waited for does not happen: \"%s\"", trace);
}

static void
on_turn(void *arg)
{
	if (done)
		loop_stop(loop);
}

/* In a process without a loop. */
static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
}

static void
teardown(void)
{
	close(fds[0]);
	close(fds[1]);
}

static void
setup_loop(void)
{
	setup();
	ck_assert_ptr_nonnull(loop = loop_new(LOOP_AUTO, 0));
	tasks_init(&tasks, loop, 0);
	tasks_set_here(&tasks);
	loop_on_turn(loop, on_turn, NULL);
	guard.fn = on_guard;
	ck_assert_int_eq(loop_timer(loop, &guard, GUARD_MS), 0);
}

static void
teardown_loop(void)
{
	tasks_fini(&tasks);
	tasks_set_here(NULL);
	loop_free(loop);
	teardown();
}

static void
run_body(void *arg)
{
	((void (*)(void))arg)();
	done = true;
}

/* Runs a function as a task, and the loop until it has ended. */
static void
in_task(void (*body)(void))
{
	done = false;
	ck_assert_int_eq(task_start(&tasks, run_body, body, NULL), 0);
	if (!done)
		ck_assert_int_eq(loop_run(loop), 0);
}

static void
expect_error(int result, int error, const char *text)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, error);
	ck_assert_msg(strstr(prong_error(), text) != NULL, "\"%s\"",
	    prong_error());
	errno = 0;
}

static void
say(const char *text)
{
	strlcat(trace, text, sizeof(trace));
}

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- outside of the loop ------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void
on_alarm(int number)
{
	alarms++;
}

/* Signals interrupt it, and do not shorten it. */
static void
alarm_every(int ms)
{
	struct itimerval every = {
		{ 0, ms * 1000 }, { 0, ms * 1000 },
	};
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void
alarm_never(void)
{
	const struct itimerval off = { .it_value = { 0, 0 } };

	setitimer(ITIMER_REAL, &off, NULL);
}

START_TEST(test_waiting_outside_sleep)
{
	int64_t before;

	/* On a busy machine several signals may come as one. */
	while (alarms < 3) {
		alarm_every(5);
		before = now();
		ck_assert_int_eq(prong_sleep(40), 0);
		ck_assert_int_ge(now() - before, 40);
		alarm_never();
	}
	ck_assert_int_eq(prong_sleep(0), 0);
	expect_error(prong_sleep(-1), EINVAL, "-1 ms");
}
END_TEST

START_TEST(test_waiting_outside_wait)
{
	int64_t before;

	ck_assert_int_eq(prong_wait(fds[0], PRONG_WRITE, -1), PRONG_WRITE);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, 0), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, -1), PRONG_READ);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ | PRONG_WRITE, 0),
	    PRONG_READ | PRONG_WRITE);
	before = now();
	ck_assert_int_eq(prong_wait(fds[1], PRONG_READ, 20), 0);
	ck_assert_int_ge(now() - before, 20);
	close(fds[1]);
	ck_assert_int_eq(prong_wait(fds[0], 0, -1), PRONG_HANGUP);
	fds[1] = open("/dev/null", O_RDONLY);
}
END_TEST

/* However often a signal interrupts it, the time is over in time. */
START_TEST(test_waiting_outside_interrupted)
{
	int64_t before;

	while (alarms < 2) {
		alarm_every(10);
		before = now();
		ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, 35), 0);
		ck_assert_int_ge(now() - before, 35);
		alarm_never();
	}
}
END_TEST

/* What prong_wait() refuses, in a task and outside. */
static void
wait_wrongly(void)
{
	int file = open("/proc/self/exe", O_RDONLY);

	expect_error(prong_wait(-1, PRONG_READ, 0), EBADF, "descriptor");
	expect_error(prong_wait(fds[0], 1 << 20, 0), EINVAL, "events");
	expect_error(prong_wait(fds[0], PRONG_HANGUP, 0), EINVAL, "events");
	expect_error(prong_wait(file, PRONG_READ, 0), EPERM, "descriptor");
	close(file);
	expect_error(prong_wait(file, PRONG_READ, 0), EBADF, "descriptor");
}

START_TEST(test_waiting_outside_wait_errors)
{
	wait_wrongly();
}
END_TEST

static void *
never(void *arg)
{
	ck_abort_msg("a task runs where none can");
	return NULL;
}

START_TEST(test_waiting_outside_spawn)
{
	errno = 0;
	ck_assert_ptr_null(prong_spawn(never, NULL));
	expect_error(-1, EPERM, "no loop");
	prong_detach(NULL);
}
END_TEST

/* --- in a task ----------------------------------------------------------- */

static void
sleep_some(void)
{
	int64_t before = now();

	ck_assert_int_eq(prong_sleep(20), 0);
	ck_assert_int_ge(now() - before, 19);
	ck_assert_int_eq(prong_sleep(0), 0);
	expect_error(prong_sleep(-5), EINVAL, "-5 ms");
}

START_TEST(test_waiting_sleep)
{
	in_task(sleep_some);
}
END_TEST

/* However long the turn of the loop has taken by then. */
static void
work_and_sleep(void)
{
	int64_t begin = now();

	while (now() - begin < 30)
		continue;
	sleep_some();
}

START_TEST(test_waiting_sleep_after_work)
{
	in_task(work_and_sleep);
}
END_TEST

static void
wait_some(void)
{
	ck_assert_int_eq(prong_wait(fds[0], PRONG_WRITE, -1), PRONG_WRITE);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, 0), 0);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, 10), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, 1000), PRONG_READ);
	close(fds[1]);
	ck_assert_int_eq(prong_wait(fds[0], PRONG_READ, -1), PRONG_READ |
	    PRONG_HANGUP);
	fds[1] = open("/dev/null", O_RDONLY);
}

START_TEST(test_waiting_wait)
{
	in_task(wait_some);
}
END_TEST

START_TEST(test_waiting_wait_errors)
{
	in_task(wait_wrongly);
}
END_TEST

/* --- in the loop itself -------------------------------------------------- */

static struct prong_task *sleeper;

static void *
sleep_long(void *arg)
{
	ck_assert_int_eq(prong_sleep(20), 0);
	return arg;
}

static void
join_sleeper(void)
{
	void *value = NULL;

	ck_assert_int_eq(prong_join(sleeper, -1, &value), 0);
	ck_assert_ptr_eq(value, trace);
}

static void *
give_back(void *arg)
{
	return arg;
}

/* It cannot wait, but it may begin tasks, and join those that are over. */
START_TEST(test_waiting_in_loop)
{
	void *value = NULL;

	expect_error(prong_sleep(1), EDEADLK, "cannot wait");
	expect_error(prong_wait(fds[0], PRONG_WRITE, -1), EDEADLK,
	    "cannot wait");
	sleeper = prong_spawn(sleep_long, trace);
	ck_assert_ptr_nonnull(sleeper);
	expect_error(prong_join(sleeper, 10, NULL), EDEADLK, "cannot wait");
	in_task(join_sleeper);
	sleeper = prong_spawn(give_back, trace);
	ck_assert_int_eq(prong_join(sleeper, 0, &value), 0);
	ck_assert_ptr_eq(value, trace);
	sleeper = prong_spawn(give_back, trace);
	ck_assert_int_eq(prong_join(sleeper, -1, NULL), 0);
}
END_TEST

/* --- tasks of its own ---------------------------------------------------- */

static void *
say_and_sleep(void *arg)
{
	const char *word = arg;

	say(word);
	/* Far apart: the order is theirs, however long their starts take. */
	ck_assert_int_eq(prong_sleep(word[0] == 'a' ? 200 : 10), 0);
	say(word);
	return arg;
}

/* One that is spawned runs until it first waits. */
static void
spawn_two(void)
{
	char a[] = "a", b[] = "b";
	struct prong_task *first, *second;
	void *value;

	first = prong_spawn(say_and_sleep, a);
	ck_assert_str_eq(trace, "a");
	second = prong_spawn(say_and_sleep, b);
	ck_assert_str_eq(trace, "ab");
	ck_assert_int_eq(prong_join(first, -1, &value), 0);
	ck_assert_ptr_eq(value, a);
	ck_assert_str_eq(trace, "abba");
	ck_assert_int_eq(prong_join(second, -1, &value), 0);
	ck_assert_ptr_eq(value, b);
}

START_TEST(test_waiting_join)
{
	in_task(spawn_two);
}
END_TEST

/* One that has not ended in time can be joined again. */
static void
join_in_vain(void)
{
	char a[] = "a";
	struct prong_task *t = prong_spawn(say_and_sleep, a);

	expect_error(prong_join(t, 0, NULL), ETIMEDOUT, "in time");
	expect_error(prong_join(t, 1, NULL), ETIMEDOUT, "in time");
	ck_assert_str_eq(trace, "a");
	ck_assert_int_eq(prong_join(t, 10000, NULL), 0);
	ck_assert_str_eq(trace, "aa");
}

START_TEST(test_waiting_join_timeout)
{
	in_task(join_in_vain);
}
END_TEST

static struct prong_task *shared;

static void *
join_shared(void *arg)
{
	void *value;

	ck_assert_int_eq(prong_join(shared, -1, &value), 0);
	say("j");
	return value;
}

/* Only one joins it. */
static void
join_twice(void)
{
	struct prong_task *joiner;
	char b[] = "b";
	void *value;

	shared = prong_spawn(say_and_sleep, b);
	joiner = prong_spawn(join_shared, NULL);
	expect_error(prong_join(shared, -1, NULL), EBUSY, "another");
	ck_assert_int_eq(prong_join(joiner, -1, &value), 0);
	ck_assert_ptr_eq(value, b);
	ck_assert_str_eq(trace, "bbj");
}

START_TEST(test_waiting_join_twice)
{
	in_task(join_twice);
}
END_TEST

static struct prong_task *itself;

static void *
join_itself(void *arg)
{
	ck_assert_int_eq(prong_sleep(1), 0);
	expect_error(prong_join(itself, 50, NULL), EDEADLK, "nobody");
	say("x");
	return arg;
}

/* It would wait for ever. */
static void
spawn_selfish(void)
{
	itself = prong_spawn(join_itself, NULL);
	ck_assert_int_eq(prong_sleep(20), 0);
	ck_assert_str_eq(trace, "x");
	ck_assert_int_eq(prong_join(itself, -1, NULL), 0);
}

START_TEST(test_waiting_join_itself)
{
	in_task(spawn_selfish);
}
END_TEST

/* Let go of before its end, after it, and never joined: nothing is left. */
static void
detach_some(void)
{
	struct prong_task *running, *over;
	char a[] = "a", b[] = "b";

	running = prong_spawn(say_and_sleep, b);
	prong_detach(running);
	over = prong_spawn(give_back, NULL);
	prong_detach(over);
	prong_detach(NULL);
	ck_assert_int_eq(prong_join(prong_spawn(say_and_sleep, a), -1, NULL),
	    0);
	ck_assert_str_eq(trace, "baba");
}

START_TEST(test_waiting_detach)
{
	in_task(detach_some);
}
END_TEST

static int sum;

static void *
add_up(void *arg)
{
	struct prong_task *below[3];
	intptr_t depth = (intptr_t)arg;
	void *value;
	int i;

	sum++;
	if (depth == 0) {
		ck_assert_int_eq(prong_sleep(1), 0);
		return (void *)1;
	}
	for (i = 0; i < 3; i++)
		below[i] = prong_spawn(add_up, (void *)(depth - 1));
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(prong_join(below[i], -1, &value), 0);
		depth += 10 * (intptr_t)value;
	}
	return (void *)depth;
}

/* Tasks that spawn tasks: 3 + 9 + 27 + 81. */
static void
spawn_tree(void)
{
	void *value;

	ck_assert_int_eq(prong_join(prong_spawn(add_up, (void *)4), -1,
	    &value), 0);
	ck_assert_int_eq(sum, 1 + 3 + 9 + 27 + 81);
	ck_assert_int_eq((intptr_t)value, 4 + 30 * (3 + 30 * (2 + 30 *
	    (1 + 30))));
}

START_TEST(test_waiting_tree)
{
	in_task(spawn_tree);
}
END_TEST

#define MANY	(UNIT_TSAN ? 100 : 1000)

/* Many that wait take the time of one. */
static void
spawn_many(void)
{
	static struct prong_task *all[MANY];
	int64_t before = now();
	void *value;
	int i;

	for (i = 0; i < MANY; i++)
		all[i] = prong_spawn(sleep_long, &all[i]);
	for (i = 0; i < MANY; i++) {
		ck_assert_int_eq(prong_join(all[i], -1, &value), 0);
		ck_assert_ptr_eq(value, &all[i]);
	}
	ck_assert_int_ge(now() - before, 19);
	ck_assert_int_lt(now() - before, 2000);
}

START_TEST(test_waiting_many)
{
	in_task(spawn_many);
}
END_TEST

static void *
pass_the_byte(void *arg)
{
	int *fd = arg;
	char byte;

	ck_assert_int_eq(prong_wait(fd[0], PRONG_READ, -1), PRONG_READ);
	ck_assert_int_eq(read(fd[0], &byte, 1), 1);
	ck_assert_int_eq(write(fd[1], &byte, 1), 1);
	return NULL;
}

/* A byte through fifty pipes, by a task for each. */
static void
spawn_chain(void)
{
	struct prong_task *all[50];
	int pipes[51][2], ends[50][2], i;
	char byte = 0;

	for (i = 0; i < 51; i++)
		ck_assert_int_eq(pipe(pipes[i]), 0);
	for (i = 0; i < 50; i++) {
		ends[i][0] = pipes[i][0];
		ends[i][1] = pipes[i + 1][1];
		all[i] = prong_spawn(pass_the_byte, ends[i]);
	}
	ck_assert_int_eq(write(pipes[0][1], "x", 1), 1);
	ck_assert_int_eq(prong_wait(pipes[50][0], PRONG_READ, -1),
	    PRONG_READ);
	ck_assert_int_eq(read(pipes[50][0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(prong_join(all[i], -1, NULL), 0);
	for (i = 0; i < 51; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

START_TEST(test_waiting_chain)
{
	in_task(spawn_chain);
}
END_TEST

/* --- coroutines in tasks -------------------------------------------------- */

static void
wait_in_coroutine(void *arg)
{
	say("c");
	prong_sleep(5);
	say("d");
}

static void *
run_coroutine(void *arg)
{
	struct prong_co *co;

	ck_assert_ptr_null(prong_co_self());
	co = prong_co_create(wait_in_coroutine, NULL);
	ck_assert_int_eq(prong_co_switch(co), 0);
	ck_assert(prong_co_is_over(co));
	prong_co_free(co);
	say("e");
	return NULL;
}

/* One task's coroutine waits: another task has none, or its own. */
static void
spawn_with_coroutines(void)
{
	struct prong_task *one, *two;

	one = prong_spawn(run_coroutine, NULL);
	ck_assert_ptr_null(prong_co_self());
	two = prong_spawn(run_coroutine, NULL);
	ck_assert_int_eq(prong_join(one, -1, NULL), 0);
	ck_assert_int_eq(prong_join(two, -1, NULL), 0);
	ck_assert_str_eq(trace, "ccdede");
}

START_TEST(test_waiting_coroutines)
{
	in_task(spawn_with_coroutines);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("waiting", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_waiting_outside_sleep);
	tcase_add_test(tc, test_waiting_outside_wait);
	tcase_add_test(tc, test_waiting_outside_interrupted);
	tcase_add_test(tc, test_waiting_outside_wait_errors);
	tcase_add_test(tc, test_waiting_outside_spawn);
	tc = tcase_create("tasks");
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(tc, setup_loop, teardown_loop);
	tcase_add_test(tc, test_waiting_sleep);
	tcase_add_test(tc, test_waiting_sleep_after_work);
	tcase_add_test(tc, test_waiting_wait);
	tcase_add_test(tc, test_waiting_wait_errors);
	tcase_add_test(tc, test_waiting_in_loop);
	tcase_add_test(tc, test_waiting_join);
	tcase_add_test(tc, test_waiting_join_timeout);
	tcase_add_test(tc, test_waiting_join_twice);
	tcase_add_test(tc, test_waiting_join_itself);
	tcase_add_test(tc, test_waiting_detach);
	tcase_add_test(tc, test_waiting_tree);
	tcase_add_test(tc, test_waiting_many);
	tcase_add_test(tc, test_waiting_chain);
	tcase_add_test(tc, test_waiting_coroutines);
	return unit_run(s);
}
