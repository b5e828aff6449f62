/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_CONTENT_H
#define TESTS_UNIT_CONTENT_H

#include <sys/resource.h>

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"

/* What the last call of content() found. */
static char text[262144];

/* What is in a file behind its first bytes. */
static inline const char *
content_after(const char *path, off_t start)
{
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	n = pread(fd, text, sizeof(text) - 1, start);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static inline const char *
content(const char *path)
{
	return content_after(path, 0);
}

/* Standard error goes to a file of that name. */
static inline const char *
content_catch_stderr(const char *name)
{
	const char *path = helper_path(name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	return path;
}

/*
 * A limit of the size of files is as good as a full disk, but it would hit the
 * files of check(3) too: what is to be limited begins beyond them.
 */
#define CONTENT_FULL	(1 << 20)

static inline void
content_make_full(const char *path)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(ftruncate(fd, CONTENT_FULL), 0);
	close(fd);
}

/* So much may be added to such a file; RLIM_INFINITY: no limit. */
static inline void
content_limit(rlim_t room)
{
	const struct rlimit limit = { room == RLIM_INFINITY ? room :
	    CONTENT_FULL + room, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
