/* SPDX-License-Identifier: ISC */
/*
 * loop/loop and its mechanisms: every test runs on epoll, poll and select.
 */
#include "loop/loop.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "helper.h"
#include "prong.h"
#include "unit.h"

/* A test that would wait for ever ends here. */
#define GUARD_MS	10000
#define MANY		600	/* more than one turn can handle */

/* A watch and what came to it. */
struct probe {
	struct watch watch;
	int calls;
	unsigned int events;		/* of the last call */
	void (*then)(struct probe *);
};

static const enum loop_mechanism mechanisms[] = {
	LOOP_EPOLL, LOOP_POLL, LOOP_SELECT,
};

static struct loop *loop;
static struct timer guard;
static int stop_after;			/* turns */

static void
guard_fire(struct timer *t)
{
	ck_abort_msg("nothing more happens");
}

/* For the checked fixture: the mechanism is the test's, by its number. */
static void
start(int number)
{
	loop = loop_new(mechanisms[number], 0);
	ck_assert_ptr_nonnull(loop);
	guard.fn = guard_fire;
	ck_assert_int_eq(loop_timer(loop, &guard, GUARD_MS), 0);
}

static void
finish(void)
{
	loop_free(loop);
	loop = NULL;
}

static void
turn(void *arg)
{
	if (--stop_after == 0)
		loop_stop(loop);
}

/* Runs so many turns; there must be something that makes it turn. */
static void
run_turns(int count)
{
	stop_after = count;
	loop_on_turn(loop, turn, NULL);
	ck_assert_int_eq(loop_run(loop), 0);
	loop_on_turn(loop, NULL, NULL);
}

static void
nothing(struct timer *t)
{
}

/* One turn that does not sleep. */
static void
run_once(void)
{
	struct timer t = { .fn = nothing };

	ck_assert_int_eq(loop_timer(loop, &t, 0), 0);
	run_turns(1);
	loop_timer_stop(loop, &t);
}

static void
probe_event(struct watch *w, unsigned int events)
{
	struct probe *p = (struct probe *)w;

	p->calls++;
	p->events = events;
	if (p->then != NULL)
		p->then(p);
}

static int
probe_add(struct probe *p, int fd, unsigned int events)
{
	*p = (struct probe){
		.watch = { probe_event, fd, events }, .then = p->then,
	};
	return loop_add(loop, &p->watch);
}

static void
pair(int fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
}

static void
close_pair(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static void
put(int fd)
{
	ck_assert_int_eq(write(fd, "x", 1), 1);
}

static void
get(int fd)
{
	char c;

	ck_assert_int_eq(read(fd, &c, 1), 1);
}

START_TEST(test_loop_name)
{
	static const char *const names[] = { "epoll", "poll", "select" };

	start(_i);
	ck_assert_str_eq(loop_mechanism_name(loop), names[_i]);
	finish();
	loop = loop_new(LOOP_AUTO, 0);
	ck_assert_ptr_nonnull(loop);
	ck_assert_str_eq(loop_mechanism_name(loop), "epoll");
	finish();
	loop_free(NULL);
}
END_TEST

START_TEST(test_loop_leaves_nothing)
{
	int before = helper_descriptors();

	start(_i);
	finish();
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_loop_level)
{
	struct probe p = { .then = NULL };
	int fd[2];

	start(_i);
	pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	run_once();
	ck_assert_int_eq(p.calls, 0);
	put(fd[1]);
	put(fd[1]);
	/* Told as long as there is something. */
	run_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_uint_eq(p.events, PRONG_READ);
	run_turns(2);
	ck_assert_int_eq(p.calls, 3);
	get(fd[0]);
	run_turns(1);
	ck_assert_int_eq(p.calls, 4);
	get(fd[0]);
	run_once();
	ck_assert_int_eq(p.calls, 4);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
}
END_TEST

START_TEST(test_loop_edge)
{
	struct probe p = { .then = NULL };
	int fd[2];

	start(_i);
	pair(fd);
	put(fd[1]);
	errno = 0;
	if (mechanisms[_i] != LOOP_EPOLL) {
		ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ | PRONG_EDGE),
		    -1);
		ck_assert_int_eq(errno, ENOTSUP);
		ck_assert_ptr_nonnull(strstr(error_text(),
		    loop_mechanism_name(loop)));
		/* Nor by a change; it stays as it was. */
		ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
		errno = 0;
		ck_assert_int_eq(loop_modify(loop, &p.watch, PRONG_READ |
		    PRONG_EDGE), -1);
		ck_assert_int_eq(errno, ENOTSUP);
		ck_assert_uint_eq(p.watch.events, PRONG_READ);
		run_turns(2);
		ck_assert_int_eq(p.calls, 2);
	} else {
		ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ | PRONG_EDGE),
		    0);
		run_turns(1);
		run_once();
		ck_assert_int_eq(p.calls, 1);
		put(fd[1]);
		run_turns(1);
		run_once();
		ck_assert_int_eq(p.calls, 2);
		/* Level again: what is there is told again. */
		ck_assert_int_eq(loop_modify(loop, &p.watch, PRONG_READ), 0);
		run_turns(2);
		ck_assert_int_eq(p.calls, 4);
	}
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
}
END_TEST

