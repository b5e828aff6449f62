/* SPDX-License-Identifier: ISC */
/*
 * dispatch/conversation: handlers in conversation style, receiving and sending.
 */
#include <stdlib.h>

#include "conversation.h"
#include "unit.h"

/* --- messages ------------------------------------------------------------ */

START_TEST(test_conversation_messages)
{
	start(PRONG_LINE, echo);
	ck_assert(conversation_is_on(peer->conn));
	peer_send(peer, "one\ntwo\n\nthr");
	fake_settle();
	peer_expect(peer, "one\ntwo\n\n");
	peer_send(peer, "ee\n");
	fake_settle();
	peer_expect(peer, "one\ntwo\n\nthree\n");
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 4);
}
END_TEST

/* What came in one read is had one after the other, whatever comes between. */
START_TEST(test_conversation_joined)
{
	start(PRONG_LINE, echo_at_gate);
	peer_send(peer, "one\ntwo\nthree\nfo");
	fake_settle();
	ck_assert_str_eq(trace, "<");
	peer_send(peer, "ur\n");
	fake_settle();
	open_gate(0);
	ck_assert_str_eq(trace, "<[one]<");
	peer_expect(peer, "one\n");
	open_gate(0);
	open_gate(0);
	open_gate(0);
	ck_assert_str_eq(trace, "<[one]<[two]<[three]<[four]");
	peer_expect(peer, "one\ntwo\nthree\nfour\n");
}
END_TEST

static const struct {
	enum prong_framing framing;
	const char *bytes;
	size_t size;
	const char *answer;	/* NULL: the same */
} framed[] = {
	{ PRONG_LINE, "one\n\nthree", 10, "one\n\nthree\n" },
	{ PRONG_NETSTRING, "3:one,0:,5:three,", 17, NULL },
	{ PRONG_LENGTH32, "\0\0\0\3one\0\0\0\0\0\0\0\5three", 20, NULL },
	{ PRONG_RAW, "one, two, three", 15, NULL },
};

static void
expect_answer(int i)
{
	if (framed[i].answer != NULL)
		peer_expect(peer, framed[i].answer);
	else
		peer_expect_bytes(peer, framed[i].bytes, framed[i].size);
}

static int
echo_slowly(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (prong_sleep(0) == -1 || prong_send(c, data, len) == -1)
			return -1;
	return r;
}

static int
echo_by_threes(struct prong_conn *c)
{
	char small[3];
	ssize_t n;

	if (prong_service_framing(c->service) != PRONG_RAW)
		return echo(c);
	while ((n = prong_recv(c, small, sizeof(small))) > 0)
		if (prong_send(c, small, (size_t)n) == -1)
			return -1;
	return (int)n;
}

static int (*const echoes[])(struct prong_conn *) = {
	echo, echo_slowly, echo_by_threes,
};

/* However the bytes are cut up: whole answers, and the end after them. */
START_TEST(test_conversation_split)
{
	int f = _i % UNIT_COUNT(framed);
	size_t size = framed[f].size, cut;

	prepare(framed[f].framing, echoes[_i / UNIT_COUNT(framed)]);
	for (cut = 1; cut <= size; cut++) {
		peer = peer_unix();
		peer_send_bytes(peer, framed[f].bytes, cut);
		if (cut % 2 == 0)
			fake_settle();
		peer_send_bytes(peer, framed[f].bytes + cut, size - cut);
		peer_shutdown(peer);
		fake_run_until(has_ended);
		expect_answer(f);
		peer_free(peer);
		peer = NULL;
	}
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), size);
}
END_TEST

static const char *kept;

static int
keep_message(struct prong_conn *c)
{
	const void *data;
	size_t len;

	if (kept != NULL)
		return echo(c);
	ck_assert_int_eq(prong_recv_message(c, &data, &len), 1);
	kept = data;
	if (wait_at(0) == -1)
		return -1;
	ck_assert_ptr_eq(data, kept);
	note(data, len);
	return 0;
}

/* A message stays until the next call, whoever else is served meanwhile. */
START_TEST(test_conversation_data)
{
	struct peer *other;

	start(_i == 0 ? PRONG_RAW : PRONG_LINE, keep_message);
	peer_send(peer, _i == 0 ? "one" : "one\ntwo\n");
	fake_settle();
	other = peer_unix();
	peer_send(other, "overwritten\n");
	fake_settle();
	peer_expect(other, "overwritten\n");
	open_gate(0);
	ck_assert_str_eq(trace, "[one]");
	peer_free(other);
}
END_TEST

/* --- bytes --------------------------------------------------------------- */

static ssize_t sizes[16];
static int size_count;

static int
receive_small(struct prong_conn *c)
{
	char small[5];
	ssize_t n;

	expect_error(prong_recv(c, small, 0), EINVAL);
	while ((n = prong_recv(c, small, sizeof(small))) > 0) {
		ck_assert_int_lt(size_count, UNIT_COUNT(sizes));
		sizes[size_count++] = n;
		note(small, (size_t)n);
		if (wait_at(0) == -1)
			return -1;
	}
	say("0");
	return (int)n;
}

/* No more than there is room for, no message with another; empty: none. */
START_TEST(test_conversation_recv)
{
	int i;

	start(PRONG_NETSTRING, receive_small);
	peer_send(peer, "12:hello, world,0:,2:me,0:,5:again,");
	peer_shutdown(peer);
	for (i = 0; i < 5; i++)
		open_gate(0);
	fake_run_until(has_eof);
	ck_assert_str_eq(trace, "[hello][, wor][ld][me][again]0C");
	ck_assert_int_eq(size_count, 5);
}
END_TEST

