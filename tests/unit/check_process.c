/* SPDX-License-Identifier: ISC */
/*
 * base/process: CPUs, descriptors, death with the parent, the clock.
 */
#include "base/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"
#include "unit.h"

START_TEST(test_process_cpus)
{
	cpu_set_t set;
	int cpus = process_cpus();

	ck_assert_int_ge(cpus, 1);
	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	ck_assert_int_le(cpus, CPU_COUNT(&set));
	/* Bound to one of them, it is one. */
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	ck_assert_int_eq(process_cpus(), 1);
}
END_TEST

/* To the hard limit, but never to more than anybody needs. */
START_TEST(test_process_raise_descriptors)
{
	struct rlimit limit;
	rlim_t most;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	most = limit.rlim_max < PROCESS_DESCRIPTORS_MAX ? limit.rlim_max :
	    PROCESS_DESCRIPTORS_MAX;
	limit.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(process_raise_descriptors(), most);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, most);
	ck_assert_uint_eq(process_raise_descriptors(), most);
}
END_TEST

/* In a child, which has nothing to lose; 0 when all is right. */
static int
close_others(const int *keep, size_t count)
{
	int fd;
	size_t i;

	for (fd = 0; fd < 20; fd++)
		if (fcntl(fd, F_GETFD) == -1 && dup2(0, fd) == -1)
			return 1;
	process_close_others(keep, count);
	for (fd = 3; fd < 40; fd++) {
		for (i = 0; i < count && keep[i] != fd; i++)
			continue;
		if ((fcntl(fd, F_GETFD) != -1) != (i < count))
			return fd;
	}
	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			return 2;
	return 0;
}

static const struct {
	int keep[4];
	size_t count;
} kept[] = {
	{ { -1 }, 0 },
	{ { -1, -1 }, 2 },
	{ { 3 }, 1 },
	{ { 19, 3, 10 }, 3 },
	{ { 5, -1, 4, 5 }, 4 },
	{ { 0, 1, 2 }, 3 },
};

START_TEST(test_process_close_others)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(close_others(kept[_i].keep, kept[_i].count));
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

START_TEST(test_process_die_with_parent)
{
	int ready[2], alive[2];
	pid_t parent;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(alive), 0);
	if ((parent = fork()) == 0) {
		pid_t self = getpid();

		if (fork() == 0) {
			close(alive[0]);
			if (process_die_with_parent(self) == 0 &&
			    write(ready[1], "", 1) == 1)
				pause();
			_exit(1);
		}
		pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(alive[1]);
	ck_assert_int_eq(kill(parent, SIGKILL), 0);
	helper_wait(parent);
	/* The last writer has gone: the grandchild is dead. */
	ck_assert_int_eq(read(alive[0], &c, 1), 0);
}
END_TEST

START_TEST(test_process_parent_has_gone)
{
	errno = 0;
	ck_assert_int_eq(process_die_with_parent(getpid()), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_int_eq(prctl(PR_SET_PDEATHSIG, 0), 0);
	ck_assert_int_eq(process_die_with_parent(getppid()), 0);
}
END_TEST

START_TEST(test_process_milliseconds)
{
	struct timespec ts;
	uint64_t first = process_milliseconds(), now;

	ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	ck_assert_uint_le(first, now);
	ck_assert_uint_lt(now - first, 1000);
	ck_assert_uint_ge(process_milliseconds(), now);
}
END_TEST

static int
status_of(int signo, int code)
{
	struct rlimit none = { 0, 0 };
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		if (signo != 0) {
			signal(signo, SIG_DFL);
			raise(signo);
		}
		_exit(code);
	}
	return helper_wait(pid);
}

START_TEST(test_process_describe_status)
{
	char buf[64], small[8];

	ck_assert_str_eq(process_describe_status(status_of(0, 0), buf,
	    sizeof(buf)), "exited with code 0");
	ck_assert_str_eq(process_describe_status(status_of(0, 255), buf,
	    sizeof(buf)), "exited with code 255");
	ck_assert_str_eq(process_describe_status(status_of(SIGKILL, 0), buf,
	    sizeof(buf)), "was killed by SIGKILL");
	ck_assert_str_eq(process_describe_status(status_of(SIGTERM, 0), buf,
	    sizeof(buf)), "was killed by SIGTERM");
	/* The kernel may keep a core all the same, by way of a pipe. */
	process_describe_status(status_of(SIGSEGV, 0), buf, sizeof(buf));
	ck_assert_ptr_eq(strstr(buf, "was killed by SIGSEGV"), buf);
	ck_assert_ptr_nonnull(strstr(process_describe_status(0x80 | SIGABRT,
	    buf, sizeof(buf)), "SIGABRT (core dumped)"));
	ck_assert_str_eq(process_describe_status(0, small, sizeof(small)),
	    "exited ");
	ck_assert_str_eq(process_describe_status(status_of(SIGRTMIN + 3, 0),
	    buf, sizeof(buf)), "was killed by SIGRTMIN+3");
}
END_TEST

