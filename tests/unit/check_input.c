/* SPDX-License-Identifier: ISC */
/*
 * net/input: messages whatever the chunks, what is kept, and what ends it.
 */
#include "net/input.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "fake_net.h"
#include "unit.h"

#define BIG	60000

static struct peer *peer;
static char *big;

static void
setup(void)
{
	size_t i;

	ck_assert_ptr_nonnull(big = malloc(BIG));
	for (i = 0; i < BIG; i++)
		big[i] = (char)('a' + i % 23);
}

static void
teardown(void)
{
	if (peer != NULL)
		peer_free(peer);
	fake_stop();
	free(big);
}

static void
start(enum prong_framing framing)
{
	fake_start(framing);
	peer = peer_unix();
}

static bool
is_over(void)
{
	return fake_active() == 0;
}

static bool
has_eof(void)
{
	return peer->eof;
}

/* A stream, and what is heard of it. */
static const struct {
	enum prong_framing framing;
	const char *stream;
	size_t size;
	const char *heard;
	int messages;
} streams[] = {
	{ PRONG_LINE, "one\ntwo\r\n\nfour\n", 15, "[one][two][][four]", 4 },
	{ PRONG_NETSTRING, "3:one,0:,5:th\nee,", 17, "[one][][th\nee]", 3 },
	{ PRONG_LENGTH32, "\0\0\0\3one\0\0\0\0\0\0\0\1x", 16, "[one][][x]",
	    3 },
};

START_TEST(test_input_at_once)
{
	start(streams[_i].framing);
	peer_send_bytes(peer, streams[_i].stream, streams[_i].size);
	fake_settle();
	ck_assert_str_eq(fake.heard, streams[_i].heard);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES),
	    (uint64_t)streams[_i].messages);
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_IN), streams[_i].size);
	ck_assert_ptr_null(peer->conn->input);
}
END_TEST

/* In two reads, cut anywhere; and byte by byte. */
START_TEST(test_input_in_pieces)
{
	const char *stream = streams[_i].stream;
	size_t size = streams[_i].size, cut, i;

	start(streams[_i].framing);
	for (cut = 1; cut < size; cut++) {
		fake.heard[0] = '\0';
		peer_send_bytes(peer, stream, cut);
		fake_settle();
		peer_send_bytes(peer, stream + cut, size - cut);
		fake_settle();
		ck_assert_str_eq(fake.heard, streams[_i].heard);
		ck_assert_ptr_null(peer->conn->input);
	}
	fake.heard[0] = '\0';
	for (i = 0; i < size; i++) {
		peer_send_bytes(peer, stream + i, 1);
		fake_settle();
	}
	ck_assert_str_eq(fake.heard, streams[_i].heard);
	ck_assert_ptr_null(peer->conn->input);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES),
	    (uint64_t)streams[_i].messages * size);
}
END_TEST

static int
hear_big(struct prong_conn *c, const void *data, size_t len)
{
	ck_assert_uint_eq(len, BIG);
	ck_assert(memcmp(data, big, BIG) == 0);
	return 0;
}

/* Longer than any read. */
START_TEST(test_input_long_message)
{
	static const struct {
		enum prong_framing framing;
		const char *header, *trailer;
		size_t header_length;
	} frames[] = {
		{ PRONG_LINE, "", "\r\n", 0 },
		{ PRONG_NETSTRING, "60000:", ",", 6 },
		{ PRONG_LENGTH32, "\0\0\xea\x60", "", 4 },
	};
	size_t at;
	int i;

	fake.message = hear_big;
	start(frames[_i].framing);
	for (i = 0; i < 3; i++) {
		if (frames[_i].header_length > 0)
			peer_send_bytes(peer, frames[_i].header,
			    frames[_i].header_length);
		for (at = 0; at < BIG; at += 6000) {
			peer_send_bytes(peer, big + at, 6000);
			fake_settle();
		}
		peer_send(peer, frames[_i].trailer);
		fake_settle();
		ck_assert_int_eq(fake.messages, i + 1);
	}
	ck_assert_ptr_null(peer->conn->input);
}
END_TEST

