/* SPDX-License-Identifier: ISC */
/*
 * Targets of logs.  The master opens files as root, in folders that others
 * may be able to write to: what it opens is looked at before use.
 */
#include "base/logfile.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* -1 when it is no file to write a log to. */
static int
logfile_judge(const struct stat *st, const char *what, const char *path)
{
	if (S_ISLNK(st->st_mode))
		return error_set(ELOOP, "%s %s: symbolic links are not "
		    "followed", what, path);
	if (!S_ISREG(st->st_mode))
		return error_set(EINVAL, "%s %s: not a regular file", what,
		    path);
	if (geteuid() == 0 && st->st_uid != 0)
		return error_set(EPERM, "%s %s: belongs to user %u, and root "
		    "writes only to a log of its own", what, path,
		    (unsigned int)st->st_uid);
	if (st->st_nlink > 1)
		return error_set(EMLINK, "%s %s: the file has %lu names, and "
		    "another may be what it is for; remove this one", what,
		    path, (unsigned long)st->st_nlink);
	return 0;
}

static int
logfile_check(int fd, const char *what, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return error_errno("%s %s", what, path);
	return logfile_judge(&st, what, path);
}

int
logfile_try(const char *what, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : error_errno("%s %s", what, path);
	return logfile_judge(&st, what, path);
}

static int
logfile_open_path(const char *what, const char *path)
{
	int error, fd;

	/* O_NONBLOCK: a FIFO must not hold us up until it is refused. */
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0640);
	if (fd == -1 && errno == ELOOP)
		return error_set(ELOOP, "%s %s: symbolic links are not "
		    "followed", what, path);
	if (fd == -1 && errno == ENXIO)		/* a FIFO or a socket */
		return error_set(ENXIO, "%s %s: not a regular file", what,
		    path);
	if (fd == -1)
		return error_errno("%s %s", what, path);
	if (logfile_check(fd, what, path) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static enum logfile_kind
logfile_kind_of(const char *target)
{
	static const struct {
		const char *target;
		enum logfile_kind kind;
	} words[] = {
		{ "", LOGFILE_NONE },
		{ "stderr", LOGFILE_STDERR },
		{ "syslog", LOGFILE_SYSLOG },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].target, target) == 0)
			return words[i].kind;
	return LOGFILE_PATH;
}

int
logfile_open(struct logfile *f, const char *what, const char *target)
{
	struct logfile new = {
		.kind = logfile_kind_of(target), .what = what, .fd = -1,
	};

	if (new.kind == LOGFILE_STDERR)
		new.fd = STDERR_FILENO;
	if (new.kind == LOGFILE_PATH) {
		if ((new.path = strdup(target)) == NULL)
			return error_errno("%s %s", what, target);
		if ((new.fd = logfile_open_path(what, target)) == -1) {
			free(new.path);
			return -1;
		}
	}
	logfile_close(f);
	*f = new;
	return 0;
}

void
logfile_close(struct logfile *f)
{
	if (f->kind == LOGFILE_PATH)
		close(f->fd);
	free(f->path);
	*f = (struct logfile){ .kind = LOGFILE_NONE, .what = f->what,
	    .fd = -1 };
}

int
logfile_reopen(struct logfile *f)
{
	int fd;

	if (f->kind != LOGFILE_PATH)
		return 0;
	if ((fd = logfile_open_path(f->what, f->path)) == -1)
		return -1;
	logfile_adopt(f, fd);
	return 0;
}

void
logfile_adopt(struct logfile *f, int fd)
{
	/* In one step: another thread may be writing to it. */
	if (f->kind == LOGFILE_PATH && dup3(fd, f->fd, O_CLOEXEC) != -1)
		__atomic_store_n(&f->torn, false, __ATOMIC_RELAXED);
	close(fd);
}

void
logfile_count_lost(struct logfile *f)
{
	__atomic_add_fetch(&f->lost, 1, __ATOMIC_RELAXED);
}

/*
 * Standard error may be a pipe whose reader does not read, and is not ours to
 * make non-blocking.  A pipe that is writable has room for a whole line.
 */
static bool
logfile_has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) != 0;
}

int
logfile_write(struct logfile *f, const char *line, size_t length)
{
	static char newline[] = "\n";
	struct iovec iov[2] = {
		{ newline, 1 }, { __DECONST(void *, line), length },
	};
	size_t torn = __atomic_load_n(&f->torn, __ATOMIC_RELAXED);
	ssize_t n;

	if (f->kind == LOGFILE_STDERR && !logfile_has_room(f->fd)) {
		errno = EAGAIN;
		logfile_count_lost(f);
		return -1;
	}
	/* A line that a full disk has cut is ended first. */
	n = torn != 0 ? writev(f->fd, iov, 2) : write(f->fd, line, length);
	if (n > 0)
		__atomic_store_n(&f->torn, (size_t)n > torn &&
		    (size_t)n < torn + length, __ATOMIC_RELAXED);
	if (n >= 0 && (size_t)n == torn + length)
		return 0;
	if (n >= 0)
		errno = ENOSPC;
	/* A neighbour's line may be torn too: at worst a line is empty. */
	__atomic_store_n(&f->torn, true, __ATOMIC_RELAXED);
	logfile_count_lost(f);
	return -1;
}

uint64_t
logfile_take_lost(struct logfile *f)
{
	/* Nearly always none: that costs no more than a look. */
	if (__atomic_load_n(&f->lost, __ATOMIC_RELAXED) == 0)
		return 0;
	return __atomic_exchange_n(&f->lost, 0, __ATOMIC_RELAXED);
}