/* Those that have no number of their own, and those of the C library. */
START_TEST(test_process_signal_name)
{
	const struct {
		int signo;
		const char *name;
	} cases[] = {
		{ SIGHUP, "SIGHUP" }, { SIGSYS, "SIGSYS" },
		{ SIGRTMIN, "SIGRTMIN" }, { SIGRTMIN + 1, "SIGRTMIN+1" },
		{ SIGRTMIN - 1, "signal 33" }, { 32, "signal 32" },
		{ SIGRTMAX, "SIGRTMIN+30" }, { SIGRTMAX + 1, "signal 65" },
		{ 0, "signal 0" }, { -1, "signal -1" },
		{ INT_MIN, "signal -2147483648" },
	};
	char buf[PROCESS_SIGNAL_NAME], small[4];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(process_signal_name(cases[i].signo, buf,
		    sizeof(buf)), cases[i].name);
	ck_assert_str_eq(process_signal_name(SIGRTMIN, small, sizeof(small)),
	    "SIG");
}
END_TEST

/* A child with a name that looks like the end of one, and a state. */
static void __attribute__((noreturn))
state_child(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "a) Z (b) T");
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* It comes to that state by itself, a moment after it said so. */
static void
expect_state(pid_t pid, char state)
{
	while (process_state(pid) != state)
		sched_yield();
}

START_TEST(test_process_state)
{
	int ready[2], status;
	pid_t pid;
	char c;

	ck_assert_int_eq(process_state(getpid()), 'R');
	ck_assert_int_eq(pipe(ready), 0);
	if ((pid = fork()) == 0)
		state_child(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	expect_state(pid, 'S');
	ck_assert(!process_dumps_core(pid));
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_int_eq(process_state(pid), 'T');
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	expect_state(pid, 'Z');
	helper_wait(pid);
	ck_assert_int_eq(process_state(pid), '?');
	ck_assert(!process_dumps_core(pid));
}
END_TEST

START_TEST(test_process_state_text)
{
	ck_assert_str_eq(process_state_text('R'), "running");
	ck_assert_str_eq(process_state_text('S'), "sleeping");
	ck_assert_str_eq(process_state_text('D'), "blocked in the kernel");
	ck_assert_str_eq(process_state_text('T'), "stopped");
	ck_assert_str_eq(process_state_text('t'), "stopped by a debugger");
	ck_assert_str_eq(process_state_text('Z'), "dead");
	ck_assert_str_eq(process_state_text('?'), "unknown");
}
END_TEST

/* What is allocated, however large, and no more when it is freed. */
START_TEST(test_process_memory)
{
	size_t before, size = (size_t)1 << (12 + 2 * _i), now;
	char *p;

	p = malloc(1);
	before = process_memory();
	free(p);
	ck_assert_ptr_nonnull(p = malloc(size));
	memset(p, 1, size);
	now = process_memory();
	ck_assert_uint_ge(now, before + size - 64);
	ck_assert_uint_le(now, before + size + 65536);
	free(p);
	ck_assert_uint_le(process_memory(), before);
}
END_TEST

START_TEST(test_process_title)
{
	/* Nobody asked for titles: nothing happens. */
	process_title("worker %d", 1);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("process", &tc);

	tcase_add_test(tc, test_process_cpus);
	tcase_add_test(tc, test_process_raise_descriptors);
	tcase_add_loop_test(tc, test_process_close_others, 0,
	    UNIT_COUNT(kept));
	tcase_add_test(tc, test_process_die_with_parent);
	tcase_add_test(tc, test_process_parent_has_gone);
	tcase_add_test(tc, test_process_milliseconds);
	tcase_add_test(tc, test_process_describe_status);
	tcase_add_test(tc, test_process_signal_name);
	tcase_add_test(tc, test_process_state);
	tcase_add_test(tc, test_process_state_text);
	tcase_add_loop_test(tc, test_process_memory, 0, 7);
	tcase_add_test(tc, test_process_title);
	return unit_run(s);
}
