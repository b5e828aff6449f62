/* SPDX-License-Identifier: ISC */
/*
 * loop/alarm, loop_fd() and prong_loop_*: a loop that another drives, which is
 * told by one descriptor.
 */
#include "loop/alarm.h"

#include <sys/resource.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "helper.h"
#include "loop_probe.h"
#include "unit.h"

#define WAIT_MS	10000
#define LOOK_MS	20		/* whether something happens that must not */

static struct prong_loop *host;
static int calls;

static bool
is_ready(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_ne(poll(&p, 1, ms), -1);
	return p.revents != 0;
}

static void
count(void *arg)
{
	calls++;
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(host = prong_loop_new());
}

static void
teardown(void)
{
	prong_loop_free(host);
}

/* Waits as the foreign loop does, and turns once. */
static void
turn(void)
{
	ck_assert(is_ready(prong_loop_fd(host), WAIT_MS));
	ck_assert_int_eq(prong_loop_turn(host, 0), 0);
}

static void
expect_rest(void)
{
	ck_assert(!is_ready(prong_loop_fd(host), LOOK_MS));
}

START_TEST(test_alarm_mechanisms)
{
	int before = helper_descriptors(), fd;

	probe_start(_i, 0);
	errno = 0;
	fd = loop_fd(probe_loop);
	if (probe_mechanisms[_i] == LOOP_EPOLL) {
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(loop_fd(probe_loop), fd);
	} else {
		ck_assert_int_eq(fd, -1);
		ck_assert_int_eq(errno, ENOTSUP);
		ck_assert_ptr_nonnull(strstr(error_text(),
		    loop_mechanism_name(probe_loop)));
	}
	probe_finish();
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_alarm_set)
{
	struct alarm a;
	uint64_t now = process_milliseconds();

	probe_start(0, 0);
	ck_assert_int_eq(alarm_open(&a, probe_loop), 0);
	ck_assert(!is_ready(a.watch.fd, LOOK_MS));
	alarm_set(&a, 0);
	ck_assert(is_ready(a.watch.fd, WAIT_MS));
	alarm_set(&a, now + 3600000);
	ck_assert(!is_ready(a.watch.fd, LOOK_MS));
	alarm_set(&a, now);
	ck_assert(is_ready(a.watch.fd, WAIT_MS));
	alarm_set(&a, UINT64_MAX);
	ck_assert(!is_ready(a.watch.fd, LOOK_MS));
	alarm_set(&a, UINT64_MAX - 1);
	ck_assert(!is_ready(a.watch.fd, LOOK_MS));
	alarm_set(&a, now + 30);
	ck_assert(is_ready(a.watch.fd, WAIT_MS));
	ck_assert_uint_ge(process_milliseconds(), now + 30);
	alarm_close(&a, probe_loop);
	alarm_close(&a, probe_loop);
	probe_finish();
}
END_TEST

/* The next one to be opened. */
static rlim_t
lowest_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	ck_assert_int_ge(fd, 0);
	close(fd);
	return (rlim_t)fd;
}

