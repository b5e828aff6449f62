/* SPDX-License-Identifier: ISC */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <sys/types.h>

/*
 * Users and groups by their names.  The C library may load modules for it, and
 * these connect to directories, start threads and stay: so each look-up is done
 * in a child, and nothing of it stays with a process that goes on to fork.
 *
 * All return 1, or 0 when there is no such name or id, or -1 with errno when
 * the look-up itself failed: EIO too when its process died.
 */

#define NAMES_MAX		256	/* of a name, with its '\0' */

struct names_user {
	char name[NAMES_MAX];
	uid_t uid;
	gid_t gid;		/* the primary group */
};

int names_user(const char *name, struct names_user *);
int names_user_of(uid_t, struct names_user *);
int names_group(const char *name, gid_t *);

/*
 * The groups of a user, with the one that is given; *count is their room first
 * and then their number.  0 when there is not room enough.
 */
int names_groups(const char *user, gid_t, gid_t *groups, int *count);

#endif