/* The set is replaced: one interest survives the end of the other. */
START_TEST(test_loop_modify)
{
	struct probe p = { .then = NULL };
	int fd[2];

	start(_i);
	pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_WRITE), 0);
	run_turns(1);
	ck_assert_uint_eq(p.events, PRONG_WRITE);
	put(fd[1]);
	run_turns(1);
	ck_assert_uint_eq(p.events, PRONG_WRITE);
	ck_assert_int_eq(loop_modify(loop, &p.watch, PRONG_READ | PRONG_WRITE),
	    0);
	ck_assert_uint_eq(p.watch.events, PRONG_READ | PRONG_WRITE);
	run_turns(1);
	ck_assert_uint_eq(p.events, PRONG_READ | PRONG_WRITE);
	ck_assert_int_eq(p.calls, 3);
	ck_assert_int_eq(loop_modify(loop, &p.watch, PRONG_READ), 0);
	run_turns(1);
	ck_assert_uint_eq(p.events, PRONG_READ);
	ck_assert_int_eq(loop_modify(loop, &p.watch, 0), 0);
	run_once();
	ck_assert_int_eq(p.calls, 4);
	/* The same set once more is no error. */
	ck_assert_int_eq(loop_modify(loop, &p.watch, 0), 0);
	ck_assert_int_eq(loop_modify(loop, &p.watch, PRONG_READ), 0);
	run_turns(1);
	ck_assert_int_eq(p.calls, 5);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
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

	start(_i);
	pair(fd);
	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_int_eq(probe_add(&p, fd[0], wrong[i]), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_int_eq(loop_modify(loop, &p.watch, wrong[i]), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_uint_eq(p.watch.events, PRONG_READ);
	put(fd[1]);
	run_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
}
END_TEST

START_TEST(test_loop_wrong_descriptors)
{
	struct probe p = { .then = NULL };
	int fd[2], file, folder;

	start(_i);
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
	pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_WRITE), 0);
	run_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
}
END_TEST

START_TEST(test_loop_watched_already)
{
	struct probe p = { .then = NULL }, q = { .then = NULL };
	int fd[2];

	start(_i);
	pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_WRITE), 0);
	errno = 0;
	ck_assert_int_eq(probe_add(&q, fd[0], PRONG_READ), -1);
	ck_assert_int_eq(errno, EEXIST);
	run_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.calls, 0);
	loop_del(loop, &p.watch);
	ck_assert_int_eq(probe_add(&q, fd[0], PRONG_WRITE), 0);
	run_turns(1);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.calls, 1);
	loop_del(loop, &q.watch);
	close_pair(fd);
	finish();
}
END_TEST