/* Raw: whatever a read brings, and at most read-size of it. */
START_TEST(test_input_raw)
{
	start(PRONG_RAW);
	peer_send(peer, "a\n");
	fake_settle();
	peer_send(peer, "b");
	fake_settle();
	ck_assert_str_eq(fake.heard, "[a\n][b]");
	fake.service.read_size = 1000;
	fake.service.settings.read_size = 1000;
	peer_send_bytes(peer, big, 2500);
	fake_settle();
	ck_assert_int_eq(fake.messages, 5);
	ck_assert_uint_eq(fake.heard_bytes, 2503);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 5);
	ck_assert_ptr_null(peer->conn->input);
}
END_TEST

/* --- malformed ----------------------------------------------------------- */

static int
explain(struct prong_conn *c, enum prong_malformed what)
{
	return conn_put(c, "what?", 5);
}

static const struct {
	enum prong_framing framing;
	const char *stream;
	size_t size;
	enum prong_malformed what;
	int before;		/* messages that come before it */
	const char *report;
} bad[] = {
	{ PRONG_NETSTRING, "x", 1, PRONG_BAD_FRAME, 0, "malformed input" },
	{ PRONG_NETSTRING, "3:one.", 6, PRONG_BAD_FRAME, 0,
	    "malformed input" },
	{ PRONG_NETSTRING, "1:a,1:b,:", 9, PRONG_BAD_FRAME, 2,
	    "malformed input" },
	{ PRONG_NETSTRING, "99:", 3, PRONG_OVERSIZE, 0,
	    "a message longer than max-message" },
	{ PRONG_LENGTH32, "\0\0\0\1a\0\0\1\0", 9, PRONG_OVERSIZE, 1,
	    "a message longer than max-message" },
	{ PRONG_LENGTH32, "\xff\xff\xff\xff", 4, PRONG_OVERSIZE, 0,
	    "a message longer than max-message" },
	{ PRONG_LINE, "ok\n0123456789abcdefgh", 21, PRONG_OVERSIZE, 1,
	    "a message longer than max-message" },
};

START_TEST(test_input_malformed)
{
	bool oversize = bad[_i].what == PRONG_OVERSIZE;

	fake.malformed = explain;
	start(bad[_i].framing);
	fake.service.settings.max_message = 16;
	peer_send_bytes(peer, bad[_i].stream, bad[_i].size);
	fake_run_until(has_eof);
	ck_assert_int_eq(fake.messages, bad[_i].before);
	ck_assert_int_eq(fake.malformeds, 1);
	ck_assert_int_eq(fake.last_malformed, bad[_i].what);
	ck_assert_int_eq(fake.reports, 1);
	ck_assert_str_eq(fake.reported, bad[_i].report);
	/* It may answer; what comes then is ignored. */
	peer_expect(peer, "what?");
	peer_send(peer, "1:a,\n");
	fake_settle();
	ck_assert_int_eq(fake.messages, bad[_i].before);
	ck_assert_int_eq(fake.malformeds, 1);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_uint_eq(fake_count(COUNTER_OVERSIZE), oversize);
	ck_assert_uint_eq(fake_count(COUNTER_HANDLER_ERRORS), 0);
}
END_TEST

static int
refuse(struct prong_conn *c, enum prong_malformed what)
{
	return error_set(EINVAL, "no answer either");
}

START_TEST(test_input_malformed_fails)
{
	fake.malformed = refuse;
	start(PRONG_NETSTRING);
	peer_send(peer, "x");
	fake_run_until(has_eof);
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_error=1 bytes_in=1 "
	    "handler_errors=1");
}
END_TEST

/* As long as max-message is not too long, whatever comes with it. */
START_TEST(test_input_just_fits)
{
	static const struct {
		enum prong_framing framing;
		const char *stream;
		size_t size;
	} fits[] = {
		{ PRONG_LINE, "0123456789abcdef\r\n", 18 },
		{ PRONG_LINE, "0123456789abcdef\n", 17 },
		{ PRONG_NETSTRING, "16:0123456789abcdef,", 20 },
		{ PRONG_LENGTH32, "\0\0\0\x10" "0123456789abcdef", 20 },
	};

	start(fits[_i].framing);
	fake.service.settings.max_message = 16;
	peer_send_bytes(peer, fits[_i].stream, fits[_i].size);
	fake_settle();
	ck_assert_str_eq(fake.heard, "[0123456789abcdef]");
	ck_assert_int_eq(fake.malformeds, 0);
}
END_TEST

