/* SPDX-License-Identifier: ISC */
/*
 * net/frame: a stream cut into messages, whatever pieces it arrives in.
 */
#include "net/frame.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "unit.h"

#define MAX	16		/* max-message of these tests */

/* A stream, and the messages in it in their order. */
static const struct {
	enum prong_framing framing;
	const char *stream;
	size_t size;
	const char *messages[5];	/* ends with NULL */
	int crlf;			/* a bit per message */
} streams[] = {
	{ PRONG_LINE, "hello\n", 6, { "hello" }, 0 },
	{ PRONG_LINE, "\n", 1, { "" }, 0 },
	{ PRONG_LINE, "\r\n", 2, { "" }, 1 },
	{ PRONG_LINE, "\n\n\r\n", 4, { "", "", "" }, 4 },
	{ PRONG_LINE, "one\ntwo\r\nthree\n", 15, { "one", "two", "three" }, 2 },
	{ PRONG_LINE, "a\rb\n", 4, { "a\rb" }, 0 },
	{ PRONG_LINE, "a\r\r\n", 4, { "a\r" }, 1 },
	{ PRONG_LINE, "0123456789abcdef\n", 17, { "0123456789abcdef" }, 0 },
	{ PRONG_LINE, "0123456789abcdef\r\n", 18, { "0123456789abcdef" }, 1 },
	{ PRONG_LINE, "\xc3\xa4\xe2\x82\xac\n", 6, { "\xc3\xa4\xe2\x82\xac" },
	    0 },
	{ PRONG_NETSTRING, "5:hello,", 8, { "hello" }, 0 },
	{ PRONG_NETSTRING, "0:,", 3, { "" }, 0 },
	{ PRONG_NETSTRING, "0:,1:a,2:,,,3:1:,,", 18, { "", "a", ",,", "1:," },
	    0 },
	{ PRONG_NETSTRING, "16:0123456789abcdef,", 20, { "0123456789abcdef" },
	    0 },
	{ PRONG_NETSTRING, "4:a\n\r\n,", 7, { "a\n\r\n" }, 0 },
	{ PRONG_LENGTH32, "\0\0\0\5hello", 9, { "hello" }, 0 },
	{ PRONG_LENGTH32, "\0\0\0\0", 4, { "" }, 0 },
	{ PRONG_LENGTH32, "\0\0\0\0\0\0\0\1a\0\0\0\2\n,", 15,
	    { "", "a", "\n," }, 0 },
	{ PRONG_LENGTH32, "\0\0\0\x10" "0123456789abcdef", 20,
	    { "0123456789abcdef" }, 0 },
};

/* In a block of exactly this size, so that a read beyond it is noticed. */
static char *
exact_copy(const char *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, data, size);
	return copy;
}

/* Looks at size bytes in a block of their own. */
static enum frame_result
look(enum prong_framing framing, const char *data, size_t size, size_t max,
    struct frame *f)
{
	char *copy = exact_copy(data, size);
	enum frame_result result = frame_next(framing, copy, size, max, f);

	free(copy);
	return result;
}

/*
 * The stream arrives in three pieces, cut at the two places: after each, all
 * whole messages are taken, as a connection does.
 */
static void
feed_in_pieces(int stream, size_t cut1, size_t cut2)
{
	const size_t ends[] = { cut1, cut2, streams[stream].size };
	const char *data = streams[stream].stream, *message;
	struct frame f = { 0 };
	size_t taken = 0;
	int count = 0, i;

	for (i = 0; i < 3; i++) {
		while (look(streams[stream].framing, data + taken,
		    ends[i] - taken, MAX, &f) == FRAME_WHOLE) {
			message = streams[stream].messages[count];
			ck_assert_ptr_nonnull(message);
			ck_assert_uint_eq(f.length, strlen(message));
			ck_assert_int_eq(memcmp(data + taken + f.start, message,
			    f.length), 0);
			ck_assert_uint_le(f.start + f.length, f.size);
			if (streams[stream].framing == PRONG_LINE)
				ck_assert_int_eq(f.crlf != 0,
				    streams[stream].crlf >> count & 1);
			taken += f.size;
			ck_assert_uint_le(taken, ends[i]);
			count++;
			f = (struct frame){ 0 };
		}
	}
	ck_assert_uint_eq(taken, streams[stream].size);
	ck_assert_ptr_null(streams[stream].messages[count]);
}

