/* SPDX-License-Identifier: ISC */
/*
 * base/log: forms of a message, what cannot be forged, files and reopening,
 * syslog.  The access log is in check_log_access.c.
 */
#include "base/log.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <jansson.h>

#include "base/error.h"
#include "content.h"
#include "helper.h"
#include "unit.h"

START_TEST(test_log_stderr)
{
	const char *path = content_catch_stderr("stderr");

	ck_assert_int_eq(log_open("stderr", PRONG_DEBUG, false), 0);
	ck_assert_int_eq(log_descriptor(LOG_MAIN), -1);
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
	const char *path = content_catch_stderr("level");

	ck_assert_int_eq(log_level(), PRONG_INFO);
	log_set_level((enum prong_level)_i);
	ck_assert_int_eq(log_level(), _i);
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
	const char *path = content_catch_stderr("forged"), *p;
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
	const char *path = content_catch_stderr("long");
	char big[100000];

	memset(big, _i == 0 ? 'x' : '\001', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);
	log_info("next");
	content(path);
	ck_assert_ptr_nonnull(strchr(text, '\n'));
	ck_assert_str_eq(strchr(text, '\n'), "\nnext\n");
	ck_assert_uint_ge(strlen(text), 700);
}
END_TEST

START_TEST(test_log_keeps_errno)
{
	content_catch_stderr("errno");
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
	ck_assert_int_ge(log_descriptor(LOG_MAIN), 3);
	ck_assert_int_eq(fcntl(log_descriptor(LOG_MAIN), F_GETFD), FD_CLOEXEC);
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
	ck_assert(!log_has_moved());
	ck_assert_int_eq(rename(path, old), 0);
	ck_assert(log_has_moved());
	log_info("still the old one");
	ck_assert_int_eq(log_reopen(), 0);
	ck_assert(!log_has_moved());
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
	ck_assert_int_ne(fcntl(log_descriptor(LOG_MAIN), F_GETFD), -1);
}
END_TEST

