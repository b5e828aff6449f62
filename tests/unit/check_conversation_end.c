/* SPDX-License-Identifier: ISC */
/*
 * dispatch/conversation: how a conversation ends, and what ends it.
 */
#include "conversation.h"
#include "unit.h"

/* --- its end ------------------------------------------------------------- */

static int
say_goodbye(struct prong_conn *c)
{
	int r = echo(c);

	if (r == -1 || prong_sleep(1) == -1)
		return -1;
	return prong_send(c, "bye", 3);
}

/* The peer has no more to say, and hears the rest. */
START_TEST(test_conversation_half_close)
{
	start(PRONG_LINE, say_goodbye);
	peer_send(peer, "one\ntwo");
	peer_shutdown(peer);
	fake_run_until(has_ended);
	peer_expect(peer, "one\ntwo\nbye\n");
	ck_assert_str_eq(trace, "0C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

/* The same when it is busy at the time. */
START_TEST(test_conversation_half_close_busy)
{
	start(PRONG_LINE, echo_at_gate);
	peer_send(peer, "one\ntwo\nthree");
	peer_shutdown(peer);
	open_gate(0);
	open_gate(0);
	ck_assert_str_eq(trace, "<[one]<[two]<");
	ck_assert(!peer->eof);
	open_gate(0);
	fake_run_until(has_ended);
	peer_expect(peer, "one\ntwo\nthree\n");
	ck_assert_str_eq(trace, "<[one]<[two]<[three]0C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

static int
one_message(struct prong_conn *c)
{
	const void *data;
	size_t len;

	if (prong_recv_message(c, &data, &len) != 1)
		return -1;
	note(data, len);
	if (len > 0 && prong_sendf(c, "fine") == -1)
		return -1;
	return len > 0 ? 0 : prong_set_error(EIO, "failed on purpose");
}

/* It returns, and that is the end of the connection. */
START_TEST(test_conversation_returns)
{
	start(PRONG_LINE, one_message);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	peer_expect(peer, "fine\n");
	ck_assert(!conversation_is_on(peer->conn));
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(trace, "[one]C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 1);
}
END_TEST

START_TEST(test_conversation_fails)
{
	start(PRONG_LINE, one_message);
	peer_send(peer, "\ntwo\n");
	fake_run_until(has_eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake.reported,
	    "the handler failed: failed on purpose");
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
}
END_TEST

static int
fail_at_once(struct prong_conn *c)
{
	prong_send(c, "sorry", 5);
	return prong_set_error(EACCES, "not today");
}

/* Without ever having waited. */
START_TEST(test_conversation_fails_at_once)
{
	start(PRONG_LINE, fail_at_once);
	fake_run_until(has_eof);
	peer_expect(peer, "sorry\n");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 1);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
}
END_TEST

static int
receive_after_close(struct prong_conn *c)
{
	const void *data;
	char byte;
	size_t len;

	ck_assert_int_eq(prong_recv_message(c, &data, &len), 1);
	prong_close(c);
	expect_error(prong_recv_message(c, &data, &len), EPIPE);
	expect_error(prong_recv(c, &byte, 1), EPIPE);
	expect_error(prong_send(c, "x", 1), EPIPE);
	say("p");
	return 0;
}

START_TEST(test_conversation_close)
{
	start(PRONG_LINE, receive_after_close);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(trace, "pC");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* What every call says when the connection has ended while it waits. */
static int
expect_the_end(struct prong_conn *c)
{
	const void *data;
	char byte;
	size_t len;

	expect_error(prong_recv_message(c, &data, &len), ECANCELED);
	expect_error(prong_recv(c, &byte, 1), ECANCELED);
	expect_error(prong_sleep(1), ECANCELED);
	expect_error(prong_wait(gates[0][0], PRONG_READ, 1), ECANCELED);
	expect_error(prong_send(c, "x", 1), EPIPE);
	say("e");
	return -1;
}

static int
sleep_for_long(struct prong_conn *c)
{
	expect_error(prong_sleep(3600 * 1000), ECANCELED);
	return expect_the_end(c);
}

static int
abort_itself(struct prong_conn *c)
{
	ck_assert_int_eq(prong_sleep(1), 0);
	prong_abort(c);
	return expect_the_end(c);
}

static const struct {
	int (*converse)(struct prong_conn *);
	enum counter counter;
} ends[] = {
	{ expect_the_end, COUNTER_CLOSED_SERVER },
	{ expect_the_end, COUNTER_CLOSED_ERROR },
	{ expect_the_end, COUNTER_CLOSED_TIMEOUT },
	{ sleep_for_long, COUNTER_CLOSED_SERVER },
	{ sleep_for_long, COUNTER_CLOSED_ERROR },
	{ abort_itself, COUNTER_CLOSED_SERVER },
};

/* In whatever it waits; and its failing then is not counted as its own. */
START_TEST(test_conversation_ended)
{
	prepare(PRONG_LINE, ends[_i].converse);
	peer = peer_tcp();
	fake_settle();
	if (ends[_i].counter == COUNTER_CLOSED_TIMEOUT)
		prong_set_timeout(peer->conn, 10);
	else if (ends[_i].counter == COUNTER_CLOSED_ERROR)
		peer_reset(peer);
	else if (ends[_i].converse != abort_itself)
		net_close_all(fake.net);
	fake_run_until(is_over);
	ck_assert_str_eq(trace, "eC");
	ck_assert_uint_eq(fake_count(ends[_i].counter), 1);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
	ck_assert_int_eq(fake.reports, 0);
}
END_TEST

/* --- malformed input ----------------------------------------------------- */

static int
complain(struct prong_conn *c, enum prong_malformed what)
{
	say(what == PRONG_OVERSIZE ? "O" : what == PRONG_TRUNCATED ? "T" :
	    "B");
	return prong_send(c, "bad", 3);
}

static int
expect_malformed(struct prong_conn *c)
{
	const void *data;
	size_t len;

	ck_assert_int_eq(prong_recv_message(c, &data, &len), 1);
	note(data, len);
	if (fake.messages != 0 && wait_at(0) == -1)
		return -1;
	expect_error(prong_recv_message(c, &data, &len), EBADMSG);
	return -1;
}

static const struct {
	const char *bytes;
	const char *trace;
	uint64_t oversize;
} malformed[] = {
	{ "3:one,x", "[one]BC", 0 },
	{ "3:one,70000:x", "[one]OC", 1 },
	{ "3:one,3:tw", "[one]TC", 0 },
};

/* Found at once or after a wait: the same. */
START_TEST(test_conversation_malformed)
{
	int i = _i / 2;

	fake.handler.malformed = complain;
	fake.messages = _i % 2;
	start(PRONG_NETSTRING, expect_malformed);
	peer_send(peer, malformed[i].bytes);
	peer_shutdown(peer);
	fake_settle();
	if (_i % 2 != 0)
		open_gate(0);
	fake_run_until(has_ended);
	peer_expect(peer, "3:bad,");
	ck_assert_str_eq(trace, malformed[i].trace);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_uint_eq(fake_count(COUNTER_OVERSIZE), malformed[i].oversize);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
	ck_assert_int_eq(fake.reports, 1);
}
END_TEST

/* --- draining ------------------------------------------------------------ */

static int
drain(struct prong_conn *c)
{
	say("D");
	return prong_send(c, "bye", 3);
}

/* A goodbye where it waits for input, or when it next does. */
START_TEST(test_conversation_draining)
{
	fake.handler.draining = drain;
	start(PRONG_LINE, echo_at_gate);
	if (_i == 1) {
		peer_send(peer, "one\n");
		fake_settle();
	}
	net_drain(fake.net, NULL, NULL);
	fake_settle();
	if (_i == 1) {
		ck_assert_str_eq(trace, "<");
		open_gate(0);
		peer_expect(peer, "one\nbye\n");
		ck_assert_str_eq(trace, "<[one]D");
	} else {
		ck_assert_str_eq(trace, "D");
		peer_expect(peer, "bye\n");
	}
	ck_assert_uint_eq(fake_active(), 1);
	peer_shutdown(peer);
	fake_run_until(has_ended);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

static int
drain_and_close(struct prong_conn *c)
{
	int result = drain(c);

	prong_close(c);
	return result;
}

/* A goodbye that closes ends the conversation. */
START_TEST(test_conversation_draining_closes)
{
	fake.handler.draining = drain_and_close;
	start(PRONG_LINE, echo_at_gate);
	if (_i == 1) {
		peer_send(peer, "one\n");
		fake_settle();
	}
	net_drain(fake.net, NULL, NULL);
	if (_i == 1)
		open_gate(0);
	fake_run_until(has_eof);
	peer_expect(peer, _i == 1 ? "one\nbye\n" : "bye\n");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(trace, _i == 1 ? "<[one]D!C" : "D!C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
}
END_TEST

/* --- others -------------------------------------------------------------- */

static struct prong_conn *first;

/* The second one tries to hear what the first is told. */
static int
eavesdrop(struct prong_conn *c)
{
	const void *data;
	char byte;
	size_t len;

	if (first == NULL) {
		first = c;
		return echo(c);
	}
	expect_error(prong_recv(first, &byte, 1), EPERM);
	expect_error(prong_recv_message(first, &data, &len), EPERM);
	say("E");
	return prong_send(first, "psst", 4);
}

START_TEST(test_conversation_of_another)
{
	struct peer *other;

	start(PRONG_LINE, eavesdrop);
	other = peer_unix();
	fake_settle();
	ck_assert_str_eq(trace, "E");
	peer_expect(peer, "psst\n");
	peer_send(peer, "one\n");
	fake_settle();
	peer_expect(peer, "psst\none\n");
	/* And outside of all tasks. */
	expect_error(prong_recv(first, trace, 1), EPERM);
	peer_free(other);
}
END_TEST

static int
message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_sendf(c, "message");
}

static int
say_converse(struct prong_conn *c)
{
	return prong_sendf(c, "converse");
}

/* Of a handler with both styles, it is the conversation that is held. */
START_TEST(test_conversation_both_styles)
{
	fake.handler.message = message;
	start(PRONG_LINE, say_converse);
	peer_send(peer, "x\n");
	fake_run_until(has_eof);
	peer_expect(peer, "converse\n");
	ck_assert(dispatch_converses(&fake.service));
	fake.service.settings.dispatch = conversing_mode(&dispatch_inline);
	ck_assert(!dispatch_converses(&fake.service));
	fake.service.settings.dispatch = conversing_mode(&dispatch_pool);
	ck_assert(dispatch_converses(&fake.service));
	fake.service.settings.pool_unit = POOL_MESSAGE;
	ck_assert(!dispatch_converses(&fake.service));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conversation_end", &tc);

	tcase_add_checked_fixture(tc, NULL, conversing_stop);
	tcase_add_test(tc, test_conversation_half_close);
	tcase_add_test(tc, test_conversation_half_close_busy);
	tcase_add_test(tc, test_conversation_returns);
	tcase_add_test(tc, test_conversation_fails);
	tcase_add_test(tc, test_conversation_fails_at_once);
	tcase_add_test(tc, test_conversation_close);
	tcase_add_loop_test(tc, test_conversation_ended, 0, UNIT_COUNT(ends));
	tcase_add_loop_test(tc, test_conversation_malformed, 0,
	    2 * UNIT_COUNT(malformed));
	tcase_add_loop_test(tc, test_conversation_draining, 0, 2);
	tcase_add_loop_test(tc, test_conversation_draining_closes, 0, 2);
	tcase_add_test(tc, test_conversation_of_another);
	tcase_add_test(tc, test_conversation_both_styles);
	return unit_run(s);
}