START_TEST(test_frame_split_anywhere)
{
	size_t cut1, cut2;

	for (cut1 = 0; cut1 <= streams[_i].size; cut1++)
		for (cut2 = cut1; cut2 <= streams[_i].size; cut2++)
			feed_in_pieces(_i, cut1, cut2);
}
END_TEST

/* Byte by byte, every look but the last one of a message asks for more. */
START_TEST(test_frame_byte_by_byte)
{
	const char *data = streams[_i].stream;
	enum prong_framing framing = streams[_i].framing;
	struct frame f = { 0 }, fresh;
	size_t taken = 0, end;
	int count = 0;

	for (end = 0; end <= streams[_i].size; end++) {
		fresh = (struct frame){ 0 };
		if (look(framing, data + taken, end - taken, MAX, &f) ==
		    FRAME_MORE) {
			/* What was kept only saves work: same answer. */
			ck_assert_int_eq(look(framing, data + taken,
			    end - taken, MAX, &fresh), FRAME_MORE);
			if (f.wanted > 0)
				ck_assert_uint_gt(f.wanted, end - taken);
			continue;
		}
		ck_assert_int_eq(look(framing, data + taken, end - taken, MAX,
		    &fresh), FRAME_WHOLE);
		ck_assert_uint_eq(fresh.start, f.start);
		ck_assert_uint_eq(fresh.length, f.length);
		ck_assert_uint_eq(f.size, end - taken);
		taken = end;
		count++;
		f = (struct frame){ 0 };
	}
	ck_assert_uint_eq(taken, streams[_i].size);
	ck_assert_ptr_null(streams[_i].messages[count]);
}
END_TEST

START_TEST(test_frame_nothing_is_more)
{
	static const enum prong_framing framings[] = {
		PRONG_RAW, PRONG_LINE, PRONG_NETSTRING, PRONG_LENGTH32,
	};
	struct frame f;
	int i;

	for (i = 0; i < UNIT_COUNT(framings); i++) {
		f = (struct frame){ 0 };
		ck_assert_int_eq(frame_next(framings[i], "", 0, MAX, &f),
		    FRAME_MORE);
		ck_assert_int_eq(frame_next(framings[i], NULL, 0, MAX, &f),
		    FRAME_MORE);
	}
}
END_TEST

/* Raw takes what is there, of any size: max is not about it. */
START_TEST(test_frame_raw)
{
	struct frame f = { 0 };

	ck_assert_int_eq(look(PRONG_RAW, "a", 1, MAX, &f), FRAME_WHOLE);
	ck_assert_uint_eq(f.start, 0);
	ck_assert_uint_eq(f.length, 1);
	ck_assert_uint_eq(f.size, 1);
	f = (struct frame){ 0 };
	ck_assert_int_eq(look(PRONG_RAW, "hello\nhello\n\0\xff 5:x,", 18, 4,
	    &f), FRAME_WHOLE);
	ck_assert_uint_eq(f.start, 0);
	ck_assert_uint_eq(f.length, 18);
	ck_assert_uint_eq(f.size, 18);
}
END_TEST

/* A zero byte is a byte like others. */
START_TEST(test_frame_zero_bytes)
{
	struct frame f = { 0 };

	ck_assert_int_eq(look(PRONG_LINE, "a\0b\n", 4, MAX, &f), FRAME_WHOLE);
	ck_assert_uint_eq(f.length, 3);
	f = (struct frame){ 0 };
	ck_assert_int_eq(look(PRONG_NETSTRING, "3:\0\0\0,", 6, MAX, &f),
	    FRAME_WHOLE);
	ck_assert_uint_eq(f.length, 3);
	f = (struct frame){ 0 };
	ck_assert_int_eq(look(PRONG_LENGTH32, "\0\0\0\2\0\0", 6, MAX, &f),
	    FRAME_WHOLE);
	ck_assert_uint_eq(f.length, 2);
}
END_TEST

