/* SPDX-License-Identifier: ISC */
/*
 * net/listener: accepting, letting go, and a shortage of descriptors.
 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "fake_net.h"
#include "helper.h"
#include "unit.h"

#define CLIENTS	5

static struct address where;
static int clients[CLIENTS];
static int wanted;

static void
setup(void)
{
	int i;

	for (i = 0; i < CLIENTS; i++)
		clients[i] = -1;
	fake_start(PRONG_RAW);
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < CLIENTS; i++)
		if (clients[i] != -1)
			close(clients[i]);
	fake_stop();
}

/* A listening socket on a port of its own; its address is in where. */
static int
listening(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	where = (struct address){ .in = { .sin_family = AF_INET } };
	where.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	where.length = sizeof(where.in);
	ck_assert_int_eq(bind(fd, &where.sa, where.length), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, &where.sa, &where.length), 0);
	return fd;
}

static void
connect_client(int i)
{
	clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(clients[i], -1);
	ck_assert_int_eq(connect(clients[i], &where.sa, where.length), 0);
}

/* Whether the server has closed it, with an end or a reset. */
static bool
is_closed(int i)
{
	char c;
	ssize_t n = recv(clients[i], &c, 1, MSG_DONTWAIT);

	return n == 0 || (n == -1 && errno != EAGAIN);
}

static bool
are_accepted(void)
{
	return fake.opens >= wanted;
}

static void
wait_for(int count)
{
	wanted = count;
	fake_run_until(are_accepted);
}

START_TEST(test_listener_accept)
{
	struct address mine;
	char text[ADDRESS_MAX], peer[ADDRESS_MAX];
	int fd = listening();

	ck_assert_int_eq(listener_add(&fake.service, 3, false, fd), 0);
	connect_client(0);
	wait_for(1);
	ck_assert_str_eq(fake_counts(), "accepted=1");
	/* The client's address, and the server's. */
	mine.length = sizeof(mine.storage);
	ck_assert_int_eq(getsockname(clients[0], &mine.sa, &mine.length), 0);
	ck_assert_str_eq(prong_peer(fake.last, peer, sizeof(peer)),
	    address_format(&mine, text, sizeof(text)));
	ck_assert_str_eq(prong_local(fake.last, peer, sizeof(peer)),
	    address_format(&where, text, sizeof(text)));
	/* Neither blocks nor is inherited. */
	ck_assert_int_ne(fcntl(fake.last->watch.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(fake.last->watch.fd, F_GETFD), FD_CLOEXEC);
	connect_client(1);
	connect_client(2);
	wait_for(3);
}
END_TEST

/* Two of them, each with its queue; one goes, the other stays. */
START_TEST(test_listener_del)
{
	int first = listening(), second, before = helper_descriptors();

	ck_assert_int_eq(listener_add(&fake.service, 7, false, first), 0);
	connect_client(0);
	wait_for(1);
	second = listening();
	ck_assert_int_eq(listener_add(&fake.service, 8, false, second), 0);
	connect_client(1);
	wait_for(2);
	listener_del(fake.net, 7);
	listener_del(fake.net, 7);
	listener_del(fake.net, 99);
	ck_assert_int_eq(fcntl(first, F_GETFD), -1);
	connect_client(2);
	wait_for(3);
	listener_del_all(fake.net);
	listener_del_all(fake.net);
	ck_assert_ptr_null(fake.net->listeners);
	/* Both listeners are gone, three clients and their ends are there. */
	ck_assert_int_eq(helper_descriptors(), before - 1 + 6);
}
END_TEST

/* A descriptor that cannot be watched: closed, and the error says whose. */
START_TEST(test_listener_add_fails)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	errno = 0;
	ck_assert_int_eq(listener_add(&fake.service, 1, false, fd), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(strstr(error_text(), "service \"unit\""));
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_ptr_null(fake.net->listeners);
}
END_TEST

/* A copy elsewhere keeps the queue: what is released here is not lost. */
START_TEST(test_listener_queue_outlives)
{
	int fd = listening(), copy = dup(fd);

	ck_assert_int_eq(listener_add(&fake.service, 1, false, fd), 0);
	listener_del(fake.net, 1);
	connect_client(0);
	fake_settle();
	ck_assert_int_eq(fake.opens, 0);
	ck_assert(!is_closed(0));
	ck_assert_int_eq(listener_add(&fake.service, 2, false, copy), 0);
	wait_for(1);
}
END_TEST

/* All that wait, at once and without the loop. */
START_TEST(test_listener_accept_rest)
{
	int i;

	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	for (i = 0; i < 3; i++)
		connect_client(i);
	ck_assert_int_eq(listener_add(&fake.service, 2, false, listening()), 0);
	for (; i < CLIENTS; i++)
		connect_client(i);
	listener_accept_rest(fake.net);
	ck_assert_int_eq(fake.opens, CLIENTS);
	listener_accept_rest(fake.net);
	ck_assert_int_eq(fake.opens, CLIENTS);
}
END_TEST

/* One that is refused is no reason to leave the others waiting. */
START_TEST(test_listener_rest_of_a_full_table)
{
	int i;

	fake.net->table.capacity = 2;
	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	for (i = 0; i < CLIENTS; i++)
		connect_client(i);
	listener_accept_rest(fake.net);
	ck_assert_int_eq(fake.opens, 2);
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_MEMORY), 3);
}
END_TEST

