/* SPDX-License-Identifier: ISC */
/*
 * The pidfile: created, locked, written, removed.
 */
#include "base/pidlock.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

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

int
pidlock_open(const char *path)
{
	struct stat st, now;
	int fd;

again:
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
	    O_NONBLOCK, 0644);
	if (fd == -1)
		return error_errno("pidfile %s", path);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		error_set(EINVAL, "pidfile %s: not a regular file", path);
		goto fail;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			pidlock_held(fd, path);
		else
			error_errno("pidfile %s", path);
		goto fail;
	}
	/* Its last holder may have removed the file after we opened it. */
	if (lstat(path, &now) == -1 || now.st_ino != st.st_ino ||
	    now.st_dev != st.st_dev) {
		close(fd);
		goto again;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

int
pidlock_write(int fd, const char *path)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	/* Whatever the umask: who is running is no secret. */
	if (fchmod(fd, 0644) == -1 || ftruncate(fd, 0) == -1 ||
	    pwrite(fd, text, (size_t)n, 0) != n)
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
