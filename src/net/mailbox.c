/* SPDX-License-Identifier: ISC */
/*
 * The mailbox of a slot.
 */
#include "net/mailbox.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Asked of the kernel, which gives what the system's limit allows. */
#define MAILBOX_ROOM	(512 * 1024)

int
mailbox_open(struct mailbox *box)
{
	const int room = MAILBOX_ROOM;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    ends) == -1)
		return error_errno("mailbox");
	*box = (struct mailbox){ .in = ends[0], .out = ends[1] };
	setsockopt(box->in, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return 0;
}

void
mailbox_close(struct mailbox *box)
{
	if (box->in != -1)
		close(box->in);
	if (box->out != -1)
		close(box->out);
	box->in = box->out = -1;
}

/*
 * Both ends are shared with others, who could make them blocking again: so each
 * call says for itself that it does not wait.
 */
int
mailbox_put(int in, const void *letter, size_t len)
{
	ssize_t n;

	do
		n = send(in, letter, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == ENOBUFS || errno == ENOMEM))
		errno = EAGAIN;
	return n == -1 ? -1 : 0;
}

ssize_t
mailbox_take(int out, void *letter, size_t size)
{
	ssize_t n;

	do
		n = recv(out, letter, size, MSG_DONTWAIT | MSG_TRUNC);
	while (n == -1 && errno == EINTR);
	if (n > (ssize_t)size) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

union mailbox_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int
mailbox_hand(int in, pid_t pid, int other)
{
	union mailbox_control control = { .space = { 0 } };
	struct iovec iov = { &pid, sizeof(pid) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(other));
	memcpy(CMSG_DATA(c), &other, sizeof(other));
	return sendmsg(in, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -1 : 0;
}

int
mailbox_receive(int out, pid_t *pid, int *other)
{
	union mailbox_control control;
	struct iovec iov = { pid, sizeof(*pid) };
	/* Not the padded length: that has room for a second descriptor. */
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(*other)),
	};
	ssize_t n = recvmsg(out, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n == -1 ? NULL : CMSG_FIRSTHDR(&msg);

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(*other)))
		return 0;
	memcpy(other, CMSG_DATA(c), sizeof(*other));
	if (n == sizeof(*pid))
		return 1;
	close(*other);
	return 0;
}