static int
recv_and_message(struct prong_conn *c)
{
	const void *data;
	char byte;
	size_t len;

	ck_assert_int_eq(prong_recv(c, &byte, 1), 1);
	note(&byte, 1);
	ck_assert_int_eq(prong_recv_message(c, &data, &len), 1);
	note(data, len);
	return 0;
}

/* A whole message is one that nothing was taken of. */
START_TEST(test_conversation_recv_mixed)
{
	start(PRONG_LINE, recv_and_message);
	peer_send(peer, "one\ntwo\n");
	fake_run_until(has_eof);
	ck_assert_str_eq(trace, "[o][two]");
}
END_TEST

/* --- sending ------------------------------------------------------------- */

#define PIECE	8192
#define PIECES	200

static size_t most_queued;
static int pieces_sent, send_error;

static void
fill_piece(char *piece, int number)
{
	memset(piece, 'a' + number % 26, PIECE);
}

static int
send_much(struct prong_conn *c)
{
	char piece[PIECE];
	int i;

	for (i = 0; i < PIECES; i++) {
		fill_piece(piece, i);
		if (prong_send(c, piece, sizeof(piece)) == -1) {
			send_error = errno;
			return -1;
		}
		pieces_sent++;
		ck_assert(!prong_is_full(c));
		if (prong_queued(c) > most_queued)
			most_queued = prong_queued(c);
	}
	return 0;
}

static bool
has_all_pieces(void)
{
	return peer->length == PIECE * PIECES && peer->eof;
}

/* It waits for room: little is queued, and everything arrives. */
START_TEST(test_conversation_send)
{
	char piece[PIECE];
	int i;

	start(PRONG_RAW, send_much);
	peer_stall(peer);
	fake_settle();
	ck_assert_int_gt(pieces_sent, 0);
	ck_assert_int_lt(pieces_sent, PIECES);
	ck_assert(prong_is_full(peer->conn));
	peer_resume(peer);
	fake_run_until(has_all_pieces);
	ck_assert_uint_le(most_queued, OUTPUT_HIGH + PIECE);
	for (i = 0; i < PIECES; i++) {
		fill_piece(piece, i);
		ck_assert(memcmp(peer->got + i * PIECE, piece, PIECE) == 0);
	}
}
END_TEST

static int
send_at_once(struct prong_conn *c)
{
	char *all = malloc(PIECE * PIECES);
	struct iovec iov[2] = { { all, 1 }, { all + 1, PIECE * PIECES - 1 } };
	int r;

	memset(all, 'x', PIECE * PIECES);
	r = prong_sendv(c, iov, 2);
	free(all);
	say("s");
	return r;
}

/* Nor is it done before the peer has taken the most of it. */
START_TEST(test_conversation_send_large)
{
	start(PRONG_RAW, send_at_once);
	peer_stall(peer);
	fake_settle();
	ck_assert_str_eq(trace, "");
	peer_resume(peer);
	fake_run_until(has_all_pieces);
	ck_assert_uint_eq(strspn(peer->got, "x"), PIECE * PIECES);
	ck_assert_int_eq(trace[0], 's');
}
END_TEST

/* The peer is gone while it waits for room. */
START_TEST(test_conversation_send_reset)
{
	prepare(PRONG_RAW, send_much);
	peer = peer_tcp();
	peer_stall(peer);
	fake_settle();
	ck_assert_int_eq(fake.closes, 0);
	peer_resume(peer);
	peer_reset(peer);
	fake_run_until(is_over);
	ck_assert_int_eq(send_error, EPIPE);
	ck_assert_str_eq(trace, "C");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
}
END_TEST

/* --- waits that fail at once --------------------------------------------- */

static int
wait_wrongly(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1) {
		expect_error(prong_wait(-1, PRONG_READ, 0), EBADF);
		expect_error(prong_wait(gates[0][0], 1 << 20, 0), EINVAL);
		if (prong_send(c, data, len) == -1)
			return -1;
	}
	return r;
}

/* A wait that fails at once has not touched what was received. */
START_TEST(test_conversation_failed_wait)
{
	start(framed[_i].framing, wait_wrongly);
	peer_send_bytes(peer, framed[_i].bytes, framed[_i].size);
	peer_shutdown(peer);
	fake_run_until(has_ended);
	expect_answer(_i);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conversation", &tc);

	tcase_add_checked_fixture(tc, NULL, conversing_stop);
	tcase_add_test(tc, test_conversation_messages);
	tcase_add_test(tc, test_conversation_joined);
	tcase_add_loop_test(tc, test_conversation_split, 0,
	    UNIT_COUNT(framed) * UNIT_COUNT(echoes));
	tcase_add_loop_test(tc, test_conversation_data, 0, 2);
	tcase_add_test(tc, test_conversation_recv);
	tcase_add_test(tc, test_conversation_recv_mixed);
	tcase_add_test(tc, test_conversation_send);
	tcase_add_test(tc, test_conversation_send_large);
	tcase_add_test(tc, test_conversation_send_reset);
	tcase_add_loop_test(tc, test_conversation_failed_wait, 0,
	    UNIT_COUNT(framed));
	return unit_run(s);
}
