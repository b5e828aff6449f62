/* SPDX-License-Identifier: ISC */
/*
 * CPU time of a family of processes, from their clocks and from /proc.
 */
#include "prongbench/cpu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"

struct cpu_process {
	pid_t pid, parent;
	bool wanted;
	uint64_t user, system;			/* ticks of its own */
	uint64_t child_user, child_system;	/* of children waited for */
};

struct cpu_table {
	struct cpu_process *list;
	size_t count, room;
};

int
cpu_parse(const char *text, struct cpu_group *group)
{
	char copy[CPU_ROOTS * 12], *rest = copy, *word;
	int64_t pid;

	if (strlcpy(copy, text, sizeof(copy)) >= sizeof(copy))
		goto many;
	while ((word = strsep(&rest, ",")) != NULL) {
		if (units_integer(word, 1, INT32_MAX, &pid) == -1)
			return error_prefix("process");
		if (group->count == CPU_ROOTS)
			goto many;
		group->roots[group->count++] = (pid_t)pid;
	}
	return 0;
many:
	return error_set(EINVAL, "more than %d processes", CPU_ROOTS);
}

/* proc(5): the name may hold spaces and brackets, so begin at its end. */
static int
cpu_read_stat(int proc, const char *name, struct cpu_process *p)
{
	char path[32], text[1024], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.16s/stat", name);
	if ((fd = openat(proc, path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	if ((end = strrchr(text, ')')) == NULL)
		return -1;
	p->pid = (pid_t)strtol(text, NULL, 10);
	return sscanf(end + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &p->parent,
	    &p->user, &p->system, &p->child_user, &p->child_system) == 5 ?
	    0 : -1;
}

static int
cpu_add(struct cpu_table *t, const struct cpu_process *p)
{
	struct cpu_process *list;
	size_t room = t->room == 0 ? 256 : t->room * 2;

	if (t->count == t->room) {
		list = reallocarray(t->list, room, sizeof(*list));
		if (list == NULL)
			return error_errno("processes");
		t->list = list;
		t->room = room;
	}
	t->list[t->count++] = *p;
	return 0;
}

static int
cpu_scan(struct cpu_table *t)
{
	struct cpu_process p;
	struct dirent *entry;
	int result = 0;
	DIR *dir;

	if ((dir = opendir("/proc")) == NULL)
		return error_errno("/proc");
	while (result == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		memset(&p, 0, sizeof(p));
		/* One that cannot be read has just ended. */
		if (cpu_read_stat(dirfd(dir), entry->d_name, &p) == 0)
			result = cpu_add(t, &p);
	}
	closedir(dir);
	return result;
}

static int
cpu_compare(const void *a, const void *b)
{
	const struct cpu_process *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

static struct cpu_process *
cpu_find(const struct cpu_table *t, pid_t pid)
{
	struct cpu_process key = { .pid = pid };

	return bsearch(&key, t->list, t->count, sizeof(key), cpu_compare);
}

/* Marks the named processes and all below them. */
static int
cpu_mark(struct cpu_table *t, const struct cpu_group *group)
{
	struct cpu_process *p, *parent;
	bool again = true;
	size_t i;

	if (t->count > 0)
		qsort(t->list, t->count, sizeof(*t->list), cpu_compare);
	for (i = 0; i < group->count; i++) {
		if ((p = cpu_find(t, group->roots[i])) == NULL)
			return error_set(ESRCH, "there is no process %d",
			    (int)group->roots[i]);
		p->wanted = true;
	}
	while (again) {
		again = false;
		for (p = t->list; p < t->list + t->count; p++) {
			if (p->wanted)
				continue;
			parent = cpu_find(t, p->parent);
			p->wanted = parent != NULL && parent->wanted;
			again |= p->wanted;
		}
	}
	return 0;
}

static uint64_t
cpu_clock(pid_t pid)
{
	struct timespec ts;
	clockid_t id;

	/* One that has just ended is in its parent's next figure. */
	if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &ts) == -1)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int
cpu_read(const struct cpu_group *group, struct cpu_reading *reading)
{
	struct cpu_table t = { NULL, 0, 0 };
	uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	const struct cpu_process *p;
	int result = -1;

	memset(reading, 0, sizeof(*reading));
	if (cpu_scan(&t) == -1 || cpu_mark(&t, group) == -1)
		goto out;
	for (p = t.list; p < t.list + t.count; p++) {
		if (!p->wanted)
			continue;
		reading->processes++;
		reading->ns += cpu_clock(p->pid) +
		    (p->child_user + p->child_system) * tick;
		reading->user_ticks += p->user + p->child_user;
		reading->system_ticks += p->system + p->child_system;
	}
	result = 0;
out:
	free(t.list);
	return result;
}