/* Above FD_SETSIZE: select refuses, the others serve. */
START_TEST(test_loop_large_descriptor)
{
	struct probe p = { .then = NULL };
	struct rlimit limit = { FD_SETSIZE + 16, FD_SETSIZE + 16 };
	int fd[2], high;

	pair(fd);
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1) {
		/* Where fewer are allowed there is nothing to refuse. */
		ck_assert_int_eq(errno, EPERM);
		close_pair(fd);
		return;
	}
	start(_i);
	high = fcntl(fd[0], F_DUPFD_CLOEXEC, FD_SETSIZE);
	ck_assert_int_ge(high, FD_SETSIZE);
	errno = 0;
	if (mechanisms[_i] == LOOP_SELECT) {
		ck_assert_int_eq(probe_add(&p, high, PRONG_WRITE), -1);
		ck_assert_int_eq(errno, ERANGE);
	} else {
		ck_assert_int_eq(probe_add(&p, high, PRONG_WRITE), 0);
		run_turns(1);
		ck_assert_int_eq(p.calls, 1);
		loop_del(loop, &p.watch);
	}
	/* The last one that select can do. */
	close(high);
	ck_assert_int_eq(dup2(fd[0], FD_SETSIZE - 1), FD_SETSIZE - 1);
	ck_assert_int_eq(probe_add(&p, FD_SETSIZE - 1, PRONG_WRITE), 0);
	run_turns(1);
	ck_assert_int_eq(p.calls, 1);
	loop_del(loop, &p.watch);
	close(FD_SETSIZE - 1);
	close_pair(fd);
	finish();
}
END_TEST