START_TEST(test_alarm_no_descriptors)
{
	struct rlimit limit, none;
	int i;

	teardown();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	/* The loop needs two: neither, then one of them. */
	for (i = 0; i < 2; i++) {
		none = limit;
		none.rlim_cur = lowest_descriptor() + (rlim_t)i;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
		errno = 0;
		ck_assert_ptr_null(prong_loop_new());
		ck_assert_int_eq(errno, EMFILE);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	setup();
}
END_TEST

START_TEST(test_loop_rests)
{
	expect_rest();
	/* A turn without anything to do is none. */
	ck_assert_int_eq(prong_loop_turn(host, 0), 0);
	expect_rest();
}
END_TEST

static void
readable(int fd, unsigned int events, void *arg)
{
	char byte;

	ck_assert_uint_eq(events, PRONG_READ);
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	calls++;
}

START_TEST(test_loop_watch)
{
	struct prong_watch *w;
	int fd[2];

	probe_pair(fd);
	ck_assert_ptr_nonnull(w = prong_watch(fd[0], PRONG_READ, readable,
	    NULL));
	expect_rest();
	probe_put(fd[1]);
	probe_put(fd[1]);
	turn();
	ck_assert_int_eq(calls, 1);
	turn();
	ck_assert_int_eq(calls, 2);
	expect_rest();
	/* An end is worth a turn, at whose end things are cleared up. */
	prong_unwatch(w);
	probe_put(fd[1]);
	turn();
	ck_assert_int_eq(calls, 2);
	expect_rest();
	probe_close(fd);
}
END_TEST

/* A timer counts from now, however long ago the last turn was. */
START_TEST(test_loop_timer)
{
	struct prong_timer *cancelled;
	uint64_t begin;

	ck_assert_int_eq(prong_loop_turn(host, 0), 0);
	expect_rest();
	begin = process_milliseconds();
	ck_assert_ptr_nonnull(prong_timer(LOOK_MS, count, NULL));
	ck_assert_ptr_nonnull(cancelled = prong_timer(1, count, NULL));
	prong_timer_cancel(cancelled);
	turn();
	ck_assert_uint_ge(process_milliseconds() - begin, LOOK_MS);
	ck_assert_int_eq(calls, 1);
	expect_rest();
}
END_TEST

static void
count_and_defer(void *arg)
{
	calls++;
	ck_assert_int_eq(prong_defer(count, NULL), 0);
}

START_TEST(test_loop_defer)
{
	ck_assert_int_eq(prong_defer(count_and_defer, NULL), 0);
	ck_assert_int_eq(calls, 0);
	turn();
	ck_assert_int_eq(calls, 1);
	/* In another turn, which the descriptor asks for. */
	turn();
	ck_assert_int_eq(calls, 2);
	expect_rest();
}
END_TEST

static void *
sleeper(void *arg)
{
	calls += prong_sleep(LOOK_MS) == 0 ? 1 : 100;
	return NULL;
}

START_TEST(test_loop_task)
{
	uint64_t begin = process_milliseconds();

	prong_detach(prong_spawn(sleeper, NULL));
	ck_assert_int_eq(calls, 0);
	turn();
	ck_assert_int_eq(calls, 1);
	ck_assert_uint_ge(process_milliseconds() - begin, LOOK_MS);
	errno = 0;
	ck_assert_int_eq(prong_sleep(1), -1);
	ck_assert_int_eq(errno, EDEADLK);
}
END_TEST

/* Who wants to sleep in the turn itself may. */
START_TEST(test_loop_turn_waits)
{
	uint64_t begin = process_milliseconds();

	ck_assert_int_eq(prong_loop_turn(host, LOOK_MS), 0);
	ck_assert_uint_ge(process_milliseconds() - begin, LOOK_MS - 1);
	ck_assert_ptr_nonnull(prong_timer(1, count, NULL));
	while (calls == 0)
		ck_assert_int_eq(prong_loop_turn(host, -1), 0);
	ck_assert_ptr_nonnull(prong_timer(1, count, NULL));
	while (calls == 1)
		ck_assert_int_eq(prong_loop_turn(host, INT64_MAX), 0);
}
END_TEST

static void
turn_within(void *arg)
{
	errno = 0;
	ck_assert_int_eq(prong_loop_turn(host, 0), -1);
	ck_assert_int_eq(errno, EBUSY);
	calls++;
}

START_TEST(test_loop_turn_within)
{
	ck_assert_int_eq(prong_defer(turn_within, NULL), 0);
	turn();
	ck_assert_int_eq(calls, 1);
}
END_TEST

START_TEST(test_loop_second)
{
	errno = 0;
	ck_assert_ptr_null(prong_loop_new());
	ck_assert_int_eq(errno, EEXIST);
}
END_TEST

static void *
other_thread(void *arg)
{
	struct prong_loop *own;

	errno = 0;
	ck_assert_int_eq(prong_loop_turn(host, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_int_eq(prong_loop_serve(host, NULL, NULL, NULL), -1);
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_int_eq(prong_defer(count, NULL), -1);
	ck_assert_int_eq(errno, EPERM);
	/* It may have one of its own. */
	ck_assert_ptr_nonnull(own = prong_loop_new());
	ck_assert_int_eq(prong_defer(count, NULL), 0);
	ck_assert_int_eq(prong_loop_turn(own, 0), 0);
	prong_loop_free(own);
	return NULL;
}

START_TEST(test_loop_threads)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(calls, 1);
	expect_rest();
}
END_TEST

static void *
endless(void *arg)
{
	while (prong_sleep(1000000) == 0)
		continue;
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert_int_eq(prong_defer(count, NULL), 0);
	return NULL;
}

/* Tasks run to their ends, and what is deferred is called. */
START_TEST(test_loop_free)
{
	int before;

	teardown();
	before = helper_descriptors();
	setup();
	prong_detach(prong_spawn(endless, NULL));
	ck_assert_int_eq(prong_defer(count, NULL), 0);
	teardown();
	ck_assert_int_eq(calls, 2);
	ck_assert_int_eq(helper_descriptors(), before);
	errno = 0;
	ck_assert_int_eq(prong_defer(count, NULL), -1);
	ck_assert_int_eq(errno, EPERM);
	prong_loop_free(NULL);
	setup();
}
END_TEST

int
main(void)
{
	TCase *tc, *own = tcase_create("host");
	Suite *s = unit_suite("alarm", &tc);

	tcase_add_loop_test(tc, test_alarm_mechanisms, 0, PROBE_MECHANISMS);
	tcase_add_test(tc, test_alarm_set);
	suite_add_tcase(s, own);
	tcase_add_checked_fixture(own, setup, teardown);
	tcase_add_test(own, test_alarm_no_descriptors);
	tcase_add_test(own, test_loop_rests);
	tcase_add_test(own, test_loop_watch);
	tcase_add_test(own, test_loop_timer);
	tcase_add_test(own, test_loop_defer);
	tcase_add_test(own, test_loop_task);
	tcase_add_test(own, test_loop_turn_waits);
	tcase_add_test(own, test_loop_turn_within);
	tcase_add_test(own, test_loop_second);
	tcase_add_test(own, test_loop_threads);
	tcase_add_test(own, test_loop_free);
	return unit_run(s);
}