/* Refused at the first byte that decides it, and not before. */
static const struct {
	enum prong_framing framing;
	const char *stream;
	size_t size;
	enum frame_result result;
} refused[] = {
	/* 16 bytes and a "\r" may be a line; 17 bytes without are none. */
	{ PRONG_LINE, "0123456789abcdefgh", 18, FRAME_OVERSIZE },
	{ PRONG_LINE, "0123456789abcdefg\n", 18, FRAME_OVERSIZE },
	{ PRONG_LINE, "0123456789abcdef\r\r", 18, FRAME_OVERSIZE },
	{ PRONG_NETSTRING, ":", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, ",", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "-", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "+", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, " ", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "\n", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "\0", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "\xff", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "a", 1, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "5x", 2, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "5 ", 2, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "00", 2, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "05", 2, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "0:x", 3, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "5:hello\n", 8, FRAME_MALFORMED },
	{ PRONG_NETSTRING, "17", 2, FRAME_OVERSIZE },
	{ PRONG_NETSTRING, "161", 3, FRAME_OVERSIZE },
	{ PRONG_LENGTH32, "\0\0\0\x11", 4, FRAME_OVERSIZE },
	{ PRONG_LENGTH32, "\0\0\1\0", 4, FRAME_OVERSIZE },
	{ PRONG_LENGTH32, "\x80\0\0\0", 4, FRAME_OVERSIZE },
	{ PRONG_LENGTH32, "\xff\xff\xff\xff", 4, FRAME_OVERSIZE },
	{ PRONG_LENGTH32, "GET ", 4, FRAME_OVERSIZE },
};

START_TEST(test_frame_refused)
{
	struct frame f = { 0 }, fresh = { 0 };
	size_t end;

	for (end = 0; end < refused[_i].size; end++)
		ck_assert_int_eq(look(refused[_i].framing, refused[_i].stream,
		    end, MAX, &f), FRAME_MORE);
	ck_assert_int_eq(look(refused[_i].framing, refused[_i].stream, end, MAX,
	    &f), refused[_i].result);
	/* All in one piece gives the same. */
	ck_assert_int_eq(look(refused[_i].framing, refused[_i].stream, end, MAX,
	    &fresh), refused[_i].result);
}
END_TEST

/* No length makes the arithmetic wrap, whatever max is. */
START_TEST(test_frame_huge_lengths)
{
	struct frame f = { 0 };

	ck_assert_int_eq(look(PRONG_NETSTRING, "9999999999:", 11, SIZE_MAX,
	    &f), FRAME_MORE);
	ck_assert_uint_eq(f.wanted, UINT64_C(9999999999) + 12);
	f = (struct frame){ 0 };
	ck_assert_int_eq(look(PRONG_NETSTRING, "10000000000", 11, SIZE_MAX,
	    &f), FRAME_MALFORMED);
	f = (struct frame){ 0 };
	ck_assert_int_eq(look(PRONG_LENGTH32, "\xff\xff\xff\xff", 4, SIZE_MAX,
	    &f), FRAME_MORE);
	ck_assert_uint_eq(f.wanted, (size_t)UINT32_MAX + 4);
}
END_TEST

/* What is searched already is not searched again: lines stay linear. */
START_TEST(test_frame_line_remembers)
{
	struct frame f = { 0 };

	ck_assert_int_eq(frame_next(PRONG_LINE, "abc", 3, MAX, &f), FRAME_MORE);
	ck_assert_uint_eq(f.seen, 3);
	/* A newline that was not there at the first look is not found. */
	ck_assert_int_eq(frame_next(PRONG_LINE, "\nbcd\n", 5, MAX, &f),
	    FRAME_WHOLE);
	ck_assert_uint_eq(f.size, 5);
}
END_TEST

START_TEST(test_frame_unknown_framing)
{
	struct frame f = { 0 };

	ck_assert_int_eq(frame_next((enum prong_framing)0, "a", 1, MAX, &f),
	    FRAME_MALFORMED);
}
END_TEST

/* A protocol of a handler's own: up to ';', and none begins with '!'. */
static size_t own_looked;

static ssize_t
own_frame(const void *data, size_t len, uint64_t *state)
{
	const char *text = data;

	if (text[0] == '!')
		return -1;
	for (; *state < len; (*state)++) {
		own_looked++;
		if (text[*state] == ';')
			return (ssize_t)*state + 1;
	}
	return 0;
}

static ssize_t
own_too_much(const void *data, size_t len, uint64_t *state)
{
	return (ssize_t)len + 1;
}

