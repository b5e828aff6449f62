/* SPDX-License-Identifier: ISC */
/*
 * loop/loop and its mechanisms: what is watched, and what is refused.  Every
 * test runs on epoll, poll and select.
 */
#include "loop/loop.h"

#include <sys/resource.h>
#include <sys/select.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "loop_probe.h"
#include "unit.h"

START_TEST(test_loop_name)
{
	static const char *const names[] = { "epoll", "poll", "select" };
	struct loop *loop;

	probe_start(_i, 0);
	ck_assert_str_eq(loop_mechanism_name(probe_loop), names[_i]);
	probe_finish();
	loop = loop_new(LOOP_AUTO, 0);
	ck_assert_ptr_nonnull(loop);
	ck_assert_str_eq(loop_mechanism_name(loop), "epoll");
	loop_free(loop);
	loop_free(NULL);
}
END_TEST

START_TEST(test_loop_leaves_nothing)
{
	int before = helper_descriptors();

	probe_start(_i, 0);
	probe_finish();
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_loop_level)
{
	struct probe p = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	probe_turn();
	ck_assert_int_eq(p.calls, 0);
	probe_put(fd[1]);
	probe_put(fd[1]);
	/* Told as long as there is something. */
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_uint_eq(p.events, PRONG_READ);
	probe_turns(2);
	ck_assert_int_eq(p.calls, 3);
	probe_get(fd[0]);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 4);
	probe_get(fd[0]);
	probe_turn();
	ck_assert_int_eq(p.calls, 4);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

START_TEST(test_loop_edge)
{
	struct probe p = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	probe_put(fd[1]);
	errno = 0;
	if (probe_mechanisms[_i] != LOOP_EPOLL) {
		ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ | PRONG_EDGE),
		    -1);
		ck_assert_int_eq(errno, ENOTSUP);
		ck_assert_ptr_nonnull(strstr(error_text(),
		    loop_mechanism_name(probe_loop)));
		/* Nor by a change; it stays as it was. */
		ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
		errno = 0;
		ck_assert_int_eq(loop_modify(probe_loop, &p.watch, PRONG_READ |
		    PRONG_EDGE), -1);
		ck_assert_int_eq(errno, ENOTSUP);
		ck_assert_uint_eq(p.watch.events, PRONG_READ);
		probe_turns(2);
		ck_assert_int_eq(p.calls, 2);
	} else {
		ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ | PRONG_EDGE),
		    0);
		probe_turns(1);
		probe_turn();
		ck_assert_int_eq(p.calls, 1);
		probe_put(fd[1]);
		probe_turns(1);
		probe_turn();
		ck_assert_int_eq(p.calls, 2);
		/* Level again: what is there is told again. */
		ck_assert_int_eq(loop_modify(probe_loop, &p.watch, PRONG_READ),
		    0);
		probe_turns(2);
		ck_assert_int_eq(p.calls, 4);
	}
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

/* The set is replaced: one interest survives the end of the other. */
START_TEST(test_loop_modify)
{
	struct probe p = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_WRITE), 0);
	probe_turns(1);
	ck_assert_uint_eq(p.events, PRONG_WRITE);
	probe_put(fd[1]);
	probe_turns(1);
	ck_assert_uint_eq(p.events, PRONG_WRITE);
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, PRONG_READ |
	    PRONG_WRITE), 0);
	ck_assert_uint_eq(p.watch.events, PRONG_READ | PRONG_WRITE);
	probe_turns(1);
	ck_assert_uint_eq(p.events, PRONG_READ | PRONG_WRITE);
	ck_assert_int_eq(p.calls, 3);
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, PRONG_READ), 0);
	probe_turns(1);
	ck_assert_uint_eq(p.events, PRONG_READ);
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, 0), 0);
	probe_turn();
	ck_assert_int_eq(p.calls, 4);
	/* The same set once more is no error. */
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, 0), 0);
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, PRONG_READ), 0);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 5);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

