/* SPDX-License-Identifier: ISC */
/*
 * net/conn: how a connection begins, is paused and ends, and where each end is
 * booked.
 */
#include "net/conn.h"

#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "fake_net.h"
#include "helper.h"
#include "unit.h"

#define BIG	(4 * 1024 * 1024)

static struct peer *peer, *other;
static char *big;

static void
setup(void)
{
	size_t i;

	fake_start(PRONG_RAW);
	ck_assert_ptr_nonnull(big = malloc(BIG));
	for (i = 0; i < BIG; i++)
		big[i] = (char)(i * 11 + i / 253);
}

static void
teardown(void)
{
	fake_stop();
	free(big);
}

static int
echo(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(c, data, len);
}

static bool
has_eof(void)
{
	return peer->eof;
}

static bool
is_over(void)
{
	return fake_active() == 0;
}

START_TEST(test_conn_opened)
{
	const struct conn_entry *e;
	uint64_t before = process_milliseconds();

	peer = peer_tcp();
	ck_assert_ptr_nonnull(peer->conn);
	ck_assert_int_eq(fake.opens, 1);
	ck_assert_str_eq(fake_counts(), "accepted=1");
	ck_assert_uint_eq(fake_active(), 1);
	ck_assert_uint_eq(*fake.net->live, 1);
	e = peer->conn->entry;
	ck_assert_int_eq(e->family, AF_INET);
	ck_assert_int_eq(memcmp(e->address, "\x7f\0\0\1", 4), 0);
	ck_assert_int_ne(e->port, 0);
	ck_assert_int_eq(e->service, 1);
	ck_assert_uint_ge(e->opened + 1000, before);
	ck_assert_uint_eq(e->last, e->opened);
	ck_assert_uint_eq(e->bytes_in + e->bytes_out, 0);
	peer_send(peer, "hello");
	fake.message = echo;
	fake_settle();
	peer_expect(peer, "hello");
	ck_assert_uint_eq(e->bytes_in, 5);
	ck_assert_uint_eq(e->bytes_out, 5);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_client=1 messages=1 "
	    "bytes_in=5 bytes_out=5");
	ck_assert_uint_eq(*fake.net->live, 0);
	peer_free(peer);
}
END_TEST

static int
greet(struct prong_conn *c)
{
	return conn_put(c, "welcome", 7);
}

/* The greeting goes at once, without an event. */
START_TEST(test_conn_greeting)
{
	char buf[16];

	fake.opened = greet;
	peer = peer_unix();
	ck_assert_int_eq(recv(peer->watch.fd, buf, sizeof(buf), MSG_DONTWAIT),
	    7);
	ck_assert_uint_eq(conn_queued(peer->conn), 0);
	peer_free(peer);
}
END_TEST

static int
refuse(struct prong_conn *c)
{
	return error_set(EINVAL, "no room for you");
}

START_TEST(test_conn_opened_fails)
{
	fake.opened = refuse;
	peer = peer_unix();
	fake_run_until(has_eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(),
	    "accepted=1 closed_error=1 handler_errors=1");
	ck_assert_int_eq(fake.closes, 1);
	ck_assert_int_eq(fake.reports, 1);
	ck_assert_str_eq(fake.reported,
	    "the handler failed: no room for you");
	ck_assert_int_eq(fake.reported_level, PRONG_WARNING);
	peer_free(peer);
}
END_TEST

static int
end_now(struct prong_conn *c)
{
	conn_end(c, COUNTER_CLOSED_SERVER);
	return 0;
}

START_TEST(test_conn_opened_ends)
{
	fake.opened = end_now;
	peer = peer_unix();
	fake_settle();
	ck_assert(peer->eof);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_server=1");
	peer_free(peer);
}
END_TEST

/* No entry is left: refused, and the descriptor is closed. */
START_TEST(test_conn_table_full)
{
	int before = helper_descriptors();

	fake.net->table.capacity = 0;
	peer = peer_unix();
	ck_assert_ptr_null(peer->conn);
	fake_settle();
	ck_assert(peer->eof);
	ck_assert_int_eq(fake.opens + fake.closes, 0);
	ck_assert_str_eq(fake_counts(), "refused_memory=1");
	peer_free(peer);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

/* Beyond what select can watch: a clear refusal. */
START_TEST(test_conn_too_many_for_select)
{
	struct rlimit limit = { FD_SETSIZE + 16, FD_SETSIZE + 16 };
	struct address a = { .sa.sa_family = AF_UNIX };
	int fd[2], high;

	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	fake_stop();
	fake_start_with(LOOP_SELECT, PRONG_RAW);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	high = fcntl(fd[0], F_DUPFD_CLOEXEC, FD_SETSIZE);
	ck_assert_int_ge(high, FD_SETSIZE);
	close(fd[0]);
	errno = 0;
	ck_assert_int_eq(conn_open(&fake.service, high, &a), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(fcntl(high, F_GETFD), -1);
	ck_assert_str_eq(fake_counts(), "refused_limit=1");
	close(fd[1]);
	/* Its entry is free again. */
	fake.net->table.capacity = 1;
	peer = peer_unix();
	ck_assert_ptr_nonnull(peer->conn);
	peer_free(peer);
}
END_TEST

/* --- sending ------------------------------------------------------------- */

static int
send_thrice(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(c, "one,", 4) + conn_put(c, data, len) +
	    conn_put(c, ",three", 6);
}

/*
 * One write after all messages of a read: over a pair of packet sockets, what
 * is written at once is one packet.
 */
START_TEST(test_conn_one_write)
{
	struct address a = { .sa.sa_family = AF_UNIX };
	char buf[64];
	int fd[2];

	fake.message = send_thrice;
	fake.service.framing = PRONG_LINE;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0,
	    fd), 0);
	ck_assert_int_eq(conn_open(&fake.service, fd[0], &a), 0);
	ck_assert_int_eq(send(fd[1], "x\ny\n", 4, 0), 4);
	fake_settle();
	ck_assert_int_eq(recv(fd[1], buf, sizeof(buf), 0), 22);
	ck_assert_int_eq(memcmp(buf, "one,x,threeone,y,three", 22), 0);
	ck_assert_int_eq(recv(fd[1], buf, sizeof(buf), 0), -1);
	close(fd[1]);
}
END_TEST