START_TEST(test_frame_own)
{
	struct frame f = { 0 };

	ck_assert_int_eq(frame_next_own(own_frame, NULL, 0, 8, &f), FRAME_MORE);
	ck_assert_int_eq(frame_next_own(own_frame, "abc", 3, 8, &f),
	    FRAME_MORE);
	ck_assert_int_eq(frame_next_own(own_frame, "abcd;ef;", 8, 8, &f),
	    FRAME_WHOLE);
	ck_assert_uint_eq(f.start, 0);
	ck_assert_uint_eq(f.length, 5);
	ck_assert_uint_eq(f.size, 5);
	/* What it noted was there when it went on. */
	ck_assert_uint_eq(own_looked, 5);
}
END_TEST

START_TEST(test_frame_own_bad)
{
	struct frame f = { 0 };

	ck_assert_int_eq(frame_next_own(own_frame, "!", 1, 8, &f),
	    FRAME_MALFORMED);
	ck_assert_int_eq(frame_next_own(own_too_much, "ab", 2, 8, &f),
	    FRAME_MALFORMED);
	ck_assert_int_eq(frame_next_own(own_frame, "abcdefg;", 8, 8, &f),
	    FRAME_WHOLE);
	f = (struct frame){ 0 };
	ck_assert_int_eq(frame_next_own(own_frame, "abcdefgh;", 9, 8, &f),
	    FRAME_OVERSIZE);
	f = (struct frame){ 0 };
	ck_assert_int_eq(frame_next_own(own_frame, "abcdefghi", 9, 8, &f),
	    FRAME_OVERSIZE);
	/* Only who has the function can cut it. */
	ck_assert_int_eq(frame_next(PRONG_OWN, "a;", 2, 8, &f),
	    FRAME_MALFORMED);
}
END_TEST

/* Wrapped, then cut again: the same bytes. */
START_TEST(test_frame_wrap_and_cut)
{
	static const enum prong_framing framings[] = {
		PRONG_LINE, PRONG_NETSTRING, PRONG_LENGTH32, PRONG_RAW,
	};
	char data[1000], wire[1000 + FRAME_HEADER_MAX + 2];
	struct frame_wrap w;
	struct frame f;
	size_t size, length;
	int crlf;

	memset(data, 'x', sizeof(data));
	/* Raw cannot tell an empty message from none. */
	for (length = framings[_i] == PRONG_RAW ? 1 : 0; length < sizeof(data);
	    length++) {
		for (crlf = 0; crlf < 2; crlf++) {
			ck_assert_int_eq(frame_wrap(framings[_i], data, length,
			    crlf, &w), 0);
			ck_assert_uint_le(w.header_length, FRAME_HEADER_MAX);
			memcpy(wire, w.header, w.header_length);
			size = w.header_length;
			memcpy(wire + size, data, length);
			size += length;
			memcpy(wire + size, w.trailer, w.trailer_length);
			size += w.trailer_length;
			f = (struct frame){ 0 };
			ck_assert_int_eq(look(framings[_i], wire, size,
			    sizeof(data), &f), FRAME_WHOLE);
			ck_assert_uint_eq(f.start, w.header_length);
			ck_assert_uint_eq(f.length, length);
			ck_assert_uint_eq(f.size, size);
			if (framings[_i] == PRONG_LINE)
				ck_assert_int_eq(f.crlf != 0, crlf);
		}
	}
}
END_TEST

