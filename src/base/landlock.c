/* SPDX-License-Identifier: ISC */
/*
 * The rules of Landlock.  A kernel knows all rules up to its version, so what
 * is asked for is a table by version.
 */
#include "base/landlock.h"

#include "config.h"

#include "base/error.h"

#ifdef HAVE_LINUX_LANDLOCK_H

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <unistd.h>

/*
 * The header may be older than the kernel; these are the kernel's interface,
 * and will not change.
 */
#define RIGHT_REFER		(1ULL << 13)	/* version 2 */
#define RIGHT_TRUNCATE		(1ULL << 14)	/* 3 */
#define RIGHT_IOCTL_DEVICE	(1ULL << 15)	/* 5 */
#define RIGHT_BIND_TCP		(1ULL << 0)	/* 4, of the network */
#define SCOPE_ABSTRACT_UNIX	(1ULL << 0)	/* 6 */
#define SCOPE_SIGNAL		(1ULL << 1)	/* 6 */

#define LANDLOCK_VERSION_MAX	6

/* struct landlock_ruleset_attr, as of version 6. */
struct landlock_rules {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

#define RIGHTS_READ	(LANDLOCK_ACCESS_FS_READ_FILE | \
    LANDLOCK_ACCESS_FS_READ_DIR)
/* No device, and nothing that can be executed, is made or used anywhere. */
#define RIGHTS_WRITE	(RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | \
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
    LANDLOCK_ACCESS_FS_MAKE_SYM | RIGHT_REFER | RIGHT_TRUNCATE)
/* What a rule about a file that is no folder may say. */
#define RIGHTS_OF_FILE	(LANDLOCK_ACCESS_FS_READ_FILE | \
    LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)
/* All of version 1. */
#define RIGHTS_FIRST	(RIGHT_REFER - 1)

/* What each version added. */
static const struct landlock_rules landlock_added[LANDLOCK_VERSION_MAX] = {
	{ .files = RIGHTS_FIRST },
	{ .files = RIGHT_REFER },
	{ .files = RIGHT_TRUNCATE },
	{ .network = RIGHT_BIND_TCP },
	{ .files = RIGHT_IOCTL_DEVICE },
	{ .scopes = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL },
};

int
landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1)
		return 0;
	return version < LANDLOCK_VERSION_MAX ? (int)version :
	    LANDLOCK_VERSION_MAX;
}

static struct landlock_rules
landlock_rules_of(int version)
{
	struct landlock_rules all = { 0, 0, 0 };

	while (version-- > 0) {
		all.files |= landlock_added[version].files;
		all.network |= landlock_added[version].network;
		all.scopes |= landlock_added[version].scopes;
	}
	return all;
}

/* What cannot be opened could not be used either. */
static int
landlock_allow(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat st;
	int r = 0, error;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd == -1)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
		    error_errno("%s", path) : 0;
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= RIGHTS_OF_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
	    &rule, 0) == -1)
		r = error_errno("Landlock: %s", path);
	error = errno;
	close(rule.parent_fd);
	errno = error;
	return r;
}

static int
landlock_allow_all(int ruleset, const struct strings *paths, uint64_t rights)
{
	size_t i;

	for (i = 0; i < paths->count; i++)
		if (landlock_allow(ruleset, paths->items[i], rights) == -1)
			return -1;
	return 0;
}

int
landlock_enter(int version, const struct strings *reads,
    const struct strings *writes)
{
	const struct landlock_rules all = landlock_rules_of(version);
	int ruleset, error, r = -1;

	ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all),
	    0);
	if (ruleset == -1)
		return error_errno("Landlock");
	if (landlock_allow_all(ruleset, reads, RIGHTS_READ & all.files) == 0 &&
	    landlock_allow_all(ruleset, writes, RIGHTS_WRITE & all.files) == 0)
		r = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 :
		    error_errno("Landlock");
	error = errno;
	close(ruleset);
	errno = error;
	return r;
}

#else

int
landlock_version(void)
{
	return 0;
}

int
landlock_enter(int version, const struct strings *reads,
    const struct strings *writes)
{
	return 0;
}

#endif
