/* SPDX-License-Identifier: ISC */
/*
 * Snapshots as files.  A new one is written beside the old one and takes its
 * name when all of it is on the disk.
 */
#include "server/savefile.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "shm/snapshot.h"

#define SAVEFILE_MODE	0600
#define SAVEFILE_NEW	".new"

/* A path in parts: what is done is done within the folder. */
struct savefile {
	int folder;
	char name[NAME_MAX + 1];
	char new_name[NAME_MAX + sizeof(SAVEFILE_NEW)];
};

/* Who may not is the user of the workers, whoever starts the server. */
static int
savefile_failed(const char *what, const char *path)
{
	if (errno == EACCES)
		return error_set(EACCES, "%s%s: Permission denied for user %u, "
		    "whom the server runs as", what, path,
		    (unsigned int)geteuid());
	return error_errno("%s%s", what, path);
}

static int
savefile_open(struct savefile *f, const char *path)
{
	char copy[PATH_MAX], folder[PATH_MAX];

	f->folder = -1;
	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy) ||
	    strlcpy(f->name, basename(copy), sizeof(f->name)) >=
	    sizeof(f->name) - sizeof(SAVEFILE_NEW)) {
		errno = ENAMETOOLONG;
		return error_errno("%.64s...", path);
	}
	snprintf(f->new_name, sizeof(f->new_name), "%s" SAVEFILE_NEW, f->name);
	strlcpy(copy, path, sizeof(copy));
	strlcpy(folder, dirname(copy), sizeof(folder));
	f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->folder == -1 ? savefile_failed("folder ", folder) : 0;
}

/* Keeps the error. */
static int
savefile_end(int r, int fd)
{
	int error = errno;

	if (fd != -1)
		close(fd);
	errno = error;
	return r;
}

/* What belongs to another may be changed by him at any time. */
static int
savefile_check(int fd, struct stat *st, const char *path)
{
	if (fstat(fd, st) == -1)
		return error_errno("%s", path);
	if (!S_ISREG(st->st_mode))
		return error_set(EINVAL, "%s is no regular file", path);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(EPERM, "%s belongs to user %u, and not to %u, "
		    "whom the server runs as", path, (unsigned int)st->st_uid,
		    (unsigned int)geteuid());
	return 0;
}

/*
 * By a wrong path no other file is ever set aside or replaced.  An empty one is
 * as none: nothing can be lost with it.
 */
static int
savefile_recognize(int fd, const char *path)
{
	char begin[SNAPSHOT_MAGIC_LENGTH];
	ssize_t n;

	while ((n = pread(fd, begin, sizeof(begin), 0)) == -1 &&
	    errno == EINTR)
		continue;
	if (n == -1)
		return error_errno("%s", path);
	if (n == 0 || snapshot_is_one(begin, (size_t)n))
		return 0;
	return error_set(EINVAL, "%s is no file of a dict, and stays as it is: "
	    "its path is wrong, or it must be moved away", path);
}

/* Its descriptor; -1 with errno ENOENT and no text: there is none. */
static int
savefile_open_old(const struct savefile *f, const char *path, struct stat *st)
{
	int fd = openat(f->folder, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);

	if (fd == -1 && errno == ELOOP)
		return error_set(ELOOP, "%s is a symbolic link", path);
	if (fd == -1)
		return errno == ENOENT ? -1 : savefile_failed("", path);
	if (savefile_check(fd, st, path) == 0 &&
	    savefile_recognize(fd, path) == 0)
		return fd;
	return savefile_end(-1, fd);
}

int
savefile_try(const char *path)
{
	struct savefile f;
	struct stat st;
	int fd, r;

	if (savefile_open(&f, path) == -1)
		return -1;
	if ((fd = savefile_open_old(&f, path, &st)) == -1 && errno != ENOENT)
		return savefile_end(-1, f.folder);
	r = faccessat(f.folder, ".", W_OK | X_OK, AT_EACCESS);
	if (r == -1)
		savefile_failed("a new file beside ", path);
	return savefile_end(savefile_end(r, fd), f.folder);
}

/* --- writing ------------------------------------------------------------- */