/* A worker gets the reopened log as a descriptor, and keeps its number. */
START_TEST(test_log_set_descriptor)
{
	const char *path = helper_path("set.log");
	const char *new = helper_path("new.log");
	int fd, number, before;

	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	number = log_descriptor(LOG_MAIN);
	before = helper_descriptors();
	fd = open(new, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	log_set_descriptor(LOG_MAIN, fd);
	ck_assert_int_eq(log_descriptor(LOG_MAIN), number);
	ck_assert_int_eq(fcntl(number, F_GETFD), FD_CLOEXEC);
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

/* A log that cannot be opened is told, and the old one stays in use. */
START_TEST(test_log_bad_target)
{
	const char *good = helper_path("good.log"), *bad = helper_path("no/x");
	int before;

	ck_assert_int_eq(log_open(good, PRONG_INFO, false), 0);
	before = helper_descriptors();
	ck_assert_int_eq(log_open(bad, PRONG_DEBUG, true), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(error_text(), bad));
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_str_eq(log_path(LOG_MAIN), good);
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

	err = content_catch_stderr("change.err");
	before = helper_descriptors();
	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	ck_assert_int_eq(log_open("stderr", PRONG_INFO, false), 0);
	ck_assert_int_eq(helper_descriptors(), before);
	log_info("here");
	ck_assert_str_eq(content(err), "here\n");
	ck_assert_str_eq(content(path), "");
}
END_TEST

/* A full disk: the process goes on, and says later what it could not. */
START_TEST(test_log_full)
{
	const char *path = helper_path("full.log");

	content_make_full(path);
	ck_assert_int_eq(log_open(path, PRONG_INFO, false), 0);
	log_info("fits");
	content_limit(strlen(content_after(path, CONTENT_FULL)));
	errno = EDOM;
	log_info("lost");
	log_info("lost too");
	ck_assert_int_eq(errno, EDOM);
	content_limit(RLIM_INFINITY);
	log_info("room again");
	log_info("as ever");
	content_after(path, CONTENT_FULL);
	ck_assert_ptr_null(strstr(text, ": lost"));
	ck_assert_ptr_nonnull(strstr(text, ": room again\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "full.log: can be written to again; lines lost: 2\n"));
	ck_assert_str_eq(strrchr(text, ':'), ": as ever\n");
}
END_TEST

/*
 * A syslog of our own at /dev/log, which only this process sees: its socket,
 * or -1 where we may not do that.
 */
static int
own_syslog(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
	    .sun_path = "/dev/log" };
	int fd;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd != -1 && bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The next message is of this priority and text; the time is not looked at. */
static void
expect_syslog(int fd, pid_t pid, int priority, const char *message)
{
	char wanted[256], prefix[32];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	ck_assert_msg(n > 0, "no message: %s", strerror(errno));
	text[n] = '\0';
	snprintf(prefix, sizeof(prefix), "<%d>", priority);
	snprintf(wanted, sizeof(wanted), " prongd[%d]: %s", (int)pid,
	    message);
	ck_assert_msg(strncmp(text, prefix, strlen(prefix)) == 0, "%s", text);
	ck_assert_uint_gt((size_t)n, strlen(wanted));
	ck_assert_str_eq(text + n - strlen(wanted), wanted);
}

static const struct log_access one = {
	.service = "echo", .peer = "unix:/a b%n", .worker = 1,
	.refused = "acl",
};
static const char one_text[] =
    "access: service=echo peer=unix:/a\\sb%n worker=1 refused=acl";

START_TEST(test_log_syslog)
{
	int fd = own_syslog(), before = helper_descriptors();

	/* It has no form of its own. */
	ck_assert_int_eq(log_open("syslog", PRONG_DEBUG, true), 0);
	ck_assert_int_eq(log_descriptor(LOG_MAIN), -1);
	ck_assert_ptr_null(log_path(LOG_MAIN));
	log_error("a\nb %%n");
	expect_syslog(fd, getpid(), LOG_DAEMON | LOG_ERR, "a\\nb %n");
	log_warning("two");
	expect_syslog(fd, getpid(), LOG_DAEMON | LOG_WARNING, "two");
	log_info("three");
	expect_syslog(fd, getpid(), LOG_DAEMON | LOG_INFO, "three");
	log_debug("four");
	expect_syslog(fd, getpid(), LOG_DAEMON | LOG_DEBUG, "four");
	ck_assert_int_eq(log_open_access("syslog", true), 0);
	log_access(&one);
	expect_syslog(fd, getpid(), LOG_DAEMON | LOG_INFO, one_text);
	/* One of the two goes on alone, and the last leaves nothing open. */
	ck_assert_int_eq(log_open("stderr", PRONG_INFO, false), 0);
	log_access(&one);
	expect_syslog(fd, getpid(), LOG_DAEMON | LOG_INFO, one_text);
	ck_assert_int_eq(log_open_access("", false), 0);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

/* A worker that has closed what it inherited, and changes its root. */
static void __attribute__((noreturn))
log_from_within(void)
{
	int with = helper_descriptors();

	log_after_fork();
	if (helper_descriptors() != with - 1)
		_exit(1);
	log_connect();
	if (chroot(helper_folder) == -1 || chdir("/") == -1)
		_exit(2);
	log_info("from within");
	_exit(0);
}

START_TEST(test_log_syslog_chroot)
{
	int fd = own_syslog();
	pid_t pid;

	ck_assert_int_eq(log_open("syslog", PRONG_INFO, false), 0);
	if ((pid = fork()) == 0)
		log_from_within();
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	expect_syslog(fd, pid, LOG_DAEMON | LOG_INFO, "from within");
}
END_TEST

static bool
can_have_syslog(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(own_syslog() == -1 ? 1 : 0);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static struct {
	int calls;
	enum prong_level level;
	char line[256];
} told;

static void
tell(enum prong_level level, const char *line, void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	told.calls++;
	told.level = level;
	snprintf(told.line, sizeof(told.line), "%s", line);
	/* Of no use, and no harm. */
	errno = EIO;
	log_error("of its own");
}

/* A function in place of the target: lines as they are, and one at a time. */
START_TEST(test_log_function)
{
	const char *path = content_catch_stderr("function");

	log_set_function(tell, &told);
	errno = ENOENT;
	log_error("one %d\n\001", 1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(told.calls, 1);
	ck_assert_int_eq(told.level, PRONG_ERROR);
	ck_assert_str_eq(told.line, "one 1\\n\\001");
	log_debug("not at this level");
	ck_assert_int_eq(told.calls, 1);
	log_set_level(PRONG_DEBUG);
	log_debug("two");
	ck_assert_int_eq(told.calls, 2);
	ck_assert_int_eq(told.level, PRONG_DEBUG);
	ck_assert_str_eq(told.line, "two");
	ck_assert_str_eq(content(path), "");
	log_set_function(NULL, NULL);
	log_error("three");
	ck_assert_int_eq(told.calls, 2);
	ck_assert_str_eq(content(path), "error: three\n");
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
	tcase_add_test(tc, test_log_bad_target);
	tcase_add_test(tc, test_log_change);
	tcase_add_test(tc, test_log_function);
	tcase_add_test(tc, test_log_full);
	if (can_have_syslog()) {
		tcase_add_test(tc, test_log_syslog);
		tcase_add_test(tc, test_log_syslog_chroot);
	} else
		puts("# skipped: only root can have a /dev/log of its own");
	return unit_run(s);
}
