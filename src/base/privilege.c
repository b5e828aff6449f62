/* SPDX-License-Identifier: ISC */
/*
 * Users, groups, capabilities and the root folder: finding whom to serve as,
 * becoming it for good, and seeing with its eyes for a while.
 */
#include "base/privilege.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "base/units.h"

/* --- finding ------------------------------------------------------------- */

/* Who has no rights anywhere, by Linux's own number for it. */
#define PRIVILEGE_NOBODY	65534

/* No id: setresuid(2) takes it for "leave it as it is". */
#define PRIVILEGE_NO_ID		UINT32_MAX

/* 1 and who it is, 0 when there is no such name, or -1. */
static int
privilege_by_name(struct privilege *p, const char *name)
{
	struct names_user user;
	int found = names_user(name, &user);

	if (found == -1)
		return error_errno("user \"%.64s\"", name);
	if (found == 0)
		return 0;
	p->uid = user.uid;
	p->gid = user.gid;
	strlcpy(p->user, user.name, sizeof(p->user));
	return 1;
}

/* The same by number; without an entry it has no group. */
static int
privilege_by_id(struct privilege *p, uid_t uid)
{
	struct names_user user;
	int found = names_user_of(uid, &user);

	if (found == -1)
		return error_errno("user %u", uid);
	p->uid = uid;
	p->gid = found == 1 ? user.gid : PRIVILEGE_NO_ID;
	if (found == 1)
		strlcpy(p->user, user.name, sizeof(p->user));
	else
		snprintf(p->user, sizeof(p->user), "%u", uid);
	return found;
}

/* The user that a setting names, or the one that it leaves to us. */
static int
privilege_find_user(struct privilege *p, const char *user)
{
	int64_t id;
	int found;

	if (user[0] == '\0' && geteuid() != 0)
		return privilege_by_id(p, geteuid());
	if (user[0] == '\0') {
		if ((found = privilege_by_name(p, "prong")) == 0)
			found = privilege_by_name(p, "nobody");
		if (found == 0 &&
		    (found = privilege_by_id(p, PRIVILEGE_NOBODY)) == 0)
			p->gid = PRIVILEGE_NOBODY;
		return found;
	}
	if ((found = privilege_by_name(p, user)) != 0)
		return found;
	if (units_integer(user, 0, PRIVILEGE_NO_ID - 1, &id) == -1)
		return error_set(EINVAL, "there is no user \"%.64s\"", user);
	return privilege_by_id(p, (uid_t)id);
}

static int
privilege_find_group(gid_t *gid, const char *group)
{
	int found = names_group(group, gid);
	int64_t id;

	if (found == -1)
		return error_errno("group \"%.64s\"", group);
	if (found == 1)
		return 0;
	if (units_integer(group, 0, PRIVILEGE_NO_ID - 1, &id) == -1)
		return error_set(EINVAL, "there is no group \"%.64s\"", group);
	*gid = (gid_t)id;
	return 0;
}

/* Who is not root stays who it is, with the groups that it has. */
static int
privilege_find_own(struct privilege *p, const char *group)
{
	if (p->uid != geteuid())
		return error_set(EPERM, "only root can serve as user \"%.64s\"",
		    p->user);
	if (group[0] != '\0' && p->gid != getegid())
		return error_set(EPERM, "only root can serve as group "
		    "\"%.64s\"", group);
	p->gid = getegid();
	return 0;
}

int
privilege_find(struct privilege *p, const char *user, const char *group)
{
	int known;

	memset(p, 0, sizeof(*p));
	if ((known = privilege_find_user(p, user)) == -1)
		return -1;
	if (group[0] != '\0' && privilege_find_group(&p->gid, group) == -1)
		return -1;
	if (geteuid() != 0)
		return privilege_find_own(p, group);
	if (p->gid == PRIVILEGE_NO_ID)
		return error_set(EINVAL, "user %s is not in the user database, "
		    "so it needs a group", p->user);
	p->drops = p->uid != 0 || p->gid != 0;
	if (known == 0)
		return 0;
	p->group_count = PRIVILEGE_GROUPS_MAX;
	switch (names_groups(p->user, p->gid, p->groups, &p->group_count)) {
	case -1:
		return error_errno("the groups of user \"%.64s\"", p->user);
	case 0:
		return error_set(E2BIG, "user \"%.64s\" is in more than %d "
		    "groups", p->user, PRIVILEGE_GROUPS_MAX);
	}
	return 0;
}

/* --- steps of both ------------------------------------------------------- */

static int
privilege_error_root(const char *root)
{
	if (errno == EPERM && geteuid() != 0)
		return error_set(EPERM, "only root can make \"%s\" the root "
		    "folder", root);
	return error_errno("cannot make \"%s\" the root folder", root);
}

static int
privilege_set_groups(const struct privilege *p)
{
	if (setgroups((size_t)p->group_count, p->groups) == 0)
		return 0;
	return error_errno("cannot take the groups of user \"%s\"", p->user);
}

static int
privilege_error_ids(const struct privilege *p)
{
	return error_errno("cannot become user \"%s\", uid %u and gid %u",
	    p->user, p->uid, p->gid);
}

/* --- for good ------------------------------------------------------------ */

/*
 * What no program can ever regain by being executed.  Who may not say so has
 * nothing to lose here, and no-new-privs says the same.
 */
