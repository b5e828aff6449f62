/* SPDX-License-Identifier: ISC */
/*
 * base/callfilter: what each call says to who has entered the filter.  A trial
 * is a child, whose exit code is its errno.
 */
#include "base/callfilter.h"

#include "config.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

/* They have these numbers on all machines. */
#define CALL_IO_URING_SETUP	425
#define CALL_CLONE3		435
/* No call has it, and none will. */
#define CALL_NONE		0xffff
#define CALL_X32		0x40000000L

static struct sock_filter code[2][CALLFILTER_MAX];
static size_t length[2];

static void
start(void)
{
	length[0] = callfilter_make(code[0], false);
	length[1] = callfilter_make(code[1], true);
}

/* --- trials: 0, or -1 with errno ------------------------------------------ */

static long
try_none(void)
{
	return syscall(CALL_NONE);
}

static long
try_io_uring(void)
{
	return syscall(CALL_IO_URING_SETUP, 1, NULL);
}

static long
try_clone3(void)
{
	return syscall(CALL_CLONE3, NULL, (size_t)0);
}

static long
try_x32(void)
{
#ifdef __x86_64__
	return syscall(CALL_X32 | SYS_getpid);
#else
	return syscall(CALL_NONE);
#endif
}

static long
try_execve(void)
{
	char *words[] = { NULL };

	return syscall(SYS_execve, "/bin/true", words, words);
}

static long
try_execveat(void)
{
	char *words[] = { NULL };

	return syscall(SYS_execveat, AT_FDCWD, "/bin/true", words, words, 0);
}

static long
try_ptrace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0);
}

static long
try_vm_write(void)
{
	return syscall(SYS_process_vm_writev, getpid(), NULL, 0, NULL, 0, 0);
}

static long
try_mount(void)
{
	return syscall(SYS_mount, NULL, NULL, NULL, 0, NULL);
}

static long
try_umount(void)
{
	return syscall(SYS_umount2, "/nowhere", 0);
}

static long
try_pivot_root(void)
{
	return syscall(SYS_pivot_root, "/nowhere", "/nowhere");
}

static long
try_chroot(void)
{
	return syscall(SYS_chroot, "/");
}

/* Without flags it does nothing. */
static long
try_unshare(void)
{
	return syscall(SYS_unshare, 0);
}

static long
try_setns(void)
{
	return syscall(SYS_setns, -1, 0);
}

static long
try_bpf(void)
{
	return syscall(SYS_bpf, -1, NULL, 0);
}

static long
try_perf(void)
{
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long
try_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, -1);
}

static long
try_keyctl(void)
{
	return syscall(SYS_keyctl, -1, 0, 0, 0, 0);
}

static long
try_init_module(void)
{
	return syscall(SYS_init_module, NULL, 0, NULL);
}

static long
try_kexec(void)
{
	return syscall(SYS_kexec_load, 0, 0, NULL, 0);
}

/* Its magic numbers are wrong. */
static long
try_reboot(void)
{
	return syscall(SYS_reboot, 0, 0, 0, NULL);
}

static long
try_swapon(void)
{
	return syscall(SYS_swapon, "/nowhere", 0);
}

static long
try_setuid(void)
{
	return syscall(SYS_setuid, getuid());
}

static long
try_clone_namespace(void)
{
	return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL,
	    NULL);
}

static long
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid == -1 ? -1 : helper_wait_exit(pid);
}

static void *
thread_body(void *arg)
{
	return arg;
}

static long
try_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, thread_body, NULL);
	return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}

/* The second number has more than an int in it, which the kernel ignores. */
static long
try_socket(uint64_t family, uint64_t protocol)
{
	return syscall(SYS_socket, family, SOCK_DGRAM, protocol) == -1 ? -1 :
	    0;
}

static long
try_unix(void)
{
	return try_socket(AF_UNIX, 0);
}

static long
try_inet(void)
{
	return try_socket(AF_INET, 0);
}

static long
try_route(void)
{
	return try_socket(AF_NETLINK, NETLINK_ROUTE);
}

static long
try_generic(void)
{
	return try_socket(AF_NETLINK, NETLINK_GENERIC);
}

static long
try_packet(void)
{
	return try_socket(AF_PACKET, 0);
}

static long
try_crypto(void)
{
	return try_socket(AF_ALG, 0);
}

static long
try_crypto_wide(void)
{
	return try_socket(AF_ALG | 1ULL << 32, 0);
}

static long
try_inet_wide(void)
{
	return try_socket(AF_INET | 1ULL << 32, 0);
}

static long
try_ioctl(uint64_t request)
{
	int ends[2], n = 0;

	if (pipe(ends) == -1)
		return -1;
	return syscall(SYS_ioctl, ends[0], request, &n);
}

static long
try_available(void)
{
	return try_ioctl(FIONREAD);
}

static long
try_terminal(void)
{
	return try_ioctl(TCGETS);
}

static long
try_typing(void)
{
	return try_ioctl(TIOCSTI);
}

static long
try_typing_wide(void)
{
	return try_ioctl(TIOCSTI | 1ULL << 32);
}

static long
try_pasting(void)
{
	return try_ioctl(TIOCLINUX);
}

static long
try_listen(void)
{
	return listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}

static long
try_chmod(void)
{
	return chmod("/nowhere", 0);
}

static long
try_utimes(void)
{
	return utimensat(AT_FDCWD, "/nowhere", NULL, 0);
}

/* Through a descriptor it can be done. */
static long
try_descriptor(void)
{
	FILE *f = tmpfile();

	if (f == NULL || fchmod(fileno(f), 0600) == -1 ||
	    futimens(fileno(f), NULL) == -1)
		return -1;
	return fclose(f);
}

