/* SPDX-License-Identifier: ISC */
/*
 * Whether files can be changed by others.  What is looked at by its path stays
 * what it is, since nobody can change the way there either.
 */
#include "base/trust.h"

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "prong.h"

static int
trust_fail(const char *path, const struct stat *st, const char *where,
    const char *what, const char *command)
{
	return error_set(EPERM, "%s%s %s (mode %04o, user %u, group %u): "
	    "%s %s", path, where, what, (unsigned int)st->st_mode & 07777,
	    (unsigned int)st->st_uid, (unsigned int)st->st_gid, command, path);
}

static int
trust_owned(const char *path, const struct stat *st, uid_t owner,
    const char *where)
{
	if (st->st_uid == 0 || st->st_uid == owner)
		return 0;
	return trust_fail(path, st, where, owner == 0 ? "does not belong to "
	    "root, who starts the server" : "belongs neither to root nor to "
	    "the user who starts the server", "chown root");
}

static bool
trust_has_writers(const struct stat *st, uid_t owner)
{
	if ((st->st_mode & S_IWOTH) != 0)
		return true;
	return (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0 &&
	    (owner == 0 || st->st_gid != getegid());
}

/* The file itself, or the folder that it is in. */
static int
trust_check_close(const char *path, const struct stat *st, uid_t owner,
    const char *where)
{
	if (trust_owned(path, st, owner, where) == -1)
		return -1;
	return trust_has_writers(st, owner) ? trust_fail(path, st, where,
	    "can be written to by others", "chmod go-w") : 0;
}

/* A folder further up: what is in it is ours, which protects it if sticky. */
static int
trust_check_above(const char *path, const struct stat *st, uid_t owner)
{
	static const char where[] = ", a folder above it,";

	if (trust_owned(path, st, owner, where) == -1)
		return -1;
	if ((st->st_mode & S_IWOTH) == 0 || (st->st_mode & S_ISVTX) != 0)
		return 0;
	return trust_fail(path, st, where, "can be written to by others",
	    "chmod go-w");
}

/* All folders of an absolute path, from the nearest to the root. */
static int
trust_check_folders(const char *path, uid_t owner)
{
	char folder[2 * PATH_MAX];
	char *slash;
	struct stat st;
	bool is_near = true, is_root;
	int r = 0;

	strlcpy(folder, path, sizeof(folder));
	while (r == 0 && (slash = strrchr(folder, '/')) != NULL) {
		is_root = slash == folder;
		slash[is_root] = '\0';
		if (stat(folder, &st) == -1)
			return error_errno("%s", folder);
		r = is_near ? trust_check_close(folder, &st, owner,
		    ", the folder that it is in,") :
		    trust_check_above(folder, &st, owner);
		if (is_root)
			break;
		is_near = false;
	}
	return r;
}

/* With its links, which may be changed as well. */
static int
trust_check_named(const char *path, uid_t owner)
{
	char here[PATH_MAX] = "", full[2 * PATH_MAX];

	if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return error_errno("the working folder");
	if (snprintf(full, sizeof(full), "%s%s%s", here,
	    path[0] == '/' ? "" : "/", path) >= (int)sizeof(full))
		return error_set(ENAMETOOLONG, "%.64s...: path too long", path);
	return trust_check_folders(full, owner);
}

int
trust_check(const char *path, uid_t owner)
{
	char real[PATH_MAX];
	struct stat st;

	if (realpath(path, real) == NULL || stat(real, &st) == -1)
		return error_errno("%s", path);
	if (trust_check_close(real, &st, owner, "") == -1 ||
	    trust_check_folders(real, owner) == -1)
		return -1;
	return trust_check_named(path, owner);
}

int
prong_file_check(const char *path)
{
	return trust_check(path, geteuid());
}
