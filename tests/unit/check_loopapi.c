/* SPDX-License-Identifier: ISC */
/*
 * server/loopapi: prong_watch() and prong_timer(), with every mechanism.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "loop/task.h"
#include "loop_probe.h"
#include "prong.h"
#include "unit.h"

static struct tasks tasks;
static int calls, fd[2];
static unsigned int seen;

static void
start(int mechanism)
{
	probe_start(mechanism, 0);
	tasks_init(&tasks, probe_loop, 0);
	tasks_set_here(&tasks);
	probe_pair(fd);
}

static void
finish(void)
{
	probe_close(fd);
	tasks_set_here(NULL);
	tasks_fini(&tasks);
	probe_finish();
}

static void
ready(int n, unsigned int events, void *arg)
{
	ck_assert_int_eq(n, fd[0]);
	ck_assert_ptr_eq(arg, &calls);
	calls++;
	seen = events;
}

static void
fire(void *arg)
{
	ck_assert_ptr_eq(arg, &calls);
	calls++;
}

/* Outside a worker there is no loop: an error, and nothing worse. */
START_TEST(test_loopapi_no_loop)
{
	errno = 0;
	ck_assert_ptr_null(prong_watch(0, PRONG_READ, ready, NULL));
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_ptr_null(prong_timer(1, fire, NULL));
	ck_assert_int_eq(errno, EPERM);
	prong_unwatch(NULL);
	prong_timer_cancel(NULL);
}
END_TEST

START_TEST(test_loopapi_watch)
{
	struct prong_watch *w;

	start(_i);
	ck_assert_ptr_nonnull(w = prong_watch(fd[0], PRONG_WRITE, ready,
	    &calls));
	probe_turns(1);
	ck_assert_int_eq(calls, 1);
	ck_assert_uint_eq(seen, PRONG_WRITE);
	/* Read interest survives the end of write interest. */
	ck_assert_int_eq(prong_watch_modify(w, PRONG_READ | PRONG_WRITE), 0);
	ck_assert_int_eq(prong_watch_modify(w, PRONG_READ), 0);
	probe_turn();
	ck_assert_int_eq(calls, 1);
	probe_put(fd[1]);
	probe_turns(1);
	ck_assert_int_eq(calls, 2);
	ck_assert_uint_eq(seen, PRONG_READ);
	prong_unwatch(w);
	probe_turn();
	ck_assert_int_eq(calls, 2);
	finish();
}
END_TEST

START_TEST(test_loopapi_watch_errors)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct prong_watch *w;

	start(_i);
	errno = 0;
	ck_assert_ptr_null(prong_watch(file, PRONG_READ, ready, &calls));
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_ptr_null(prong_watch(fd[0], PRONG_HANGUP, ready, &calls));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(prong_watch(-1, PRONG_READ, ready, &calls));
	ck_assert_int_eq(errno, EBADF);
	ck_assert_ptr_nonnull(w = prong_watch(fd[0], PRONG_READ, ready,
	    &calls));
	errno = 0;
	ck_assert_ptr_null(prong_watch(fd[0], PRONG_READ, ready, &calls));
	ck_assert_int_eq(errno, EEXIST);
	errno = 0;
	ck_assert_int_eq(prong_watch_modify(w, PRONG_FAIL), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	if (probe_mechanisms[_i] != LOOP_EPOLL) {
		ck_assert_int_eq(prong_watch_modify(w, PRONG_READ |
		    PRONG_EDGE), -1);
		ck_assert_int_eq(errno, ENOTSUP);
	} else
		ck_assert_int_eq(prong_watch_modify(w, PRONG_READ |
		    PRONG_EDGE), 0);
	prong_unwatch(w);
	close(file);
	finish();
}
END_TEST

START_TEST(test_loopapi_timer)
{
	struct prong_timer *u;

	start(_i);
	ck_assert_ptr_nonnull(prong_timer(0, fire, &calls));
	ck_assert_ptr_nonnull(u = prong_timer(1, fire, &calls));
	prong_timer_cancel(u);
	ck_assert_ptr_nonnull(prong_timer(5, fire, &calls));
	while (calls < 2)
		probe_turns(1);
	probe_turn();
	ck_assert_int_eq(calls, 2);
	errno = 0;
	ck_assert_ptr_null(prong_timer(-1, fire, &calls));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_nonnull(u = prong_timer(INT64_MAX, fire, &calls));
	probe_turn();
	ck_assert_int_eq(calls, 2);
	prong_timer_cancel(u);
	finish();
}
END_TEST

/* One that sets the next, for now: the loop turns all the same. */
static void
fire_again(void *arg)
{
	if (++calls < 1000)
		ck_assert_ptr_nonnull(prong_timer(0, fire_again, arg));
}

START_TEST(test_loopapi_timer_again)
{
	int before;

	start(_i);
	ck_assert_ptr_nonnull(prong_timer(0, fire_again, &calls));
	probe_turns(1);
	ck_assert_int_lt(calls, 10);
	do {
		before = calls;
		probe_turn();
	} while (calls > before);
	ck_assert_int_eq(calls, 1000);
	finish();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("loopapi", &tc);

	tcase_add_test(tc, test_loopapi_no_loop);
	tcase_add_loop_test(tc, test_loopapi_watch, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loopapi_watch_errors, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loopapi_timer, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loopapi_timer_again, 0,
	    PROBE_MECHANISMS);
	return unit_run(s);
}
