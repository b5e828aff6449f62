/* SPDX-License-Identifier: ISC */
/*
 * The pidfile: created, locked, written, removed.
 */
#include "base/pidlock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define PIDLOCK_TEXT	32	/* what a process ID is shorter than */

static int
pidlock_held(int fd, const char *path)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0 || atol(text) <= 0)
		return error_set(EEXIST, "pidfile %s is held by another "
		    "process", path);
	return error_set(EEXIST, "pidfile %s is held by process %ld: is "
	    "prongd running already?", path, atol(text));
}

/* Whether there is nothing in it, or what may be a process ID. */
static bool
pidlock_is_pidfile(int fd)
{
	char text[PIDLOCK_TEXT + 1];
	ssize_t n = pread(fd, text, PIDLOCK_TEXT, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	return n < PIDLOCK_TEXT && (size_t)n == strspn(text, "0123456789");
}

/*
 * The file will be written to, and removed at the end: it must be ours, and no
 * trap that somebody has laid in a folder where others can write, nor a file
 * of worth that was named by mistake.
 */
static int
pidlock_judge(int fd, const struct stat *st, const char *path)
{
	if (!S_ISREG(st->st_mode))
		return error_set(EINVAL, "pidfile %s: not a regular file",
		    path);
	if (st->st_uid != geteuid())
		return error_set(EPERM, "pidfile %s: belongs to user %u and is "
		    "left alone; remove it, or name another one", path,
		    (unsigned int)st->st_uid);
	if (st->st_nlink > 1)
		return error_set(EMLINK, "pidfile %s: the file has %lu names "
		    "and is left alone; remove this one", path,
		    (unsigned long)st->st_nlink);
	if (!pidlock_is_pidfile(fd))
		return error_set(EINVAL, "pidfile %s: what is in it is no "
		    "process ID, so it is left alone; remove it, or name "
		    "another one", path);
	return 0;
}

static int
pidlock_open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
	    O_NONBLOCK, 0644);

	if (fd != -1)
		return fd;
	if (errno == ELOOP)
		return error_set(ELOOP, "pidfile %s: symbolic links are not "
		    "followed", path);
	return error_errno("pidfile %s", path);
}

int
pidlock_try(const char *path)
{
	struct stat st;
	int fd, r;

	if ((fd = pidlock_open_file(path, O_RDONLY)) == -1)
		return errno == ENOENT ? 0 : -1;
	r = fstat(fd, &st) == -1 ? error_errno("pidfile %s", path) :
	    pidlock_judge(fd, &st, path);
	close(fd);
	return r;
}

int
pidlock_open(const char *path)
{
	struct stat st, now;
	int fd, r;

again:
	if ((fd = pidlock_open_file(path, O_RDWR | O_CREAT)) == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		error_errno("pidfile %s", path);
		goto fail;
	}
	if (pidlock_judge(fd, &st, path) == -1)
		goto fail;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			pidlock_held(fd, path);
		else
			error_errno("pidfile %s", path);
		goto fail;
	}
	r = lstat(path, &now);
	if (r == -1 && errno != ENOENT) {
		error_errno("pidfile %s", path);
		goto fail;
	}
	/* Its last holder may have removed the file after we opened it. */
	if (r == -1 || now.st_ino != st.st_ino || now.st_dev != st.st_dev) {
		close(fd);
		goto again;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

int
pidlock_write(int fd, pid_t pid, const char *path)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)pid);

	/*
	 * Whatever the umask: who is running is no secret.  It is never empty:
	 * after an upgrade somebody may be reading it.
	 */
	if (fchmod(fd, 0644) == -1 ||
	    pwrite(fd, text, (size_t)n, 0) != n || ftruncate(fd, n) == -1)
		return error_errno("pidfile %s", path);
	return 0;
}

void
pidlock_remove(int fd, const char *path)
{
	if (fd == -1)
		return;
	unlink(path);
	close(fd);
}
