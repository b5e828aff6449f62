/* SPDX-License-Identifier: ISC */
/*
 * The filter of system calls, made by libseccomp.
 *
 * What decides by the number of the call alone costs next to nothing, since
 * the kernel keeps such answers (from Linux 5.11 on) and does not run the
 * filter; only clone, ioctl, socket and utimensat are asked about their
 * arguments.
 */
#include "base/callfilter.h"

#include "config.h"

#include <sys/syscall.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <unistd.h>

#include "base/error.h"

int
callfilter_enter(const struct sock_filter *code, size_t length)
{
	/* The kernel does not write to it. */
	const struct sock_fprog program = {
		.len = (unsigned short)length,
		.filter = (struct sock_filter *)(uintptr_t)code,
	};
	long r;

	/* Older kernels would slow the process down for a fault of CPUs. */
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	    &program);
	if (r > 0)
		return error_set(EBUSY, "seccomp: thread %ld has another "
		    "filter", r);
	return r == 0 ? 0 : error_errno("seccomp");
}

#ifdef HAVE_LIBSECCOMP

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>

/* In which argument the flags of clone(2) are. */
#if defined(__s390__)
#define CLONE_FLAGS_ARGUMENT	1
#else
#define CLONE_FLAGS_ARGUMENT	0
#endif
#define CLONE_NEW_ALL	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define ALL_BITS	UINT32_MAX

/*
 * What a server, and a handler of which nothing is known, may need.  Not
 * clone3(2), whose flags a filter cannot see: without it there is clone(2).
 */
static const char *const callfilter_allowed[] = {
	/* a message's path, and what waits */
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "recvfrom", "sendto",
	"sendmsg", "recvmsg", "read", "write", "readv", "writev", "accept4",
	"accept", "close", "epoll_ctl", "futex", "futex_time64", "poll",
	"ppoll", "ppoll_time64", "select", "_newselect", "pselect6",
	"pselect6_time64", "shutdown", "splice", "sched_yield",
	/* sockets */
	"bind", "connect", "getpeername", "getsockname", "getsockopt",
	"recv", "recvmmsg", "recvmmsg_time64", "send", "sendmmsg",
	"setsockopt", "socketpair",
	/* descriptors */
	"close_range", "copy_file_range", "dup", "dup2", "dup3",
	"epoll_create", "epoll_create1", "eventfd", "eventfd2", "fadvise64",
	"fadvise64_64", "arm_fadvise64_64", "fallocate", "fcntl", "fcntl64",
	"fdatasync", "flock", "fsync", "ftruncate", "ftruncate64",
	"inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "_llseek", "lseek", "memfd_create", "pidfd_open",
	"pidfd_send_signal", "pipe", "pipe2", "pread64", "preadv", "preadv2",
	"pwrite64", "pwritev", "pwritev2", "readahead", "sendfile",
	"sendfile64", "signalfd", "signalfd4", "sync_file_range",
	"sync_file_range2", "tee", "timerfd_create", "timerfd_gettime",
	"timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
	"io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
	"io_pgetevents_time64", "io_setup", "io_submit",
	/* files, as far as Landlock and their permissions go */
	"access", "chdir", "creat", "faccessat", "faccessat2", "fchdir",
	"fchmod", "fchown", "fchown32", "fgetxattr", "flistxattr",
	"fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64",
	"fstatfs", "fstatfs64", "getcwd", "getdents", "getdents64",
	"getxattr", "lgetxattr", "link", "linkat", "listxattr", "llistxattr",
	"lstat", "lstat64", "mkdir", "mkdirat", "mknod", "mknodat",
	"newfstatat", "open", "openat", "openat2", "readlink", "readlinkat",
	"rename", "renameat", "renameat2", "rmdir", "stat", "stat64",
	"statfs", "statfs64", "statx", "symlink", "symlinkat", "sync",
	"syncfs", "truncate", "truncate64", "umask", "unlink", "unlinkat",
	/* memory */
	"brk", "get_mempolicy", "madvise", "map_shadow_stack", "mbind",
	"membarrier", "memfd_secret", "mincore", "mlock", "mlock2",
	"mlockall", "mmap", "mmap2", "mprotect", "mremap", "msync", "munlock",
	"munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect",
	"remap_file_pages", "set_mempolicy", "set_mempolicy_home_node",
	/* time */
	"alarm", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"getitimer", "gettimeofday", "nanosleep", "setitimer", "time",
	"timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
	"timer_gettime64", "timer_settime", "timer_settime64", "times",
	/* processes and threads */
	"arch_prctl", "arm_sync_file_range", "cacheflush", "capget", "exit",
	"exit_group", "futex_waitv", "get_robust_list", "get_thread_area",
	"getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
	"getgid32", "getgroups", "getgroups32", "getpgid", "getpgrp",
	"getpid", "getppid", "getpriority", "getrandom", "getresgid",
	"getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage",
	"getsid", "gettid", "getuid", "getuid32", "ioprio_get", "kill",
	"landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self", "pause", "prctl", "prlimit64",
	"restart_syscall", "riscv_flush_icache", "riscv_hwprobe", "rseq",
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min",
	"sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval",
	"sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr",
	"sched_setparam", "sched_setscheduler", "seccomp", "set_robust_list",
	"set_thread_area", "set_tid_address", "set_tls", "setpgid",
	"setpriority", "setrlimit", "setsid", "sigaction", "sigaltstack",
	"signal", "sigpending", "sigprocmask", "sigreturn", "sigsuspend",
	"swapcontext", "sysinfo", "tgkill", "tkill", "ugetrlimit", "uname",
	"wait4", "waitid", "waitpid",
	/* System V's memory, semaphores and queues; POSIX's queues */
	"ipc", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
	"mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",
	"mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl",
	"semget", "semop", "semtimedop", "semtimedop_time64", "shmat",
	"shmctl", "shmdt", "shmget",
#ifdef PRONG_SANITIZED
	/* who looks for leaks stops all threads, and reads them */
	"personality", "process_vm_readv", "ptrace",
#endif
	NULL
};

