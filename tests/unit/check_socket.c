/* SPDX-License-Identifier: ISC */
/*
 * net/socket: listening sockets, who may share them, and paths of unix ones.
 */
#include "net/socket.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

static const struct socket_options plain = {
	.backlog = 8, .mode = 0660, .owner = (uid_t)-1, .group = (gid_t)-1,
};

static struct address
address_of(const char *text)
{
	struct address *list, first;
	size_t count;

	ck_assert_msg(address_resolve(text, true, &list, &count) == 0, "%s",
	    error_text());
	first = list[0];
	free(list);
	return first;
}

static struct address
address_of_path(const char *path)
{
	char text[160];

	snprintf(text, sizeof(text), "unix:%s", path);
	return address_of(text);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

/* Whether a client gets through. */
static bool
answers(const struct address *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool r = connect(fd, &a->sa, a->length) == 0;

	close(fd);
	return r;
}

static const char *const loopbacks[] = { "127.0.0.1:0", "[::1]:0" };

START_TEST(test_socket_bind)
{
	struct address a = address_of(loopbacks[_i]), back = a;
	int fd = socket_bind(&a, false, &plain);

	if (fd == -1 && errno == EADDRNOTAVAIL)
		return;			/* no IPv6 here */
	ck_assert_int_ne(fd, -1);
	/* The port that 0 became. */
	ck_assert_uint_ne(ntohs(_i == 0 ? a.in.sin_port : a.in6.sin6_port), 0);
	ck_assert_int_eq(getsockname(fd, &back.sa, &back.length), 0);
	ck_assert(address_is_equal(&a, &back));
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	/* Nothing listens until it is asked to. */
	ck_assert(!answers(&a));
	ck_assert_int_eq(socket_queued(fd), -1);
	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	ck_assert_int_eq(socket_queued(fd), 0);
	ck_assert(answers(&a));
	/* Whoever has gone again waits to be accepted all the same. */
	ck_assert_int_eq(socket_queued(fd), 1);
	close(fd);
}
END_TEST

START_TEST(test_socket_options)
{
	struct address a = address_of("127.0.0.1:0");
	struct socket_options o = plain;
	int fd;

	fd = socket_bind(&a, false, &o);
	ck_assert_int_ne(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
	close(fd);
	o.nodelay = true;
	o.keepalive = 77;
	a = address_of("127.0.0.1:0");
	fd = socket_bind(&a, true, &o);
	ck_assert_int_ne(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	ck_assert_int_ne(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
	close(fd);
}
END_TEST

/* What a connection gets from its listener. */
START_TEST(test_socket_inherited)
{
	struct address a = address_of("127.0.0.1:0");
	struct socket_options o = plain;
	int fd, client, accepted;

	o.nodelay = true;
	o.keepalive = 77;
	fd = socket_bind(&a, false, &o);
	ck_assert_int_eq(socket_listen(fd, &o), 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(client, &a.sa, a.length), 0);
	ck_assert_int_ne(accepted = accept(fd, NULL, NULL), -1);
	ck_assert_int_ne(option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(accepted);
	close(client);
	close(fd);
}
END_TEST

/* Taken by another: refused with the address in the text, whoever asks how. */
START_TEST(test_socket_in_use)
{
	struct address a = address_of("127.0.0.1:0"), b;
	char text[ADDRESS_MAX], expected[200];
	bool mine = (_i & 1) != 0, theirs = (_i & 2) != 0;
	int before = helper_descriptors(), fd;

	fd = socket_bind(&a, mine, &plain);
	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	b = a;
	errno = 0;
	ck_assert_int_eq(socket_bind(&b, theirs, &plain), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	snprintf(expected, sizeof(expected),
	    "cannot listen on %s: Address already in use",
	    address_format(&a, text, sizeof(text)));
	ck_assert_str_eq(error_text(), expected);
	ck_assert_int_eq(helper_descriptors(), before + 1);
	close(fd);
}
END_TEST

/* Further sockets of ours share it, each with a queue of its own. */
START_TEST(test_socket_bind_again)
{
	struct address a = address_of("127.0.0.1:0");
	int fd[3], i;

	fd[0] = socket_bind(&a, true, &plain);
	ck_assert_int_ne(fd[0], -1);
	for (i = 1; i < 3; i++)
		ck_assert_int_ne(fd[i] = socket_bind_again(&a, &plain), -1);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(socket_listen(fd[i], &plain), 0);
	ck_assert(answers(&a));
	/* Also one more beside those that listen: a worker was added. */
	close(fd[2]);
	ck_assert_int_ne(fd[2] = socket_bind_again(&a, &plain), -1);
	ck_assert_int_eq(socket_listen(fd[2], &plain), 0);
	for (i = 0; i < 3; i++)
		close(fd[i]);
	ck_assert(!answers(&a));
}
END_TEST

START_TEST(test_socket_bind_again_to_a_single_one)
{
	struct address a = address_of("127.0.0.1:0");
	int fd = socket_bind(&a, false, &plain);

	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	errno = 0;
	ck_assert_int_eq(socket_bind_again(&a, &plain), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(fd);
}
END_TEST

/* A restart beside connections in TIME-WAIT works. */
START_TEST(test_socket_beside_time_wait)
{
	struct address a = address_of("127.0.0.1:0");
	int fd = socket_bind(&a, false, &plain), client, accepted;
	char c;

	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(client, &a.sa, a.length), 0);
	ck_assert_int_ne(accepted = accept(fd, NULL, NULL), -1);
	/* The server closes first, so the TIME-WAIT is its own. */
	close(accepted);
	ck_assert_int_eq(read(client, &c, 1), 0);
	close(client);
	close(fd);
	ck_assert_int_ne(fd = socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	close(fd);
}
END_TEST

START_TEST(test_socket_not_available)
{
	struct address a = address_of("192.0.2.1:0");

	errno = 0;
	ck_assert_int_eq(socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
}
END_TEST

/* "*" is both families on one port. */
START_TEST(test_socket_both_families)
{
	struct address four = address_of("0.0.0.0:0"), six;
	int fd = socket_bind(&four, false, &plain), other;
	char text[32];

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	snprintf(text, sizeof(text), "[::]:%u", ntohs(four.in.sin_port));
	six = address_of(text);
	other = socket_bind(&six, false, &plain);
	if (other == -1)
		ck_assert_int_eq(errno, EAFNOSUPPORT);
	else {
		ck_assert_int_eq(socket_listen(other, &plain), 0);
		close(other);
	}
	close(fd);
}
END_TEST

/* --- unix sockets -------------------------------------------------------- */

static mode_t
mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(test_socket_unix_mode)
{
	static const mode_t modes[] = { 0660, 0600, 0777, 0666, 0 };
	const char *path = helper_path("mode.sock");
	struct address a = address_of_path(path);
	struct socket_options o = plain;
	mode_t mask = umask(027);
	int fd;

	unlink(path);
	o.mode = modes[_i];
	ck_assert_int_ne(fd = socket_bind(&a, false, &o), -1);
	ck_assert_uint_eq(mode_of(path), modes[_i]);
	/* The process's own mask is as it was. */
	ck_assert_uint_eq(umask(mask), 027);
	ck_assert_int_eq(socket_listen(fd, &o), 0);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(test_socket_unix_owner)
{
	const char *path = helper_path("owner.sock");
	struct address a = address_of_path(path);
	struct socket_options o = plain;
	struct stat st;
	int fd;

	o.owner = getuid();
	o.group = getgid();
	ck_assert_int_ne(fd = socket_bind(&a, false, &o), -1);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, getuid());
	ck_assert_uint_eq(st.st_gid, getgid());
	close(fd);
	unlink(path);
}
END_TEST

/* What a dead server left is replaced; what a live one has is not. */
START_TEST(test_socket_unix_stale)
{
	const char *path = helper_path("stale.sock");
	struct address a = address_of_path(path);
	int fd, again;

	ck_assert_int_ne(fd = socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(socket_listen(fd, &plain), 0);
	errno = 0;
	ck_assert_int_eq(socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert(answers(&a));
	close(fd);
	ck_assert(!answers(&a));
	ck_assert_int_ne(again = socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(socket_listen(again, &plain), 0);
	ck_assert(answers(&a));
	close(again);
	unlink(path);
}
END_TEST

/* A dead one that is not ours to remove is told as that. */
START_TEST(test_socket_unix_of_another)
{
	struct address a;
	struct stat st;
	int fd;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chmod(helper_folder, 01777), 0);
	a = address_of_path(helper_path("another.sock"));
	ck_assert_int_ne(fd = socket_bind(&a, false, &plain), -1);
	close(fd);
	ck_assert_int_eq(seteuid(65534), 0);
	errno = 0;
	ck_assert_int_eq(socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(strstr(error_text(), "Operation not permitted"));
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(lstat(a.un.sun_path, &st), 0);
	ck_assert_uint_eq(st.st_uid, 0);
	unlink(a.un.sun_path);
}
END_TEST

/* One whose queue is full is alive all the same. */
START_TEST(test_socket_unix_busy)
{
	const char *path = helper_path("busy.sock");
	struct address a = address_of_path(path);
	struct socket_options o = plain;
	int fd, clients[4], i;

	o.backlog = 1;
	ck_assert_int_ne(fd = socket_bind(&a, false, &o), -1);
	ck_assert_int_eq(socket_listen(fd, &o), 0);
	for (i = 0; i < 4; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(clients[i], &a.sa, a.length) == -1)
			ck_assert_int_eq(errno, EAGAIN);
	}
	ck_assert_int_eq(socket_queued(fd), -1);
	errno = 0;
	ck_assert_int_eq(socket_bind(&a, false, &o), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
	for (i = 0; i < 4; i++)
		close(clients[i]);
	close(fd);
	unlink(path);
}
END_TEST

/* Files, folders and links are nobody's socket: they stay. */
START_TEST(test_socket_unix_other_file)
{
	const char *path = helper_path("other.sock");
	struct address a = address_of_path(path);
	int fd;

	if (_i == 0) {
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
		ck_assert_int_ne(fd, -1);
		close(fd);
	} else if (_i == 1)
		ck_assert_int_eq(mkdir(path, 0700), 0);
	else
		ck_assert_int_eq(symlink(helper_path("target"), path), 0);
	errno = 0;
	ck_assert_int_eq(socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(remove(path), 0);
	ck_assert_int_eq(access(helper_path("target"), F_OK), -1);
}
END_TEST

START_TEST(test_socket_unix_no_folder)
{
	struct address a = address_of_path(helper_path("none/x.sock"));
	int before = helper_descriptors();

	errno = 0;
	ck_assert_int_eq(socket_bind(&a, false, &plain), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(error_text(), "none/x.sock"));
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("socket", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_loop_test(tc, test_socket_bind, 0, UNIT_COUNT(loopbacks));
	tcase_add_test(tc, test_socket_options);
	tcase_add_test(tc, test_socket_inherited);
	tcase_add_loop_test(tc, test_socket_in_use, 0, 4);
	tcase_add_test(tc, test_socket_bind_again);
	tcase_add_test(tc, test_socket_bind_again_to_a_single_one);
	tcase_add_test(tc, test_socket_beside_time_wait);
	tcase_add_test(tc, test_socket_not_available);
	tcase_add_test(tc, test_socket_both_families);
	tcase_add_loop_test(tc, test_socket_unix_mode, 0, 5);
	tcase_add_test(tc, test_socket_unix_owner);
	tcase_add_test(tc, test_socket_unix_stale);
	tcase_add_test(tc, test_socket_unix_of_another);
	tcase_add_test(tc, test_socket_unix_busy);
	tcase_add_loop_test(tc, test_socket_unix_other_file, 0, 3);
	tcase_add_test(tc, test_socket_unix_no_folder);
	return unit_run(s);
}
