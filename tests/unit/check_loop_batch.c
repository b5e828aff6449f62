/* SPDX-License-Identifier: ISC */
/*
 * loop/loop: many events in one turn, and those that became stale in it.
 * Every test runs on epoll, poll and select.
 */
#include <sys/resource.h>
#include <sys/select.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "loop_probe.h"
#include "unit.h"

#define MANY	600		/* more than one turn can handle */

/* --- stale events -------------------------------------------------------- */

static struct probe twins[2], heir;
static int ends[2][2];

/* Whoever comes first ends the other. */
static void
delete_twin(struct probe *p)
{
	struct probe *other = &twins[p == &twins[0]];

	loop_del(probe_loop, &other->watch);
	other->watch.fd = -1;
	p->then = NULL;
}

START_TEST(test_loop_deleted_in_the_batch)
{
	int i;

	probe_start(_i, 0);
	for (i = 0; i < 2; i++) {
		probe_pair(ends[i]);
		probe_put(ends[i][1]);
		twins[i].then = delete_twin;
		ck_assert_int_eq(probe_add(&twins[i], ends[i][0], PRONG_READ),
		    0);
	}
	probe_turns(1);
	ck_assert_int_eq(twins[0].calls + twins[1].calls, 1);
	probe_turns(1);
	ck_assert_int_eq(twins[0].calls + twins[1].calls, 2);
	for (i = 0; i < 2; i++) {
		if (twins[i].watch.fd != -1)
			loop_del(probe_loop, &twins[i].watch);
		probe_close(ends[i]);
	}
	probe_finish();
}
END_TEST

/*
 * Whoever comes first closes the other's descriptor and opens another under
 * its number, with nothing to read: the event was its predecessor's.
 */
static void
replace_twin(struct probe *p)
{
	int other = p == &twins[0], fresh[2], number = ends[other][0];

	p->then = NULL;
	loop_del(probe_loop, &twins[other].watch);
	twins[other].watch.fd = -1;
	probe_close(ends[other]);
	probe_pair(fresh);
	ck_assert_int_eq(fresh[0] == number || fresh[1] == number, 1);
	memcpy(ends[other], fresh, sizeof(fresh));
	if (ends[other][0] != number) {
		ends[other][1] = ends[other][0];
		ends[other][0] = number;
	}
	ck_assert_int_eq(probe_add(&heir, number, PRONG_READ), 0);
}

START_TEST(test_loop_reused_in_the_batch)
{
	int i;

	probe_start(_i, 0);
	for (i = 0; i < 2; i++) {
		probe_pair(ends[i]);
		probe_put(ends[i][1]);
		twins[i].then = replace_twin;
		ck_assert_int_eq(probe_add(&twins[i], ends[i][0], PRONG_READ),
		    0);
	}
	probe_turns(3);
	ck_assert_int_eq(heir.calls, 0);
	ck_assert_int_eq(twins[0].calls + twins[1].calls, 3);
	/* Its own event comes. */
	i = twins[0].watch.fd == -1 ? 0 : 1;
	probe_put(ends[i][1]);
	probe_turns(1);
	ck_assert_int_eq(heir.calls, 1);
	loop_del(probe_loop, &heir.watch);
	loop_del(probe_loop, &twins[!i].watch);
	probe_close(ends[0]);
	probe_close(ends[1]);
	probe_finish();
}
END_TEST

static void
delete_self(struct probe *p)
{
	loop_del(probe_loop, &p->watch);
	close(p->watch.fd);
}