/*
 * What is harmful in the hands of who has taken over a process, or of no use to
 * one that serves.  Of changes to files, those are here that Landlock does not
 * look at: through a descriptor they can be made.
 */
static const char *const callfilter_refused[] = {
	"execve", "execveat",
	"kcmp", "pidfd_getfd", "process_madvise", "process_mrelease",
	"process_vm_writev",
#ifndef PRONG_SANITIZED
	"personality", "process_vm_readv", "ptrace",
#endif
	"chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount",
	"mount_setattr", "move_mount", "open_tree", "pivot_root", "setns",
	"umount", "umount2", "unshare",
	"acct", "bpf", "delete_module", "fanotify_init", "fanotify_mark",
	"finit_module", "init_module", "ioperm", "iopl", "kexec_file_load",
	"kexec_load", "lookup_dcookie", "modify_ldt", "name_to_handle_at",
	"nfsservctl", "open_by_handle_at", "perf_event_open", "quotactl",
	"quotactl_fd", "reboot", "sethostname", "setdomainname", "swapoff",
	"swapon", "syslog", "userfaultfd", "vhangup",
	"add_key", "keyctl", "request_key",
	"adjtimex", "clock_adjtime", "clock_adjtime64", "clock_settime",
	"clock_settime64", "settimeofday", "stime",
	"capset", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid",
	"setgid32", "setgroups", "setgroups32", "setregid", "setregid32",
	"setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid",
	"setreuid32", "setuid", "setuid32",
	"ioprio_set", "migrate_pages", "move_pages",
	"chmod", "chown", "chown32", "fchmodat", "fchmodat2", "fchownat",
	"futimesat", "lchown", "lchown32", "lremovexattr", "lsetxattr",
	"removexattr", "setxattr", "utime", "utimes",
	"listen",
	NULL
};

/* What a process that has no business with processes cannot do. */
static const char *const callfilter_forks[] = { "fork", "vfork", NULL };