/* --- the end of input ---------------------------------------------------- */

static int
echo(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(c, data, len);
}

/* An unfinished line is a message. */
START_TEST(test_input_unfinished_line)
{
	fake.message = echo;
	start(PRONG_LINE);
	peer_send(peer, "one\ntw");
	fake_settle();
	peer_send(peer, "o");
	peer_shutdown(peer);
	fake_run_until(has_eof);
	ck_assert_str_eq(fake.heard, "[one][two]");
	peer_expect(peer, "onetwo");
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_client=1 messages=2 "
	    "bytes_in=7 bytes_out=6");
}
END_TEST

static const struct {
	enum prong_framing framing;
	const char *stream;
	size_t size;
} cut_off[] = {
	{ PRONG_NETSTRING, "1:a,5", 5 },
	{ PRONG_NETSTRING, "1:a,5:he", 8 },
	{ PRONG_NETSTRING, "1:a,5:hello", 11 },
	{ PRONG_LENGTH32, "\0\0\0\1a\0", 6 },
	{ PRONG_LENGTH32, "\0\0\0\1a\0\0\0\5hell", 13 },
};

/* An unfinished frame is malformed. */
START_TEST(test_input_unfinished_frame)
{
	fake.malformed = explain;
	start(cut_off[_i].framing);
	peer_send_bytes(peer, cut_off[_i].stream, cut_off[_i].size);
	peer_shutdown(peer);
	fake_run_until(has_eof);
	peer_expect(peer, "what?");
	fake_settle();
	ck_assert_str_eq(fake.heard, "[a]");
	ck_assert_int_eq(fake.malformeds, 1);
	ck_assert_int_eq(fake.last_malformed, PRONG_TRUNCATED);
	ck_assert_str_eq(fake.reported, "the input ended within a message");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
}
END_TEST