START_TEST(test_loop_deletes_itself)
{
	struct probe p = { .then = delete_self };
	int fd[2];

	probe_start(_i, 0);
	probe_pair(fd);
	probe_put(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	probe_turns(1);
	probe_turn();
	ck_assert_int_eq(p.calls, 1);
	close(fd[1]);
	probe_finish();
}
END_TEST

/* A descriptor that another process has open too ends here all the same. */
START_TEST(test_loop_deleted_but_open_elsewhere)
{
	struct probe p = { .then = NULL };
	int fd[2], copy;

	probe_start(_i, 0);
	probe_pair(fd);
	probe_put(fd[1]);
	copy = fcntl(fd[0], F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	loop_del(probe_loop, &p.watch);
	close(fd[0]);
	probe_turn();
	ck_assert_int_eq(p.calls, 0);
	close(copy);
	close(fd[1]);
	probe_finish();
}
END_TEST

/* --- many ---------------------------------------------------------------- */

static struct probe crowd[MANY];
static int crowd_fds[MANY][2];

static void
crowd_open(int count)
{
	struct rlimit limit;
	int i, low;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 2048 ? limit.rlim_max : 2048;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < count; i++) {
		/* What is watched below FD_SETSIZE, the rest above it. */
		probe_pair(crowd_fds[i]);
		low = crowd_fds[i][1];
		crowd_fds[i][1] = fcntl(low, F_DUPFD_CLOEXEC, FD_SETSIZE);
		ck_assert_int_ne(crowd_fds[i][1], -1);
		close(low);
		ck_assert_int_eq(probe_add(&crowd[i], crowd_fds[i][0],
		    PRONG_READ), 0);
	}
}

static void
crowd_close(int count)
{
	int i;

	for (i = 0; i < count; i++) {
		if (crowd_fds[i][0] == -1)
			continue;
		loop_del(probe_loop, &crowd[i].watch);
		probe_close(crowd_fds[i]);
	}
}

/* More are ready than fit in a turn, and stay so: each gets its share. */
START_TEST(test_loop_none_starves)
{
	int i, least = INT32_MAX, most = 0;

	probe_start(_i, 0);
	crowd_open(MANY);
	for (i = 0; i < MANY; i++)
		probe_put(crowd_fds[i][1]);
	probe_turns(12);
	for (i = 0; i < MANY; i++) {
		if (crowd[i].calls < least)
			least = crowd[i].calls;
		if (crowd[i].calls > most)
			most = crowd[i].calls;
	}
	/* 12 turns of 256 events for 600: five for each. */
	ck_assert_int_ge(least, 4);
	ck_assert_int_le(most, 7);
	crowd_close(MANY);
	probe_finish();
}
END_TEST

/* Every second one goes; the others hear what is theirs. */
START_TEST(test_loop_add_and_delete)
{
	int i;

	probe_start(_i, 0);
	crowd_open(40);
	for (i = 0; i < 40; i += 2) {
		loop_del(probe_loop, &crowd[i].watch);
		probe_close(crowd_fds[i]);
		crowd_fds[i][0] = -1;
	}
	for (i = 1; i < 40; i += 4)
		probe_put(crowd_fds[i][1]);
	probe_turns(1);
	for (i = 0; i < 40; i++)
		ck_assert_int_eq(crowd[i].calls, i % 4 == 1);
	crowd_close(40);
	probe_finish();
}
END_TEST

static int each_calls;

static void
each_count(struct watch *w, void *arg)
{
	ck_assert_ptr_eq(arg, &each_calls);
	ck_assert_int_eq(w->fd, ((struct probe *)w)->watch.fd);
	each_calls++;
}

static void
each_delete(struct watch *w, void *arg)
{
	each_calls++;
	loop_del(probe_loop, w);
}

START_TEST(test_loop_each)
{
	int i;

	probe_start(_i, 0);
	loop_each(probe_loop, each_count, &each_calls);
	ck_assert_int_eq(each_calls, 0);
	crowd_open(20);
	loop_each(probe_loop, each_count, &each_calls);
	ck_assert_int_eq(each_calls, 20);
	loop_each(probe_loop, each_delete, NULL);
	ck_assert_int_eq(each_calls, 40);
	loop_each(probe_loop, each_count, &each_calls);
	ck_assert_int_eq(each_calls, 40);
	for (i = 0; i < 20; i++)
		probe_close(crowd_fds[i]);
	probe_finish();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("loop_batch", &tc);

	tcase_add_loop_test(tc, test_loop_deleted_in_the_batch, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_reused_in_the_batch, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_deletes_itself, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_deleted_but_open_elsewhere, 0,
	    PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_none_starves, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_add_and_delete, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_loop_each, 0, PROBE_MECHANISMS);
	return unit_run(s);
}
