/* SPDX-License-Identifier: ISC */
/*
 * The system calls that faultlib.py may ask for, by name: their numbers differ
 * from machine to machine, and so does which there are.
 */
#include <sys/syscall.h>

#include <stddef.h>
#include <string.h>

#define CALL(name)	{ #name, SYS_ ## name }

static const struct {
	const char *name;
	long number;
} faulty_calls[] = {
#ifdef SYS_accept
	CALL(accept),
#endif
	CALL(accept4),
	CALL(bind),
	CALL(capset),
	CALL(chdir),
#ifdef SYS_chmod
	CALL(chmod),
	CALL(chown),
	CALL(lchown),
#endif
	CALL(chroot),
	CALL(clone),
	CALL(clone3),
	CALL(connect),
	CALL(copy_file_range),
	CALL(dup),
	CALL(dup3),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_pwait),
#ifdef SYS_epoll_wait
	CALL(epoll_wait),
#endif
	CALL(eventfd2),
	CALL(execve),
	CALL(execveat),
	CALL(fallocate),
	CALL(fchmod),
	CALL(fchmodat),
	CALL(fchown),
	CALL(fchownat),
	CALL(fcntl),
	CALL(fdatasync),
	CALL(flock),
#ifdef SYS_fork
	CALL(fork),
	CALL(vfork),
#endif
	CALL(fstat),
	CALL(fsync),
	CALL(ftruncate),
	CALL(getdents64),
	CALL(getpeername),
	CALL(getrandom),
	CALL(getsockname),
	CALL(getsockopt),
	CALL(kill),
	CALL(listen),
	CALL(lseek),
	CALL(madvise),
	CALL(memfd_create),
#ifdef SYS_mkdir
	CALL(mkdir),
#endif
	CALL(mkdirat),
	CALL(mmap),
	CALL(mprotect),
	CALL(mremap),
	CALL(newfstatat),
	CALL(openat),
	CALL(pidfd_open),
	CALL(pidfd_send_signal),
	CALL(pipe2),
#ifdef SYS_poll
	CALL(poll),
#endif
	CALL(ppoll),
	CALL(prlimit64),
	CALL(pread64),
	CALL(pwrite64),
	CALL(read),
#ifdef SYS_readlink
	CALL(readlink),
#endif
	CALL(readlinkat),
	CALL(readv),
	CALL(recvfrom),
	CALL(recvmsg),
#ifdef SYS_rename
	CALL(rename),
#endif
	CALL(renameat),
	CALL(renameat2),
	CALL(rt_sigqueueinfo),
	CALL(rt_tgsigqueueinfo),
	CALL(sched_getaffinity),
	CALL(sendmsg),
	CALL(sendto),
	CALL(setgroups),
	CALL(setresgid),
	CALL(setresuid),
	CALL(setsockopt),
	CALL(shutdown),
	CALL(signalfd4),
	CALL(socket),
	CALL(socketpair),
	CALL(splice),
	CALL(statx),
	CALL(tgkill),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(tkill),
#ifdef SYS_unlink
	CALL(unlink),
#endif
	CALL(unlinkat),
	CALL(wait4),
	CALL(waitid),
	CALL(write),
	CALL(writev),
};

long faulty_number(const char *);

/* -1: there is no such call here. */
long
faulty_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(faulty_calls) / sizeof(faulty_calls[0]); i++)
		if (strcmp(faulty_calls[i].name, name) == 0)
			return faulty_calls[i].number;
	return -1;
}