static int
send_big(struct prong_conn *c, const void *data, size_t len)
{
	size_t at, n;

	/* Small, large and larger than anything that gathers. */
	for (at = 0; at < BIG; at += n) {
		n = at % 3 == 0 ? 1 : at % 3 == 1 ? 5000 : 300000;
		if (n > BIG - at)
			n = BIG - at;
		if (conn_put(c, big + at, n) == -1)
			return -1;
	}
	return 0;
}

static bool
has_big(void)
{
	return peer->length >= BIG;
}

/* Every byte, in order, to a peer that reads when it likes. */
START_TEST(test_conn_big_reply)
{
	int i;

	fake.message = send_big;
	peer = _i == 0 ? peer_unix() : peer_tcp();
	peer_stall(peer);
	peer_send(peer, "go");
	fake_settle();
	ck_assert_uint_gt(conn_queued(peer->conn), OUTPUT_HIGH);
	ck_assert((peer->conn->flags & CONN_PAUSED) != 0);
	for (i = 0; i < 3; i++) {
		peer_resume(peer);
		fake_settle();
		peer_stall(peer);
	}
	peer_resume(peer);
	fake_run_until(has_big);
	peer_expect_bytes(peer, big, BIG);
	ck_assert_uint_eq(conn_queued(peer->conn), 0);
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_OUT), BIG);
	ck_assert_uint_eq(peer->conn->entry->bytes_out, BIG);
	peer_free(peer);
}
END_TEST

static struct prong_conn *target;

static int
send_to_target(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(target, data, len);
}

/* To another connection than the one whose event it is, and from outside. */
START_TEST(test_conn_send_to_another)
{
	peer = peer_unix();
	other = peer_unix();
	target = other->conn;
	fake.message = send_to_target;
	peer_send(peer, "for the other");
	fake_settle();
	peer_expect(peer, "");
	peer_expect(other, "for the other");
	ck_assert_int_eq(conn_put(peer->conn, "later", 5), 0);
	ck_assert_int_eq(conn_put(peer->conn, " on", 3), 0);
	ck_assert_int_eq(conn_put(peer->conn, "", 0), 0);
	fake_settle();
	peer_expect(peer, "later on");
	/* And it reads on afterwards. */
	fake.message = echo;
	peer_send(other, "!");
	peer_send(peer, "?");
	fake_settle();
	peer_expect(peer, "later on?");
	peer_expect(other, "for the other!");
	peer_free(peer);
	peer_free(other);
}
END_TEST

