/* SPDX-License-Identifier: ISC */
/*
 * base/log: the access log.  The forms of its lines, what a peer cannot forge,
 * and how it lives beside the main log.
 */
#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vis.h>

#include <jansson.h>

#include "base/error.h"
#include "content.h"
#include "helper.h"
#include "unit.h"

static const struct log_access served = {
	.service = "echo", .peer = "127.0.0.1:40000", .worker = 3, .id = 12,
	.milliseconds = 61234, .bytes_in = 64, .bytes_out = 4294967296,
	.end = "client",
};
static const struct log_access refused = {
	.service = "echo", .peer = "[::1]:555", .worker = 0,
	.refused = "rate", .id = 1, .end = "client",
};

#define SERVED	"service=echo peer=127.0.0.1:40000 id=12 worker=3 "	\
		"seconds=61.234 in=64 out=4294967296 end=client\n"
#define REFUSED	"service=echo peer=[::1]:555 worker=0 refused=rate\n"

/* A log of its own for the test. */
static const char *
open_access(const char *name, bool json)
{
	const char *path = helper_path(name);

	unlink(path);
	ck_assert_int_eq(log_open_access(path, json), 0);
	return path;
}

/* The line after its time, which has to look like one. */
static const char *
after_time(const char *line)
{
	static const char form[] = "0000-00-00T00:00:00.000Z ";
	size_t i;

	for (i = 0; form[i] != '\0'; i++)
		ck_assert_msg(form[i] == '0' ? line[i] >= '0' &&
		    line[i] <= '9' : line[i] == form[i], "%s", line);
	return line + i;
}

START_TEST(test_log_access_none)
{
	const char *err = content_catch_stderr("none.err");

	ck_assert(!log_has_access());
	ck_assert_int_eq(log_descriptor(LOG_ACCESS), -1);
	ck_assert_ptr_null(log_path(LOG_ACCESS));
	log_access(&served);
	ck_assert_int_eq(log_open_access("", false), 0);
	ck_assert(!log_has_access());
	log_access(&served);
	ck_assert_str_eq(content(err), "");
}
END_TEST

START_TEST(test_log_access_file)
{
	const char *path = open_access("file.log", false);
	int before = helper_descriptors();

	ck_assert(log_has_access());
	ck_assert_str_eq(log_path(LOG_ACCESS), path);
	ck_assert_int_ge(log_descriptor(LOG_ACCESS), 3);
	/* The level is the main log's. */
	log_set_level(PRONG_ERROR);
	errno = EDOM;
	log_access(&served);
	log_access(&refused);
	ck_assert_int_eq(errno, EDOM);
	content(path);
	ck_assert_int_eq(strncmp(after_time(text), SERVED, strlen(SERVED)), 0);
	ck_assert_str_eq(after_time(strchr(text, '\n') + 1), REFUSED);
	/* And switched off again. */
	ck_assert_int_eq(log_open_access("", false), 0);
	ck_assert(!log_has_access());
	ck_assert_int_eq(helper_descriptors(), before - 1);
}
END_TEST

/* Among messages a line is known by its first word. */
START_TEST(test_log_access_stderr)
{
	const char *err = content_catch_stderr("stderr.err");

	ck_assert_int_eq(log_open_access("stderr", false), 0);
	ck_assert(log_has_access());
	log_info("before");
	log_access(&served);
	log_access(&refused);
	ck_assert_str_eq(content(err), "before\naccess: " SERVED "access: "
	    REFUSED);
}
END_TEST

static const struct {
	uint64_t ms;
	const char *seconds;
} durations[] = {
	{ 0, " seconds=0.000 " },
	{ 9, " seconds=0.009 " },
	{ 1000, " seconds=1.000 " },
	{ UINT64_MAX, " seconds=18446744073709551.615 " },
};

START_TEST(test_log_access_seconds)
{
	const char *path = open_access("seconds.log", false);
	struct log_access a = served;

	a.milliseconds = durations[_i].ms;
	log_access(&a);
	ck_assert_ptr_nonnull(strstr(content(path), durations[_i].seconds));
}
END_TEST