static int most, last_opens;

static void
measure_turn(void *arg)
{
	if (fake.opens - last_opens > most)
		most = fake.opens - last_opens;
	last_opens = fake.opens;
	net_end_turn(fake.net);
	if (fake.opens >= wanted)
		loop_stop(fake.loop);
}

/*
 * From a queue that others take from too, one a turn; from one of our own
 * more and more, but never so many that those who are open have to wait.
 */
START_TEST(test_listener_burst)
{
	int many[40], i;

	ck_assert_int_eq(listener_add(&fake.service, 1, _i == 0, listening()),
	    0);
	for (i = 0; i < UNIT_COUNT(many); i++) {
		many[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(many[i], &where.sa, where.length), 0);
	}
	wanted = UNIT_COUNT(many);
	loop_on_turn(fake.loop, measure_turn, NULL);
	ck_assert_int_eq(loop_run(fake.loop), 0);
	ck_assert_int_eq(fake.opens, UNIT_COUNT(many));
	if (_i == 0)
		ck_assert_int_eq(most, 1);
	else
		ck_assert_int_eq(most, 16);
	for (i = 0; i < UNIT_COUNT(many); i++)
		close(many[i]);
}
END_TEST

/* --- a shortage of descriptors ------------------------------------------- */

static struct rlimit limit;

/* No descriptor more than there are. */
static void
leave_no_room(void)
{
	struct rlimit less;
	int next;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_ne(next = dup(0), -1);
	close(next);
	less = limit;
	less.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &less), 0);
}

