/* SPDX-License-Identifier: ISC */
/*
 * base/log: forms of a line, what cannot be forged, files and reopening.
 */
#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

static char text[65536];

/* What is in a file. */
static const char *
content(const char *path)
{
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

/* Standard error goes to a file of that name. */
static const char *
catch_stderr(const char *name)
{
	const char *path = helper_path(name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	return path;
}

START_TEST(test_log_stderr)
{
	const char *path = catch_stderr("stderr");

	ck_assert_int_eq(log_open("stderr", PRONG_DEBUG, false), 0);
	ck_assert_int_eq(log_descriptor(), -1);
	log_error("one %d", 1);
	log_warning("two");
	log_info("three");
	log_debug("four");
	ck_assert_str_eq(content(path),
	    "error: one 1\nwarning: two\nthree\ndebug: four\n");
	/* Nothing to open again. */
	ck_assert_int_eq(log_reopen(), 0);
}
END_TEST

/* What is less important than the level is left out. */
START_TEST(test_log_level)
{
	static const char *const expected[] = {
		"error: e\n", "error: e\nwarning: w\n",
		"error: e\nwarning: w\ni\n",
		"error: e\nwarning: w\ni\ndebug: d\n",
	};
	const char *path = catch_stderr("level");

	log_set_level((enum prong_level)_i);
	log_error("e");
	log_warning("w");
	log_info("i");
	log_debug("d");
	ck_assert_str_eq(content(path), expected[_i]);
}
END_TEST

START_TEST(test_log_level_names)
{
	static const char *const names[] =
	    { "error", "warning", "info", "debug" };
	int i;

	for (i = 0; i < UNIT_COUNT(names); i++) {
		ck_assert_str_eq(log_level_name((enum prong_level)i),
		    names[i]);
		ck_assert_int_eq(log_level_by_name(names[i]), i);
	}
	ck_assert_int_eq(log_level_by_name("notice"), -1);
	ck_assert_int_eq(log_level_by_name(""), -1);
}
END_TEST

/* A line is a line, whatever a client sends. */
START_TEST(test_log_cannot_be_forged)
{
	static const char *const hostile[] = {
		"a\nerror: forged", "a\r\nb", "\033[2J\033[H", "\a\b\t\v\f",
		"\x7f\x80\xff", "tab\there", "%s%n%d",
	};
	const char *path = catch_stderr("forged"), *p;
	int i;

	for (i = 0; i < UNIT_COUNT(hostile); i++)
		log_info("peer: %s", hostile[i]);
	content(path);
	for (p = text, i = 0; *p != '\0'; p++) {
		ck_assert_msg((*p >= ' ' && *p < 0x7f) || *p == '\n',
		    "byte %#x", (unsigned char)*p);
		i += *p == '\n';
	}
	ck_assert_int_eq(i, UNIT_COUNT(hostile));
	ck_assert_ptr_nonnull(strstr(text, "peer: a\\nerror: forged\n"));
	ck_assert_ptr_nonnull(strstr(text, "peer: %s%n%d\n"));
}
END_TEST

/* However long, and however much of it has to be encoded. */
START_TEST(test_log_long)
{
	const char *path = catch_stderr("long");
	char big[100000];

	memset(big, _i == 0 ? 'x' : '\001', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);
	log_info("next");
	content(path);
	ck_assert_ptr_nonnull(strchr(text, '\n'));
	ck_assert_str_eq(strchr(text, '\n'), "\nnext\n");
	ck_assert_uint_ge(strlen(text), 1000);
}
END_TEST

START_TEST(test_log_keeps_errno)
{
	catch_stderr("errno");
	errno = EDOM;
	log_error("%s", strerror(ENOENT));
	ck_assert_int_eq(errno, EDOM);
	close(STDERR_FILENO);
	log_error("nobody reads this");
	ck_assert_int_eq(errno, EDOM);
}
END_TEST

START_TEST(test_log_file)
{
	const char *path = helper_path("file.log");
	char pid[32];
	struct stat st;
	mode_t mask = umask(0);

	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	umask(mask);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_ge(log_descriptor(), 3);
	ck_assert_int_eq(fcntl(log_descriptor(), F_GETFD), FD_CLOEXEC);
	log_warning("hello");
	log_debug("left out");
	content(path);
	/* 2026-01-02T03:04:05.678Z warning prongd[123]: hello */
	snprintf(pid, sizeof(pid), "Z warning prongd[%d]: hello\n",
	    (int)getpid());
	ck_assert_str_eq(text + 23, pid);
	ck_assert_int_eq(text[10], 'T');
	ck_assert_int_eq(text[19], '.');
	/* What is there is added to. */
	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	log_info("again");
	ck_assert_ptr_nonnull(strstr(content(path), "hello\n"));
	ck_assert_ptr_nonnull(strstr(text, "again\n"));
}
END_TEST

START_TEST(test_log_reopen)
{
	const char *path = helper_path("re.log"), *old = helper_path("re.old");

	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	log_info("before");
	ck_assert_int_eq(rename(path, old), 0);
	log_info("still the old one");
	ck_assert_int_eq(log_reopen(), 0);
	log_info("after");
	ck_assert_ptr_nonnull(strstr(content(old), "still the old one\n"));
	ck_assert_ptr_null(strstr(text, "after"));
	ck_assert_ptr_nonnull(strstr(content(path), "after\n"));
	ck_assert_ptr_null(strstr(text, "before"));

	/* When it cannot, the old one stays in use. */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(log_reopen(), -1);
	ck_assert_ptr_nonnull(strstr(error_text(), path));
	ck_assert_int_eq(rmdir(path), 0);
	log_info("into nowhere, but not into another's descriptor");
	ck_assert_int_ne(fcntl(log_descriptor(), F_GETFD), -1);
}
END_TEST

/* A worker gets the reopened log as a descriptor. */
START_TEST(test_log_set_descriptor)
{
	const char *path = helper_path("set.log");
	const char *new = helper_path("new.log");
	int fd, before;

	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	before = helper_descriptors();
	fd = open(new, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	log_set_descriptor(fd);
	ck_assert_int_eq(log_descriptor(), fd);
	ck_assert_int_eq(helper_descriptors(), before);
	log_info("there");
	ck_assert_str_eq(content(path), "");
	ck_assert_ptr_nonnull(strstr(content(new), "there\n"));
}
END_TEST

START_TEST(test_log_json)
{
	static const char message[] = "a \"quoted\" back\\slash\nand \001 \xff";
	const char *path = helper_path("json.log");
	json_t *line;
	json_error_t error;

	unlink(path);
	ck_assert_int_eq(log_open(path, PRONG_INFO, true), 0);
	log_warning("%s", message);
	content(path);
	line = json_loads(text, 0, &error);
	ck_assert_msg(line != NULL, "%s: %s", error.text, text);
	ck_assert_str_eq(json_string_value(json_object_get(line, "level")),
	    "warning");
	ck_assert_int_eq(json_integer_value(json_object_get(line, "pid")),
	    getpid());
	ck_assert_ptr_eq(strstr(json_string_value(json_object_get(line,
	    "message")), "a \"quoted\" back\\slash\\nand "),
	    json_string_value(json_object_get(line, "message")));
	ck_assert_uint_eq(json_string_length(json_object_get(line, "time")),
	    24);
	json_decref(line);
}
END_TEST

static const struct {
	const char *name;
	int error;
} bad_targets[] = {
	{ "folder", EISDIR },
	{ "link", ELOOP },
	{ "fifo", 0 },			/* by what happens first */
	{ "none/x.log", ENOENT },
};

/* A log that cannot be opened is told, and the old one stays in use. */
START_TEST(test_log_bad_target)
{
	const char *good = helper_path("good.log"), *bad;
	int before;

	unlink(good);
	mkdir(helper_path("folder"), 0700);
	ck_assert(symlink(good, helper_path("link")) == 0 || errno == EEXIST);
	ck_assert(mkfifo(helper_path("fifo"), 0600) == 0 || errno == EEXIST);
	good = helper_path("good.log");
	bad = helper_path(bad_targets[_i].name);
	ck_assert_int_eq(log_open(good, PRONG_INFO, false), 0);
	before = helper_descriptors();
	errno = 0;
	ck_assert_int_eq(log_open(bad, PRONG_DEBUG, true), -1);
	ck_assert_int_ne(errno, 0);
	if (bad_targets[_i].error != 0)
		ck_assert_int_eq(errno, bad_targets[_i].error);
	ck_assert_ptr_nonnull(strstr(error_text(), bad));
	ck_assert_int_eq(helper_descriptors(), before);
	log_info("still here");
	log_debug("not this");
	ck_assert_ptr_nonnull(strstr(content(good), ": still here\n"));
	ck_assert_ptr_null(strstr(text, "not this"));
}
END_TEST

/* From a file to standard error and back: nothing stays open. */
START_TEST(test_log_change)
{
	const char *path = helper_path("change.log"), *err;
	int before;

	err = catch_stderr("change.err");
	before = helper_descriptors();
	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	ck_assert_int_eq(log_open("stderr", PRONG_INFO, false), 0);
	ck_assert_int_eq(helper_descriptors(), before);
	log_info("here");
	ck_assert_str_eq(content(err), "here\n");
	ck_assert_str_eq(content(path), "");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("log", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_test(tc, test_log_stderr);
	tcase_add_loop_test(tc, test_log_level, 0, 4);
	tcase_add_test(tc, test_log_level_names);
	tcase_add_test(tc, test_log_cannot_be_forged);
	tcase_add_loop_test(tc, test_log_long, 0, 2);
	tcase_add_test(tc, test_log_keeps_errno);
	tcase_add_test(tc, test_log_file);
	tcase_add_test(tc, test_log_reopen);
	tcase_add_test(tc, test_log_set_descriptor);
	tcase_add_test(tc, test_log_json);
	tcase_add_loop_test(tc, test_log_bad_target, 0,
	    UNIT_COUNT(bad_targets));
	tcase_add_test(tc, test_log_change);
	return unit_run(s);
}