/* The members of an object, and no others. */
static void
expect_json(const char *line, const char *format, ...)
{
	json_t *wanted, *got;
	json_error_t error;
	va_list ap;

	got = json_loads(line, JSON_DISABLE_EOF_CHECK, &error);
	ck_assert_msg(got != NULL, "%s: %s", error.text, line);
	ck_assert_uint_eq(json_string_length(json_object_get(got, "time")), 24);
	json_object_del(got, "time");
	va_start(ap, format);
	wanted = json_vpack_ex(&error, 0, format, ap);
	va_end(ap);
	ck_assert_msg(wanted != NULL, "%s", error.text);
	ck_assert_msg(json_equal(got, wanted), "%s", line);
	json_decref(wanted);
	json_decref(got);
}

static void
expect_both_json(const char *lines)
{
	ck_assert_int_eq(*lines, '{');
	expect_json(lines, "{s:s, s:s, s:i, s:i, s:f, s:i, s:I, s:s}",
	    "service", "echo", "peer", "127.0.0.1:40000", "id", 12,
	    "worker", 3, "seconds", 61.234, "in", 64, "out",
	    (json_int_t)4294967296, "end", "client");
	lines = strchr(lines, '\n') + 1;
	expect_json(lines, "{s:s, s:s, s:i, s:s}", "service", "echo",
	    "peer", "[::1]:555", "worker", 0, "refused", "rate");
	ck_assert_str_eq(strchr(lines, '\n'), "\n");
}

START_TEST(test_log_access_json)
{
	const char *path = open_access("json.log", true), *err;

	log_access(&served);
	log_access(&refused);
	expect_both_json(content(path));
	err = content_catch_stderr("json.err");
	ck_assert_int_eq(log_open_access("stderr", true), 0);
	log_access(&served);
	log_access(&refused);
	expect_both_json(content(err));
}
END_TEST

/* What a line stands for is its last word. */
START_TEST(test_log_access_sample)
{
	const char *path = open_access("sample.log", false);
	struct log_access a = refused;

	a.sample = 100;
	log_access(&a);
	ck_assert_str_eq(after_time(content(path)), "service=echo "
	    "peer=[::1]:555 worker=0 refused=rate sample=100\n");
	path = open_access("sample.json", true);
	log_access(&a);
	expect_json(content(path), "{s:s, s:s, s:i, s:s, s:i}", "service",
	    "echo", "peer", "[::1]:555", "worker", 0, "refused", "rate",
	    "sample", 100);
}
END_TEST

static const char *const hostile[] = {
	"a\n2026-11-21T04:03:05.123Z service=forged", "a\r\nb",
	"\033[2J\033[H", "\a\b\t\v\f", "\x7f\x80\xff\xc3(", "\xc3\xa4",
	"x end=client", "\"", "\\", "\\n", "\\\"", "\",\"end\":\"", "%s%n%d",
	"=", "", "'`$(reboot)",
};

/* A value as it was before it was encoded. */
static void
expect_value(const char *encoded, size_t length, const char *wanted)
{
	char value[2048], plain[2048];

	ck_assert_uint_lt(length, sizeof(value));
	memcpy(value, encoded, length);
	value[length] = '\0';
	ck_assert_int_ge(strunvis(plain, value), 0);
	ck_assert_str_eq(plain, wanted);
}

/* The value of a key that has to come next; returns what follows it. */
static const char *
expect_word(const char *p, const char *key, const char *wanted)
{
	size_t length = strcspn(p, "= \n");

	ck_assert_uint_eq(length, strlen(key));
	ck_assert_int_eq(strncmp(p, key, length), 0);
	p += length + 1;
	length = strcspn(p, " \n");
	expect_value(p, length, wanted);
	return p + length + 1;
}

static void
expect_plain(const char *p)
{
	for (; *p != '\0'; p++)
		ck_assert_msg((*p >= ' ' && *p <= '~') || *p == '\n',
		    "byte %#x", (unsigned char)*p);
}

/* Every line has its fields and no other, and each has what was given. */
START_TEST(test_log_access_cannot_be_forged)
{
	const char *path = open_access("forged.log", false), *p;
	struct log_access a = refused;

	a.service = a.peer = hostile[_i];
	log_access(&a);
	log_access(&refused);
	content(path);
	expect_plain(text);
	p = expect_word(after_time(text), "service", hostile[_i]);
	p = expect_word(p, "peer", hostile[_i]);
	p = expect_word(p, "worker", "0");
	p = expect_word(p, "refused", "rate");
	ck_assert_str_eq(after_time(p), REFUSED);
}
END_TEST

