/* SPDX-License-Identifier: ISC */
/*
 * Looking up users and groups, in a child.
 */
#include "base/names.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* What is asked and what is answered, in memory shared with the child. */
struct names_query {
	void (*look_up)(struct names_query *);
	int found;		/* -1 until it is known */
	int error;
	struct names_user user;
	int count;
	int room;
	gid_t groups[];
};

/*
 * Whether a look-up without a result says that there is none.  Which number
 * says so differs from database to database; these do not.
 */
static int
names_none(int error)
{
	return error == EINTR || error == EIO || error == EMFILE ||
	    error == ENFILE || error == ENOMEM ? -1 : 0;
}

static void
names_answer(struct names_query *q, const struct passwd *pw)
{
	q->error = errno;
	if (pw == NULL) {
		q->found = names_none(errno);
		return;
	}
	q->user.uid = pw->pw_uid;
	q->user.gid = pw->pw_gid;
	strlcpy(q->user.name, pw->pw_name, sizeof(q->user.name));
	q->found = 1;
}

static void
names_by_name(struct names_query *q)
{
	names_answer(q, getpwnam(q->user.name));
}

static void
names_by_id(struct names_query *q)
{
	/* cppcheck-suppress getpwuidCalled ; one look-up a process */
	names_answer(q, getpwuid(q->user.uid));
}

static void
names_by_group(struct names_query *q)
{
	const struct group *gr = getgrnam(q->user.name);

	q->error = errno;
	q->found = gr != NULL ? 1 : names_none(errno);
	if (gr != NULL)
		q->user.gid = gr->gr_gid;
}

static void
names_of_user(struct names_query *q)
{
	q->count = q->room;
	q->found = getgrouplist(q->user.name, q->user.gid, q->groups,
	    &q->count) == -1 ? 0 : 1;
}

/* Fills in the answer; one that never came is a failure. */
static void
names_ask(struct names_query *q)
{
	pid_t pid;

	q->found = -1;
	q->error = EIO;
	if ((pid = fork()) == -1) {
		q->error = errno;
		return;
	}
	if (pid == 0) {
		errno = 0;
		q->look_up(q);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
}

/* Asks for a user, and takes the answer out of the shared memory. */
static int
names_run(void (*look_up)(struct names_query *), struct names_user *user,
    gid_t *groups, int *count)
{
	int room = count == NULL ? 0 : *count, found;
	size_t size = sizeof(struct names_query) +
	    (size_t)room * sizeof(*groups);
	struct names_query *q;

	q = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (q == MAP_FAILED)
		return -1;
	q->look_up = look_up;
	q->user = *user;
	q->room = room;
	names_ask(q);
	if ((found = q->found) == 1) {
		*user = q->user;
		if (count != NULL) {
			*count = q->count;
			memcpy(groups, q->groups,
			    (size_t)q->count * sizeof(*groups));
		}
	}
	errno = q->error;
	munmap(q, size);
	return found;
}

/* A name that no database can have is not asked for. */
static int
names_begin(struct names_user *user, const char *name)
{
	*user = (struct names_user){ .uid = 0 };
	return strlcpy(user->name, name, sizeof(user->name)) <
	    sizeof(user->name);
}

int
names_user(const char *name, struct names_user *user)
{
	return names_begin(user, name) ?
	    names_run(names_by_name, user, NULL, NULL) : 0;
}

int
names_user_of(uid_t uid, struct names_user *user)
{
	*user = (struct names_user){ .uid = uid };
	return names_run(names_by_id, user, NULL, NULL);
}

int
names_group(const char *name, gid_t *gid)
{
	struct names_user asked;
	int found;

	if (!names_begin(&asked, name))
		return 0;
	found = names_run(names_by_group, &asked, NULL, NULL);
	if (found == 1)
		*gid = asked.gid;
	return found;
}

int
names_groups(const char *user, gid_t gid, gid_t *groups, int *count)
{
	struct names_user asked;

	if (!names_begin(&asked, user))
		return 0;
	asked.gid = gid;
	return names_run(names_of_user, &asked, groups, count);
}
