/* SPDX-License-Identifier: ISC */
/*
 * Messages between the master and its processes.
 */
#include "server/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

union channel_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int
channel_open(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, ends) == -1)
		return error_errno("channel");
	return 0;
}

int
channel_send(int end, const struct channel_message *m, int fd)
{
	union channel_control control = { .space = { 0 } };
	struct channel_message copy = *m;
	struct iovec iov = { &copy, sizeof(copy) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd != -1) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(end, &msg, MSG_NOSIGNAL) == -1)
		return error_errno("channel");
	return 0;
}

int
channel_receive(int end, struct channel_message *m, int *fd)
{
	union channel_control control;
	struct iovec iov = { m, sizeof(*m) };
	/* Not the padded length: that has room for a second descriptor. */
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = fd == NULL ? NULL : &control,
		.msg_controllen = fd == NULL ? 0 : CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *c;
	int got = -1;
	ssize_t n;

	if (fd != NULL)
		*fd = -1;
	n = recvmsg(end, &msg, MSG_CMSG_CLOEXEC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&got, CMSG_DATA(c), sizeof(got));
	if (fd != NULL)
		*fd = got;
	if (n == (ssize_t)sizeof(*m) && (msg.msg_flags & MSG_TRUNC) == 0)
		return 1;
	if (got != -1) {
		close(got);
		*fd = -1;
	}
	return -1;
}