START_TEST(test_conn_send_when_closing)
{
	peer = peer_unix();
	ck_assert_int_eq(conn_put(peer->conn, "a", 1), 0);
	conn_close(peer->conn, COUNTER_CLOSED_SERVER);
	errno = 0;
	ck_assert_int_eq(conn_put(peer->conn, "b", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	fake_settle();
	peer_expect(peer, "a");
	ck_assert(peer->eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(),
	    "accepted=1 closed_server=1 bytes_out=1");
	peer_free(peer);
}
END_TEST

/* --- back-pressure ------------------------------------------------------- */

static bool
is_resumed(void)
{
	return (peer->conn->flags & CONN_PAUSED) == 0;
}

/* Above high water it does not read; below low water it is told, and reads. */
START_TEST(test_conn_pause)
{
	int reads;

	fake.message = echo;
	peer = peer_unix();
	peer_stall(peer);
	while ((peer->conn->flags & CONN_PAUSED) == 0) {
		peer_send_bytes(peer, big, 16 * 1024);
		fake_settle();
	}
	ck_assert_uint_gt(conn_queued(peer->conn), OUTPUT_HIGH);
	ck_assert_uint_le(conn_queued(peer->conn), OUTPUT_HIGH + 16 * 1024);
	ck_assert_int_eq(fake.writables, 0);
	reads = fake.messages;
	peer_send(peer, "not now");
	fake_settle();
	ck_assert_int_eq(fake.messages, reads);

	peer_resume(peer);
	fake_run_until(is_resumed);
	ck_assert_uint_lt(conn_queued(peer->conn), OUTPUT_HIGH / 4);
	ck_assert_int_eq(fake.writables, 1);
	fake_settle();
	ck_assert_int_eq(fake.writables, 1);
	ck_assert_uint_eq(peer->length, fake.heard_bytes);
	ck_assert_str_eq(peer->got + peer->length - 7, "not now");
	peer_free(peer);
}
END_TEST

static int written;

static int
send_chunk(struct prong_conn *c)
{
	while (written < 20 && (c->flags & CONN_PAUSED) == 0) {
		if (conn_put(c, big, 300000) == -1)
			return -1;
		written++;
	}
	return 0;
}

static bool
has_chunks(void)
{
	return peer->length >= 20 * 300000;
}

/* A producer that goes on from .writable, each time until it is full. */
START_TEST(test_conn_writable_goes_on)
{
	fake.opened = send_chunk;
	fake.writable = send_chunk;
	peer = _i == 0 ? peer_unix() : peer_tcp();
	fake_run_until(has_chunks);
	ck_assert_int_eq(written, 20);
	ck_assert_int_ge(fake.writables, 1);
	ck_assert_uint_eq(peer->length, 20 * 300000);
	peer_free(peer);
}
END_TEST

static int
fail_writable(struct prong_conn *c)
{
	return error_set(EIO, "out of ink");
}

START_TEST(test_conn_writable_fails)
{
	fake.message = send_big;
	fake.writable = fail_writable;
	peer = peer_unix();
	peer_send(peer, "go");
	fake_run_until(has_eof);
	peer_expect_bytes(peer, big, BIG);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_str_eq(fake.reported, "the handler failed: out of ink");
	peer_free(peer);
}
END_TEST

/* --- time-outs ----------------------------------------------------------- */

START_TEST(test_conn_idle)
{
	uint64_t start = loop_now(fake.loop);

	fake.service.settings.idle_timeout = 30000;
	peer = peer_unix();
	fake_run_until(has_eof);
	ck_assert_uint_ge(process_milliseconds() - start, 29);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_timeout=1");
	ck_assert_int_eq(fake.closes, 1);
	peer_free(peer);
}
END_TEST

/* Less than a millisecond is short, and not "never". */
START_TEST(test_conn_idle_microseconds)
{
	fake.service.settings.idle_timeout = 500;
	peer = peer_unix();
	ck_assert_uint_ne(peer->conn->timeout, 0);
	fake_run_until(has_eof);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_timeout=1");
	peer_free(peer);
}
END_TEST

/* Who says something now and then stays. */
START_TEST(test_conn_activity)
{
	int i;

	fake_pass(0);
	fake.service.settings.idle_timeout = 60000;
	peer = peer_unix();
	for (i = 0; i < 8; i++) {
		peer_send(peer, ".");
		fake_pass(59);
		ck_assert(!peer->eof);
	}
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_IN), 8);
	fake_pass(1);
	ck_assert(peer->eof);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_TIMEOUT), 1);
	peer_free(peer);
}
END_TEST

START_TEST(test_conn_timer_set)
{
	fake_pass(0);
	fake.service.settings.idle_timeout = 20000;
	peer = peer_unix();
	other = peer_unix();
	/* None for one of them. */
	ck_assert_int_eq(conn_timer_set(peer->conn, 0), 0);
	fake_pass(20);
	ck_assert(other->eof);
	fake_pass(100);
	ck_assert(!peer->eof);
	ck_assert_int_eq(conn_timer_set(peer->conn, 100000), 0);
	ck_assert_int_eq(conn_timer_set(peer->conn, 15), 0);
	fake_pass(14);
	ck_assert(!peer->eof);
	fake_pass(1);
	ck_assert(peer->eof);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_TIMEOUT), 2);
	peer_free(peer);
	peer_free(other);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conn", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_conn_opened);
	tcase_add_test(tc, test_conn_greeting);
	tcase_add_test(tc, test_conn_opened_fails);
	tcase_add_test(tc, test_conn_opened_ends);
	tcase_add_test(tc, test_conn_table_full);
	tcase_add_test(tc, test_conn_too_many_for_select);
	tcase_add_test(tc, test_conn_one_write);
	tcase_add_loop_test(tc, test_conn_big_reply, 0, 2);
	tcase_add_test(tc, test_conn_send_to_another);
	tcase_add_test(tc, test_conn_send_when_closing);
	tcase_add_test(tc, test_conn_pause);
	tcase_add_loop_test(tc, test_conn_writable_goes_on, 0, 2);
	tcase_add_test(tc, test_conn_writable_fails);
	tcase_add_test(tc, test_conn_idle);
	tcase_add_test(tc, test_conn_idle_microseconds);
	tcase_add_test(tc, test_conn_activity);
	tcase_add_test(tc, test_conn_timer_set);
	return unit_run(s);
}
