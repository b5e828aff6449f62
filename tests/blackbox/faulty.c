/* SPDX-License-Identifier: ISC */
/*
 * Faults for a server: loaded into it by LD_PRELOAD, it makes allocations of
 * one process fail, and hands system calls to the test, which decides on each
 * (seccomp_unotify(2)).  faultlib.py is the other side.
 *
 * PRONG_FAULTS names a file, the page, that all processes of the server map and
 * that says which process is meant and which allocation fails; and, with
 * ".sock" added, the socket to which the descriptor of the system calls goes.
 * The page is written to by the test while the server runs.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTY_CALLS	128		/* the most of them */
#define FAULTY_FRAMES	16

/* As faultlib.py has it. */
struct faulty_page {
	int64_t pid;			/* whose calls are counted; 0: nobody's */
	int64_t birth;			/* ... or whose it will be: -1 is none */
	int64_t births;			/* forks of the first process */
	int64_t count;			/* allocations of that process */
	int64_t first, last;		/* those that fail */
	int64_t failed;			/* how many have */
	int64_t root;			/* the first process */
	int64_t calls[FAULTY_CALLS];	/* what is handed over; ends with -1 */
	uint64_t frames[FAULTY_FRAMES];	/* who asked for the last that failed */
};

static struct faulty_page *faulty_page;
static int64_t faulty_self;
static __thread bool faulty_is_busy;

/* --- whose calls are meant ------------------------------------------------ */

static void
faulty_born(int64_t birth)
{
	int64_t wanted = birth;

	faulty_self = getpid();
	if (faulty_page != NULL && __atomic_compare_exchange_n(
	    &faulty_page->birth, &wanted, -1, false, __ATOMIC_SEQ_CST,
	    __ATOMIC_SEQ_CST))
		__atomic_store_n(&faulty_page->pid, faulty_self,
		    __ATOMIC_SEQ_CST);
}

pid_t
fork(void)
{
	static pid_t (*next)(void);
	int64_t birth = 0;
	pid_t pid;

	if (next == NULL)
		next = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
	if (faulty_page != NULL && faulty_page->root == faulty_self)
		birth = ++faulty_page->births;
	if ((pid = next()) == 0)
		faulty_born(birth == 0 ? -2 : birth);
	return pid;
}

/* --- allocations ---------------------------------------------------------- */

static bool
faulty_fails(void)
{
	struct faulty_page *page = faulty_page;
	void *frames[FAULTY_FRAMES];
	int64_t number;
	int i, count;

	if (page == NULL || faulty_is_busy ||
	    __atomic_load_n(&page->pid, __ATOMIC_RELAXED) != faulty_self)
		return false;
	number = __atomic_add_fetch(&page->count, 1, __ATOMIC_RELAXED);
	if (number < page->first || number > page->last)
		return false;
	faulty_is_busy = true;
	if (__atomic_fetch_add(&page->failed, 1, __ATOMIC_RELAXED) == 0) {
		count = backtrace(frames, FAULTY_FRAMES);
		for (i = 0; i < FAULTY_FRAMES; i++)
			page->frames[i] = i < count ?
			    (uint64_t)(uintptr_t)frames[i] : 0;
	}
	faulty_is_busy = false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	static void *(*next)(size_t);

	if (next == NULL)
		next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	return faulty_fails() ? NULL : next(size);
}

void *
calloc(size_t count, size_t size)
{
	static void *(*next)(size_t, size_t);

	if (next == NULL)
		next = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	return faulty_fails() ? NULL : next(count, size);
}

void *
realloc(void *p, size_t size)
{
	static void *(*next)(void *, size_t);

	if (next == NULL)
		next = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	return faulty_fails() ? NULL : next(p, size);
}

void *
reallocarray(void *p, size_t count, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(count, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, all);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	static void *(*next)(size_t, size_t);

	if (next == NULL)
		next = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT,
		    "aligned_alloc");
	return faulty_fails() ? NULL : next(alignment, size);
}

int
posix_memalign(void **p, size_t alignment, size_t size)
{
	static int (*next)(void **, size_t, size_t);

	if (next == NULL)
		next = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT,
		    "posix_memalign");
	return faulty_fails() ? ENOMEM : next(p, alignment, size);
}

/* --- system calls --------------------------------------------------------- */

static struct sock_filter
faulty_jump(uint32_t value, size_t otherwise)
{
	return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
	    0, (uint8_t)otherwise);
}

static struct sock_filter
faulty_load(size_t offset)
{
	return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    (uint32_t)offset);
}

static struct sock_filter
faulty_return(uint32_t what)
{
	return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what);
}

/*
 * A filter for the calls of the page.  The descriptor of its own is handed over
 * by sendmsg(2), which it must therefore leave alone on that one socket.
 */
static int
faulty_install(int except)
{
	struct sock_filter code[2 * FAULTY_CALLS + 8];
	struct sock_fprog program = { .filter = code };
	size_t n = 0, i;

	code[n++] = faulty_load(offsetof(struct seccomp_data, nr));
	code[n++] = faulty_jump(SYS_sendmsg, 3);
	code[n++] = faulty_load(offsetof(struct seccomp_data, args[0]));
	code[n++] = faulty_jump((uint32_t)except, 1);
	code[n++] = faulty_return(SECCOMP_RET_ALLOW);
	code[n++] = faulty_load(offsetof(struct seccomp_data, nr));
	for (i = 0; i < FAULTY_CALLS && faulty_page->calls[i] != -1; i++) {
		code[n++] = faulty_jump((uint32_t)faulty_page->calls[i], 1);
		code[n++] = faulty_return(SECCOMP_RET_USER_NOTIF);
	}
	code[n++] = faulty_return(SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void
faulty_hand_over(int socket, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .space = { 0 } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (syscall(SYS_sendmsg, socket, &msg, MSG_NOSIGNAL) == -1)
		err(99, "faulty: sendmsg");
}

static void
faulty_filter(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int socket_fd, fd;

	snprintf(to.sun_path, sizeof(to.sun_path), "%s.sock", path);
	if ((socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) ==
	    -1 || connect(socket_fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		err(99, "faulty: %s", to.sun_path);
	if ((fd = faulty_install(socket_fd)) == -1)
		err(99, "faulty: seccomp");
	faulty_hand_over(socket_fd, fd);
	close(fd);
	close(socket_fd);
}

__attribute__((constructor)) static void
faulty_init(void)
{
	const char *path = getenv("PRONG_FAULTS");
	void *frames[1], *page;
	int fd;

	if (path == NULL)
		return;
	/* What it allocates at first is not to be counted. */
	backtrace(frames, 1);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1 ||
	    (page = mmap(NULL, sizeof(*faulty_page), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0)) == MAP_FAILED)
		err(99, "faulty: %s", path);
	close(fd);
	faulty_self = getpid();
	faulty_page = page;
	/* A program that takes over is under the filter already. */
	if (faulty_page->root != 0)
		return;
	if (faulty_page->calls[0] != -1)
		faulty_filter(path);
	faulty_page->root = faulty_self;
	faulty_born(0);
}
