/* SPDX-License-Identifier: ISC */
/*
 * What the kernel counts of its out-of-memory killer.
 */
#include "base/oom.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OOM_KEY		"oom_kill"

int
oom_read(const char *path, const char *key, uint64_t *count)
{
	size_t length = strlen(key);
	char line[256];
	bool found = false;
	FILE *f;

	if ((f = fopen(path, "re")) == NULL)
		return -1;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, key, length) == 0 &&
		    line[length] == ' ' &&
		    isdigit((unsigned char)line[length + 1]);
	fclose(f);
	if (!found) {
		errno = ENOENT;
		return -1;
	}
	*count = strtoull(line + length + 1, NULL, 10);
	return 0;
}

/*
 * Cuts the name of this process's group in the unified tree from a line of
 * the list.  A group outside the tree that we see begins with "/..": what is
 * above us in our tree is not above it.
 */
static bool
oom_group(const char *groups, char *group, size_t size)
{
	char line[PATH_MAX];
	bool found = false;
	FILE *f;

	if ((f = fopen(groups, "re")) == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strncmp(line, "0::/", 4) == 0;
	fclose(f);
	if (!found || strncmp(line + 3, "/..", 3) == 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	strlcpy(group, line + 3, size);
	return true;
}

/*
 * The count of the nearest group that has one, from ours upwards: a group
 * whose memory is not accounted for is counted with its parent, and the root
 * has none.
 */
static int
oom_read_group(const char *groups, const char *tree, uint64_t *count)
{
	char group[PATH_MAX], path[2 * PATH_MAX], *slash;

	if (!oom_group(groups, group, sizeof(group)))
		return -1;
	do {
		snprintf(path, sizeof(path), "%s%s/memory.events", tree, group);
		if (oom_read(path, OOM_KEY, count) == 0)
			return 0;
		if ((slash = strrchr(group, '/')) != NULL)
			*slash = '\0';
	} while (slash != NULL);
	return -1;
}

uint64_t
oom_kills_of(const char *groups, const char *tree, const char *statistics)
{
	uint64_t count;

	if (oom_read_group(groups, tree, &count) == 0 ||
	    oom_read(statistics, OOM_KEY, &count) == 0)
		return count;
	return 0;
}

uint64_t
oom_kills(void)
{
	return oom_kills_of("/proc/self/cgroup", "/sys/fs/cgroup",
	    "/proc/vmstat");
}
