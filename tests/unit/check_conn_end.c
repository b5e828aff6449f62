/* SPDX-License-Identifier: ISC */
/*
 * net/conn: every way in which a connection ends, and where it is booked.
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "fake_net.h"
#include "helper.h"
#include "unit.h"

#define BIG	(2 * 1024 * 1024)

static struct peer *peer, *other;
static char *big;

static void
setup(void)
{
	size_t i;

	fake_start(PRONG_LINE);
	ck_assert_ptr_nonnull(big = malloc(BIG));
	for (i = 0; i < BIG; i++)
		big[i] = (char)(i * 13 + i / 255);
}

static void
teardown(void)
{
	if (peer != NULL)
		peer_free(peer);
	if (other != NULL)
		peer_free(other);
	fake_stop();
	free(big);
}

/* Every test below runs over a pair of unix sockets (0) and TCP (1). */
static struct peer *
peer_of(int kind)
{
	return kind == 0 ? peer_unix() : peer_tcp();
}

static int
echo(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(c, data, len);
}

static int
send_big(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(c, big, BIG);
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

/* --- by the client ------------------------------------------------------- */

START_TEST(test_conn_end_by_client)
{
	peer = peer_of(_i);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_client=1");
	ck_assert_int_eq(fake.reports, 0);
}
END_TEST

/* Half-closed: every reply comes once, then the end. */
START_TEST(test_conn_end_half_closed)
{
	fake.message = echo;
	peer = peer_of(_i);
	peer_send(peer, "one\ntwo\nthree\n");
	peer_shutdown(peer);
	fake_run_until(has_eof);
	peer_expect(peer, "onetwothree");
	ck_assert_int_eq(fake.messages, 3);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_client=1 messages=3 "
	    "bytes_in=14 bytes_out=11");
}
END_TEST

