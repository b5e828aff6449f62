/* SPDX-License-Identifier: ISC */
/*
 * dispatch/conversation: handlers in message style that wait.
 */
#include <stdlib.h>

#include "calls.h"
#include "unit.h"

#define LONG	(40 * 1024)

/* Every message has its time, if only a turn of the loop. */
static int
echo_slowly(struct prong_conn *c, const void *data, size_t len)
{
	ck_assert_int_eq(prong_sleep(0), 0);
	return prong_send(c, data, len);
}

/* --- as if it did not ---------------------------------------------------- */

/* One that does not wait is called for each message of a read at once. */
START_TEST(test_calls_without_waiting)
{
	start(PRONG_LINE, echo);
	ck_assert(!conversation_is_on(peer->conn));
	peer_send(peer, "one\ntwo\n\nthr");
	fake_settle();
	peer_send(peer, "ee\n");
	fake_settle();
	ck_assert_str_eq(trace, "<oneone><twotwo><><threethree>");
	peer_expect(peer, "one\ntwo\n\nthree\n");
	ck_assert(!conversation_is_on(peer->conn));
}
END_TEST

/* A handler that has nothing to say. */
START_TEST(test_calls_nothing)
{
	conversing_start(PRONG_NETSTRING);
	peer = peer_unix();
	peer_send(peer, "3:one,x");
	fake_run_until(has_eof);
	peer_expect(peer, "");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
}
END_TEST

/* --- waiting ------------------------------------------------------------- */

/* What came in the same read waits its turn. */
START_TEST(test_calls_joined)
{
	start(PRONG_LINE, echo_at_gate);
	peer_send(peer, "one\ntwo\nthree\nfo");
	fake_settle();
	ck_assert_str_eq(trace, "<one");
	ck_assert(conversation_is_on(peer->conn));
	peer_expect(peer, "");
	open_gate(0);
	ck_assert_str_eq(trace, "<oneone><two");
	peer_expect(peer, "one\n");
	open_gate(0);
	open_gate(0);
	ck_assert_str_eq(trace, "<oneone><twotwo><threethree>");
	ck_assert(!conversation_is_on(peer->conn));
	peer_send(peer, "ur\n");
	fake_settle();
	open_gate(0);
	peer_expect(peer, "one\ntwo\nthree\nfour\n");
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 4);
}
END_TEST

/* And so does what comes meanwhile. */
START_TEST(test_calls_meanwhile)
{
	start(PRONG_LINE, echo_at_gate);
	peer_send(peer, "one\n");
	fake_settle();
	peer_send(peer, "tw");
	fake_settle();
	peer_send(peer, "o\nthree\n");
	fake_settle();
	ck_assert_str_eq(trace, "<one");
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_IN), 4);
	open_gate(0);
	open_gate(0);
	open_gate(0);
	peer_expect(peer, "one\ntwo\nthree\n");
	ck_assert_str_eq(trace, "<oneone><twotwo><threethree>");
}
END_TEST

static bool
has_all_messages(void)
{
	return fake_count(COUNTER_MESSAGES) >= 200 && peer->eof;
}

/* Three messages and how they arrive, however they are cut up. */
static const struct {
	enum prong_framing framing;
	const char *bytes;
	size_t size;
} framed[] = {
	{ PRONG_LINE, "one\n\nthree", 10 },
	{ PRONG_NETSTRING, "3:one,0:,5:three,", 17 },
	{ PRONG_LENGTH32, "\0\0\0\3one\0\0\0\0\0\0\0\5three", 20 },
};

START_TEST(test_calls_split)
{
	size_t size = framed[_i].size, cut;

	for (cut = 1; cut <= size; cut++) {
		if (cut == 1)
			start(framed[_i].framing, echo_slowly);
		else
			peer = peer_unix();
		peer_send_bytes(peer, framed[_i].bytes, cut);
		if (cut % 2 == 0)
			fake_settle();
		peer_send_bytes(peer, framed[_i].bytes + cut, size - cut);
		peer_shutdown(peer);
		fake_run_until(has_ended);
		if (framed[_i].framing == PRONG_LINE)
			peer_expect(peer, "one\n\nthree\n");
		else
			peer_expect_bytes(peer, framed[_i].bytes, size);
		peer_free(peer);
		peer = NULL;
	}
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), size);
}
END_TEST

