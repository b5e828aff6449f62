/* SPDX-License-Identifier: ISC */
/*
 * The built-in handlers but menu, by the harness.
 */
#include "handlers/builtin.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static struct prong_harness *h;
static struct prong_client *c;

/* A service with these options, and a client. */
static void
begin(const struct prong_handler *handler, const char *const *options)
{
	h = prong_harness_new(handler, NULL, options);
	ck_assert_msg(h != NULL, "%s", prong_error());
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
}

static void
ask(const char *text, const char *answer)
{
	ck_assert_int_eq(prong_client_feed(c, text, strlen(text)), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), answer);
}

static void
finish(void)
{
	prong_harness_free(h);
}

/* --- echo --------------------------------------------------------------- */

START_TEST(echo_plain)
{
	static const char binary[] = "a\0\xff\r\n\nz";
	const char *output;
	size_t length;

	begin(&echo_handler, NULL);
	ask("", "");
	ck_assert_int_eq(prong_client_feed(c, binary, sizeof(binary)), 0);
	output = prong_client_output(c, &length);
	ck_assert_uint_eq(length, sizeof(binary));
	ck_assert_mem_eq(output, binary, sizeof(binary));
	finish();
}
END_TEST

START_TEST(echo_greeting_and_prefix)
{
	static const char *const options[] = {
	    "greeting", "Gr\xc3\xbc\xc3\x9f dich\n",
	    "prefix", "\xe2\x86\x92 ", NULL };

	begin(&echo_handler, options);
	ask("", "Gr\xc3\xbc\xc3\x9f dich\n");
	ask("Hello", "\xe2\x86\x92 Hello");
	finish();
}
END_TEST

/* Every byte, one by one: only the letters of ASCII may change. */
START_TEST(echo_transform_touches_letters_only)
{
	static const char *const names[] = { "upper", "lower" };
	static const char *const from[] = {
	    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" };
	const char *options[] = { "transform", names[_i], NULL };
	const char *letter;
	char byte, want;
	int i;

	begin(&echo_handler, options);
	for (i = 0; i < 256; i++) {
		byte = (char)i;
		letter = i == 0 ? NULL : strchr(from[_i], byte);
		want = letter == NULL ? byte : from[!_i][letter - from[_i]];
		ck_assert_int_eq(prong_client_feed(c, &byte, 1), 0);
		ck_assert_mem_eq(prong_client_output(c, NULL), &want, 1);
	}
	finish();
}
END_TEST

START_TEST(echo_transform_any_size)
{
	static const size_t sizes[] = { 0, 1, 4096, 4097, 1000000, 3 };
	static const char *const settings[] = { "framing", "netstring",
	    "max-message", "1M", NULL };
	static const char *const options[] = { "prefix", "> ",
	    "transform", "upper", NULL };
	char *text = malloc(1000020), *want = malloc(1000020);
	const char *output;
	size_t i, length, n, head;

	ck_assert_ptr_nonnull(h = prong_harness_new(&echo_handler, settings,
	    options));
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = (size_t)sprintf(text, "%zu:", sizes[i]);
		memset(text + n, 'q', sizes[i]);
		strcpy(text + n + sizes[i], ",");
		ck_assert_int_eq(prong_client_feed(c, text, n + sizes[i] + 1),
		    0);
		head = (size_t)sprintf(want, "%zu:> ", 2 + sizes[i]);
		memset(want + head, 'Q', sizes[i]);
		strcpy(want + head + sizes[i], ",");
		output = prong_client_output(c, &length);
		ck_assert_uint_eq(length, head + sizes[i] + 1);
		ck_assert(memcmp(output, want, length) == 0);
	}
	free(text);
	free(want);
	finish();
}
END_TEST

/* --- the small ones ----------------------------------------------------- */

START_TEST(discard_is_silent)
{
	begin(&discard_handler, NULL);
	ask("anything", "");
	ck_assert_int_eq(prong_client_end(c), PRONG_OPEN);
	finish();
}
END_TEST

static void
chargen_check(const char *text, size_t from, size_t length)
{
	size_t i, line, column;

	for (i = from; i < from + length; i++) {
		line = i / 74;
		column = i % 74;
		/* Not with a report of every byte of a megabyte. */
		if (text[i - from] != (column < 72 ?
		    (char)(' ' + (line + column) % 95) : "\r\n"[column - 72]))
			ck_abort_msg("wrong at %zu", i);
	}
}

/* Through an event that finds the queue empty again, and many of them. */
START_TEST(chargen_goes_round)
{
	const char *text;
	size_t length, all = 0;
	int i;

	begin(&chargen_handler, NULL);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(prong_client_feed(c, "ignored", 7), 0);
		text = prong_client_output(c, &length);
		ck_assert_uint_eq(length, 1024 * 1024);
		chargen_check(text, all, length);
		all += length;
	}
	ck_assert(prong_is_full(prong_client_conn(c)));
	ck_assert_int_eq(prong_harness_drain(h), 0);
	ck_assert_int_eq(prong_client_window(c, SIZE_MAX), 0);
	text = prong_client_output(c, &length);
	ck_assert_uint_gt(length, 0);
	chargen_check(text, all, length);
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	finish();
}
END_TEST