static long
try_names(void)
{
	struct addrinfo *list;
	int r = getaddrinfo("127.0.0.1", "80", NULL, &list);

	if (r == 0)
		freeaddrinfo(list);
	errno = r == EAI_SYSTEM ? errno : 255;
	return r == 0 ? 0 : -1;
}

/* A sanitizer looks for leaks with these. */
#ifdef PRONG_SANITIZED
#define SANITIZED(error)	-1
#else
#define SANITIZED(error)	error
#endif

/* errno without and with forking; -1: not asked. */
static const struct {
	long (*body)(void);
	int error[2];
} trials[] = {
	{ try_none, { ENOSYS, ENOSYS } },
	{ try_io_uring, { ENOSYS, ENOSYS } },
	{ try_clone3, { ENOSYS, ENOSYS } },
	{ try_x32, { ENOSYS, ENOSYS } },
	{ try_execve, { EPERM, EPERM } },
	{ try_execveat, { EPERM, EPERM } },
	{ try_ptrace, { SANITIZED(EPERM), SANITIZED(EPERM) } },
	{ try_vm_write, { EPERM, EPERM } },
	{ try_mount, { EPERM, EPERM } },
	{ try_umount, { EPERM, EPERM } },
	{ try_pivot_root, { EPERM, EPERM } },
	{ try_chroot, { EPERM, EPERM } },
	{ try_unshare, { EPERM, EPERM } },
	{ try_setns, { EPERM, EPERM } },
	{ try_bpf, { EPERM, EPERM } },
	{ try_perf, { EPERM, EPERM } },
	{ try_userfaultfd, { EPERM, EPERM } },
	{ try_keyctl, { EPERM, EPERM } },
	{ try_init_module, { EPERM, EPERM } },
	{ try_kexec, { EPERM, EPERM } },
	{ try_reboot, { EPERM, EPERM } },
	{ try_swapon, { EPERM, EPERM } },
	{ try_setuid, { EPERM, EPERM } },
	{ try_clone_namespace, { EPERM, EPERM } },
	{ try_fork, { SANITIZED(EPERM), 0 } },
	{ try_thread, { 0, 0 } },
	{ try_unix, { 0, 0 } },
	{ try_inet, { 0, 0 } },
	{ try_inet_wide, { 0, 0 } },
	{ try_route, { 0, 0 } },
	{ try_generic, { EPROTONOSUPPORT, EPROTONOSUPPORT } },
	{ try_packet, { EAFNOSUPPORT, EAFNOSUPPORT } },
	{ try_crypto, { EAFNOSUPPORT, EAFNOSUPPORT } },
	{ try_crypto_wide, { EAFNOSUPPORT, EAFNOSUPPORT } },
	{ try_available, { 0, 0 } },
	{ try_terminal, { ENOTTY, ENOTTY } },
	{ try_typing, { EPERM, EPERM } },
	{ try_typing_wide, { EPERM, EPERM } },
	{ try_pasting, { EPERM, EPERM } },
	{ try_listen, { EPERM, EPERM } },
	{ try_chmod, { EPERM, EPERM } },
	{ try_utimes, { EPERM, EPERM } },
	{ try_descriptor, { 0, 0 } },
	{ try_names, { 0, 0 } },
};

/* What a child that has entered ends with. */
static int
result_of(long (*body)(void), bool forks)
{
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (callfilter_enter(code[forks], length[forks]) == -1)
			_exit(254);
		_exit(body() == -1 ? errno : 0);
	}
	return helper_wait_exit(pid);
}

START_TEST(test_callfilter_trials)
{
	int forks, error;

	for (forks = 0; forks < 2; forks++) {
		error = trials[_i].error[forks];
		ck_assert_uint_gt(length[forks], 0);
		if (error != -1)
			ck_assert_msg(result_of(trials[_i].body, forks) ==
			    error, "trial %d, forks %d: %s, wanted %s", _i,
			    forks, strerror(result_of(trials[_i].body, forks)),
			    strerror(error));
	}
}
END_TEST

/* Without no-new-privs, or as no program at all, nothing is entered. */
START_TEST(test_callfilter_not_entered)
{
	struct sock_filter wrong = { .code = 0xffff };
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(callfilter_enter(&wrong, 1) == -1 && errno == EINVAL &&
		    strcmp(error_text(), "seccomp: Invalid argument") == 0 &&
		    syscall(SYS_unshare, 0) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

/* A thread that was there before is kept from the same. */
static int gate[2];

static void *
wait_at_gate(void *arg)
{
	char byte;

	if (read(gate[0], &byte, 1) != 1)
		return NULL;
	return (void *)(intptr_t)(try_unshare() == -1 ? errno : 0);
}

START_TEST(test_callfilter_threads)
{
	pthread_t thread;
	void *result;
	pid_t pid = fork();

	if (pid == 0) {
		if (pipe(gate) == -1 ||
		    pthread_create(&thread, NULL, wait_at_gate, NULL) != 0)
			_exit(254);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (callfilter_enter(code[0], length[0]) == -1 ||
		    write(gate[1], "", 1) != 1 ||
		    pthread_join(thread, &result) != 0)
			_exit(253);
		_exit((int)(intptr_t)result);
	}
	ck_assert_int_eq(helper_wait_exit(pid), EPERM);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

#ifndef HAVE_LIBSECCOMP
	puts("1..0 # SKIP built without libseccomp");
	return 0;
#endif
	s = unit_suite("callfilter", &tc);
	tcase_add_unchecked_fixture(tc, start, NULL);
	tcase_add_loop_test(tc, test_callfilter_trials, 0, UNIT_COUNT(trials));
	tcase_add_test(tc, test_callfilter_not_entered);
	if (!UNIT_TSAN)
		tcase_add_test(tc, test_callfilter_threads);
	return unit_run(s);
}