START_TEST(test_frame_wrap_bytes)
{
	struct frame_wrap w;

	ck_assert_int_eq(frame_wrap(PRONG_RAW, "a", 1, 1, &w), 0);
	ck_assert_uint_eq(w.header_length, 0);
	ck_assert_uint_eq(w.trailer_length, 0);

	ck_assert_int_eq(frame_wrap(PRONG_LINE, "a", 1, 1, &w), 0);
	ck_assert_uint_eq(w.header_length, 0);
	ck_assert_uint_eq(w.trailer_length, 2);
	ck_assert_int_eq(memcmp(w.trailer, "\r\n", 2), 0);
	ck_assert_int_eq(frame_wrap(PRONG_LINE, "", 0, 0, &w), 0);
	ck_assert_uint_eq(w.trailer_length, 1);
	ck_assert_int_eq(w.trailer[0], '\n');
	/* A message that ends in a newline gets no other. */
	ck_assert_int_eq(frame_wrap(PRONG_LINE, "a\n", 2, 0, &w), 0);
	ck_assert_uint_eq(w.trailer_length, 0);
	ck_assert_int_eq(frame_wrap(PRONG_LINE, "a\n", 2, 1, &w), 0);
	ck_assert_uint_eq(w.trailer_length, 0);

	ck_assert_int_eq(frame_wrap(PRONG_NETSTRING, "hello", 5, 0, &w), 0);
	ck_assert_uint_eq(w.header_length, 2);
	ck_assert_int_eq(memcmp(w.header, "5:", 2), 0);
	ck_assert_uint_eq(w.trailer_length, 1);
	ck_assert_int_eq(w.trailer[0], ',');

	ck_assert_int_eq(frame_wrap(PRONG_LENGTH32, NULL, 0x01020384, 0, &w),
	    0);
	ck_assert_uint_eq(w.header_length, 4);
	ck_assert_int_eq(memcmp(w.header, "\x01\x02\x03\x84", 4), 0);
	ck_assert_uint_eq(w.trailer_length, 0);
}
END_TEST

START_TEST(test_frame_wrap_limits)
{
	const size_t netstring_max = 9999999999;
	struct frame_wrap w;

	/* The bytes are not looked at: none of this size is needed. */
	ck_assert_int_eq(frame_wrap(PRONG_NETSTRING, NULL, netstring_max, 0,
	    &w), 0);
	ck_assert_uint_eq(w.header_length, 11);
	ck_assert_int_eq(memcmp(w.header, "9999999999:", 11), 0);
	errno = 0;
	ck_assert_int_eq(frame_wrap(PRONG_NETSTRING, NULL, netstring_max + 1,
	    0, &w), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_str_eq(error_text(),
	    "10000000000 bytes do not fit into a netstring");

	ck_assert_int_eq(frame_wrap(PRONG_LENGTH32, NULL, UINT32_MAX, 0, &w),
	    0);
	ck_assert_int_eq(memcmp(w.header, "\xff\xff\xff\xff", 4), 0);
	errno = 0;
	ck_assert_int_eq(frame_wrap(PRONG_LENGTH32, NULL,
	    (size_t)UINT32_MAX + 1, 0, &w), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_str_eq(error_text(),
	    "4294967296 bytes do not fit into a 32-bit length");
}
END_TEST

START_TEST(test_frame_names)
{
	static const char *const names[] = {
		"raw", "line", "netstring", "length32",
	};
	static const char *const none[] = {
		"", "Raw", "lines", "lin", " raw", "length", "length64",
	};
	int i, all = 0;

	for (i = 0; i < UNIT_COUNT(names); i++) {
		ck_assert_int_ne(frame_by_name(names[i]), 0);
		ck_assert_str_eq(frame_name(frame_by_name(names[i])), names[i]);
		all |= (int)frame_by_name(names[i]);
	}
	ck_assert_int_eq(all, PRONG_RAW | PRONG_LINE | PRONG_NETSTRING |
	    PRONG_LENGTH32);
	for (i = 0; i < UNIT_COUNT(none); i++)
		ck_assert_int_eq(frame_by_name(none[i]), 0);
	ck_assert_ptr_null(frame_name((enum prong_framing)0));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("frame", &tc);

	tcase_add_loop_test(tc, test_frame_split_anywhere, 0,
	    UNIT_COUNT(streams));
	tcase_add_loop_test(tc, test_frame_byte_by_byte, 0,
	    UNIT_COUNT(streams));
	tcase_add_test(tc, test_frame_nothing_is_more);
	tcase_add_test(tc, test_frame_raw);
	tcase_add_test(tc, test_frame_zero_bytes);
	tcase_add_loop_test(tc, test_frame_refused, 0, UNIT_COUNT(refused));
	tcase_add_test(tc, test_frame_huge_lengths);
	tcase_add_test(tc, test_frame_line_remembers);
	tcase_add_test(tc, test_frame_unknown_framing);
	tcase_add_test(tc, test_frame_own);
	tcase_add_test(tc, test_frame_own_bad);
	tcase_add_loop_test(tc, test_frame_wrap_and_cut, 0, 4);
	tcase_add_test(tc, test_frame_wrap_bytes);
	tcase_add_test(tc, test_frame_wrap_limits);
	tcase_add_test(tc, test_frame_names);
	return unit_run(s);
}
