/* SPDX-License-Identifier: ISC */
/*
 * base/notify: what the environment says, and the socket of the manager.
 */
#include "base/notify.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "manager.h"
#include "unit.h"

/* The longest name that there is. */
static const char *
long_name(char first, size_t length)
{
	static char name[128];

	memset(name, 'x', sizeof(name));
	name[0] = first;
	name[length] = '\0';
	return name;
}

static void
is_out_of_environment(void)
{
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
}

START_TEST(test_notify_nobody)
{
	struct notify n;
	int before = helper_descriptors();

	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "1000000", 1);
	ck_assert_int_eq(notify_open(&n), 0);
	ck_assert_int_eq(n.fd, -1);
	ck_assert_uint_eq(n.watchdog_us, 0);
	is_out_of_environment();
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), 0);
	ck_assert_int_eq(notify_export(&n), 0);
	is_out_of_environment();
	notify_close(&n);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_notify_path)
{
	struct notify n;

	ck_assert_int_eq(notify_open(&n), 0);
	ck_assert_int_ne(n.fd, -1);
	ck_assert_int_eq(fcntl(n.fd, F_GETFD), FD_CLOEXEC);
	is_out_of_environment();
	ck_assert_int_eq(notify_send(&n, "READY=1\nSTATUS=well\n"), 0);
	ck_assert_str_eq(manager_hear(0), "READY=1\nSTATUS=well\n");
	notify_close(&n);
	notify_close(&n);
	ck_assert_int_eq(n.fd, -1);
}
END_TEST

static const size_t abstract_lengths[] = { 20,
    sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

START_TEST(test_notify_abstract)
{
	struct notify n;
	char name[128], own[32];

	strlcpy(name, long_name('@', abstract_lengths[_i]), sizeof(name));
	snprintf(own, sizeof(own), "prong-%ld", (long)getpid());
	memcpy(name + 1, own, strlen(own));
	close(manager_fd);
	manager_listen(name);
	ck_assert_int_eq(notify_open(&n), 0);
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), 0);
	ck_assert_str_eq(manager_hear(0), "READY=1\n");
	/* A program that takes our place is told the same. */
	ck_assert_int_eq(notify_export(&n), 0);
	ck_assert_str_eq(getenv("NOTIFY_SOCKET"), name);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	notify_close(&n);
}
END_TEST

static const struct {
	const char *every, *pid;	/* "us": this process */
	uint64_t us;
} watchdogs[] = {
	{ "30000000", NULL, 30000000 },
	{ "30000000", "us", 30000000 },
	{ "30000000", "1", 0 },
	{ NULL, "us", 0 },
	{ NULL, NULL, 0 },
};

START_TEST(test_notify_watchdog)
{
	struct notify n;
	char self[24];

	snprintf(self, sizeof(self), "%ld", (long)getpid());
	if (watchdogs[_i].every != NULL)
		setenv("WATCHDOG_USEC", watchdogs[_i].every, 1);
	if (watchdogs[_i].pid != NULL)
		setenv("WATCHDOG_PID", strcmp(watchdogs[_i].pid, "us") == 0 ?
		    self : watchdogs[_i].pid, 1);
	ck_assert_int_eq(notify_open(&n), 0);
	ck_assert_uint_eq(n.watchdog_us, watchdogs[_i].us);
	is_out_of_environment();
	ck_assert_int_eq(notify_export(&n), 0);
	ck_assert_str_eq(getenv("NOTIFY_SOCKET"), helper_path("notify"));
	if (n.watchdog_us == 0)
		ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	else
		ck_assert_str_eq(getenv("WATCHDOG_USEC"), watchdogs[_i].every);
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
	notify_close(&n);
}
END_TEST

