/* SPDX-License-Identifier: ISC */
/*
 * The built-in handlers but menu, without a server: on the fake of
 * fake_prong.c.
 */
#include "handlers/builtin.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_prong.h"
#include "unit.h"

/* --- echo --------------------------------------------------------------- */

START_TEST(echo_plain)
{
	static const char binary[] = "a\0\xff\r\n\nz";
	struct prong_service s = { .handler = &echo_handler };
	struct prong_conn c;

	fake_start(&s);
	c = fake_open(&s);
	ck_assert_uint_eq(c.sends, 0);
	ck_assert_int_eq(echo_handler.message(&c, binary, sizeof(binary)), 0);
	ck_assert_uint_eq(c.length, sizeof(binary));
	ck_assert_mem_eq(c.out, binary, sizeof(binary));
	ck_assert_uint_eq(c.sends, 1);
	c.is_broken = true;
	ck_assert_int_eq(echo_handler.message(&c, "x", 1), -1);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(echo_greeting_and_prefix)
{
	struct prong_service s = { .handler = &echo_handler,
	    .keys = { "greeting", "prefix" },
	    .values = { "Gr\xc3\xbc\xc3\x9f dich\n", "\xe2\x86\x92 " } };
	struct prong_conn c;

	fake_start(&s);
	c = fake_open(&s);
	ck_assert_str_eq(c.out, "Gr\xc3\xbc\xc3\x9f dich\n");
	ck_assert_uint_eq(c.sends, 1);
	fake_ask(&c, "Hello", "\xe2\x86\x92 Hello");
	ck_assert_uint_eq(c.sends, 2);
	c.is_broken = true;
	ck_assert_int_eq(echo_handler.message(&c, "x", 1), -1);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

/* Every byte, one by one: only the letters of ASCII may change. */
START_TEST(echo_transform_touches_letters_only)
{
	static const char *const names[] = { "upper", "lower" };
	static const char *const from[] = {
	    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" };
	struct prong_service s = { .handler = &echo_handler,
	    .keys = { "transform" }, .values = { names[_i] } };
	struct prong_conn c;
	const char *letter;
	char byte, want;
	int i;

	fake_start(&s);
	c = fake_open(&s);
	for (i = 0; i < 256; i++) {
		byte = (char)i;
		letter = i == 0 ? NULL : strchr(from[_i], byte);
		want = letter == NULL ? byte : from[!_i][letter - from[_i]];
		c.length = 0;
		ck_assert_int_eq(echo_handler.message(&c, &byte, 1), 0);
		ck_assert_uint_eq(c.length, 1);
		ck_assert_int_eq(c.out[0], want);
	}
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(echo_transform_any_size)
{
	static const size_t sizes[] = { 0, 1, 4096, 4097, 1000000, 3 };
	struct prong_service s = { .handler = &echo_handler,
	    .keys = { "prefix", "transform" }, .values = { "> ", "upper" } };
	struct prong_conn c;
	char *text, *want;
	size_t i;

	text = malloc(1000000);
	want = malloc(1000000);
	memset(text, 'q', 1000000);
	memset(want, 'Q', 1000000);
	fake_start(&s);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		c = fake_open(&s);
		ck_assert_int_eq(echo_handler.message(&c, text, sizes[i]), 0);
		ck_assert_uint_eq(c.length, 2 + sizes[i]);
		ck_assert_mem_eq(c.out, "> ", 2);
		ck_assert_mem_eq(c.out + 2, want, sizes[i]);
		ck_assert_uint_eq(c.sends, 1);
		fake_free(&c);
	}
	free(text);
	free(want);
	fake_stop(&s);
}
END_TEST

/* --- the small ones ----------------------------------------------------- */

START_TEST(discard_is_silent)
{
	struct prong_service s = { .handler = &discard_handler };
	struct prong_conn c = fake_open(&s);

	fake_ask(&c, "anything", "");
	ck_assert_uint_eq(c.sends, 0);
	ck_assert(!c.is_closed);
}
END_TEST

START_TEST(chargen_goes_round)
{
	struct prong_service s = { .handler = &chargen_handler };
	struct prong_conn c = fake_open(&s);
	size_t before = c.length, i, line, column;

	ck_assert_uint_ge(c.length, 100000);
	fake_ask(&c, "ignored", "");
	ck_assert_int_eq(chargen_handler.writable(&c), 0);
	ck_assert_uint_eq(c.length, before);
	c.full_at = 200000;
	ck_assert_int_eq(chargen_handler.writable(&c), 0);
	ck_assert_uint_ge(c.length, 200000);
	ck_assert_uint_le(c.length, 210000);
	for (i = 0; i < c.length; i++) {
		line = i / 74;
		column = i % 74;
		if (column < 72)
			ck_assert_int_eq(c.out[i],
			    (int)(' ' + (line + column) % 95));
		else
			ck_assert_int_eq(c.out[i], "\r\n"[column - 72]);
	}
	c.is_broken = true;
	c.full_at = 300000;
	ck_assert_int_eq(chargen_handler.writable(&c), -1);
	ck_assert_int_eq(chargen_handler.draining(&c), 0);
	ck_assert(c.is_closed);
	fake_free(&c);
}
END_TEST

START_TEST(daytime_is_now)
{
	struct prong_service s = { .handler = &daytime_handler };
	time_t before = time(NULL);
	struct prong_conn c = fake_open(&s);
	time_t now, after = time(NULL);
	struct tm tm = { .tm_isdst = 0 };
	const char *end;

	/* The test runs in the C locale: English names. */
	end = strptime(c.out, "%A, %B %d, %Y %H:%M:%S-UTC", &tm);
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end, "\r\n");
	now = timegm(&tm);
	ck_assert(before <= now && now <= after);
	ck_assert(c.is_closed);
	fake_free(&c);
}
END_TEST

START_TEST(time_is_now)
{
	struct prong_service s = { .handler = &time_handler };
	time_t before = time(NULL);
	struct prong_conn c = fake_open(&s);
	time_t now, after = time(NULL);
	uint32_t sent;

	ck_assert_uint_eq(c.length, 4);
	memcpy(&sent, c.out, 4);
	/* 25,567 days lie between the two beginnings. */
	now = (time_t)(uint32_t)(ntohl(sent) - 25567U * 86400U);
	ck_assert(before <= now && now <= after);
	ck_assert(c.is_closed);
	ck_assert_uint_eq(time_handler.framings, PRONG_RAW);
	fake_free(&c);
}
END_TEST

/* --- qotd --------------------------------------------------------------- */

static char qotd_path[] = "/tmp/check_handlers.XXXXXX";

static void
qotd_write(const char *text, size_t len)
{
	int fd = mkstemp(qotd_path);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static struct prong_service
qotd_service(const char *path)
{
	return (struct prong_service){ .handler = &qotd_handler,
	    .keys = { "file" }, .values = { path } };
}

START_TEST(qotd_has_proverbs)
{
	struct prong_service s = { .handler = &qotd_handler };
	struct prong_conn c;

	fake_start(&s);
	c = fake_open(&s);
	ck_assert_uint_gt(c.length, 10);
	ck_assert_uint_lt(c.length, 512);
	ck_assert_str_eq(c.out + c.length - 2, "\r\n");
	ck_assert(c.is_closed);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

static const char *const qotd_files[] = {
	"%\none\r\ntwo\n%\n%\n",	/* nothing around it, nothing between */
	"one\ntwo",			/* no newline at the end */
	"one\ntwo\n%",
	"one\r\ntwo\r\n%\r\n",
};

START_TEST(qotd_reads_a_file)
{
	struct prong_service s = qotd_service(qotd_path);
	struct prong_conn c;

	qotd_write(qotd_files[_i], strlen(qotd_files[_i]));
	fake_start(&s);
	unlink(qotd_path);
	c = fake_open(&s);
	ck_assert_str_eq(c.out, "one\r\ntwo\r\n");
	ck_assert(c.is_closed);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(qotd_leaves_out_long_ones)
{
	struct prong_service s = qotd_service(qotd_path);
	struct prong_conn c;
	char text[2000];
	int n;

	/* With its "\r\n" the first has 512 bytes, the second 511. */
	n = snprintf(text, sizeof(text), "%0510d\n%%\n%0509d\n", 1, 2);
	qotd_write(text, (size_t)n);
	fake_start(&s);
	unlink(qotd_path);
	c = fake_open(&s);
	ck_assert_uint_eq(c.length, 511);
	ck_assert_str_eq(c.out + 500, "000000002\r\n");
	ck_assert_ptr_nonnull(strstr(fake_log, ": 1 quotes are longer than "
	    "511 bytes and are left out"));
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

static void
qotd_refused(const char *path, const char *why)
{
	struct prong_service s = qotd_service(path);
	char want[600];

	snprintf(want, sizeof(want), "option file: %s: %s", path, why);
	ck_assert_int_eq(qotd_handler.init(&s), -1);
	ck_assert_str_eq(fake_error, want);
	ck_assert_ptr_null(s.data);
}

START_TEST(qotd_says_what_is_wrong)
{
	static char large[1024 * 1024 + 1];

	qotd_refused("/nonexistent/quotes", "No such file or directory");
	qotd_refused("/", "not a regular file");
	qotd_refused("/dev/zero", "not a regular file");
	memset(large, 'x', sizeof(large));
	qotd_write(large, sizeof(large));
	qotd_refused(qotd_path, "larger than 1 MB");
	ck_assert_int_eq(truncate(qotd_path, 1024 * 1024), 0);
	qotd_refused(qotd_path, "no quote of 1 to 511 bytes");
	ck_assert_int_eq(truncate(qotd_path, 0), 0);
	qotd_refused(qotd_path, "no quote of 1 to 511 bytes");
	ck_assert_int_eq(truncate(qotd_path, 10), 0);
	qotd_refused(qotd_path, "not a text file");
	unlink(qotd_path);
}
END_TEST

/* --- all of them -------------------------------------------------------- */

START_TEST(table_is_sound)
{
	static const char *const names[] = { "echo", "discard", "chargen",
	    "daytime", "time", "qotd", "menu", NULL };
	const struct prong_handler *h;
	size_t i;

	for (i = 0; (h = builtin_handlers[i]) != NULL; i++) {
		ck_assert_str_eq(h->name, names[i]);
		ck_assert_uint_eq(h->abi, PRONG_ABI);
		ck_assert_ptr_nonnull(h->summary);
		ck_assert(h->opened != NULL || h->message != NULL);
	}
	ck_assert_ptr_null(names[i]);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("handlers", &tc);

	tcase_add_test(tc, table_is_sound);
	tcase_add_test(tc, echo_plain);
	tcase_add_test(tc, echo_greeting_and_prefix);
	tcase_add_loop_test(tc, echo_transform_touches_letters_only, 0, 2);
	tcase_add_test(tc, echo_transform_any_size);
	tcase_add_test(tc, discard_is_silent);
	tcase_add_test(tc, chargen_goes_round);
	tcase_add_test(tc, daytime_is_now);
	tcase_add_test(tc, time_is_now);
	tcase_add_test(tc, qotd_has_proverbs);
	tcase_add_loop_test(tc, qotd_reads_a_file, 0, UNIT_COUNT(qotd_files));
	tcase_add_test(tc, qotd_leaves_out_long_ones);
	tcase_add_test(tc, qotd_says_what_is_wrong);
	return unit_run(s);
}