/* A call that there is not on this machine needs no rule. */
static int
callfilter_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
    unsigned int count, const struct scmp_arg_cmp *arguments)
{
	int call = seccomp_syscall_resolve_name(name), r;

	if (call == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(filter, action, call, count, arguments);
	if (r == 0 || r == -EEXIST)
		return 0;
	errno = -r;
	return error_errno("seccomp: %s", name);
}

static int
callfilter_list(scmp_filter_ctx filter, uint32_t action,
    const char *const *names)
{
	for (; *names != NULL; names++)
		if (callfilter_rule(filter, action, *names, 0, NULL) == -1)
			return -1;
	return 0;
}

/* An int: what the other half of its register holds nobody knows. */
static int
callfilter_bits(scmp_filter_ctx filter, uint32_t action, const char *name,
    unsigned int argument, uint32_t mask, uint32_t value)
{
	const struct scmp_arg_cmp bits = SCMP_CMP64(argument,
	    SCMP_CMP_MASKED_EQ, mask, value);

	return callfilter_rule(filter, action, name, 1, &bits);
}

/*
 * A list of values of an argument, and what is done with these and with all
 * others.  Rules of one call must not meet, since none comes before another: so
 * those of the others are by the first bit, from the highest, that none of the
 * listed has.
 */
struct callfilter_split {
	const char *name;
	unsigned int argument;
	uint32_t listed, others;
	const uint32_t *values;
	size_t count;
};

static bool
callfilter_has(const struct callfilter_split *s, uint32_t mask, uint32_t value)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if ((s->values[i] & mask) == value)
			return true;
	return false;
}

static int
callfilter_split(scmp_filter_ctx filter, const struct callfilter_split *s,
    uint32_t mask, uint32_t value)
{
	uint32_t bit = (mask >> 1 | 1U << 31) & ~mask;

	if (!callfilter_has(s, mask, value))
		return callfilter_bits(filter, s->others, s->name, s->argument,
		    mask, value);
	if (mask == ALL_BITS)
		return s->listed == 0 ? 0 : callfilter_bits(filter, s->listed,
		    s->name, s->argument, mask, value);
	if (callfilter_split(filter, s, mask | bit, value) == -1)
		return -1;
	return callfilter_split(filter, s, mask | bit, value | bit);
}

/* What is put into a terminal as if it had been typed there: whose is it? */
static int
callfilter_ioctl(scmp_filter_ctx filter)
{
	static const uint32_t typing[] = { TIOCSTI, TIOCLINUX };
	const struct callfilter_split s = { "ioctl", 1, SCMP_ACT_ERRNO(EPERM),
	    SCMP_ACT_ALLOW, typing, sizeof(typing) / sizeof(typing[0]) };

	return callfilter_split(filter, &s, 0, 0);
}

/* Of netlink(7), which getaddrinfo(3) asks, the part about routes. */
static int
callfilter_netlink(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp both[] = {
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, ALL_BITS, AF_NETLINK),
		SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, ALL_BITS, NETLINK_ROUTE),
	};
	int bit;

	if (callfilter_rule(filter, SCMP_ACT_ALLOW, "socket", 2, both) == -1)
		return -1;
	for (bit = 0; bit < 32; bit++) {
		both[1].datum_a = both[1].datum_b = 1U << bit;
		if (callfilter_rule(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT),
		    "socket", 2, both) == -1)
			return -1;
	}
	return 0;
}