/* Two hundred in one read, each with a wait of its own. */
START_TEST(test_calls_many)
{
	char all[200 * 8 + 1], *at = all;
	int i;

	for (i = 0; i < 200; i++)
		at += sprintf(at, "line%03d\n", i);
	start(PRONG_LINE, echo_slowly);
	peer_send(peer, all);
	peer_shutdown(peer);
	fake_run_until(has_all_messages);
	peer_expect(peer, all);
}
END_TEST

/* A message of many reads, which it may look at to its end, and the next. */
START_TEST(test_calls_long)
{
	char *text = malloc(LONG + 8);

	memset(text, 'x', LONG);
	memcpy(text + LONG, "\ntwo\nth", 8);
	start(PRONG_LINE, echo_at_gate);
	peer_send(peer, text);
	fake_settle();
	open_gate(0);
	ck_assert_str_eq(trace, "<xxxxxxxxxxxxxxxx><two");
	peer_expect_bytes(peer, text, LONG + 1);
	open_gate(0);
	peer_send(peer, "ree\n");
	fake_settle();
	open_gate(0);
	ck_assert_uint_eq(peer->length, LONG + 11);
	ck_assert_str_eq(peer->got + LONG, "\ntwo\nthree\n");
	free(text);
}
END_TEST

static int
by_data(struct prong_conn *c, const void *data, size_t len)
{
	if (prong_data(c) == NULL)
		return echo(c, data, len);
	return echo_at_gate(c, data, len);
}

/* Others are served meanwhile, from buffers of their own. */
START_TEST(test_calls_others)
{
	struct peer *other;
	int i;

	start(_i == 0 ? PRONG_RAW : PRONG_LINE, by_data);
	prong_set_data(peer->conn, trace);
	peer_send(peer, "one\n");
	fake_settle();
	other = peer_unix();
	for (i = 0; i < 3; i++) {
		peer_send(other, "overwritten\n");
		fake_settle();
	}
	peer_expect(other, "overwritten\noverwritten\noverwritten\n");
	peer_expect(peer, "");
	open_gate(0);
	peer_expect(peer, "one\n");
	peer_free(other);
}
END_TEST

/* What was sent before the wait goes out at once. */
static int
send_around_wait(struct prong_conn *c, const void *data, size_t len)
{
	if (prong_send(c, data, len) == -1 || wait_at(0) == -1)
		return -1;
	return prong_sendf(c, "%.*s again", (int)len, (const char *)data);
}

START_TEST(test_calls_send_before)
{
	start(PRONG_LINE, send_around_wait);
	peer_send(peer, "one\ntwo\n");
	fake_settle();
	peer_expect(peer, "one\n");
	open_gate(0);
	peer_expect(peer, "one\none again\ntwo\n");
	open_gate(0);
	peer_expect(peer, "one\none again\ntwo\ntwo again\n");
}
END_TEST

/* --- waits that fail at once --------------------------------------------- */

static int
wait_wrongly(struct prong_conn *c, const void *data, size_t len)
{
	expect_error(prong_wait(-1, PRONG_READ, 0), EBADF);
	expect_error(prong_wait(gates[0][0], 1 << 20, 0), EINVAL);
	expect_error(prong_sleep(-1), EINVAL);
	return echo(c, data, len);
}

/* It is as if it had not tried to. */
START_TEST(test_calls_failed_wait)
{
	start(framed[_i].framing, wait_wrongly);
	peer_send_bytes(peer, framed[_i].bytes, framed[_i].size);
	fake_settle();
	peer_send_bytes(peer, framed[_i].bytes, framed[_i].size);
	fake_settle();
	peer_shutdown(peer);
	fake_run_until(has_ended);
	if (framed[_i].framing == PRONG_LINE)
		peer_expect(peer, "one\n\nthreeone\n\nthree\n");
	else
		ck_assert_uint_eq(peer->length, 2 * framed[_i].size);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conversation_calls", &tc);

	tcase_add_checked_fixture(tc, NULL, conversing_stop);
	tcase_add_test(tc, test_calls_without_waiting);
	tcase_add_test(tc, test_calls_nothing);
	tcase_add_test(tc, test_calls_joined);
	tcase_add_test(tc, test_calls_meanwhile);
	tcase_add_loop_test(tc, test_calls_split, 0, UNIT_COUNT(framed));
	tcase_add_test(tc, test_calls_many);
	tcase_add_test(tc, test_calls_long);
	tcase_add_loop_test(tc, test_calls_others, 0, 2);
	tcase_add_test(tc, test_calls_send_before);
	tcase_add_loop_test(tc, test_calls_failed_wait, 0,
	    UNIT_COUNT(framed));
	return unit_run(s);
}
