/* SPDX-License-Identifier: ISC */
/*
 * Making listening sockets.  Runs in the master, and in the check of a
 * configuration.
 */
#include "net/socket.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"

static int
socket_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What connections inherit. */
static int
socket_set_inherited(int fd, const struct socket_options *o)
{
	if (socket_option(fd, IPPROTO_TCP, TCP_NODELAY, o->nodelay) == -1 ||
	    socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, o->keepalive > 0) == -1)
		return -1;
	return o->keepalive == 0 ? 0 :
	    socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, o->keepalive);
}

static int
socket_set_tcp(int fd, const struct address *a, const struct socket_options *o)
{
	if (socket_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1)
		return -1;
	/* "*" stands for an address of each family: they must not clash. */
	if (a->sa.sa_family == AF_INET6 &&
	    socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == -1)
		return -1;
	return socket_set_inherited(fd, o);
}

/*
 * By a descriptor, and if it is a socket still: by its name it could be
 * whatever somebody has put there meanwhile, if others can write to the folder.
 */
static int
socket_set_node(int fd, const struct socket_options *o)
{
	bool own = o->owner != (uid_t)-1 || o->group != (gid_t)-1;
	char path[32];
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISSOCK(st.st_mode) || st.st_nlink != 1) {
		errno = ENOTSOCK;
		return -1;
	}
	/* There is no call that does it for such a descriptor. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if ((st.st_mode & 07777) != o->mode && chmod(path, o->mode) == -1)
		return -1;
	return own ? fchownat(fd, "", o->owner, o->group, AT_EMPTY_PATH) : 0;
}

static int
socket_set_path(const struct address *a, const struct socket_options *o)
{
	int fd, r, error;

	fd = open(a->un.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	r = socket_set_node(fd, o);
	error = errno;
	close(fd);
	errno = error;
	return r;
}

/* Connects for a moment; 0, or the errno of it. */
static int
socket_probe(const struct address *a)
{
	int fd, error = 0;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return errno;
	if (connect(fd, &a->sa, a->length) == -1)
		error = errno;
	close(fd);
	return error;
}

bool
socket_is_answered(const struct address *a)
{
	int error = socket_probe(a);

	/* EAGAIN: its queue is full, so it is somebody's. */
	return error == 0 || error == EAGAIN;
}

/* Whether nobody listens on the path any more: the socket of a dead server. */
static bool
socket_is_stale(const struct address *a)
{
	struct stat st;

	return lstat(a->un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    socket_probe(a) == ECONNREFUSED;
}

/* It has its mode from the beginning: nobody gets in before. */
static int
socket_bind_path(int fd, const struct address *a, mode_t mode)
{
	mode_t mask = umask(0777 & ~mode);
	int r, error;

	r = bind(fd, &a->sa, a->length);
	error = errno;
	if (r == -1 && error == EADDRINUSE && socket_is_stale(a)) {
		r = unlink(a->un.sun_path);
		if (r == 0)
			r = bind(fd, &a->sa, a->length);
		error = errno;
	}
	umask(mask);
	errno = error;
	return r;
}

static int
socket_bind_unix(int fd, const struct address *a,
    const struct socket_options *o)
{
	int error;

	if (socket_bind_path(fd, a, o->mode) == -1)
		return -1;
	if (socket_set_path(a, o) == 0)
		return 0;
	error = errno;
	unlink(a->un.sun_path);
	errno = error;
	return -1;
}

static int
socket_new(const struct address *a, const struct socket_options *o)
{
	int fd;

	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		return -1;
	if (!address_is_unix(a) && socket_set_tcp(fd, a, o) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
socket_fail(int fd, const struct address *a)
{
	char text[ADDRESS_MAX];
	int error = errno;

	if (fd != -1)
		close(fd);
	errno = error;
	return error_errno("cannot listen on %s", address_format(a, text,
	    sizeof(text)));
}

int
socket_bind(struct address *a, bool reuseport, const struct socket_options *o)
{
	int fd;

	if ((fd = socket_new(a, o)) == -1)
		return socket_fail(fd, a);
	if (address_is_unix(a))
		return socket_bind_unix(fd, a, o) == -1 ? socket_fail(fd, a) :
		    fd;
	if (bind(fd, &a->sa, a->length) == -1)
		return socket_fail(fd, a);
	/*
	 * Only now: bound with it, we would silently share the address with
	 * any other server of the same user that has it too.
	 */
	if (reuseport && socket_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1)
		return socket_fail(fd, a);
	if (getsockname(fd, &a->sa, &a->length) == -1)
		return socket_fail(fd, a);
	return fd;
}

int
socket_bind_again(const struct address *a, const struct socket_options *o)
{
	int fd;

	if ((fd = socket_new(a, o)) == -1 ||
	    socket_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1 ||
	    bind(fd, &a->sa, a->length) == -1)
		return socket_fail(fd, a);
	return fd;
}

int
socket_listen(int fd, const struct socket_options *o)
{
	char text[ADDRESS_MAX];

	if (listen(fd, o->backlog) == -1)
		return error_errno("cannot listen on %s",
		    address_of_socket(fd, false, text, sizeof(text)));
	return 0;
}

int
socket_adjust(int fd, const struct address *a, const struct socket_options *o)
{
	char text[ADDRESS_MAX];

	if ((address_is_unix(a) ? socket_set_path(a, o) :
	    socket_set_inherited(fd, o)) == -1)
		return error_errno("%s", address_format(a, text, sizeof(text)));
	return socket_listen(fd, o);
}

/* A filter of a TCP socket sees packets from the TCP header on (RFC 9293 3.1). */
#define SOCKET_TCP_FLAGS	13	/* offset of their byte */
#define SOCKET_TCP_SYN		0x02
#define SOCKET_TCP_ACK		0x10

int
socket_refuse(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SOCKET_TCP_FLAGS),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
		    SOCKET_TCP_SYN | SOCKET_TCP_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCKET_TCP_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]), .filter = code,
	};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof(program)) == -1)
		return error_errno("cannot refuse connections");
	return 0;
}

int64_t
socket_queued(int fd)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1 ||
	    info.tcpi_state != TCP_LISTEN)
		return -1;
	/* Of one that listens it is the length of the queue. */
	return info.tcpi_unacked;
}
