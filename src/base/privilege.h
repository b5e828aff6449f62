/* SPDX-License-Identifier: ISC */
#ifndef BASE_PRIVILEGE_H
#define BASE_PRIVILEGE_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/names.h"

/*
 * Whom the processes that meet clients run as.  Names are looked up once, by
 * the master, since in a chroot there are none to be found.
 */

#define PRIVILEGE_GROUPS_MAX	1024

struct privilege {
	uid_t uid;
	gid_t gid;
	char user[NAMES_MAX];	/* a name, or a decimal id */
	bool drops;			/* we are root, and go to other ids */
	gid_t groups[PRIVILEGE_GROUPS_MAX];	/* when root: what is set */
	int group_count;
};

/*
 * Looks up a user and a group, names or decimal ids.  User "" is, for root,
 * "prong" where there is one, else "nobody"; for others it is themselves.
 * Group "" is the user's primary one; the supplementary groups are the user's.
 * EINVAL: there is no such user or group, or a group is needed.  EPERM: not
 * root, and somebody else is named.  E2BIG: in too many groups.  Others: the
 * look-up itself failed.
 */
int privilege_find(struct privilege *, const char *user, const char *group);

/*
 * Gives up for good what this process does not need: root changes to the ids
 * and the root folder (unless that is ""), everyone loses all capabilities and
 * the way back to any.  In a forked child, before it has threads, whose
 * capabilities would stay.  On -1 the process must end: it is half way.
 * Afterwards the request to die with the parent is gone, and so are core
 * dumps: process_die_with_parent() and prctl(PR_SET_DUMPABLE, 1) come later.
 */
int privilege_drop(const struct privilege *, const char *root);

/* What privilege_resume() brings back. */
struct privilege_saved {
	int step;		/* how far it came */
	int root, folder;	/* descriptors, or -1 */
	uid_t uid;
	gid_t gid;
	gid_t groups[PRIVILEGE_GROUPS_MAX];
	int group_count;
	int death_signal, dumpable;
};

/*
 * Takes the ids and the root folder for a while, so that a check sees what a
 * process that has dropped its privileges will see.  On -1 nothing has
 * changed.  Does nothing when neither ids nor root are to change: a server
 * that is to serve as root sees more here than it will.
 */
int privilege_assume(const struct privilege *, const char *root,
    struct privilege_saved *);

/* Comes back.  Twice is once. */
void privilege_resume(struct privilege_saved *);

#endif
