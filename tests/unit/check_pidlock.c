/* SPDX-License-Identifier: ISC */
/*
 * base/pidlock: one holder, a file that says who, and odd files.
 */
#include "base/pidlock.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

/* The file's content; "" when there is none. */
static const char *
content(const char *path)
{
	static char text[64];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	text[0] = '\0';
	if (fd == -1)
		return text;
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

START_TEST(test_pidlock_life)
{
	const char *path = helper_path("life.pid");
	char expected[32];
	struct stat st;
	int fd, before = helper_descriptors();

	ck_assert_int_ne(fd = pidlock_open(path), -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(pidlock_write(fd, getpid(), path), 0);
	snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
	ck_assert_str_eq(content(path), expected);
	ck_assert_int_eq(stat(path, &st), 0);
	/* Others may read it, and not write. */
	ck_assert_uint_eq(st.st_mode & 0022, 0);
	/* Twice is once. */
	ck_assert_int_eq(pidlock_write(fd, getpid(), path), 0);
	ck_assert_str_eq(content(path), expected);
	pidlock_remove(fd, path);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(helper_descriptors(), before);
	pidlock_remove(-1, path);
}
END_TEST

/* Another one cannot have it, and is told who has. */
START_TEST(test_pidlock_held)
{
	const char *path = helper_path("held.pid");
	char expected[300];
	int fd, before;

	ck_assert_int_ne(fd = pidlock_open(path), -1);
	before = helper_descriptors();
	errno = 0;
	ck_assert_int_eq(pidlock_open(path), -1);
	ck_assert_int_eq(errno, EEXIST);
	/* Nothing is written yet. */
	snprintf(expected, sizeof(expected),
	    "pidfile %s is held by another process", path);
	ck_assert_str_eq(error_text(), expected);
	ck_assert_int_eq(pidlock_write(fd, getpid(), path), 0);
	ck_assert_int_eq(pidlock_open(path), -1);
	snprintf(expected, sizeof(expected), "pidfile %s is held by process "
	    "%ld: is prongd running already?", path, (long)getpid());
	ck_assert_str_eq(error_text(), expected);
	ck_assert_int_eq(helper_descriptors(), before);
	pidlock_remove(fd, path);
	ck_assert_int_ne(fd = pidlock_open(path), -1);
	pidlock_remove(fd, path);
}
END_TEST

/* What a dead one left is taken over, however long its number is. */
START_TEST(test_pidlock_stale)
{
	const char *path = helper_path("stale.pid");
	char expected[32];
	FILE *f = fopen(path, "we");
	int fd;

	fputs("12345678901234567890123\n", f);
	fclose(f);
	ck_assert_int_ne(fd = pidlock_open(path), -1);
	ck_assert_int_eq(pidlock_write(fd, getpid(), path), 0);
	snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
	ck_assert_str_eq(content(path), expected);
	pidlock_remove(fd, path);
}
END_TEST

/* It ends with its holder, not with a child that has a copy. */
START_TEST(test_pidlock_dies)
{
	const char *path = helper_path("dies.pid");
	pid_t pid;
	int fd;

	if ((pid = fork()) == 0)
		_exit(pidlock_open(path) == -1 ? 1 : 0);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_ne(fd = pidlock_open(path), -1);
	pidlock_remove(fd, path);
}
END_TEST

/* Removed behind our back: whoever comes next gets a file of its own. */
START_TEST(test_pidlock_removed)
{
	const char *path = helper_path("removed.pid");
	int fd, other;

	ck_assert_int_ne(fd = pidlock_open(path), -1);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_ne(other = pidlock_open(path), -1);
	ck_assert_int_eq(pidlock_write(other, getpid(), path), 0);
	ck_assert_str_ne(content(path), "");
	close(fd);
	pidlock_remove(other, path);
}
END_TEST

static void
make_link(const char *path)
{
	ck_assert_int_eq(symlink(helper_path("victim"), path), 0);
}

static void
make_folder(const char *path)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
make_fifo(const char *path)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void
make_content(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* What somebody needs, and has been named by mistake. */
static void
make_precious(const char *path)
{
	make_content(path, "root:x:0:0:\n");
}

static void
make_number_and_more(const char *path)
{
	make_content(path, "12\nmore\n");
}

static void
make_long_number(const char *path)
{
	make_content(path, "1234567890123456789012345678901234567890\n");
}

static void
make_hard_link(const char *path)
{
	make_content(path, "12\n");
	ck_assert_int_eq(link(path, helper_path("other-name")), 0);
}

static const struct {
	void (*make)(const char *);
	int error;
	const char *why;
} odd[] = {
	{ make_link, ELOOP, ": symbolic links are not followed" },
	{ make_folder, EISDIR, ": Is a directory" },
	{ make_fifo, EINVAL, ": not a regular file" },
	{ make_precious, EINVAL, ": what is in it is no process ID, " },
	{ make_number_and_more, EINVAL, ": what is in it is no process ID, " },
	{ make_long_number, EINVAL, ": what is in it is no process ID, " },
	{ make_hard_link, EMLINK, ": the file has 2 names and is left alone" },
};

START_TEST(test_pidlock_odd_files)
{
	const char *path = helper_path("odd.pid");
	int before = helper_descriptors();

	ck_assert_int_eq(pidlock_try(path), 0);
	odd[_i].make(path);
	errno = 0;
	ck_assert_int_eq(pidlock_try(path), -1);
	ck_assert_int_eq(errno, odd[_i].make == make_folder ? EINVAL :
	    odd[_i].error);
	errno = 0;
	ck_assert_int_eq(pidlock_open(path), -1);
	ck_assert_int_eq(errno, odd[_i].error);
	ck_assert_ptr_nonnull(strstr(error_text(), path));
	ck_assert_ptr_nonnull(strstr(error_text(), odd[_i].why));
	ck_assert_int_eq(helper_descriptors(), before);
	/* As it was. */
	if (odd[_i].make == make_precious)
		ck_assert_str_eq(content(path), "root:x:0:0:\n");
	ck_assert_int_eq(remove(path), 0);
	ck_assert_int_eq(access(helper_path("victim"), F_OK), -1);
}
END_TEST

/* Another user's: who laid it there may want to know what becomes of it. */
START_TEST(test_pidlock_of_another)
{
	const char *path = helper_path("another.pid");

	if (geteuid() != 0)
		return;
	make_content(path, "12\n");
	ck_assert_int_eq(chown(path, 1, 1), 0);
	errno = 0;
	ck_assert_int_eq(pidlock_open(path), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(strstr(error_text(), ": belongs to user 1 and "));
	ck_assert_str_eq(content(path), "12\n");
}
END_TEST

START_TEST(test_pidlock_no_folder)
{
	errno = 0;
	ck_assert_int_eq(pidlock_open(helper_path("none/x.pid")), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("pidlock", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_test(tc, test_pidlock_life);
	tcase_add_test(tc, test_pidlock_held);
	tcase_add_test(tc, test_pidlock_stale);
	tcase_add_test(tc, test_pidlock_dies);
	tcase_add_test(tc, test_pidlock_removed);
	tcase_add_loop_test(tc, test_pidlock_odd_files, 0, UNIT_COUNT(odd));
	tcase_add_test(tc, test_pidlock_of_another);
	tcase_add_test(tc, test_pidlock_no_folder);
	return unit_run(s);
}