/* The end right after a message is no unfinished one. */
START_TEST(test_input_clean_end)
{
	start(streams[_i].framing);
	peer_send_bytes(peer, streams[_i].stream, streams[_i].size);
	peer_shutdown(peer);
	fake_run_until(has_eof);
	ck_assert_str_eq(fake.heard, streams[_i].heard);
	ck_assert_int_eq(fake.malformeds, 0);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

/* --- pauses -------------------------------------------------------------- */

static int
send_much(struct prong_conn *c, const void *data, size_t len)
{
	int i;

	for (i = 0; i < 10; i++)
		if (conn_put(c, big, BIG) == -1)
			return -1;
	return conn_put(c, data, len);
}

#define MUCH	(10 * BIG + 1)

static bool
has_all(void)
{
	return peer->length >= 9 * MUCH;
}

/*
 * Each message fills the output: the rest of the read is kept, and goes on one
 * by one as the output goes; nothing is lost, repeated or out of order.
 */
START_TEST(test_input_pause)
{
	size_t i, at, cut = (size_t)_i + 1;

	fake.message = send_much;
	start(PRONG_LINE);
	peer_stall(peer);
	peer_send_bytes(peer, "1\n2\n3\n4\n5\n6\n7\n8\n9\n", cut);
	fake_settle();
	ck_assert_int_le(fake.messages, 1);
	if (cut > 2)
		ck_assert_ptr_nonnull(peer->conn->input);
	peer_send_bytes(peer, &"1\n2\n3\n4\n5\n6\n7\n8\n9\n"[cut], 18 - cut);
	fake_settle();
	ck_assert_int_eq(fake.messages, 1);
	peer_resume(peer);
	fake_run_until(has_all);
	ck_assert_str_eq(fake.heard, "[1][2][3][4][5][6][7][8][9]");
	for (i = 0; i < 9; i++) {
		at = i * MUCH;
		ck_assert(memcmp(peer->got + at, big, BIG) == 0);
		ck_assert_int_eq(peer->got[at + MUCH - 1], (char)('1' + i));
	}
	fake_settle();
	ck_assert_ptr_null(peer->conn->input);
	ck_assert_uint_eq(fake_count(COUNTER_MESSAGES), 9);
}
END_TEST

/* The client closes its side while messages of its are kept. */
START_TEST(test_input_pause_then_end)
{
	fake.message = send_much;
	start(PRONG_LINE);
	peer_stall(peer);
	peer_send(peer, "1\n2\n3\n4\n5\n6\n7\n8\n9");
	peer_shutdown(peer);
	fake_settle();
	ck_assert_int_eq(fake.messages, 1);
	peer_resume(peer);
	fake_run_until(has_eof);
	ck_assert_str_eq(fake.heard, "[1][2][3][4][5][6][7][8][9]");
	ck_assert_uint_eq(peer->length, 9 * MUCH);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

static int
close_at_two(struct prong_conn *c, const void *data, size_t len)
{
	if (conn_put(c, big, BIG) == -1)
		return -1;
	if (*(const char *)data == '2')
		conn_close(c, COUNTER_CLOSED_SERVER);
	return 0;
}

/* What was kept or not yet looked at when it closed is not heard. */
START_TEST(test_input_closed_within)
{
	fake.message = close_at_two;
	start(PRONG_LINE);
	peer_send(peer, "1");
	fake_settle();
	peer_send(peer, "\n2\n3\n4");
	fake_run_until(has_eof);
	ck_assert_str_eq(fake.heard, "[1][2]");
	ck_assert_uint_eq(peer->length, 2 * BIG);
	peer_send(peer, "\n5\n");
	fake_settle();
	ck_assert_int_eq(fake.messages, 2);
}
END_TEST

/* The same when it ends at once. */
static int
end_at_two(struct prong_conn *c, const void *data, size_t len)
{
	if (*(const char *)data == '2')
		conn_end(c, COUNTER_CLOSED_SERVER);
	return 0;
}

START_TEST(test_input_ended_within)
{
	fake.message = end_at_two;
	start(PRONG_LINE);
	if (_i == 1) {
		peer_send(peer, "1");
		fake_settle();
	}
	peer_send(peer, _i == 1 ? "\n2\n3\n4" : "1\n2\n3\n4");
	fake_run_until(has_eof);
	ck_assert_str_eq(fake.heard, "[1][2]");
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/*
 * Replies that refer to the input itself: it may be moved or read over only
 * when they have gone.
 */
START_TEST(test_input_echo_of_kept)
{
	char line[3000], expected[sizeof(line) * 5];
	size_t n = 0, i;

	fake.message = echo;
	start(PRONG_LINE);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (i = 0; i < 4; i++) {
		line[0] = (char)('0' + i);
		memcpy(expected + n, line, sizeof(line) - 1);
		n += sizeof(line) - 1;
		peer_send_bytes(peer, line, 1000);
		fake_settle();
		peer_send_bytes(peer, line + 1000, sizeof(line) - 1000);
		peer_send_bytes(peer, "tail", 4);
		fake_settle();
		peer_send_bytes(peer, "\n", 1);
		fake_settle();
		memcpy(expected + n, "tail", 4);
		n += 4;
		peer_expect_bytes(peer, expected, n);
	}
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("input", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_input_at_once, 0, UNIT_COUNT(streams));
	tcase_add_loop_test(tc, test_input_in_pieces, 0, UNIT_COUNT(streams));
	tcase_add_loop_test(tc, test_input_long_message, 0, 3);
	tcase_add_test(tc, test_input_raw);
	tcase_add_loop_test(tc, test_input_malformed, 0, UNIT_COUNT(bad));
	tcase_add_test(tc, test_input_malformed_fails);
	tcase_add_loop_test(tc, test_input_just_fits, 0, 4);
	tcase_add_test(tc, test_input_unfinished_line);
	tcase_add_loop_test(tc, test_input_unfinished_frame, 0,
	    UNIT_COUNT(cut_off));
	tcase_add_loop_test(tc, test_input_clean_end, 0, UNIT_COUNT(streams));
	tcase_add_loop_test(tc, test_input_pause, 0, 17);
	tcase_add_test(tc, test_input_pause_then_end);
	tcase_add_test(tc, test_input_closed_within);
	tcase_add_loop_test(tc, test_input_ended_within, 0, 2);
	tcase_add_test(tc, test_input_echo_of_kept);
	return unit_run(s);
}
