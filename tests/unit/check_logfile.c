/* SPDX-License-Identifier: ISC */
/*
 * base/logfile: what is opened and what is refused, full disks, writers that
 * share a file.
 */
#include "base/logfile.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "content.h"
#include "helper.h"
#include "unit.h"

static struct logfile file;

static const struct {
	const char *target;
	enum logfile_kind kind;
	int fd;
} words[] = {
	{ "", LOGFILE_NONE, -1 },
	{ "stderr", LOGFILE_STDERR, STDERR_FILENO },
	{ "syslog", LOGFILE_SYSLOG, -1 },
};

START_TEST(test_logfile_words)
{
	ck_assert_int_eq(logfile_open(&file, "log", words[_i].target), 0);
	ck_assert_int_eq(file.kind, words[_i].kind);
	ck_assert_int_eq(file.fd, words[_i].fd);
	ck_assert_ptr_null(file.path);
	/* Nothing to open again. */
	ck_assert_int_eq(logfile_reopen(&file), 0);
	logfile_close(&file);
	ck_assert_int_eq(file.kind, LOGFILE_NONE);
	/* Standard error is not ours to close. */
	ck_assert_int_ne(fcntl(STDERR_FILENO, F_GETFD), -1);
}
END_TEST

START_TEST(test_logfile_path)
{
	const char *path = helper_path("path.log");
	struct stat st;
	mode_t mask = umask(0);
	int before = helper_descriptors();

	ck_assert_int_eq(logfile_open(&file, "log", path), 0);
	umask(mask);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(file.fd, F_GETFL) & O_APPEND, 0);
	ck_assert_int_eq(logfile_write(&file, "one\n", 4), 0);
	/* Another takes its place. */
	ck_assert_int_eq(logfile_open(&file, "log", helper_path("2.log")), 0);
	ck_assert_int_eq(helper_descriptors(), before + 1);
	logfile_close(&file);
	logfile_close(&file);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_str_eq(content(path), "one\n");
}
END_TEST

static const struct {
	const char *name;
	int error;
	const char *why;
} refused[] = {
	{ "folder", EISDIR, ": Is a directory" },
	{ "link", ELOOP, ": symbolic links are not followed" },
	{ "dangling", ELOOP, ": symbolic links are not followed" },
	{ "fifo", ENXIO, ": not a regular file" },
	{ "read-fifo", EINVAL, ": not a regular file" },
	{ "socket", ENXIO, ": not a regular file" },
	{ "two-names", EMLINK, ": the file has 2 names, and another may be "
	    "what it is for; remove this one" },
	{ "none/x.log", ENOENT, ": No such file or directory" },
	{ "good.log/x.log", ENOTDIR, ": Not a directory" },
};