static int
savefile_put(void *arg, const void *data, size_t length)
{
	const int *fd = arg;
	const char *from = data;
	ssize_t n;

	while (length > 0) {
		if ((n = write(*fd, from, length)) == -1 && errno != EINTR)
			return error_errno("write");
		if (n > 0) {
			from += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* Whether the descriptor is still what the name means. */
static bool
savefile_is_same(const struct savefile *f, const struct stat *st)
{
	struct stat there;

	return fstatat(f->folder, f->new_name, &there, AT_SYMLINK_NOFOLLOW) ==
	    0 && there.st_dev == st->st_dev && there.st_ino == st->st_ino;
}

/*
 * The new file, empty, and ours alone.  One that a killed process has left is
 * used again.
 */
static int
savefile_open_new(const struct savefile *f, const char *path)
{
	int fd = openat(f->folder, f->new_name, O_WRONLY | O_CREAT |
	    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, SAVEFILE_MODE);
	struct stat st;

	if (fd == -1)
		return error_errno("%s" SAVEFILE_NEW, path);
	if (savefile_check(fd, &st, path) == -1)
		return savefile_end(-1, fd);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1 || !savefile_is_same(f, &st)) {
		error_set(EBUSY, "another server writes %s" SAVEFILE_NEW, path);
		return savefile_end(-1, fd);
	}
	if (fchmod(fd, SAVEFILE_MODE) == -1 || ftruncate(fd, 0) == -1) {
		error_errno("%s" SAVEFILE_NEW, path);
		return savefile_end(-1, fd);
	}
	return fd;
}

/* Its bytes come before its name, and that before we say that it is there. */
static int
savefile_fill(const struct savefile *f, int fd, const char *path,
    struct prong_dict *d, uint64_t *count)
{
	if (snapshot_save(d, savefile_put, &fd, count) == -1)
		return error_prefix("%s" SAVEFILE_NEW, path);
	if (fsync(fd) == -1)
		return error_errno("%s" SAVEFILE_NEW, path);
	if (renameat(f->folder, f->new_name, f->folder, f->name) == -1)
		return error_errno("%s", path);
	return 0;
}

int
savefile_write(const char *path, struct prong_dict *d, uint64_t *count)
{
	struct savefile f;
	int fd, r, error;

	if (savefile_open(&f, path) == -1)
		return -1;
	if ((fd = savefile_open_new(&f, path)) == -1)
		return savefile_end(-1, f.folder);
	r = savefile_fill(&f, fd, path, d, count);
	if (r == 0 && fsync(f.folder) == -1)
		r = error_errno("the folder of %s", path);
	else if (r == -1) {
		error = errno;
		unlinkat(f.folder, f.new_name, 0);
		errno = error;
	}
	return savefile_end(savefile_end(r, fd), f.folder);
}

void
savefile_wait(const char *path)
{
	struct savefile f;
	int fd;

	if (savefile_open(&f, path) == -1)
		return;
	fd = openat(f.folder, f.new_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	while (fd != -1 && flock(fd, LOCK_EX) == -1 && errno == EINTR)
		continue;
	savefile_end(savefile_end(0, fd), f.folder);
}

/* --- reading ------------------------------------------------------------- */

static int
savefile_load(int fd, size_t size, const char *path, struct prong_dict *d)
{
	int r, error;
	void *data;

	data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_errno("%s", path);
	r = snapshot_load(data, size, d);
	error = errno;
	munmap(data, size);
	errno = error;
	return r;
}

int
savefile_read(const char *path, struct prong_dict *d)
{
	struct savefile f;
	struct stat st;
	int fd, r;

	if (savefile_open(&f, path) == -1)
		return -1;
	if ((fd = savefile_open_old(&f, path, &st)) == -1)
		return savefile_end(errno == ENOENT ? 0 : -1, f.folder);
	/* There is no mapping of nothing, either. */
	if (st.st_size == 0) {
		log_warning("%s is empty, and taken as if it were not there: "
		    "the dict begins empty", path);
		return savefile_end(savefile_end(0, fd), f.folder);
	}
	r = savefile_load(fd, (size_t)st.st_size, path, d) == 0 ? 1 : -1;
	return savefile_end(savefile_end(r, fd), f.folder);
}

/* One that was set aside in the same second is not overwritten. */
int
savefile_set_aside(const char *path, char *to, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];
	int i, r = -1;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (i = 0, errno = EEXIST; r == -1 && errno == EEXIST && i < 100;
	    i++) {
		snprintf(to, size, i == 0 ? "%s.damaged-%s" :
		    "%s.damaged-%s-%d", path, stamp, i);
		r = renameat2(AT_FDCWD, path, AT_FDCWD, to, RENAME_NOREPLACE);
	}
	return r == 0 ? 0 : error_errno("%s cannot be renamed to %s", path, to);
}