/* Also when the replies take their time. */
START_TEST(test_conn_end_half_closed_slowly)
{
	fake.message = send_big;
	peer = peer_of(_i);
	peer_stall(peer);
	peer_send(peer, "go\n");
	peer_shutdown(peer);
	fake_settle();
	ck_assert_uint_eq(fake_active(), 1);
	ck_assert_int_eq(fake.closes, 0);
	peer_resume(peer);
	fake_run_until(has_eof);
	peer_expect_bytes(peer, big, BIG);
	ck_assert_int_eq(fake.messages, 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

/* The tail before the end is read, however long it is. */
START_TEST(test_conn_end_reads_the_tail)
{
	int i;

	peer = peer_of(_i);
	for (i = 0; i < 100; i++)
		peer_send(peer, "a line of the tail, which is long, and then "
		    "some more of it\n");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_int_eq(fake.messages, 100);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

START_TEST(test_conn_end_by_reset)
{
	peer = peer_tcp();
	fake_settle();
	peer_reset(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_error=1");
}
END_TEST

/* A reset while output waits. */
START_TEST(test_conn_end_by_reset_with_output)
{
	fake.message = send_big;
	peer = peer_tcp();
	peer_stall(peer);
	peer_send(peer, "go\n");
	fake_settle();
	ck_assert_uint_gt(conn_queued(peer->conn), 0);
	peer_reset(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_int_eq(fake.closes, 1);
}
END_TEST

/* The peer of a paused connection vanishes without a reset. */
START_TEST(test_conn_end_while_paused)
{
	fake.message = send_big;
	peer = peer_unix();
	peer_stall(peer);
	peer_send(peer, "go\n");
	fake_settle();
	ck_assert((peer->conn->flags & CONN_PAUSED) != 0);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
}
END_TEST

/* --- by the server ------------------------------------------------------- */

static int
bye(struct prong_conn *c, const void *data, size_t len)
{
	conn_put(c, data, len);
	conn_close(c, COUNTER_CLOSED_SERVER);
	return 0;
}

/* What is queued goes first; what the client says afterwards is ignored. */
START_TEST(test_conn_end_by_close)
{
	fake.message = bye;
	peer = peer_of(_i);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	peer_expect(peer, "one");
	peer_send(peer, "three\n");
	fake_settle();
	ck_assert_int_eq(fake.messages, 1);
	/* It waits for the client to see the end. */
	ck_assert_uint_eq(fake_active(), 1);
	ck_assert((peer->conn->flags & CONN_LINGER) != 0);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_int_eq(fake.closes, 1);
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_OUT), 3);
}
END_TEST

static int
send_big_and_close(struct prong_conn *c, const void *data, size_t len)
{
	conn_put(c, big, BIG);
	conn_close(c, COUNTER_CLOSED_SERVER);
	conn_close(c, COUNTER_CLOSED_TIMEOUT);
	return 0;
}

START_TEST(test_conn_end_after_output)
{
	fake.message = send_big_and_close;
	peer = peer_of(_i);
	peer_stall(peer);
	peer_send(peer, "go\n");
	fake_settle();
	/* Nothing is wrong with saying more before reading. */
	peer_send(peer, "and on\n");
	fake_settle();
	ck_assert_int_eq(fake.messages, 1);
	peer_resume(peer);
	fake_run_until(has_eof);
	peer_expect_bytes(peer, big, BIG);
	ck_assert_int_eq(fake.writables, 0);
	peer_close(peer);
	fake_run_until(is_over);
	/* The first reason holds. */
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_TIMEOUT), 0);
}
END_TEST

/* From outside any event. */
START_TEST(test_conn_end_close_from_outside)
{
	peer = peer_of(_i);
	fake_settle();
	conn_close(peer->conn, COUNTER_CLOSED_SERVER);
	ck_assert_uint_eq(fake_active(), 1);
	fake_run_until(has_eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_server=1");
}
END_TEST

/* A client that does not go is cut off when the time is up. */
START_TEST(test_conn_end_linger)
{
	fake.message = bye;
	/* The idle time-out has no say in it. */
	fake.service.settings.idle_timeout = 3600000000;
	peer = peer_of(_i);
	peer_send(peer, "x\n");
	fake_run_until(has_eof);
	fake_settle();
	ck_assert_uint_ne(peer->conn->timer.place, 0);
	ck_assert_uint_le(peer->conn->timer.deadline,
	    loop_now(fake.loop) + CONN_LINGER_MS);
	ck_assert_int_eq(conn_timer_set(peer->conn, 1000000), 0);
	ck_assert_uint_le(peer->conn->timer.deadline,
	    loop_now(fake.loop) + CONN_LINGER_MS);
	/* The rest of the time passes now. */
	ck_assert_int_eq(loop_timer(fake.loop, &peer->conn->timer, 1), 0);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* One who talks on does not prolong it either. */
START_TEST(test_conn_end_linger_is_not_prolonged)
{
	uint64_t deadline;
	int i;

	fake.message = bye;
	peer = peer_of(_i);
	peer_send(peer, "x\n");
	fake_run_until(has_eof);
	fake_settle();
	deadline = peer->conn->timer.deadline;
	for (i = 0; i < 20; i++) {
		peer_send_bytes(peer, big, 20000);
		fake_settle();
	}
	ck_assert_uint_eq(peer->conn->timer.deadline, deadline);
	/* What is thrown away is no input. */
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_IN), 2);
	peer_reset(peer);
	fake_run_until(is_over);
	/* The close was decided before. */
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* A reset of one that is being closed is booked as what was under way. */
START_TEST(test_conn_end_reset_while_closing)
{
	fake.message = send_big_and_close;
	peer = peer_tcp();
	peer_stall(peer);
	peer_send(peer, "go\n");
	fake_settle();
	peer_reset(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 0);
}
END_TEST

/* The client has closed its side before: nothing to wait for. */
START_TEST(test_conn_end_close_after_eof)
{
	fake.message = send_big_and_close;
	peer = peer_of(_i);
	peer_send(peer, "last");
	peer_shutdown(peer);
	fake_run_until(has_eof);
	peer_expect_bytes(peer, big, BIG);
	fake_settle();
	ck_assert_uint_eq(fake_active(), 0);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* --- now ----------------------------------------------------------------- */

static int
end_twice(struct prong_conn *c, const void *data, size_t len)
{
	conn_put(c, "lost", 4);
	conn_end(c, COUNTER_CLOSED_SERVER);
	conn_end(c, COUNTER_CLOSED_ERROR);
	conn_close(c, COUNTER_CLOSED_ERROR);
	errno = 0;
	ck_assert_int_eq(conn_put(c, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_uint_eq(conn_queued(c), 0);
	conn_update(c);
	return -1;
}

/* Freed when the turn ends: whoever is in the middle of it may go on. */
START_TEST(test_conn_end_now)
{
	fake.message = end_twice;
	peer = peer_of(_i);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	peer_expect(peer, "");
	ck_assert_int_eq(fake.messages, 1);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_server=1 messages=1 "
	    "bytes_in=8");
	ck_assert_int_eq(fake.reports, 0);
}
END_TEST

static int
end_other(struct prong_conn *c, const void *data, size_t len)
{
	conn_end(c == peer->conn ? other->conn : peer->conn,
	    COUNTER_CLOSED_SERVER);
	return conn_put(c, "it is gone", 10);
}

/* Both have something to say in the same turn; the first ends the second. */
START_TEST(test_conn_end_another)
{
	fake.message = end_other;
	peer = peer_of(_i);
	other = peer_of(_i);
	peer_send(peer, "x\n");
	peer_send(other, "x\n");
	fake_settle();
	ck_assert_int_eq(fake.messages, 1);
	ck_assert_int_eq(fake.closes, 1);
	ck_assert_uint_eq(fake_active(), 1);
	ck_assert_uint_eq(peer->length + other->length, 10);
}
END_TEST

/* --- handlers ------------------------------------------------------------ */

static int
complain(struct prong_conn *c, const void *data, size_t len)
{
	conn_put(c, "sorry", 5);
	return error_set(EIO, "the handler has a headache");
}

START_TEST(test_conn_end_by_handler_error)
{
	fake.message = complain;
	peer = peer_of(_i);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	peer_expect(peer, "sorry");
	ck_assert_int_eq(fake.messages, 1);
	ck_assert_int_eq(fake.reports, 1);
	ck_assert_str_eq(fake.reported,
	    "the handler failed: the handler has a headache");
	ck_assert_int_eq(fake.reported_level, PRONG_WARNING);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_error=1 messages=1 "
	    "bytes_in=8 bytes_out=5 handler_errors=1");
}
END_TEST

START_TEST(test_conn_check)
{
	peer = peer_of(_i);
	ck_assert(conn_check(peer->conn, 0));
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
	/* It still lives: its output has to go. */
	ck_assert(conn_check(peer->conn, -1));
	conn_end(peer->conn, COUNTER_CLOSED_CLIENT);
	ck_assert(!conn_check(peer->conn, 0));
	ck_assert(!conn_check(peer->conn, -1));
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 1);
	ck_assert_int_eq(fake.reports, 1);
}
END_TEST

static struct prong_conn *closing;

static void
look_closed(struct prong_conn *c)
{
	closing = c;
	/* It has all that it had, but for its voice. */
	ck_assert_ptr_eq(c->data, &closing);
	ck_assert_int_eq(c->entry->state, CONN_STATE_OPEN);
	errno = 0;
	ck_assert_int_eq(conn_put(c, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	conn_close(c, COUNTER_CLOSED_SERVER);
	conn_end(c, COUNTER_CLOSED_SERVER);
}

START_TEST(test_conn_end_closed_is_called)
{
	fake.closed = look_closed;
	peer = peer_of(_i);
	peer->conn->data = &closing;
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_ptr_eq(closing, peer->conn);
	ck_assert_int_eq(fake.closes, 1);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_client=1");
}
END_TEST

/* --- draining ------------------------------------------------------------ */

static int
goodbye(struct prong_conn *c)
{
	conn_put(c, "goodbye", 7);
	conn_close(c, COUNTER_CLOSED_SERVER);
	return 0;
}

START_TEST(test_conn_drain)
{
	fake.draining = goodbye;
	peer = peer_of(_i);
	conn_drain(peer->conn, DRAIN_ON);
	/* One that is closing is not asked again. */
	conn_drain(peer->conn, DRAIN_ON);
	ck_assert_int_eq(fake.drains, 1);
	fake_run_until(has_eof);
	peer_expect(peer, "goodbye");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* Nothing is left behind: no descriptor, whatever the end. */
START_TEST(test_conn_end_leaves_nothing)
{
	int i, before = helper_descriptors();

	fake.message = bye;
	for (i = 0; i < 30; i++) {
		peer = peer_of(_i);
		if (i % 3 == 0)
			peer_send(peer, "x\n");
		if (i % 3 == 1)
			conn_end(peer->conn, COUNTER_CLOSED_SERVER);
		fake_settle();
		peer_free(peer);
		peer = NULL;
	}
	fake_run_until(is_over);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_int_eq(fake.closes, 30);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 10);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 20);
}
END_TEST

/* A byte of urgent data harms nobody. */
START_TEST(test_conn_urgent_data)
{
	fake.message = echo;
	peer = peer_tcp();
	peer_send(peer, "one\n");
	ck_assert_int_eq(send(peer->watch.fd, "!", 1, MSG_OOB), 1);
	peer_send(peer, "two\n");
	fake_settle();
	peer_expect(peer, "onetwo");
	ck_assert_uint_eq(fake_active(), 1);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conn_end", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_conn_end_by_client, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_half_closed, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_half_closed_slowly, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_reads_the_tail, 0, 2);
	tcase_add_test(tc, test_conn_end_by_reset);
	tcase_add_test(tc, test_conn_end_by_reset_with_output);
	tcase_add_test(tc, test_conn_end_while_paused);
	tcase_add_loop_test(tc, test_conn_end_by_close, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_after_output, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_close_from_outside, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_linger, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_linger_is_not_prolonged, 0, 2);
	tcase_add_test(tc, test_conn_end_reset_while_closing);
	tcase_add_loop_test(tc, test_conn_end_close_after_eof, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_now, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_another, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_by_handler_error, 0, 2);
	tcase_add_loop_test(tc, test_conn_check, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_closed_is_called, 0, 2);
	tcase_add_loop_test(tc, test_conn_drain, 0, 2);
	tcase_add_loop_test(tc, test_conn_end_leaves_nothing, 0, 2);
	tcase_add_test(tc, test_conn_urgent_data);
	return unit_run(s);
}
