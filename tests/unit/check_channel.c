/* SPDX-License-Identifier: ISC */
/*
 * server/channel: messages, descriptors with them, and nonsense.
 */
#include "server/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "unit.h"

static int ends[2];

static void
setup(void)
{
	ck_assert_int_eq(channel_open(ends), 0);
}

static void
teardown(void)
{
	close(ends[0]);
	close(ends[1]);
}

START_TEST(test_channel_open)
{
	int i;

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(fcntl(ends[i], F_GETFD), FD_CLOEXEC);
		ck_assert_int_ne(fcntl(ends[i], F_GETFL) & O_NONBLOCK, 0);
	}
}
END_TEST

START_TEST(test_channel_messages)
{
	struct channel_message m = { CHANNEL_ACCEPT, 17, 3 }, got;
	int i, fd = 99;

	/* None yet. */
	ck_assert_int_eq(channel_receive(ends[1], &got, &fd), 0);
	ck_assert_int_eq(fd, -1);
	for (i = 0; i < 3; i++) {
		m.key++;
		ck_assert_int_eq(channel_send(ends[0], &m, -1), 0);
	}
	/* One at a time, in their order, in both directions. */
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(channel_receive(ends[1], &got, &fd), 1);
		ck_assert_int_eq(fd, -1);
		ck_assert_uint_eq(got.kind, CHANNEL_ACCEPT);
		ck_assert_uint_eq(got.key, 18 + (uint32_t)i);
		ck_assert_uint_eq(got.service, 3);
	}
	ck_assert_int_eq(channel_receive(ends[1], &got, &fd), 0);
	m.kind = CHANNEL_READY;
	ck_assert_int_eq(channel_send(ends[1], &m, -1), 0);
	ck_assert_int_eq(channel_receive(ends[0], &got, &fd), 1);
	ck_assert_uint_eq(got.kind, CHANNEL_READY);
}
END_TEST

/* A copy of the descriptor: both are open, close-on-exec, and the same. */
START_TEST(test_channel_descriptor)
{
	struct channel_message m = { .kind = CHANNEL_LOG }, got;
	int pipes[2], fd;
	char c;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	ck_assert_int_eq(channel_send(ends[0], &m, pipes[1]), 0);
	ck_assert_int_eq(channel_send(ends[0], &m, -1), 0);
	close(pipes[1]);
	ck_assert_int_eq(channel_receive(ends[1], &got, &fd), 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(pipes[0], &c, 1), 1);
	close(fd);
	ck_assert_int_eq(channel_receive(ends[1], &got, &fd), 1);
	ck_assert_int_eq(fd, -1);
	close(pipes[0]);
}
END_TEST

START_TEST(test_channel_other_side_gone)
{
	struct channel_message m = { .kind = CHANNEL_STOP }, got;
	int fd;

	ck_assert_int_eq(channel_send(ends[0], &m, -1), 0);
	close(ends[0]);
	/* What was said before counts. */
	ck_assert_int_eq(channel_receive(ends[1], &got, &fd), 1);
	ck_assert_int_eq(channel_receive(ends[1], &got, &fd), -1);
	errno = 0;
	ck_assert_int_eq(channel_send(ends[1], &m, -1), -1);
	ck_assert_int_eq(errno, EPIPE);
	ends[0] = dup(ends[1]);
}
END_TEST

/* A side that does not listen: it is told, and nobody waits. */
START_TEST(test_channel_full)
{
	struct channel_message m = { .kind = CHANNEL_RELEASE };
	int i;

	for (i = 0; i < 1000000 && channel_send(ends[0], &m, -1) == 0; i++)
		continue;
	ck_assert_int_gt(i, 0);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

/* --- nonsense ------------------------------------------------------------ */

/* Bytes with so many descriptors. */
static void
send_raw(size_t size, int count)
{
	static char bytes[100] = "";
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov = { bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int fds[8] = { 0 };

	if (count > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(ends[0], &msg, 0), (ssize_t)size);
}

/* Too short, too long: refused, and no descriptor that came stays open. */
START_TEST(test_channel_wrong_size)
{
	static const size_t sizes[] = {
		1, sizeof(struct channel_message) - 1,
		sizeof(struct channel_message) + 1, 100,
	};
	struct channel_message got;
	int before = helper_descriptors(), fd, count;

	for (count = 0; count <= 1; count++) {
		send_raw(sizes[_i], count);
		ck_assert_int_eq(channel_receive(ends[1], &got, &fd), -1);
		ck_assert_int_eq(fd, -1);
		ck_assert_int_eq(helper_descriptors(), before);
	}
}
END_TEST

/* More descriptors than one: whatever is made of it, none is left open. */
START_TEST(test_channel_many_descriptors)
{
	struct channel_message got;
	int before = helper_descriptors(), fd;

	send_raw(sizeof(got), _i);
	channel_receive(ends[1], &got, &fd);
	if (fd != -1)
		close(fd);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("channel", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_channel_open);
	tcase_add_test(tc, test_channel_messages);
	tcase_add_test(tc, test_channel_descriptor);
	tcase_add_test(tc, test_channel_other_side_gone);
	tcase_add_test(tc, test_channel_full);
	tcase_add_loop_test(tc, test_channel_wrong_size, 0, 4);
	tcase_add_loop_test(tc, test_channel_many_descriptors, 2, 9);
	return unit_run(s);
}
