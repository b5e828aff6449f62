/* SPDX-License-Identifier: ISC */
/*
 * dispatch/conversation: what happens to a connection while its handler, in
 * message style, is busy.
 */
#include "calls.h"
#include "unit.h"

/* --- the end ------------------------------------------------------------- */

static int last_result;

static int
note_end(struct prong_conn *c, const void *data, size_t len)
{
	note('<', data, len);
	expect_error(wait_at(0), ECANCELED);
	/* Every further wait fails, too, and what was heard is still there. */
	expect_error(prong_sleep(1), ECANCELED);
	expect_error(prong_wait(gates[1][0], PRONG_READ, 1), ECANCELED);
	expect_error(prong_send(c, data, len), EPIPE);
	note('>', data, len);
	return last_result;
}

/* A reset while it waits; it is not asked about what comes behind. */
START_TEST(test_calls_reset)
{
	last_result = _i;
	fake.handler.opened = opened;
	fake.handler.closed = closed;
	fake.handler.message = note_end;
	conversing_start(PRONG_LINE);
	peer = peer_tcp();
	peer_send(peer, "one\ntwo\n");
	fake_settle();
	peer_reset(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(trace, "<oneone>C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	/* That it failed then is not its fault. */
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
}
END_TEST

/* The server ends it. */
START_TEST(test_calls_ended)
{
	start(PRONG_LINE, note_end);
	peer_send(peer, "one\ntwo\n");
	fake_settle();
	net_close_all(fake.net);
	ck_assert_str_eq(trace, "<oneone>C");
	fake_settle();
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

static int
abort_and_wait(struct prong_conn *c, const void *data, size_t len)
{
	prong_abort(c);
	say("a");
	expect_error(prong_sleep(1), ECANCELED);
	say("b");
	return 0;
}

/* It ends it itself: .closed comes behind it. */
START_TEST(test_calls_abort)
{
	start(PRONG_LINE, abort_and_wait);
	peer_send(peer, "one\ntwo\n");
	fake_settle();
	ck_assert_str_eq(trace, "abC");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

static struct prong_conn *victim;

static int
wait_or_abort(struct prong_conn *c, const void *data, size_t len)
{
	if (c == victim)
		return note_end(c, data, len);
	say("(");
	prong_abort(victim);
	say(")");
	return 0;
}

/* Another connection's handler ends it while it waits. */
START_TEST(test_calls_aborted_by_another)
{
	struct peer *other;

	start(PRONG_LINE, wait_or_abort);
	victim = peer->conn;
	peer_send(peer, "one\n");
	fake_settle();
	other = peer_unix();
	peer_send(other, "x\n");
	fake_settle();
	ck_assert_str_eq(trace, "<one(one>C)");
	peer_free(other);
}
END_TEST

/* The peer sends no more: what it has sent is answered to the end. */
START_TEST(test_calls_half_close)
{
	start(PRONG_LINE, echo_at_gate);
	peer_send(peer, "one\ntwo\nthree");
	peer_shutdown(peer);
	fake_settle();
	ck_assert(!peer->eof);
	open_gate(0);
	open_gate(0);
	ck_assert_str_eq(trace, "<oneone><twotwo><three");
	ck_assert(!peer->eof);
	open_gate(0);
	fake_run_until(has_eof);
	peer_expect(peer, "one\ntwo\nthree\n");
	ck_assert_str_eq(trace, "<oneone><twotwo><threethree>C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

static int
fail_late(struct prong_conn *c, const void *data, size_t len)
{
	if (wait_at(0) == -1)
		return -1;
	return prong_set_error(EIO, "failed on purpose");
}

/* A failure is counted and told as that of one that did not wait. */
START_TEST(test_calls_failure)
{
	start(PRONG_LINE, fail_late);
	peer_send(peer, "one\ntwo\n");
	fake_settle();
	open_gate(0);
	fake_run_until(has_eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 1);
	ck_assert_str_eq(fake.reported,
	    "the handler failed: failed on purpose");
	ck_assert_int_eq(fake.reports, 1);
}
END_TEST

static int
close_early(struct prong_conn *c, const void *data, size_t len)
{
	int result = prong_send(c, data, len);

	prong_close(c);
	if (wait_at(0) == -1)
		say("!");
	expect_error(prong_send(c, data, len), EPIPE);
	return result;
}

/* Closed, and at work all the same. */
START_TEST(test_calls_close)
{
	start(PRONG_LINE, close_early);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	peer_expect(peer, "one\n");
	if (_i == 0)
		open_gate(0);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(trace, _i == 0 ? "C" : "!C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 1);
}
END_TEST

static uint64_t deadline;

static bool
is_late(void)
{
	return loop_now(fake.loop) >= deadline;
}

/* While it waits it is the peer who waits, and not idle. */
START_TEST(test_calls_idle_timeout)
{
	start(PRONG_LINE, echo_at_gate);
	ck_assert_int_eq(prong_set_timeout(peer->conn, 20), 0);
	peer_send(peer, "one\n");
	deadline = loop_now(fake.loop) + 60;
	fake_run_until(is_late);
	ck_assert_uint_eq(fake_active(), 1);
	open_gate(0);
	peer_expect(peer, "one\n");
	fake_run_until(has_eof);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_TIMEOUT), 1);
}
END_TEST

/* --- what comes up while it is busy -------------------------------------- */

static int
greet_late(struct prong_conn *c)
{
	if (wait_at(1) == -1)
		return -1;
	say("O");
	return prong_send(c, "hello", 5);
}

/* A greeting comes before everything. */
START_TEST(test_calls_opened)
{
	fake.opened = greet_late;
	start(PRONG_LINE, echo);
	peer_send(peer, "one\ntwo\n");
	fake_settle();
	ck_assert_str_eq(trace, "");
	open_gate(1);
	ck_assert_str_eq(trace, "O<oneone><twotwo>");
	peer_expect(peer, "hello\none\ntwo\n");
}
END_TEST

static int
drain(struct prong_conn *c)
{
	say("D");
	return prong_send(c, "bye", 3);
}

/* A goodbye comes between messages. */
START_TEST(test_calls_draining)
{
	fake.handler.draining = drain;
	start(PRONG_LINE, echo_at_gate);
	if (_i == 0) {
		peer_send(peer, "one\ntwo\n");
		fake_settle();
	}
	net_drain(fake.net, NULL, NULL);
	fake_settle();
	if (_i == 0) {
		ck_assert_str_eq(trace, "<one");
		open_gate(0);
		ck_assert_str_eq(trace, "<oneone>D<two");
		open_gate(0);
		peer_expect(peer, "one\nbye\ntwo\n");
	} else
		peer_expect(peer, "bye\n");
}
END_TEST

static int
drain_at_gate(struct prong_conn *c)
{
	say("[");
	if (wait_at(1) == -1)
		return -1;
	say("]");
	return prong_send(c, "bye", 3);
}

static void
drain_in_event(struct watch *w, unsigned int events)
{
	loop_del(fake.loop, w);
	net_drain(fake.net, NULL, NULL);
}

/* A goodbye that takes its time, and a message of the very same turn. */
START_TEST(test_calls_draining_waits)
{
	struct watch w = { drain_in_event, -1, PRONG_READ };

	fake.handler.draining = drain_at_gate;
	start(_i == 0 ? PRONG_RAW : PRONG_LINE, echo);
	w.fd = gates[2][0];
	ck_assert_int_eq(loop_add(fake.loop, &w), 0);
	ck_assert_int_eq(write(gates[2][1], "x", 1), 1);
	peer_send(peer, "one\n");
	fake_settle();
	ck_assert_str_eq(trace, "[");
	open_gate(1);
	ck_assert_int_eq(strncmp(trace, "[]<one", 6), 0);
	ck_assert_int_eq(strncmp(peer->got, "bye", 3), 0);
}
END_TEST

static char block[8 * 1024];

static int
fill_and_wait(struct prong_conn *c, const void *data, size_t len)
{
	while (!prong_is_full(c))
		if (prong_send(c, block, sizeof(block)) == -1)
			return -1;
	say("<");
	if (wait_at(0) == -1)
		return -1;
	say(">");
	return 0;
}

static int
writable(struct prong_conn *c)
{
	ck_assert(!prong_is_full(c));
	say("W");
	return prong_send(c, "end", 3);
}

/* There is room again while it is busy: it is told afterwards. */
START_TEST(test_calls_writable)
{
	fake.handler.writable = writable;
	start(PRONG_RAW, fill_and_wait);
	peer_stall(peer);
	peer_send(peer, "x");
	fake_settle();
	ck_assert(prong_is_full(peer->conn));
	peer_resume(peer);
	fake_settle();
	ck_assert_str_eq(trace, "<");
	open_gate(0);
	ck_assert_str_eq(trace, "<>W");
	ck_assert_uint_eq(peer->length % sizeof(block), 3);
	ck_assert_str_eq(peer->got + peer->length - 3, "end");
}
END_TEST

/* Or it is no longer busy when there is room. */
START_TEST(test_calls_writable_later)
{
	fake.handler.writable = writable;
	start(PRONG_RAW, fill_and_wait);
	peer_stall(peer);
	peer_send(peer, "x");
	fake_settle();
	open_gate(0);
	ck_assert_str_eq(trace, "<>");
	peer_resume(peer);
	fake_settle();
	ck_assert_str_eq(trace, "<>W");
}
END_TEST

static int
complain(struct prong_conn *c, enum prong_malformed what)
{
	say(what == PRONG_OVERSIZE ? "O" : what == PRONG_TRUNCATED ? "T" :
	    "B");
	if (fake.last_malformed != PRONG_BAD_FRAME && wait_at(1) == -1)
		return -1;
	return prong_send(c, "bad", 3);
}

/* What is malformed is found when what came before it has been handled. */
static const struct {
	const char *bytes;
	const char *trace;
	uint64_t oversize;
} malformed[] = {
	{ "3:one,x", "<oneone>B", 0 },
	{ "3:one,70000:x", "<oneone>O", 1 },
	{ "3:one,3:tw", "<oneone>T", 0 },
};

START_TEST(test_calls_malformed)
{
	fake.handler.malformed = complain;
	start(PRONG_NETSTRING, echo_at_gate);
	peer_send(peer, malformed[_i].bytes);
	peer_shutdown(peer);
	fake_settle();
	ck_assert_str_eq(trace, "<one");
	open_gate(0);
	fake_run_until(has_eof);
	peer_expect(peer, "3:one,3:bad,");
	fake_run_until(is_over);
	ck_assert_int_eq(strncmp(trace, malformed[_i].trace,
	    strlen(malformed[_i].trace)), 0);
	ck_assert_str_eq(trace + strlen(malformed[_i].trace), "C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_uint_eq(fake_count(COUNTER_OVERSIZE), malformed[_i].oversize);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
}
END_TEST

/* Its answer may take time; the connection is closed afterwards. */
START_TEST(test_calls_malformed_waits)
{
	fake.handler.malformed = complain;
	fake.last_malformed = PRONG_OVERSIZE;
	start(PRONG_NETSTRING, echo);
	peer_send(peer, "x");
	fake_settle();
	ck_assert_str_eq(trace, "B");
	ck_assert(!peer->eof);
	open_gate(1);
	fake_run_until(has_eof);
	peer_expect(peer, "3:bad,");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
}
END_TEST

static int
receive_in_message(struct prong_conn *c, const void *data, size_t len)
{
	const void *more;
	char byte;

	expect_error(prong_recv(c, &byte, 1), EPERM);
	expect_error(prong_recv_message(c, &more, &len), EPERM);
	return 0;
}

/* Only conversations receive. */
START_TEST(test_calls_receive)
{
	start(PRONG_LINE, receive_in_message);
	peer_send(peer, "one\n");
	fake_settle();
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 1);
	ck_assert_uint_eq(fake_active(), 1);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conversation_busy", &tc);

	tcase_add_checked_fixture(tc, NULL, conversing_stop);
	tcase_add_loop_test(tc, test_calls_reset, -1, 1);
	tcase_add_test(tc, test_calls_ended);
	tcase_add_test(tc, test_calls_abort);
	tcase_add_test(tc, test_calls_aborted_by_another);
	tcase_add_test(tc, test_calls_half_close);
	tcase_add_test(tc, test_calls_failure);
	tcase_add_loop_test(tc, test_calls_close, 0, 2);
	tcase_add_test(tc, test_calls_idle_timeout);
	tcase_add_test(tc, test_calls_opened);
	tcase_add_loop_test(tc, test_calls_draining, 0, 2);
	tcase_add_loop_test(tc, test_calls_draining_waits, 0, 2);
	tcase_add_test(tc, test_calls_writable);
	tcase_add_test(tc, test_calls_writable_later);
	tcase_add_loop_test(tc, test_calls_malformed, 0,
	    UNIT_COUNT(malformed));
	tcase_add_test(tc, test_calls_malformed_waits);
	tcase_add_test(tc, test_calls_receive);
	return unit_run(s);
}