static void
privilege_limit_capabilities(void)
{
	unsigned long cap = 0;

	while (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
		cap++;
}

/*
 * Ambient capabilities are kept within the inheritable ones by the kernel, so
 * they go too.
 */
static int
privilege_drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {
		{ 0, 0, 0 },
	};

	if (syscall(SYS_capset, &header, none) == -1)
		return error_errno("cannot drop capabilities");
	return 0;
}

/*
 * Each step needs a capability that a later one takes away: chroot(2), the
 * bounding set and the groups need root; the user goes last of the ids, because
 * the others cannot be changed without it.  The kernel clears capabilities when
 * root becomes somebody else, but not for who stays root, nor for an ordinary
 * user who was given some.
 */
int
privilege_drop(const struct privilege *p, const char *root)
{
	if (root[0] != '\0' && (chroot(root) == -1 || chdir("/") == -1))
		return privilege_error_root(root);
	privilege_limit_capabilities();
	if (geteuid() == 0 && privilege_set_groups(p) == -1)
		return -1;
	if (setresgid(p->gid, p->gid, p->gid) == -1 ||
	    setresuid(p->uid, p->uid, p->uid) == -1)
		return privilege_error_ids(p);
	if (privilege_drop_capabilities() == -1)
		return -1;
	if (p->uid != 0 && setuid(0) == 0)
		return error_set(EPERM, "user \"%s\" could become root again",
		    p->user);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_errno("no-new-privs");
	return 0;
}

/* --- for a while --------------------------------------------------------- */

/* How far it came, in the order in which things are taken. */
enum {
	PRIVILEGE_NOTHING, PRIVILEGE_ROOT, PRIVILEGE_GROUPS, PRIVILEGE_GID,
	PRIVILEGE_UID,
};

static int
privilege_save(const struct privilege *p, const char *root,
    struct privilege_saved *s)
{
	s->step = PRIVILEGE_NOTHING;
	s->root = s->folder = -1;
	s->uid = geteuid();
	s->gid = getegid();
	s->dumpable = prctl(PR_GET_DUMPABLE);
	if (prctl(PR_GET_PDEATHSIG, &s->death_signal) == -1)
		return error_errno("PR_GET_PDEATHSIG");
	if (p->drops && (s->group_count = getgroups(PRIVILEGE_GROUPS_MAX,
	    s->groups)) == -1)
		return error_errno("getgroups");
	if (root[0] == '\0')
		return 0;
	/* Not everyone who is in a folder could go there again. */
	if ((s->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    (s->folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    fchdir(s->folder) == -1)
		return error_errno("cannot come back to the working folder");
	return 0;
}

static int
privilege_take(const struct privilege *p, const char *root,
    struct privilege_saved *s)
{
	if (root[0] != '\0') {
		if (chroot(root) == -1)
			return privilege_error_root(root);
		s->step = PRIVILEGE_ROOT;
		if (chdir("/") == -1)
			return privilege_error_root(root);
	}
	if (!p->drops)
		return 0;
	if (privilege_set_groups(p) == -1)
		return -1;
	s->step = PRIVILEGE_GROUPS;
	if (setegid(p->gid) == -1)
		return privilege_error_ids(p);
	s->step = PRIVILEGE_GID;
	/* The saved id is the way back. */
	if (setresuid((uid_t)-1, p->uid, s->uid) == -1)
		return privilege_error_ids(p);
	s->step = PRIVILEGE_UID;
	return 0;
}

int
privilege_assume(const struct privilege *p, const char *root,
    struct privilege_saved *s)
{
	if (privilege_save(p, root, s) == -1 ||
	    privilege_take(p, root, s) == -1) {
		privilege_resume(s);
		return -1;
	}
	/* The kernel forgets it whenever ids change. */
	prctl(PR_SET_PDEATHSIG, s->death_signal);
	return 0;
}

/* The capabilities come back with the user, and with them the rest can. */
static int
privilege_undo(const struct privilege_saved *s)
{
	if (s->step >= PRIVILEGE_UID && seteuid(s->uid) == -1)
		return -1;
	if (s->step >= PRIVILEGE_GID && setegid(s->gid) == -1)
		return -1;
	if (s->step >= PRIVILEGE_GROUPS &&
	    setgroups((size_t)s->group_count, s->groups) == -1)
		return -1;
	if (s->step >= PRIVILEGE_ROOT && s->root != -1 &&
	    (fchdir(s->root) == -1 || chroot(".") == -1 ||
	    fchdir(s->folder) == -1))
		return -1;
	return 0;
}

void
privilege_resume(struct privilege_saved *s)
{
	int error = errno, undone = privilege_undo(s);

	/*
	 * Only what was allowed once is undone, but the kernel may have no
	 * memory for it; and nobody may go on half way.
	 */
	if (undone == -1) {
		log_error("cannot become user %u again: %s", (unsigned int)
		    s->uid, strerror(errno));
		_exit(1);
	}
	if (s->root != -1)
		close(s->root);
	if (s->folder != -1)
		close(s->folder);
	s->root = s->folder = -1;
	/* Forgotten again, and so is that it may be looked into. */
	if (s->step >= PRIVILEGE_GID) {
		prctl(PR_SET_PDEATHSIG, s->death_signal);
		if (s->dumpable == 1)
			prctl(PR_SET_DUMPABLE, 1);
	}
	s->step = PRIVILEGE_NOTHING;
	errno = error;
}
