/* SPDX-License-Identifier: ISC */
/*
 * Reading the files of a configuration, and handing them on.
 *
 * libconfuse never opens one: on a directory its scanner would end the
 * process, its includes are last in, first out.
 */
#include "prongd/source.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prong.h"
#include "prongd/memory.h"

/* Reads or writes all of it; 0, or -1 with errno, EPROTO at an early end. */
static int
source_read_all(int fd, void *buf, size_t length)
{
	char *at = buf;
	ssize_t n;

	while (length > 0) {
		n = read(fd, at, length);
		if (n == 0)
			errno = EPROTO;
		if (n == 0 || (n == -1 && errno != EINTR))
			return -1;
		at += n == -1 ? 0 : n;
		length -= n == -1 ? 0 : (size_t)n;
	}
	return 0;
}

static int
source_write_all(int fd, const void *buf, size_t length)
{
	const char *at = buf;
	ssize_t n;

	while (length > 0) {
		n = write(fd, at, length);
		if (n == -1 && errno != EINTR)
			return -1;
		at += n == -1 ? 0 : n;
		length -= n == -1 ? 0 : (size_t)n;
	}
	return 0;
}

/*
 * Opens a regular file.  Not blocking: a FIFO without a writer would hold
 * prongd up for ever.
 */
static int
source_open(const char *path, struct stat *st, const char **why)
{
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, st) == -1)
		*why = strerror(errno);
	else if (S_ISDIR(st->st_mode))
		*why = "it is a directory";
	else if (!S_ISREG(st->st_mode))
		*why = "it is not a regular file";
	else if (st->st_size > SOURCE_MAX)
		*why = "it is larger than 8 MiB";
	else
		return fd;
	if (fd != -1)
		close(fd);
	return -1;
}

/* The whole file, which may grow meanwhile: one byte more is asked for. */
static char *
source_slurp(int fd, size_t *length, const char **why)
{
	char *text = memory_get(SOURCE_MAX + 2, 1);
	ssize_t n;

	*length = 0;
	do {
		n = read(fd, text + *length, SOURCE_MAX + 1 - *length);
		if (n > 0)
			*length += (size_t)n;
	} while (*length <= SOURCE_MAX && (n > 0 || (n == -1 &&
	    errno == EINTR)));
	if (*length <= SOURCE_MAX && n == 0)
		return memory_grow(text, *length + 1, 1);
	*why = n == -1 ? strerror(errno) : "it is larger than 8 MiB";
	free(text);
	return NULL;
}

/* Whether the file is one of those that lead to this include(). */
static bool
source_is_cycle(const struct sources *s, int parent, const struct stat *st)
{
	for (; parent != -1; parent = s->list[parent].parent)
		if (s->list[parent].device == st->st_dev &&
		    s->list[parent].inode == st->st_ino)
			return true;
	return false;
}

static const char *
source_limit(const struct sources *s, int parent, const struct stat *st)
{
	if (parent != -1 && s->list[parent].depth == SOURCE_DEPTH_MAX)
		return "include() is nested deeper than 10";
	if (s->count == SOURCE_COUNT_MAX)
		return "there are more than 1024 files";
	if (s->bytes + (size_t)st->st_size > SOURCE_TOTAL_MAX)
		return "all files together are larger than 64 MiB";
	if (source_is_cycle(s, parent, st))
		return "the file includes itself";
	return NULL;
}

static struct source *
source_append(struct sources *s)
{
	s->list = memory_grow(s->list, s->count + 1, sizeof(*s->list));
	s->list[s->count] = (struct source){ .parent = -1 };
	return &s->list[s->count++];
}

int
source_add(struct sources *s, const char *path, int parent, struct place place,
    struct problems *problems)
{
	const char *why;
	struct source *source;
	struct stat st;
	size_t length;
	char *text = NULL;
	int fd;

