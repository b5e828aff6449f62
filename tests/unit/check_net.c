/* SPDX-License-Identifier: ISC */
/*
 * net/net: the end of a turn, draining, and the end of everything.
 */
#include "net/net.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <unistd.h>

#include "fake_net.h"
#include "helper.h"
#include "net/listener.h"
#include "unit.h"

static struct peer *peers[3];
static int drained;

static void
setup(void)
{
	fake_start(PRONG_RAW);
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < UNIT_COUNT(peers); i++)
		if (peers[i] != NULL)
			peer_free(peers[i]);
	fake_stop();
}

static void
note_drained(void *arg)
{
	ck_assert_ptr_eq(arg, &drained);
	drained++;
}

static bool
is_drained(void)
{
	return drained > 0;
}

/* The structure lives until the turn ends, and no longer. */
START_TEST(test_net_end_turn)
{
	struct prong_conn *c;

	peers[0] = peer_unix();
	c = peers[0]->conn;
	conn_end(c, COUNTER_CLOSED_SERVER);
	ck_assert_ptr_eq(fake.net->dead, c);
	ck_assert_int_ne(c->flags & CONN_DEAD, 0);
	net_end_turn(fake.net);
	ck_assert_ptr_null(fake.net->dead);
	net_end_turn(fake.net);
	ck_assert_int_eq(fake.closes, 1);
}
END_TEST

START_TEST(test_net_drain_nothing)
{
	net_drain(fake.net, note_drained, &drained);
	net_end_turn(fake.net);
	ck_assert_int_eq(drained, 1);
	net_end_turn(fake.net);
	ck_assert_int_eq(drained, 1);
}
END_TEST

static int
goodbye(struct prong_conn *c)
{
	conn_put(c, "bye", 3);
	if (c == peers[0]->conn)
		conn_close(c, COUNTER_CLOSED_SERVER);
	return 0;
}

/* Each is told; it is over when the last one has gone, and told once. */
START_TEST(test_net_drain)
{
	int i;

	for (i = 0; i < 3; i++)
		peers[i] = peer_unix();
	fake.draining = goodbye;
	net_drain(fake.net, note_drained, &drained);
	net_drain(fake.net, note_drained, NULL);
	ck_assert_int_eq(fake.drains, 3);
	fake_settle();
	for (i = 0; i < 3; i++)
		peer_expect(peers[i], "bye");
	ck_assert(peers[0]->eof);
	ck_assert_int_eq(drained, 0);
	/* Those that are left are served. */
	peer_send(peers[1], "hello");
	fake_settle();
	ck_assert_str_eq(fake.heard, "[hello]");
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(drained, 0);
		peer_close(peers[i]);
	}
	fake_run_until(is_drained);
	fake_settle();
	ck_assert_int_eq(drained, 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 2);
}
END_TEST

/* What waits in the queue is taken, and told; nobody new is. */
START_TEST(test_net_drain_takes_the_queue)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t length = sizeof(a);
	int fd, i, clients[4];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, length), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &length), 0);
	ck_assert_int_eq(listener_add(&fake.service, 1, false, fd), 0);
	for (i = 0; i < 3; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(connect(clients[i], (struct sockaddr *)&a,
		    length), 0);
	}
	net_drain(fake.net, note_drained, &drained);
	ck_assert_int_eq(fake.opens, 3);
	ck_assert_int_eq(fake.drains, 3);
	ck_assert_ptr_null(fake.net->listeners);
	clients[3] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(clients[3], (struct sockaddr *)&a, length),
	    -1);
	for (i = 0; i < 4; i++)
		close(clients[i]);
	fake_run_until(is_drained);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 3);
}
END_TEST

START_TEST(test_net_close_all)
{
	int i;

	for (i = 0; i < 3; i++)
		peers[i] = peer_unix();
	net_close_all(fake.net);
	ck_assert_int_eq(fake.closes, 3);
	ck_assert_uint_eq(fake_active(), 0);
	ck_assert_uint_eq(*fake.net->live, 0);
	fake_settle();
	for (i = 0; i < 3; i++)
		ck_assert(peers[i]->eof);
	ck_assert_str_eq(fake_counts(), "accepted=3 closed_server=3");
	net_close_all(fake.net);
	ck_assert_int_eq(fake.closes, 3);
}
END_TEST

/* Descriptors in the loop that are no connections are left alone. */
START_TEST(test_net_free)
{
	int before = helper_descriptors();

	peers[0] = peer_unix();
	peers[1] = peer_unix();
	net_free(fake.net);
	ck_assert_int_eq(fake.closes, 2);
	ck_assert_int_eq(helper_descriptors(), before + 2);
	ck_assert(peers[0]->watched && peers[1]->watched);
	fake.net = NULL;
	net_free(fake.net);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("net", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_net_end_turn);
	tcase_add_test(tc, test_net_drain_nothing);
	tcase_add_test(tc, test_net_drain);
	tcase_add_test(tc, test_net_drain_takes_the_queue);
	tcase_add_test(tc, test_net_close_all);
	tcase_add_test(tc, test_net_free);
	return unit_run(s);
}