START_TEST(test_log_access_cannot_be_forged_json)
{
	const char *path = open_access("forged.json", true), *value;
	struct log_access a = refused;
	json_t *line;

	a.service = a.peer = hostile[_i];
	log_access(&a);
	content(path);
	expect_plain(text);
	ck_assert_str_eq(strchr(text, '\n'), "\n");
	line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(line != NULL, "%s", text);
	ck_assert_uint_eq(json_object_size(line), 5);
	value = json_string_value(json_object_get(line, "service"));
	expect_value(value, strlen(value), hostile[_i]);
	value = json_string_value(json_object_get(line, "peer"));
	expect_value(value, strlen(value), hostile[_i]);
	json_decref(line);
}
END_TEST

/* A NUL ends a text, and only that. */
START_TEST(test_log_access_nul)
{
	const char *path = open_access("nul.log", false);
	struct log_access a = refused;

	a.peer = "unix:\0hidden end=client";
	log_access(&a);
	ck_assert_str_eq(after_time(content(path)),
	    "service=echo peer=unix: worker=0 refused=rate\n");
}
END_TEST

/* However long: cut, and still whole when standard error is a pipe. */
START_TEST(test_log_access_long)
{
	const char *path = open_access("long.log", (_i & 1) != 0);
	struct log_access a = served;
	char big[5000];

	memset(big, (_i & 2) != 0 ? '\001' : 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	a.service = a.peer = a.end = big;
	a.worker = UINT_MAX;
	a.id = a.milliseconds = a.bytes_in = a.bytes_out = UINT64_MAX;
	log_access(&a);
	log_access(&refused);
	content(path);
	ck_assert_uint_gt(strlen(text), 3 * 200);
	ck_assert_ptr_nonnull(strchr(text, '\n'));
	ck_assert_int_lt(strchr(text, '\n') - text, PIPE_BUF);
	if ((_i & 1) == 0)
		ck_assert_str_eq(after_time(strchr(text, '\n') + 1), REFUSED);
	else
		expect_json(strchr(text, '\n') + 1, "{s:s, s:s, s:i, s:s}",
		    "service", "echo", "peer", "[::1]:555", "worker", 0,
		    "refused", "rate");
}
END_TEST

/* What cannot be opened is told, and the old log stays in use. */
START_TEST(test_log_access_bad_target)
{
	const char *path = open_access("good.log", false);
	const char *bad = helper_path("none/x.log");
	int before = helper_descriptors();

	ck_assert_int_eq(log_open_access(bad, true), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_eq(strstr(error_text(), "access log /"), error_text());
	ck_assert_ptr_nonnull(strstr(error_text(), bad));
	ck_assert_int_eq(helper_descriptors(), before);
	log_access(&refused);
	ck_assert_str_eq(after_time(content(path)), REFUSED);
}
END_TEST

/* In turn neither, the main log, the access log and both cannot be reopened. */
START_TEST(test_log_access_reopen)
{
	static const enum log_stream streams[] = { LOG_MAIN, LOG_ACCESS };
	const char *paths[2];
	char old[2][128];
	int i;

	paths[LOG_ACCESS] = open_access("both.access", false);
	paths[LOG_MAIN] = helper_path("both.main");
	ck_assert_int_eq(log_open(paths[LOG_MAIN], PRONG_INFO, false), 0);
	for (i = 0; i < 2; i++) {
		snprintf(old[i], sizeof(old[i]), "%s.old", paths[i]);
		ck_assert_int_eq(rename(paths[i], old[i]), 0);
		if ((_i & 1 << i) != 0)
			ck_assert_int_eq(mkdir(paths[i], 0700), 0);
	}
	error_clear();
	errno = 0;
	ck_assert_int_eq(log_reopen(), _i == 0 ? 0 : -1);
	ck_assert_int_eq(errno, _i == 0 ? 0 : EISDIR);
	log_info("there");
	log_access(&refused);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(strstr(error_text(), paths[i]) != NULL,
		    (_i & 1 << i) != 0);
		content((_i & 1 << i) != 0 ? old[i] : paths[i]);
		ck_assert_ptr_nonnull(strstr(text, i == LOG_MAIN ? ": there\n" :
		    REFUSED));
		ck_assert_int_ne(fcntl(log_descriptor(streams[i]), F_GETFD),
		    -1);
		if ((_i & 1 << i) != 0)
			ck_assert_int_eq(rmdir(paths[i]), 0);
	}
}
END_TEST

/* The descriptor of one log is not the other's. */
START_TEST(test_log_access_set_descriptor)
{
	const char *path = open_access("set.access", false);
	const char *main_path = helper_path("set.main");
	const char *new = helper_path("set.new");
	int fd, number = log_descriptor(LOG_ACCESS);

	ck_assert_int_eq(log_open(main_path, PRONG_INFO, false), 0);
	ck_assert_int_ne(log_descriptor(LOG_MAIN), number);
	fd = open(new, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	log_set_descriptor(LOG_ACCESS, fd);
	ck_assert_int_eq(log_descriptor(LOG_ACCESS), number);
	log_info("message");
	log_access(&refused);
	ck_assert_str_eq(content(path), "");
	ck_assert_ptr_nonnull(strstr(content(main_path), ": message\n"));
	ck_assert_str_eq(after_time(content(new)), REFUSED);
}
END_TEST

/* Both in one file: each line is whole and known by its form. */
START_TEST(test_log_access_same_file)
{
	const char *path = open_access("same.log", false);

	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	log_access(&refused);
	log_info("between");
	log_access(&refused);
	content(path);
	ck_assert_int_eq(strncmp(after_time(text), REFUSED, strlen(REFUSED)),
	    0);
	ck_assert_int_eq(strncmp(after_time(strchr(text, '\n') + 1),
	    "info prongd[", 12), 0);
	ck_assert_str_eq(after_time(strstr(text, "between\n") + 8), REFUSED);
}
END_TEST

static int
count(const char *what)
{
	const char *p;
	int n = 0;

	for (p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* A full disk is told once in the main log, and its end with the figure. */
START_TEST(test_log_access_full)
{
	const char *path = helper_path("full.log");
	const char *main_path = helper_path("full.main");
	char wanted[64];
	int i, whole;

	content_make_full(path);
	ck_assert_int_eq(log_open_access(path, false), 0);
	ck_assert_int_eq(log_open(main_path, PRONG_ERROR, false), 0);
	content_limit(4096);
	errno = EDOM;
	for (i = 0; i < 200; i++)
		log_access(&served);
	ck_assert_int_eq(errno, EDOM);
	content_after(path, CONTENT_FULL);
	ck_assert_uint_eq(strlen(text), 4096);
	whole = count(SERVED);
	content(main_path);
	ck_assert_int_eq(count("full.log: No space left on device; its lines "
	    "are lost until it can be written to\n"), 1);
	ck_assert_int_eq(count("\n"), 1);

	content_limit(RLIM_INFINITY);
	log_access(&refused);
	log_access(&refused);
	snprintf(wanted, sizeof(wanted), "full.log: can be written to again; "
	    "lines lost: %d\n", 200 - whole);
	content(main_path);
	ck_assert_int_eq(count(wanted), 1);
	ck_assert_int_eq(count("\n"), 2);
	content_after(path, CONTENT_FULL);
	ck_assert_int_eq(count(REFUSED), 2);
	/* The torn line has ended before the next begins. */
	ck_assert_int_eq(text[4096], '\n');
	ck_assert_int_eq(strncmp(after_time(text + 4097), REFUSED,
	    strlen(REFUSED)), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("log_access", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_test(tc, test_log_access_none);
	tcase_add_test(tc, test_log_access_file);
	tcase_add_test(tc, test_log_access_stderr);
	tcase_add_loop_test(tc, test_log_access_seconds, 0,
	    UNIT_COUNT(durations));
	tcase_add_test(tc, test_log_access_json);
	tcase_add_test(tc, test_log_access_sample);
	tcase_add_loop_test(tc, test_log_access_cannot_be_forged, 0,
	    UNIT_COUNT(hostile));
	tcase_add_loop_test(tc, test_log_access_cannot_be_forged_json, 0,
	    UNIT_COUNT(hostile));
	tcase_add_test(tc, test_log_access_nul);
	tcase_add_loop_test(tc, test_log_access_long, 0, 4);
	tcase_add_test(tc, test_log_access_bad_target);
	tcase_add_loop_test(tc, test_log_access_reopen, 0, 4);
	tcase_add_test(tc, test_log_access_set_descriptor);
	tcase_add_test(tc, test_log_access_same_file);
	tcase_add_test(tc, test_log_access_full);
	return unit_run(s);
}