static const struct {
	const char *name, *value, *why;
} wrong[] = {
	{ "NOTIFY_SOCKET", "vsock:2:1234", "NOTIFY_SOCKET=vsock:2:1234: "
	    "neither a path nor an abstract name" },
	{ "NOTIFY_SOCKET", "relative", "NOTIFY_SOCKET=relative: neither a path "
	    "nor an abstract name" },
	{ "NOTIFY_SOCKET", "/", "NOTIFY_SOCKET=/: no name of a socket has this "
	    "length" },
	{ "NOTIFY_SOCKET", "@", "NOTIFY_SOCKET=@: no name of a socket has this "
	    "length" },
	{ "WATCHDOG_USEC", "", "WATCHDOG_USEC=: not a number of microseconds" },
	{ "WATCHDOG_USEC", "0", "WATCHDOG_USEC=0: not a number of "
	    "microseconds" },
	{ "WATCHDOG_USEC", "1s", "WATCHDOG_USEC=1s: not a number of "
	    "microseconds" },
	{ "WATCHDOG_PID", "-1", "WATCHDOG_PID=-1: not the number of a "
	    "process" },
};

START_TEST(test_notify_wrong)
{
	struct notify n;
	int before = helper_descriptors();

	setenv("WATCHDOG_USEC", "1000", 1);
	setenv(wrong[_i].name, wrong[_i].value, 1);
	errno = 0;
	ck_assert_int_eq(notify_open(&n), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), wrong[_i].why);
	is_out_of_environment();
	ck_assert_int_eq(n.fd, -1);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_notify_too_long)
{
	struct notify n;

	setenv("NOTIFY_SOCKET", long_name('/',
	    sizeof(((struct sockaddr_un *)0)->sun_path)), 1);
	errno = 0;
	ck_assert_int_eq(notify_open(&n), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_notify_no_descriptor)
{
	struct rlimit limit;
	struct notify n;
	int before = helper_descriptors();

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* There may be a gap. */
	while (dup(manager_fd) != -1)
		continue;
	errno = 0;
	ck_assert_int_eq(notify_open(&n), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(n.fd, -1);
	is_out_of_environment();
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), 0);
}
END_TEST

/* It is behind with reading: we do not wait for it. */
START_TEST(test_notify_full)
{
	struct notify n;
	int sent = 0;

	ck_assert_int_eq(notify_open(&n), 0);
	errno = 0;
	while (notify_send(&n, "WATCHDOG=1\n") == 0)
		sent++;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_gt(sent, 0);
	ck_assert_str_eq(manager_hear(0), "WATCHDOG=1\n");
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), 0);
	notify_close(&n);
}
END_TEST

/* It is gone, and another takes its place. */
START_TEST(test_notify_gone)
{
	struct notify n;
	int before = helper_descriptors();

	ck_assert_int_eq(notify_open(&n), 0);
	close(manager_fd);
	errno = 0;
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(unlink(helper_path("notify")), 0);
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), -1);
	ck_assert_int_eq(errno, ENOENT);
	manager_listen(helper_path("notify"));
	ck_assert_int_eq(notify_send(&n, "READY=1\n"), 0);
	ck_assert_str_eq(manager_hear(0), "READY=1\n");
	notify_close(&n);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("notify", &tc);

	tcase_add_checked_fixture(tc, manager_begin, manager_end);
	tcase_add_test(tc, test_notify_nobody);
	tcase_add_test(tc, test_notify_path);
	tcase_add_loop_test(tc, test_notify_abstract, 0,
	    UNIT_COUNT(abstract_lengths));
	tcase_add_loop_test(tc, test_notify_watchdog, 0,
	    UNIT_COUNT(watchdogs));
	tcase_add_loop_test(tc, test_notify_wrong, 0, UNIT_COUNT(wrong));
	tcase_add_test(tc, test_notify_too_long);
	tcase_add_test(tc, test_notify_no_descriptor);
	tcase_add_test(tc, test_notify_full);
	tcase_add_test(tc, test_notify_gone);
	return unit_run(s);
}