/* Everything of the table, beside a log that is good. */
static void
make_refused(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(logfile_open(&file, "log", helper_path("good.log")),
	    0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s",
	    helper_path("socket"));
	unlink(sun.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert(mkdir(helper_path("folder"), 0700) == 0 || errno == EEXIST);
	ck_assert(symlink("good.log", helper_path("link")) == 0 ||
	    errno == EEXIST);
	ck_assert(symlink("gone", helper_path("dangling")) == 0 ||
	    errno == EEXIST);
	fclose(fopen(helper_path("one-name"), "we"));
	ck_assert(link(helper_path("one-name"), helper_path("two-names")) == 0 ||
	    errno == EEXIST);
	ck_assert(mkfifo(helper_path("fifo"), 0600) == 0 || errno == EEXIST);
	ck_assert(mkfifo(helper_path("read-fifo"), 0600) == 0 ||
	    errno == EEXIST);
	ck_assert_int_ne(open(helper_path("read-fifo"), O_RDONLY | O_NONBLOCK |
	    O_CLOEXEC), -1);
}

START_TEST(test_logfile_refused)
{
	char path[128], wanted[256];
	struct logfile good;
	int before;

	make_refused();
	strlcpy(path, helper_path(refused[_i].name), sizeof(path));
	snprintf(wanted, sizeof(wanted), "access log %s%s", path,
	    refused[_i].why);
	good = file;
	before = helper_descriptors();
	ck_assert_int_eq(logfile_open(&file, "access log", path), -1);
	ck_assert_int_eq(errno, refused[_i].error);
	ck_assert_str_eq(error_text(), wanted);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_int_eq(memcmp(&good, &file, sizeof(good)), 0);
	ck_assert_int_eq(access(helper_path("gone"), F_OK), -1);
}
END_TEST

/* A device is no file to write a log to. */
START_TEST(test_logfile_device)
{
	ck_assert_int_eq(logfile_open(&file, "log", "/dev/full"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), "log /dev/full: not a regular file");
}
END_TEST

/* Root does not write to the file of a user; everybody else may try. */
START_TEST(test_logfile_owner)
{
	const char *path = helper_path("owned.log");
	const uid_t nobody = 65534;

	ck_assert_int_eq(logfile_open(&file, "log", path), 0);
	ck_assert_int_eq(logfile_write(&file, "ours\n", 5), 0);
	ck_assert_int_eq(chown(path, nobody, (gid_t)-1), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(logfile_reopen(&file), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(strstr(error_text(), "owned.log: belongs to "
	    "user 65534, and root writes only to a log of its own"));
	ck_assert_int_eq(chmod(helper_folder, 0755), 0);
	ck_assert_int_eq(seteuid(nobody), 0);
	ck_assert_int_eq(logfile_reopen(&file), 0);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chown(path, 0, (gid_t)-1), 0);
	ck_assert_int_eq(seteuid(nobody), 0);
	ck_assert_int_eq(logfile_reopen(&file), 0);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_str_eq(content(path), "ours\n");
}
END_TEST

START_TEST(test_logfile_reopen)
{
	const char *path = helper_path("re.log"), *old = helper_path("re.old");
	int before, fd;

	ck_assert_int_eq(logfile_open(&file, "log", path), 0);
	before = helper_descriptors();
	fd = file.fd;
	ck_assert_int_eq(rename(path, old), 0);
	ck_assert_int_eq(logfile_write(&file, "old\n", 4), 0);
	ck_assert_int_eq(logfile_reopen(&file), 0);
	ck_assert_int_eq(file.fd, fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_int_eq(logfile_write(&file, "new\n", 4), 0);
	ck_assert_str_eq(content(old), "old\n");
	ck_assert_str_eq(content(path), "new\n");
	/* When it cannot, the last one stays in use. */
	ck_assert_int_eq(rename(path, old), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(logfile_reopen(&file), -1);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_int_eq(logfile_write(&file, "still\n", 6), 0);
	ck_assert_str_eq(content(old), "new\nstill\n");
}
END_TEST

/* A descriptor for a log that is no file does not stay open. */
START_TEST(test_logfile_adopt_none)
{
	int before, fd;

	ck_assert_int_eq(logfile_open(&file, "log", words[_i].target), 0);
	before = helper_descriptors();
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	logfile_adopt(&file, fd);
	ck_assert_int_eq(file.fd, words[_i].fd);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

static const char ten[] = "123456789\n";

/* What does not fit is lost and counted, and harms no line after it. */
START_TEST(test_logfile_full)
{
	const char *path = helper_path("full.log");

	content_make_full(path);
	ck_assert_int_eq(logfile_open(&file, "log", path), 0);
	content_limit(24);
	ck_assert_int_eq(logfile_write(&file, ten, 10), 0);
	ck_assert_int_eq(logfile_write(&file, ten, 10), 0);
	ck_assert_int_eq(logfile_write(&file, ten, 10), -1);	/* torn */
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(logfile_write(&file, ten, 10), -1);	/* not at all */
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_str_eq(content_after(path, CONTENT_FULL),
	    "123456789\n123456789\n1234");
	content_limit(25);
	/* Room for the newline that ends the torn one; a neighbour may have
	 * torn another since, so there will be a second. */
	ck_assert_int_eq(logfile_write(&file, ten, 10), -1);
	ck_assert_int_eq(errno, ENOSPC);
	content_limit(37);
	ck_assert_int_eq(logfile_write(&file, ten, 10), 0);
	ck_assert_int_eq(logfile_write(&file, ten, 10), -1);	/* torn */
	content_limit(RLIM_INFINITY);
	ck_assert_int_eq(logfile_write(&file, ten, 10), 0);
	ck_assert_int_eq(logfile_write(&file, ten, 10), 0);
	ck_assert_str_eq(content_after(path, CONTENT_FULL),
	    "123456789\n123456789\n1234\n\n123456789\n1\n123456789\n"
	    "123456789\n");
	ck_assert_uint_eq(logfile_take_lost(&file), 4);
	ck_assert_uint_eq(logfile_take_lost(&file), 0);
}
END_TEST

/* Another file has no torn line; what was lost is still to be told. */
START_TEST(test_logfile_full_reopen)
{
	const char *path = helper_path("rotate.log");

	content_make_full(path);
	ck_assert_int_eq(logfile_open(&file, "log", path), 0);
	content_limit(4);
	ck_assert_int_eq(logfile_write(&file, ten, 10), -1);
	content_limit(RLIM_INFINITY);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(logfile_reopen(&file), 0);
	ck_assert_int_eq(logfile_write(&file, ten, 10), 0);
	ck_assert_str_eq(content(path), ten);
	ck_assert_uint_eq(logfile_take_lost(&file), 1);
}
END_TEST

START_TEST(test_logfile_nobody_reads)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(logfile_open(&file, "log", "stderr"), 0);
	ck_assert_int_eq(logfile_write(&file, ten, 10), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

#define WRITERS		3
#define LINES		400

/* Lines of one letter each, of lengths that vary. */
static void
write_many(int writer, const char *path)
{
	char line[160];
	size_t length;
	int i;

	if (path != NULL && logfile_open(&file, "log", path) == -1)
		_exit(1);
	for (i = 0; i < LINES; i++) {
		length = 20 + (size_t)(i * 7 + writer * 31) % 120;
		memset(line, 'a' + writer, length);
		line[length] = '\n';
		if (logfile_write(&file, line, length + 1) == -1)
			_exit(2);
	}
	_exit(0);
}

/* At once, through one descriptor or each through its own: no line mixes. */
START_TEST(test_logfile_writers)
{
	const char *path = helper_path("many.log"), *line, *end;
	int count[WRITERS] = { 0 }, i;
	pid_t pids[WRITERS];

	unlink(path);
	ck_assert_int_eq(logfile_open(&file, "log", path), 0);
	for (i = 0; i < WRITERS; i++)
		if ((pids[i] = fork()) == 0)
			write_many(i, _i == 0 ? NULL : path);
	for (i = 0; i < WRITERS; i++) {
		ck_assert_int_gt(pids[i], 0);
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	}
	for (line = content(path); *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_ptr_nonnull(end);
		ck_assert_int_ge(end - line, 20);
		ck_assert_int_eq((int)strspn(line, (char[]){ *line, '\0' }),
		    (int)(end - line));
		ck_assert_int_lt(*line - 'a', WRITERS);
		count[*line - 'a']++;
	}
	for (i = 0; i < WRITERS; i++)
		ck_assert_int_eq(count[i], LINES);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("logfile", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_loop_test(tc, test_logfile_words, 0, UNIT_COUNT(words));
	tcase_add_test(tc, test_logfile_path);
	tcase_add_loop_test(tc, test_logfile_refused, 0, UNIT_COUNT(refused));
	tcase_add_test(tc, test_logfile_device);
	if (geteuid() == 0)
		tcase_add_test(tc, test_logfile_owner);
	else
		puts("# skipped: only root can make files of other users");
	tcase_add_test(tc, test_logfile_reopen);
	tcase_add_loop_test(tc, test_logfile_adopt_none, 0, UNIT_COUNT(words));
	tcase_add_test(tc, test_logfile_full);
	tcase_add_test(tc, test_logfile_full_reopen);
	tcase_add_test(tc, test_logfile_nobody_reads);
	tcase_add_loop_test(tc, test_logfile_writers, 0, 2);
	return unit_run(s);
}