/* The other families are seldom used, and each is a part of the kernel more. */
static int
callfilter_socket(scmp_filter_ctx filter)
{
	static const uint32_t all[] =
	    { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const uint32_t plain[] = { AF_UNIX, AF_INET, AF_INET6 };
	const struct callfilter_split s = { "socket", 0, 0,
	    SCMP_ACT_ERRNO(EAFNOSUPPORT), all, sizeof(all) / sizeof(all[0]) };
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (callfilter_bits(filter, SCMP_ACT_ALLOW, "socket", 0, ALL_BITS,
		    plain[i]) == -1)
			return -1;
	return callfilter_split(filter, &s, 0, 0) == -1 ? -1 :
	    callfilter_netlink(filter);
}

/* Threads; processes where they are wanted; namespaces never. */
static int
callfilter_clone(scmp_filter_ctx filter, bool forks)
{
	const uint32_t thread = forks ? 0 : CLONE_THREAD;
	const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
	uint32_t bit;

	if (callfilter_bits(filter, SCMP_ACT_ALLOW, "clone", CLONE_FLAGS_ARGUMENT,
	    (uint32_t)CLONE_NEW_ALL | thread, thread) == -1)
		return -1;
	if (thread != 0 && callfilter_bits(filter, refused, "clone",
	    CLONE_FLAGS_ARGUMENT, thread, 0) == -1)
		return -1;
	for (bit = 1; bit != 0; bit <<= 1)
		if (((uint32_t)CLONE_NEW_ALL & bit) != 0 &&
		    callfilter_bits(filter, refused, "clone",
		    CLONE_FLAGS_ARGUMENT, bit, bit) == -1)
			return -1;
	return callfilter_list(filter, forks ? SCMP_ACT_ALLOW : refused,
	    callfilter_forks);
}

/* By path it is refused like the others: futimens(3) has none. */
static int
callfilter_utimensat(scmp_filter_ctx filter, const char *name)
{
	const struct scmp_arg_cmp none = SCMP_CMP64(1, SCMP_CMP_EQ, 0);
	const struct scmp_arg_cmp some = SCMP_CMP64(1, SCMP_CMP_NE, 0);

	if (callfilter_rule(filter, SCMP_ACT_ALLOW, name, 1, &none) == -1)
		return -1;
	return callfilter_rule(filter, SCMP_ACT_ERRNO(EPERM), name, 1, &some);
}

static int
callfilter_fill(scmp_filter_ctx filter, bool forks)
{
	int r;

	/* Calls of another architecture are calls that there are not. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_ERRNO(ENOSYS));
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r != 0) {
		errno = -r;
		return error_errno("seccomp");
	}
	if (callfilter_list(filter, SCMP_ACT_ALLOW, callfilter_allowed) == -1 ||
	    callfilter_list(filter, SCMP_ACT_ERRNO(EPERM), callfilter_refused) == -1)
		return -1;
	if (callfilter_ioctl(filter) == -1 || callfilter_socket(filter) == -1 ||
	    callfilter_utimensat(filter, "utimensat") == -1 ||
	    callfilter_utimensat(filter, "utimensat_time64") == -1)
		return -1;
	return callfilter_clone(filter, forks);
}

/* It writes the program to a descriptor only. */
static size_t
callfilter_export(scmp_filter_ctx filter, struct sock_filter *code)
{
	const size_t room = CALLFILTER_MAX * sizeof(*code);
	int fd = memfd_create("prong-filter", MFD_CLOEXEC), r;
	ssize_t n = -1;

	if (fd == -1) {
		error_errno("seccomp");
		return 0;
	}
	r = seccomp_export_bpf(filter, fd);
	if (r != 0)
		errno = -r;
	else if ((n = lseek(fd, 0, SEEK_CUR)) > (ssize_t)room) {
		errno = E2BIG;
		n = -1;
	} else
		n = pread(fd, code, (size_t)n, 0);
	if (n <= 0)
		error_errno("seccomp");
	close(fd);
	return n <= 0 ? 0 : (size_t)n / sizeof(*code);
}

size_t
callfilter_make(struct sock_filter *code, bool forks)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	size_t length = 0;

	if (filter == NULL) {
		errno = ENOMEM;
		error_errno("seccomp");
		return 0;
	}
#ifdef PRONG_SANITIZED
	forks = true;
#endif
	if (callfilter_fill(filter, forks) == 0)
		length = callfilter_export(filter, code);
	seccomp_release(filter);
	return length;
}

#else

size_t
callfilter_make(struct sock_filter *code, bool forks)
{
	error_set(ENOTSUP, "seccomp: this build has no libseccomp");
	return 0;
}

#endif
