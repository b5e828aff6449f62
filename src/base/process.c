/* SPDX-License-Identifier: ISC */
/*
 * Process helpers: CPUs, descriptors, death with the parent, the clock.
 */
#include "base/process.h"

#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef PRONG_SANITIZED
/* Of <sanitizer/allocator_interface.h>, which is not everywhere. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

/* More CPUs than any machine has, in steps that the kernel accepts. */
#define PROCESS_CPUS_MAX	65536

static int
process_affinity(void)
{
	cpu_set_t *set;
	int cpus, count = 0;

	for (cpus = 1024; count == 0 && cpus <= PROCESS_CPUS_MAX; cpus *= 2) {
		if ((set = CPU_ALLOC((size_t)cpus)) == NULL)
			break;
		if (sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)cpus),
		    set) == 0)
			count = CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)cpus), set);
		CPU_FREE(set);
	}
	return count > 0 ? count : 1;
}

/* The quota of one folder of the control group tree, rounded up; 0: none. */
static int
process_quota_of(const char *folder)
{
	char path[640];
	long long quota, period;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", folder);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	n = fscanf(f, "%lld %lld", &quota, &period);
	fclose(f);
	if (n != 2 || quota <= 0 || period <= 0)
		return 0;
	return (int)((quota + period - 1) / period);
}

/* The tightest quota from this process's control group up to the root. */
static int
process_quota(void)
{
	char line[512], *folder, *slash;
	int quota, least = 0;
	FILE *f;

	if ((f = fopen("/proc/self/cgroup", "re")) == NULL)
		return 0;
	folder = NULL;
	while (folder == NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "0::", 3) == 0)
			folder = line + 3;
	fclose(f);
	if (folder == NULL)
		return 0;
	folder[strcspn(folder, "\n")] = '\0';
	do {
		quota = process_quota_of(folder);
		if (quota > 0 && (least == 0 || quota < least))
			least = quota;
		if ((slash = strrchr(folder, '/')) != NULL)
			*slash = '\0';
	} while (slash != NULL);
	return least;
}

int
process_cpus(void)
{
	int cpus = process_affinity(), quota = process_quota();

	return quota > 0 && quota < cpus ? quota : cpus;
}

/* The length of the program's own name as it was started; 0: no titles. */
static int process_title_room;

void
process_title_init(int argc, char **argv, char **envp)
{
	process_title_room = (int)strlen(argv[0]);
	setproctitle_init(argc, argv, envp);
}

/* Our own, while one is lent. */
static char process_title_own[128];

static void
process_title_show(const char *title)
{
	/* setproctitle(3) marks the end of a shorter one with a dot. */
	if (process_title_room > 0)
		setproctitle("%-*s", process_title_room, title);
}

void
process_title(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(process_title_own, sizeof(process_title_own), fmt, ap);
	va_end(ap);
	process_title_show(process_title_own);
}

void
process_title_lend(const char *fmt, ...)
{
	char title[sizeof(process_title_own)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(title, sizeof(title), fmt, ap);
	va_end(ap);
	process_title_show(title);
}

void
process_title_back(void)
{
	process_title_show(process_title_own);
}

int
process_die_with_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	/* It may have died before the request was made. */
	if (getppid() != parent) {
		errno = ESRCH;
		return -1;
	}
	return 0;
}

uint64_t
process_raise_descriptors(void)
{
	struct rlimit limit;
	rlim_t wanted;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 1024;
	wanted = limit.rlim_max < PROCESS_DESCRIPTORS_MAX ? limit.rlim_max :
	    PROCESS_DESCRIPTORS_MAX;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur < wanted ? limit.rlim_cur : wanted;
}

void
process_close_others(const int *keep, size_t count)
{
	unsigned int from = STDERR_FILENO + 1, next;
	size_t i;

	for (;;) {
		next = ~0U;
		for (i = 0; i < count; i++)
			if (keep[i] >= (int)from && (unsigned int)keep[i] < next)
				next = (unsigned int)keep[i];
		if (next > from)
			close_range(from, next - 1, 0);
		if (next == ~0U)
			return;
		from = next + 1;
	}
}

uint64_t
process_milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
process_nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Reads a file of /proc/PID; returns its length, 0 when there is none. */
static size_t
process_read(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

char
process_state(pid_t pid)
{
	char buf[512], *p;

	/* Its name, in parentheses, may have any character. */
	if (process_read(pid, "stat", buf, sizeof(buf)) == 0 ||
	    (p = strrchr(buf, ')')) == NULL || p[1] != ' ' || p[2] == '\0')
		return '?';
	return p[2];
}

const char *
process_state_text(char state)
{
	static const struct {
		char state;
		const char *text;
	} states[] = {
		{ 'R', "running" }, { 'S', "sleeping" },
		{ 'D', "blocked in the kernel" }, { 'T', "stopped" },
		{ 't', "stopped by a debugger" }, { 'Z', "dead" },
	};
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].state == state)
			return states[i].text;
	return "unknown";
}

struct process_turns
process_turns(pid_t pid)
{
	struct process_turns turns = { 0, 0 };
	char buf[128], *p = buf;

	if (process_read(pid, "schedstat", buf, sizeof(buf)) == 0)
		return turns;
	turns.ran = strtoull(p, &p, 10);
	turns.waited = strtoull(p, NULL, 10) / 1000000;
	return turns;
}

bool
process_dumps_core(pid_t pid)
{
	char buf[4096];

	return process_read(pid, "status", buf, sizeof(buf)) > 0 &&
	    strstr(buf, "\nCoreDumping:\t1") != NULL;
}

size_t
process_memory(void)
{
#ifdef PRONG_SANITIZED
	/* malloc(3) is the sanitizer's there. */
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

const char *
process_signal_name(int signo, char *buf, size_t size)
{
	const char *name = sigabbrev_np(signo);

	if (name != NULL)
		snprintf(buf, size, "SIG%s", name);
	else if (signo == SIGRTMIN)
		strlcpy(buf, "SIGRTMIN", size);
	else if (signo > SIGRTMIN && signo <= SIGRTMAX)
		snprintf(buf, size, "SIGRTMIN+%d", signo - SIGRTMIN);
	else
		snprintf(buf, size, "signal %d", signo);
	return buf;
}

const char *
process_describe_status(int status, char *buf, size_t size)
{
	char name[PROCESS_SIGNAL_NAME];

	if (WIFSIGNALED(status))
		snprintf(buf, size, "was killed by %s%s",
		    process_signal_name(WTERMSIG(status), name, sizeof(name)),
		    WCOREDUMP(status) ? " (core dumped)" : "");
	else
		snprintf(buf, size, "exited with code %d", WEXITSTATUS(status));
	return buf;
}