START_TEST(daytime_is_now)
{
	time_t before = time(NULL), now, after;
	struct tm tm = { .tm_isdst = 0 };
	const char *end;

	begin(&daytime_handler, NULL);
	after = time(NULL);
	/* The test runs in the C locale: English names. */
	end = strptime(prong_client_output(c, NULL),
	    "%A, %B %d, %Y %H:%M:%S-UTC", &tm);
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end, "\r\n");
	now = timegm(&tm);
	ck_assert(before <= now && now <= after);
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	finish();
}
END_TEST

START_TEST(time_is_now)
{
	time_t before = time(NULL), now, after;
	const char *output;
	uint32_t sent;
	size_t length;

	begin(&time_handler, NULL);
	after = time(NULL);
	output = prong_client_output(c, &length);
	ck_assert_uint_eq(length, 4);
	memcpy(&sent, output, 4);
	/* 25,567 days lie between the two beginnings. */
	now = (time_t)(uint32_t)(ntohl(sent) - 25567U * 86400U);
	ck_assert(before <= now && now <= after);
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	ck_assert_uint_eq(time_handler.framings, PRONG_RAW);
	finish();
}
END_TEST

/* --- qotd --------------------------------------------------------------- */

static char qotd_path[] = "/tmp/check_handlers.XXXXXX";
static const char *const qotd_options[] = { "file", qotd_path, NULL };

static void
qotd_write(const char *text, size_t len)
{
	int fd = mkstemp(qotd_path);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

START_TEST(qotd_has_proverbs)
{
	const char *output;
	size_t length;

	begin(&qotd_handler, NULL);
	output = prong_client_output(c, &length);
	ck_assert_uint_gt(length, 10);
	ck_assert_uint_lt(length, 512);
	ck_assert_str_eq(output + length - 2, "\r\n");
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	finish();
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
	qotd_write(qotd_files[_i], strlen(qotd_files[_i]));
	begin(&qotd_handler, qotd_options);
	unlink(qotd_path);
	ck_assert_str_eq(prong_client_output(c, NULL), "one\r\ntwo\r\n");
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	finish();
}
END_TEST

START_TEST(qotd_leaves_out_long_ones)
{
	char text[2000], said[300] = "";
	const char *output;
	size_t length;
	int n, logged[2];

	/* With its "\r\n" the first has 512 bytes, the second 511. */
	n = snprintf(text, sizeof(text), "%0510d\n%%\n%0509d\n", 1, 2);
	qotd_write(text, (size_t)n);
	ck_assert_int_eq(pipe(logged), 0);
	ck_assert_int_eq(dup2(logged[1], STDERR_FILENO), STDERR_FILENO);
	begin(&qotd_handler, qotd_options);
	unlink(qotd_path);
	output = prong_client_output(c, &length);
	ck_assert_uint_eq(length, 511);
	ck_assert_str_eq(output + 500, "000000002\r\n");
	ck_assert_int_gt(read(logged[0], said, sizeof(said) - 1), 0);
	ck_assert_ptr_nonnull(strstr(said, ": left out, as longer than "
	    "511 bytes: 1 quote\n"));
	finish();
}
END_TEST

static void
qotd_refused(const char *path, const char *why)
{
	const char *options[] = { "file", path, NULL };
	char want[600];

	snprintf(want, sizeof(want), "option file: %s: %s", path, why);
	ck_assert_ptr_null(prong_harness_new(&qotd_handler, NULL, options));
	ck_assert_str_eq(prong_error(), want);
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
	    "daytime", "time", "qotd", "menu", "store", NULL };
	const struct prong_handler *handler;
	size_t i;

	for (i = 0; (handler = builtin_handlers[i]) != NULL; i++) {
		ck_assert_str_eq(handler->name, names[i]);
		ck_assert_uint_eq(handler->abi, PRONG_ABI);
		ck_assert_ptr_nonnull(handler->summary);
		ck_assert(handler->opened != NULL || handler->message != NULL);
	}
	ck_assert_ptr_null(names[i]);
}
END_TEST

/* A client who takes nothing and resets harms none of them. */
START_TEST(any_is_reset)
{
	if (builtin_handlers[_i] == &menu_handler)
		return;
	begin(builtin_handlers[_i], NULL);
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	prong_client_feed(c, "something", 9);
	ck_assert_int_eq(prong_client_reset(c), 0);
	ck_assert_int_ne(prong_client_end(c), PRONG_OPEN);
	ck_assert_int_eq(prong_harness_counter(h, "handler_errors"), 0);
	ck_assert_int_eq(prong_harness_counter(h, "active"), 0);
	finish();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("handlers", &tc);

	tcase_add_test(tc, table_is_sound);
	tcase_add_loop_test(tc, any_is_reset, 0, 7);
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
