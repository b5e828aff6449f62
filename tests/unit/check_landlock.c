/* SPDX-License-Identifier: ISC */
/*
 * base/landlock: what of files, sockets and processes is left to who has
 * entered the rules, by their version.  A trial is a child, whose exit code is
 * its errno.
 */
#include "base/landlock.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

static int kept;		/* open for writing since before */
static struct sockaddr_un abstract;
static socklen_t abstract_length;

static void
make_file(const char *name)
{
	FILE *f = fopen(helper_path(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs("content", f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* Someone outside who listens at a name that is no file. */
static void
listen_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	abstract_length = sizeof(abstract);
	abstract.sun_family = AF_UNIX;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&abstract,
	    sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&abstract,
	    &abstract_length), 0);
}

static void
start(void)
{
	helper_make_folder();
	ck_assert_int_eq(mkdir(helper_path("read"), 0755), 0);
	ck_assert_int_eq(mkdir(helper_path("write"), 0755), 0);
	make_file("read/a");
	make_file("write/a");
	make_file("other");
	make_file("single");
	kept = open(helper_path("other"), O_RDWR | O_CLOEXEC);
	ck_assert_int_ne(kept, -1);
	listen_abstract();
}

/* --- trials: 0, or -1 with errno ------------------------------------------ */

static long
try_open(const char *name, int flags)
{
	int fd = open(helper_path(name), flags, 0600);

	return fd == -1 ? -1 : close(fd);
}

static long
try_read(void)
{
	return try_open("read/a", O_RDONLY);
}

static long
try_read_folder(void)
{
	return try_open("read", O_RDONLY | O_DIRECTORY);
}

static long
try_read_other(void)
{
	return try_open("other", O_RDONLY);
}

static long
try_write_read(void)
{
	return try_open("read/a", O_WRONLY);
}

static long
try_create_read(void)
{
	return try_open("read/new", O_WRONLY | O_CREAT);
}

static long
try_unlink_read(void)
{
	return unlink(helper_path("read/a"));
}

static long
try_write(void)
{
	return try_open("write/a", O_RDWR | O_TRUNC);
}

static long
try_create(void)
{
	if (try_open("write/new", O_WRONLY | O_CREAT) == -1)
		return -1;
	return rename(helper_path("write/new"), helper_path("write/a"));
}

static long
try_out(void)
{
	return rename(helper_path("write/a"), helper_path("read/a"));
}

static long
try_single(void)
{
	return try_open("single", O_RDWR);
}

static long
try_truncate_read(void)
{
	return truncate(helper_path("read/a"), 0);
}

static long
try_execute(void)
{
	char *words[] = { NULL };

	return execve("/bin/true", words, words);
}

static long
try_kept(void)
{
	return write(kept, "x", 1) == 1 ? ftruncate(kept, 1) : -1;
}

static long
try_bind(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };

	return bind(socket(AF_INET, SOCK_STREAM, 0),
	    (const struct sockaddr *)&any, sizeof(any));
}

static long
try_abstract(void)
{
	return connect(socket(AF_UNIX, SOCK_STREAM, 0),
	    (const struct sockaddr *)&abstract, abstract_length);
}

static long
try_signal(void)
{
	return kill(getppid(), 0);
}

static long
try_signal_own(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid ? 0 :
	    -1;
}

/* What each says from a version on; before, it works. */
static const struct {
	long (*body)(void);
	int version, error;
} trials[] = {
	{ try_read, 1, 0 },
	{ try_read_folder, 1, 0 },
	{ try_read_other, 1, EACCES },
	{ try_write_read, 1, EACCES },
	{ try_create_read, 1, EACCES },
	{ try_unlink_read, 1, EACCES },
	{ try_write, 1, 0 },
	{ try_create, 1, 0 },
	{ try_out, 2, EACCES },
	{ try_single, 1, 0 },
	{ try_truncate_read, 3, EACCES },
	{ try_execute, 1, EACCES },
	{ try_kept, 1, 0 },
	{ try_bind, 4, EACCES },
	{ try_abstract, 6, EPERM },
	{ try_signal, 6, EPERM },
	{ try_signal_own, 1, 0 },
};

static int
enter(int version)
{
	char *reads[] = { (char *)(uintptr_t)helper_path("read"),
	    (char *)(uintptr_t)helper_path("not there") };
	char *writes[] = { (char *)(uintptr_t)helper_path("write"),
	    (char *)(uintptr_t)helper_path("single") };

	return landlock_enter(version, &(struct strings){ reads, 2 },
	    &(struct strings){ writes, 2 });
}

static int
result_of(long (*body)(void), int version)
{
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (enter(version) == -1)
			_exit(254);
		_exit(body() == -1 ? errno : 0);
	}
	return helper_wait_exit(pid);
}

/* With each version that the kernel has: older ones are as older kernels. */
START_TEST(test_landlock_trials)
{
	int version, got;

	for (version = trials[_i].version; version <= landlock_version();
	    version++) {
		got = result_of(trials[_i].body, version);
		ck_assert_msg(got == trials[_i].error, "trial %d, version %d: "
		    "%s, wanted %s", _i, version, strerror(got),
		    strerror(trials[_i].error));
	}
}
END_TEST

/* What came with a later version is not kept from by an earlier one. */
START_TEST(test_landlock_earlier)
{
	int version = trials[_i].version - 1;

	/* Rules of version 1 have no word for it, so they refuse it. */
	if (version < 2 || version >= landlock_version())
		return;
	ck_assert_int_eq(result_of(trials[_i].body, version), 0);
}
END_TEST

START_TEST(test_landlock_not_entered)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(geteuid() != 0 && enter(1) == 0 ? 1 :
		    landlock_enter(landlock_version(),
		    &(struct strings){ NULL, 0 },
		    &(struct strings){ NULL, 0 }) == -1 &&
		    strncmp(error_text(), "Landlock: ", 10) == 0 ? 0 : 2);
	/* Whoever has the right to, can do without no-new-privs. */
	if (geteuid() != 0)
		ck_assert_int_eq(helper_wait_exit(pid), 0);
	else
		ck_assert_int_eq(helper_wait_exit(pid), 2);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (landlock_version() == 0) {
		puts("1..0 # SKIP no Landlock in this kernel or build");
		return 0;
	}
	s = unit_suite("landlock", &tc);
	tcase_add_unchecked_fixture(tc, start, helper_remove_folder);
	tcase_add_loop_test(tc, test_landlock_trials, 0, UNIT_COUNT(trials));
	tcase_add_loop_test(tc, test_landlock_earlier, 0, UNIT_COUNT(trials));
	tcase_add_test(tc, test_landlock_not_entered);
	return unit_run(s);
}