START_TEST(test_loop_wrong_events)
{
	static const unsigned int wrong[] = {
		PRONG_FAIL, PRONG_HANGUP, PRONG_READ | 2, 1U << 31,
		PRONG_WRITE | 0x20, UINT_MAX,
	};
	struct probe p = { .then = NULL };
	int fd[2], i;

	probe_start(_i, 0);
	probe_pair(fd);
	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_int_eq(probe_add(&p, fd[0], wrong[i]), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_int_eq(loop_modify(probe_loop, &p.watch, wrong[i]),
		    -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_uint_eq(p.watch.events, PRONG_READ);
	probe_put(fd[1]);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

START_TEST(test_loop_wrong_descriptors)
{
	struct probe p = { .then = NULL };
	int fd[2], file, folder;

	probe_start(_i, 0);
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	ck_assert_int_ge(folder, 0);
	errno = 0;
	ck_assert_int_eq(probe_add(&p, file, PRONG_READ), -1);
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_int_eq(probe_add(&p, folder, PRONG_READ), -1);
	ck_assert_int_eq(errno, EPERM);
	close(folder);
	errno = 0;
	ck_assert_int_eq(probe_add(&p, folder, PRONG_READ), -1);
	ck_assert_int_eq(errno, EBADF);
	errno = 0;
	ck_assert_int_eq(probe_add(&p, -1, PRONG_READ), -1);
	ck_assert_int_eq(errno, EBADF);
	close(file);

	/* The same numbers serve when they are something to watch. */
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_WRITE), 0);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(probe_loop, &p.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

START_TEST(test_loop_watched_already)
{
	struct probe p = { .then = NULL }, q = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_WRITE), 0);
	errno = 0;
	ck_assert_int_eq(probe_add(&q, fd[0], PRONG_READ), -1);
	ck_assert_int_eq(errno, EEXIST);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.calls, 0);
	loop_del(probe_loop, &p.watch);
	ck_assert_int_eq(probe_add(&q, fd[0], PRONG_WRITE), 0);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.calls, 1);
	loop_del(probe_loop, &q.watch);
	probe_close(fd);
	probe_finish();
}
END_TEST

/* Above FD_SETSIZE: select refuses, the others serve. */
START_TEST(test_loop_large_descriptor)
{
	struct probe p = { .then = NULL };
	struct rlimit limit = { FD_SETSIZE + 16, FD_SETSIZE + 16 };
	int fd[2], high;

	probe_pair(fd);
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1) {
		/* Where fewer are allowed there is nothing to refuse. */
		ck_assert_int_eq(errno, EPERM);
		probe_close(fd);
		return;
	}
	probe_start(_i, 0);
	high = fcntl(fd[0], F_DUPFD_CLOEXEC, FD_SETSIZE);
	ck_assert_int_ge(high, FD_SETSIZE);
	errno = 0;
	if (probe_mechanisms[_i] == LOOP_SELECT) {
		ck_assert_int_eq(probe_add(&p, high, PRONG_WRITE), -1);
		ck_assert_int_eq(errno, ERANGE);
	} else {
		ck_assert_int_eq(probe_add(&p, high, PRONG_WRITE), 0);
		probe_turns(1);
		ck_assert_int_eq(p.calls, 1);
		loop_del(probe_loop, &p.watch);
	}
	/* The last one that select can do. */
	close(high);
	ck_assert_int_eq(dup2(fd[0], FD_SETSIZE - 1), FD_SETSIZE - 1);
	ck_assert_int_eq(probe_add(&p, FD_SETSIZE - 1, PRONG_WRITE), 0);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(probe_loop, &p.watch);
	close(FD_SETSIZE - 1);
	probe_close(fd);
	probe_finish();
}
END_TEST

/* The peer has gone: told, and as the end of input too. */
START_TEST(test_loop_hangup)
{
	struct probe p = { .then = NULL };
	int fd[2];
	char c;

	probe_start(_i, 0);
	probe_pair(fd);
	probe_put(fd[1]);
	close(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	probe_turns(1);
	ck_assert_uint_ne(p.events & PRONG_READ, 0);
	probe_get(fd[0]);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 2);
	ck_assert_uint_ne(p.events & PRONG_READ, 0);
	ck_assert_int_eq(read(fd[0], &c, 1), 0);
	loop_del(probe_loop, &p.watch);
	close(fd[0]);
	probe_finish();
}
END_TEST

/* Nothing is told of a mute one until it is asked for again. */
START_TEST(test_loop_mute)
{
	struct probe p = { .then = NULL };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	probe_put(fd[1]);
	close(fd[1]);
	loop_mute(probe_loop, &p.watch);
	loop_mute(probe_loop, &p.watch);
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, 0), 0);
	probe_turn();
	ck_assert_int_eq(p.calls, 0);
	ck_assert_int_eq(loop_modify(probe_loop, &p.watch, PRONG_READ), 0);
	probe_turns(2);
	ck_assert_int_eq(p.calls, 2);
	ck_assert_uint_ne(p.events & PRONG_READ, 0);
	/* It may be deleted as it is, and another watch its descriptor. */
	loop_mute(probe_loop, &p.watch);
	loop_del(probe_loop, &p.watch);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	probe_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(probe_loop, &p.watch);
	close(fd[0]);
	probe_finish();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("loop", &tc);

	tcase_add_loop_test(tc, test_loop_name, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_leaves_nothing, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_level, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_edge, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_modify, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_wrong_events, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_wrong_descriptors, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_watched_already, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_large_descriptor, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_hangup, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_mute, 0, PROBE_MECHANISMS);
	return unit_run(s);
}