static void
give_room(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static bool
is_paused(void)
{
	return fake.net->paused;
}

static bool
is_resumed(void)
{
	return !fake.net->paused;
}

static int turns;

static void
count_turn(void *arg)
{
	turns++;
	net_end_turn(fake.net);
	if (!fake.net->paused)
		loop_stop(fake.loop);
}

/* Told once; no spinning; and it goes on when there is room again. */
START_TEST(test_listener_shortage)
{
	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	connect_client(0);
	leave_no_room();
	fake_run_until(is_paused);
	ck_assert_int_eq(fake.opens, 0);
	ck_assert_int_eq(fake.reports, 1);
	ck_assert_int_eq(fake.reported_level, PRONG_WARNING);
	ck_assert_ptr_nonnull(strstr(fake.reported, "Too many open files"));
	loop_on_turn(fake.loop, count_turn, NULL);
	ck_assert_int_eq(loop_run(fake.loop), 0);
	ck_assert_int_le(turns, 3);

	/* Still none: it is not told again at once. */
	fake_run_until(is_paused);
	ck_assert_int_eq(fake.reports, 1);
	give_room();
	wait_for(1);
	ck_assert(!fake.net->paused);
	ck_assert_str_eq(fake_counts(), "accepted=1");
}
END_TEST

/* One that ends makes room for one, without waiting for the time. */
START_TEST(test_listener_shortage_ends)
{
	uint64_t start;

	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	connect_client(0);
	wait_for(1);
	connect_client(1);
	leave_no_room();
	fake_run_until(is_paused);
	start = loop_now(fake.loop);
	conn_end(fake.last, COUNTER_CLOSED_SERVER);
	ck_assert(is_resumed());
	wait_for(2);
	ck_assert_uint_lt(loop_now(fake.loop) - start, 90);
	give_room();
	ck_assert(is_closed(0));
	ck_assert(!is_closed(1));
}
END_TEST

/* One that is added meanwhile waits like the others. */
START_TEST(test_listener_added_in_a_shortage)
{
	int second;

	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	connect_client(0);
	second = listening();
	connect_client(1);
	leave_no_room();
	fake_run_until(is_paused);
	ck_assert_int_eq(listener_add(&fake.service, 2, false, second), 0);
	fake_settle();
	ck_assert_int_eq(fake.opens, 0);
	give_room();
	wait_for(2);
}
END_TEST

/* --- telling that there are none left ------------------------------------ */

static int fulls, wells;

static void
note_full(bool full)
{
	fulls += full;
	wells += !full;
}

static bool
is_full(void)
{
	return fulls > 0;
}

static bool
is_well(void)
{
	return wells > 0;
}

/*
 * While a shortage lasts a neighbour is to accept; that is said once, when it
 * has lasted, and so is that it is over, when it has not come back.
 */
START_TEST(test_listener_full)
{
	uint64_t start;

	fake.net->full = note_full;
	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	connect_client(0);
	leave_no_room();
	fake_run_until(is_paused);
	ck_assert_int_eq(fulls, 0);
	fake_run_until(is_full);
	ck_assert_int_eq(wells, 0);
	/* Tried again, and again: it is the same shortage. */
	fake_run_until(is_paused);
	fake_run_until(is_resumed);
	fake_run_until(is_paused);
	ck_assert_int_eq(fulls, 1);
	give_room();
	wait_for(1);
	start = loop_now(fake.loop);
	fake_run_until(is_well);
	ck_assert_uint_ge(loop_now(fake.loop) - start, 900);
	ck_assert_int_eq(fulls, 1);
	ck_assert_int_eq(wells, 1);
}
END_TEST

/* A short one is nobody else's business. */
START_TEST(test_listener_full_is_not_told_at_once)
{
	fake.net->full = note_full;
	ck_assert_int_eq(listener_add(&fake.service, 1, false, listening()), 0);
	connect_client(0);
	wait_for(1);
	connect_client(1);
	leave_no_room();
	fake_run_until(is_paused);
	conn_end(fake.last, COUNTER_CLOSED_SERVER);
	wait_for(2);
	give_room();
	connect_client(2);
	wait_for(3);
	ck_assert_int_eq(fulls + wells, 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("listener", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_listener_accept);
	tcase_add_test(tc, test_listener_del);
	tcase_add_test(tc, test_listener_add_fails);
	tcase_add_test(tc, test_listener_queue_outlives);
	tcase_add_test(tc, test_listener_accept_rest);
	tcase_add_test(tc, test_listener_rest_of_a_full_table);
	tcase_add_loop_test(tc, test_listener_burst, 0, 2);
	tcase_add_test(tc, test_listener_shortage);
	tcase_add_test(tc, test_listener_shortage_ends);
	tcase_add_test(tc, test_listener_added_in_a_shortage);
	tcase_add_test(tc, test_listener_full);
	tcase_add_test(tc, test_listener_full_is_not_told_at_once);
	return unit_run(s);
}
