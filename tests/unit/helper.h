/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_HELPER_H
#define TESTS_UNIT_HELPER_H

#include <sys/types.h>
#include <sys/wait.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* How many descriptors this process has open. */
static inline int
helper_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 3;		/* ".", ".." and the folder's own */
}

/* The end of a child, by its id. */
static inline int
helper_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		ck_assert_int_eq(errno, EINTR);
	return status;
}

/* The code that a child ends with; a signal fails the test. */
static inline int
helper_wait_exit(pid_t pid)
{
	int status = helper_wait(pid);

	ck_assert_msg(WIFEXITED(status), "a child ended with status %#x",
	    (unsigned int)status);
	return WEXITSTATUS(status);
}

/* A folder of the program's own: the setup and teardown of a test case. */
static char helper_folder[] = "/tmp/prong-unit.XXXXXX";

static inline void
helper_make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(helper_folder));
}

static inline int
helper_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	return remove(path);
}

static inline void
helper_remove_folder(void)
{
	nftw(helper_folder, helper_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name in the folder; the next call but three reuses it. */
static inline const char *
helper_path(const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", helper_folder, name);
	return path;
}

#endif
