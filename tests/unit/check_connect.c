/* SPDX-License-Identifier: ISC */
/*
 * net/connect and net/resolve: to an address, to the one of a name that
 * answers, and given up at any moment; nothing is left of any.
 */
#include "net/connect.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "net/resolve.h"
#include "unit.h"

static struct loop *loop;
static struct connect k;
static int calls, fd, error, before;
static char to[ADDRESS_MAX];

static void
ended(struct connect *c, int with, const struct address *a)
{
	ck_assert_ptr_eq(c, &k);
	calls++;
	error = errno;
	if ((fd = with) != -1)
		address_format(a, to, sizeof(to));
	else
		ck_assert_str_ne(error_text(), "");
	loop_stop(loop);
}

static void
start(void)
{
	before = helper_descriptors();
	ck_assert_ptr_nonnull(loop = loop_new(LOOP_AUTO, 0));
}

static void
stop(void)
{
	loop_free(loop);
	ck_assert_int_eq(helper_descriptors(), before);
}

/* Listens, or with backlog -1 does not; returns its address as a text. */
static int
listen_at(const char *host, int backlog, char *text, size_t size)
{
	struct address a = { .in.sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.length = sizeof(a.in);
	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(s, &a.sa, a.length), 0);
	if (backlog >= 0)
		ck_assert_int_eq(listen(s, backlog), 0);
	ck_assert_int_eq(getsockname(s, &a.sa, &a.length), 0);
	snprintf(text, size, "%s:%d", host, ntohs(a.in.sin_port));
	return s;
}

static const char *const hosts[] = { "127.0.0.1", "localhost" };

START_TEST(test_connect_answers)
{
	char text[64], number[64];
	int s;

	start();
	s = listen_at(hosts[_i], 5, text, sizeof(text));
	ck_assert_int_eq(connect_start(&k, loop, text, -1, ended), 0);
	ck_assert_int_eq(calls, 0);
	ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(calls, 1);
	snprintf(number, sizeof(number), "127.0.0.1%s", strchr(text, ':'));
	ck_assert_str_eq(to, number);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	close(s);
	stop();
}
END_TEST

START_TEST(test_connect_refused)
{
	char text[64];
	int s;

	start();
	s = listen_at(hosts[_i], -1, text, sizeof(text));
	/* At once or later, as the kernel has it. */
	if (connect_start(&k, loop, text, -1, ended) == -1)
		error = errno;
	else
		ck_assert_int_eq(loop_run(loop), 0);
	ck_assert_int_eq(error, ECONNREFUSED);
	ck_assert_ptr_nonnull(strstr(error_text(), text));
	close(s);
	stop();
}
END_TEST

static const struct {
	const char *text;
	int error;
} bad[] = {
	{ "nowhere", EINVAL },
	{ "unix:relative", EINVAL },
	{ "unix:/nobody/is/here", ENOENT },
};

START_TEST(test_connect_at_once)
{
	start();
	ck_assert_int_eq(connect_start(&k, loop, bad[_i].text, 1000, ended),
	    -1);
	ck_assert_int_eq(errno, bad[_i].error);
	ck_assert_str_ne(error_text(), "");
	ck_assert_int_eq(calls, 0);
	stop();
}
END_TEST

/* Given up before it can have answered: a name while it is looked up. */
START_TEST(test_connect_stop)
{
	char text[64];
	int s;

	start();
	s = listen_at(hosts[_i], 5, text, sizeof(text));
	ck_assert_int_eq(connect_start(&k, loop, text, 1000, ended), 0);
	connect_stop(&k);
	ck_assert_int_eq(calls, 0);
	close(s);
	stop();
}
END_TEST

/* Time is over before anybody could answer. */
START_TEST(test_connect_no_time)
{
	int s, fds[10], count = 0;
	char text[64];

	start();
	s = listen_at("127.0.0.1", 0, text, sizeof(text));
	/* The queue takes some, and nobody takes any out of it. */
	for (fd = 0; count < UNIT_COUNT(fds) && fd != -1; count += fd != -1) {
		ck_assert_int_eq(connect_start(&k, loop, text, 50, ended), 0);
		ck_assert_int_eq(loop_run(loop), 0);
		fds[count] = fd;
	}
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(error, ETIMEDOUT);
	while (count > 0)
		close(fds[--count]);
	close(s);
	stop();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("connect", &tc);

	tcase_add_loop_test(tc, test_connect_answers, 0, UNIT_COUNT(hosts));
	tcase_add_loop_test(tc, test_connect_refused, 0, UNIT_COUNT(hosts));
	tcase_add_loop_test(tc, test_connect_at_once, 0, UNIT_COUNT(bad));
	tcase_add_loop_test(tc, test_connect_stop, 0, UNIT_COUNT(hosts));
	tcase_add_test(tc, test_connect_no_time);
	return unit_run(s);
}