/* The peer has gone: told, and as the end of input too. */
START_TEST(test_loop_hangup)
{
	struct probe p = { .then = NULL };
	int fd[2];
	char c;

	start(_i);
	pair(fd);
	put(fd[1]);
	close(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	run_turns(1);
	ck_assert_uint_ne(p.events & PRONG_READ, 0);
	get(fd[0]);
	run_turns(1);
	ck_assert_int_eq(p.calls, 2);
	ck_assert_uint_ne(p.events & PRONG_READ, 0);
	ck_assert_int_eq(read(fd[0], &c, 1), 0);
	loop_del(loop, &p.watch);
	close(fd[0]);
	finish();
}
END_TEST

/* --- stale events ------------------------------------------------------- */

static struct probe twins[2], heir;
static int ends[2][2];

/* Whoever comes first ends the other. */
static void
delete_twin(struct probe *p)
{
	struct probe *other = &twins[p == &twins[0]];

	loop_del(loop, &other->watch);
	other->watch.fd = -1;
	p->then = NULL;
}

START_TEST(test_loop_deleted_in_the_batch)
{
	int i;

	start(_i);
	for (i = 0; i < 2; i++) {
		pair(ends[i]);
		put(ends[i][1]);
		twins[i].then = delete_twin;
		ck_assert_int_eq(probe_add(&twins[i], ends[i][0], PRONG_READ),
		    0);
	}
	run_turns(1);
	ck_assert_int_eq(twins[0].calls + twins[1].calls, 1);
	run_turns(1);
	ck_assert_int_eq(twins[0].calls + twins[1].calls, 2);
	for (i = 0; i < 2; i++) {
		if (twins[i].watch.fd != -1)
			loop_del(loop, &twins[i].watch);
		close_pair(ends[i]);
	}
	finish();
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
	loop_del(loop, &twins[other].watch);
	twins[other].watch.fd = -1;
	close_pair(ends[other]);
	pair(fresh);
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

	start(_i);
	for (i = 0; i < 2; i++) {
		pair(ends[i]);
		put(ends[i][1]);
		twins[i].then = replace_twin;
		ck_assert_int_eq(probe_add(&twins[i], ends[i][0], PRONG_READ),
		    0);
	}
	run_turns(3);
	ck_assert_int_eq(heir.calls, 0);
	ck_assert_int_eq(twins[0].calls + twins[1].calls, 3);
	/* Its own event comes. */
	i = twins[0].watch.fd == -1 ? 0 : 1;
	put(ends[i][1]);
	run_turns(1);
	ck_assert_int_eq(heir.calls, 1);
	loop_del(loop, &heir.watch);
	loop_del(loop, &twins[!i].watch);
	close_pair(ends[0]);
	close_pair(ends[1]);
	finish();
}
END_TEST

static void
delete_self(struct probe *p)
{
	loop_del(loop, &p->watch);
	close(p->watch.fd);
}

START_TEST(test_loop_deletes_itself)
{
	struct probe p = { .then = delete_self };
	int fd[2];

	start(_i);
	pair(fd);
	put(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	run_turns(1);
	run_once();
	ck_assert_int_eq(p.calls, 1);
	close(fd[1]);
	finish();
}
END_TEST

/* A descriptor that another process has open too ends here all the same. */
START_TEST(test_loop_deleted_but_open_elsewhere)
{
	struct probe p = { .then = NULL };
	int fd[2], copy;

	start(_i);
	pair(fd);
	put(fd[1]);
	copy = fcntl(fd[0], F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	loop_del(loop, &p.watch);
	close(fd[0]);
	run_once();
	ck_assert_int_eq(p.calls, 0);
	close(copy);
	close(fd[1]);
	finish();
}
END_TEST

/* --- many ---------------------------------------------------------------- */

static struct probe crowd[MANY];
static int crowd_fds[MANY][2];

static void
crowd_open(int count)
{
	struct rlimit limit;
	int i;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 2048 ? limit.rlim_max : 2048;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < count; i++) {
		/* What is watched below FD_SETSIZE, the rest above it. */
		pair(crowd_fds[i]);
		crowd_fds[i][1] = fcntl(crowd_fds[i][1], F_DUPFD_CLOEXEC,
		    FD_SETSIZE);
		ck_assert_int_ne(crowd_fds[i][1], -1);
		close(i == 0 ? crowd_fds[0][0] + 1 : crowd_fds[i][0] + 1);
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
		loop_del(loop, &crowd[i].watch);
		close_pair(crowd_fds[i]);
	}
}

/* More are ready than fit in a turn, and stay so: each gets its share. */
START_TEST(test_loop_none_starves)
{
	int i, least = INT32_MAX, most = 0;

	start(_i);
	crowd_open(MANY);
	for (i = 0; i < MANY; i++)
		put(crowd_fds[i][1]);
	run_turns(12);
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
	finish();
}
END_TEST

/* Every second one goes; the others hear what is theirs. */
START_TEST(test_loop_add_and_delete)
{
	int i;

	start(_i);
	crowd_open(40);
	for (i = 0; i < 40; i += 2) {
		loop_del(loop, &crowd[i].watch);
		close_pair(crowd_fds[i]);
		crowd_fds[i][0] = -1;
	}
	for (i = 1; i < 40; i += 4)
		put(crowd_fds[i][1]);
	run_turns(1);
	for (i = 0; i < 40; i++)
		ck_assert_int_eq(crowd[i].calls, i % 4 == 1);
	crowd_close(40);
	finish();
}
END_TEST

static int each_calls;

static void
each_count(struct watch *w, void *arg)
{
	ck_assert_ptr_eq(arg, &each_calls);
	ck_assert_ptr_eq(w->fn, probe_event);
	each_calls++;
}

static void
each_delete(struct watch *w, void *arg)
{
	each_calls++;
	loop_del(loop, w);
}

START_TEST(test_loop_each)
{
	int i;

	start(_i);
	loop_each(loop, each_count, &each_calls);
	ck_assert_int_eq(each_calls, 0);
	crowd_open(20);
	loop_each(loop, each_count, &each_calls);
	ck_assert_int_eq(each_calls, 20);
	loop_each(loop, each_delete, NULL);
	ck_assert_int_eq(each_calls, 40);
	loop_each(loop, each_count, &each_calls);
	ck_assert_int_eq(each_calls, 40);
	for (i = 0; i < 20; i++)
		close_pair(crowd_fds[i]);
	finish();
}
END_TEST

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
	ck_assert_int_eq(loop_timer(loop, &a->timer, ms), 0);
}

static void
alarm_stop(struct alarm *a)
{
	loop_stop(loop);
}

START_TEST(test_loop_timer_order)
{
	struct alarm a[5] = { { .then = NULL } };
	uint64_t began, took;

	start(_i);
	alarm_set(&a[0], 'c', 15);
	alarm_set(&a[1], 'a', 0);
	alarm_set(&a[2], 'd', 20);
	alarm_set(&a[3], 'b', 10);
	alarm_set(&a[4], 'x', 5);
	loop_timer_stop(loop, &a[4].timer);
	loop_timer_stop(loop, &a[4].timer);
	a[2].then = alarm_stop;
	began = process_milliseconds();
	ck_assert_int_eq(loop_run(loop), 0);
	took = process_milliseconds() - began;
	ck_assert_str_eq(fired, "abcd");
	/* Never early; the loop's clock may be a millisecond older. */
	ck_assert_uint_ge(took, 19);
	finish();
}
END_TEST

START_TEST(test_loop_timer_moved)
{
	struct alarm a[3] = { { .then = NULL } };

	start(_i);
	alarm_set(&a[0], 'a', 0);
	alarm_set(&a[0], 'a', 20);
	alarm_set(&a[1], 'b', 1000000);
	alarm_set(&a[1], 'b', 1);
	alarm_set(&a[2], 'c', 25);
	a[2].then = alarm_stop;
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_str_eq(fired, "bac");
	finish();
}
END_TEST

static void
alarm_again(struct alarm *a)
{
	ck_assert_int_eq(loop_timer(loop, &a->timer, 0), 0);
}

/* One that arms itself for now waits for the next turn; none is lost. */
START_TEST(test_loop_timer_again)
{
	struct alarm a[2] = { { .then = alarm_again } };

	start(_i);
	alarm_set(&a[0], 'a', 0);
	run_turns(1);
	ck_assert_str_eq(fired, "a");
	run_turns(2);
	ck_assert_str_eq(fired, "aaa");
	alarm_set(&a[1], 'b', 0);
	run_turns(3);
	ck_assert_ptr_nonnull(strchr(fired, 'b'));
	loop_timer_stop(loop, &a[0].timer);
	finish();
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

	start(_i);
	pair(fd);
	put(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	pingpong[0].then = pingpong[1].then = alarm_other;
	alarm_set(&pingpong[0], '.', 0);
	run_turns(3);
	ck_assert_int_eq(p.calls, 3);
	ck_assert_int_lt(pings, 10);
	loop_timer_stop(loop, &pingpong[0].timer);
	loop_timer_stop(loop, &pingpong[1].timer);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
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

	start(_i);
	t = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(t, MAP_FAILED);
	t->fn = alarm_vanish;
	ck_assert_int_eq(loop_timer(loop, t, 0), 0);
	run_turns(1);
	ck_assert_str_eq(fired, "v");
	finish();
}
END_TEST

static struct alarm victims[2];

static void
alarm_kill_other(struct alarm *a)
{
	loop_timer_stop(loop, &victims[a == &victims[0]].timer);
}

START_TEST(test_loop_timer_stopped_by_another)
{
	start(_i);
	victims[0].then = victims[1].then = alarm_kill_other;
	alarm_set(&victims[0], 'a', 0);
	alarm_set(&victims[1], 'b', 0);
	run_turns(1);
	run_once();
	ck_assert_uint_eq(strlen(fired), 1);
	finish();
}
END_TEST

/* The clock stands still within a turn and moves between turns. */
START_TEST(test_loop_now)
{
	struct alarm a = { .then = alarm_stop };
	uint64_t before;

	start(_i);
	before = loop_now(loop);
	ck_assert_uint_le(before, process_milliseconds());
	alarm_set(&a, 'a', 10);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_uint_ge(loop_now(loop), before + 10);
	ck_assert_uint_le(loop_now(loop), process_milliseconds());
	finish();
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
	loop_stop(loop);
}

/* The hook comes after all events and timers of its turn, and once. */
START_TEST(test_loop_turn_hook)
{
	struct probe p = { .then = order_event };
	struct alarm a = { .then = order_alarm };
	int fd[2];

	start(_i);
	pair(fd);
	put(fd[1]);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	alarm_set(&a, 'a', 0);
	loop_on_turn(loop, order_end, &order_turn);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(order_calls, 2);
	ck_assert_int_eq(order_turn, 1);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
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
	get(p->watch.fd);
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
	int fd[2], spun;

	loop = loop_new(mechanisms[_i], 20000);
	ck_assert_ptr_nonnull(loop);
	pair(fd);
	ck_assert_int_eq(probe_add(&p, fd[0], PRONG_READ), 0);
	loop_on_turn(loop, count_turn, NULL);

	/* Nothing has come yet: it sleeps. */
	alarm_set(&end, 'a', 50);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_le(turns, 3);

	put(fd[1]);
	alarm_set(&end, 'b', 10);
	ck_assert_int_eq(loop_run(loop), 0);
	spun = turns;
	ck_assert_int_gt(spun, 20);
	ck_assert_int_eq(p.calls, 1);

	/* 10 of the 20 ms are left at the most; it sleeps for the rest. */
	alarm_set(&end, 'c', 300);
	cpu = cpu_microseconds();
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_lt(cpu_microseconds() - cpu, 100000);
	loop_del(loop, &p.watch);
	close_pair(fd);
	finish();
}
END_TEST

int
main(void)
{
	static const struct {
		const char *name;
		const TTest *test;
	} tests[] = {
		{ "name", test_loop_name },
		{ "leaves_nothing", test_loop_leaves_nothing },
		{ "level", test_loop_level },
		{ "edge", test_loop_edge },
		{ "modify", test_loop_modify },
		{ "wrong_events", test_loop_wrong_events },
		{ "wrong_descriptors", test_loop_wrong_descriptors },
		{ "watched_already", test_loop_watched_already },
		{ "large_descriptor", test_loop_large_descriptor },
		{ "hangup", test_loop_hangup },
		{ "deleted_in_the_batch", test_loop_deleted_in_the_batch },
		{ "reused_in_the_batch", test_loop_reused_in_the_batch },
		{ "deletes_itself", test_loop_deletes_itself },
		{ "open_elsewhere", test_loop_deleted_but_open_elsewhere },
		{ "none_starves", test_loop_none_starves },
		{ "add_and_delete", test_loop_add_and_delete },
		{ "each", test_loop_each },
		{ "timer_order", test_loop_timer_order },
		{ "timer_moved", test_loop_timer_moved },
		{ "timer_again", test_loop_timer_again },
		{ "timers_do_not_starve", test_loop_timers_do_not_starve },
		{ "timer_gone", test_loop_timer_gone },
		{ "timer_stopped", test_loop_timer_stopped_by_another },
		{ "now", test_loop_now },
		{ "turn_hook", test_loop_turn_hook },
		{ "busy_poll", test_loop_busy_poll },
	};
	TCase *tc;
	Suite *s = unit_suite("loop", &tc);
	int i;

	for (i = 0; i < UNIT_COUNT(tests); i++)
		tcase_add_loop_test(tc, tests[i].test, 0,
		    UNIT_COUNT(mechanisms));
	return unit_run(s);
}