	if ((fd = source_open(path, &st, &why)) != -1 &&
	    (why = source_limit(s, parent, &st)) == NULL)
		text = source_slurp(fd, &length, &why);
	if (fd != -1)
		close(fd);
	if (text == NULL) {
		problem_add(problems, place, "%s: %s", path, why);
		return -1;
	}
	if (prong_file_check(path) == -1) {
		problem_add(problems, place, "%s", prong_error());
		free(text);
		return -1;
	}
	source = source_append(s);
	source->path = memory_copy(path);
	source->text = text;
	source->length = length;
	source->device = st.st_dev;
	source->inode = st.st_ino;
	source->parent = parent;
	source->depth = parent == -1 ? 0 : s->list[parent].depth + 1;
	s->bytes += length;
	return 0;
}

/*
 * The pattern, in the folder of the file that includes it; that folder's own
 * name is not part of the pattern.
 */
static char *
source_pattern(const char *file, const char *pattern)
{
	const char *slash = strrchr(file, '/');
	char *full, *at;

	if (pattern[0] == '/' || slash == NULL)
		return memory_copy(pattern);
	at = full = memory_get(2 * (size_t)(slash - file) + strlen(pattern) + 2,
	    1);
	for (; file <= slash; file++) {
		if (strchr("*?[]\\", *file) != NULL)
			*at++ = '\\';
		*at++ = *file;
	}
	strcpy(at, pattern);
	return full;
}

/* What glob(3) met, as it has no argument of ours to keep it in. */
static int source_glob_errno;

/* A folder that is not there has no files; one that is must be readable. */
static int
source_glob_error(const char *path, int error)
{
	source_glob_errno = error;
	return error != ENOENT && error != ENOTDIR;
}

int
source_include(struct sources *s, int parent, const char *pattern,
    struct place place, struct problems *problems)
{
	bool many = strpbrk(pattern, "*?[") != NULL;
	char *full;
	glob_t found;
	size_t i;
	int result = 0, error;

	full = source_pattern(s->list[parent].path, pattern);
	/* Sorted by the bytes of the names, as prongd sets no locale. */
	source_glob_errno = ENOENT;
	error = glob(full, 0, source_glob_error, &found);
	if (error == GLOB_NOSPACE)
		source_glob_errno = ENOMEM;
	if (error != 0 && (error != GLOB_NOMATCH || !many)) {
		problem_add(problems, place, "include: %.512s: %s", pattern,
		    strerror(source_glob_errno));
		result = -1;
	} else if (error == 0)
		for (i = 0; i < found.gl_pathc; i++)
			if (source_add(s, found.gl_pathv[i], parent, place,
			    problems) == -1)
				result = -1;
	globfree(&found);
	free(full);
	return result;
}

/* What goes before a file's name and its text. */
struct source_header {
	uint32_t path_length;
	uint32_t length;
};

int
source_write(const struct sources *s, int fd)
{
	const struct source *it;
	struct source_header header;
	size_t i;

	for (i = 0; i < s->count; i++) {
		it = &s->list[i];
		header.path_length = (uint32_t)strlen(it->path);
		header.length = (uint32_t)it->length;
		if (source_write_all(fd, &header, sizeof(header)) == -1 ||
		    source_write_all(fd, it->path, header.path_length) == -1 ||
		    source_write_all(fd, it->text, it->length) == -1)
			return -1;
	}
	return 0;
}

static char *
source_read_text(int fd, size_t length)
{
	char *text = memory_get(length + 1, 1);

	if (source_read_all(fd, text, length) == 0)
		return text;
	free(text);
	return NULL;
}

int
source_read(struct sources *s, int fd)
{
	struct source_header header;
	struct source *it;
	off_t end;

	if ((end = lseek(fd, 0, SEEK_END)) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1)
		return -1;
	while (lseek(fd, 0, SEEK_CUR) < end) {
		if (source_read_all(fd, &header, sizeof(header)) == -1)
			return -1;
		if (header.length > SOURCE_MAX || header.path_length > end) {
			errno = EPROTO;
			return -1;
		}
		it = source_append(s);
		it->length = header.length;
		it->path = source_read_text(fd, header.path_length);
		it->text = source_read_text(fd, header.length);
		if (it->path == NULL || it->text == NULL)
			return -1;
	}
	s->complete = true;
	return 0;
}

void
source_free(struct sources *s)
{
	size_t i;

	for (i = 0; i < s->count; i++) {
		free(s->list[i].path);
		free(s->list[i].text);
	}
	free(s->list);
	*s = (struct sources){ NULL };
}
