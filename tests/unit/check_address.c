/* SPDX-License-Identifier: ISC */
/*
 * base/address: addresses from text, to text, and to a connected socket.
 *
 * Nothing here asks a name server: every host is a number, "localhost" or
 * "*".
 */
#include "base/address.h"

#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "unit.h"

#define PATH_107	"/2345678901234567890123456789012345678901234567890" \
    "123456789012345678901234567890123456789012345678901234567"

static const struct {
	const char *text;
	int error;		/* 0: well formed */
	const char *says;	/* a part of the error's text */
} forms[] = {
	{ "127.0.0.1:7007", 0, NULL },
	{ "127.0.0.1:0", 0, NULL },
	{ "0.0.0.0:65535", 0, NULL },
	{ "[::1]:7007", 0, NULL },
	{ "[::]:0", 0, NULL },
	{ "*:7007", 0, NULL },
	{ "localhost:7007", 0, NULL },
	{ "localhost:echo", 0, NULL },
	{ "[localhost]:7007", 0, NULL },
	{ "unix:/run/prongd/echo.sock", 0, NULL },
	{ "unix:/with space:and:colons", 0, NULL },
	{ "unix:" PATH_107, 0, NULL },
	{ "", EINVAL, "\"\" is not an address (write it like 127.0.0.1:7007" },
	{ ":", EINVAL, "is not an address" },
	{ ":7007", EINVAL, "is not an address" },
	{ "7007", EINVAL, "is not an address" },
	{ "localhost", EINVAL, "is not an address" },
	{ "localhost:", EINVAL, "is not an address" },
	{ "[::1]", EINVAL, "is not an address" },
	{ "[::1]:", EINVAL, "is not an address" },
	{ "[::1]7007", EINVAL, "is not an address" },
	{ "[::1", EINVAL, "is not an address" },
	{ "[]:7007", EINVAL, "is not an address" },
	{ "::1:7007", EINVAL, "write IPv6 as [::1]:7007" },
	{ "127.0.0.1:7007:8008", EINVAL, "write IPv6 as" },
	{ " 127.0.0.1:7007", EINVAL, "is not an address" },
	{ "127.0.0.1:7007 ", EINVAL, "is not an address" },
	{ "127.0.0.1 :7007", EINVAL, "is not an address" },
	{ "127.0.0.1:\t7007", EINVAL, "is not an address" },
	{ "127.0.0.1:7007\n", EINVAL, "is not an address" },
	{ "127.0.0.1:65536", EINVAL, "has no port from 0 to 65535" },
	{ "127.0.0.1:99999", EINVAL, "has no port" },
	{ "127.0.0.1:4294974303", EINVAL, "has no port" },
	{ "127.0.0.1:99999999999999999999", EINVAL, "has no port" },
	{ "127.0.0.1:01234567890123456789012345678901", EINVAL,
	    "is not an address" },
	{ "unix:", EINVAL, "is not an absolute path" },
	{ "unix:echo.sock", EINVAL, "\"unix:echo.sock\" is not an absolute "
	    "path" },
	{ "unix:" PATH_107 "8", ENAMETOOLONG, "longer than the 107 bytes" },
};

START_TEST(test_address_check)
{
	struct address *list = NULL;
	size_t count = 7;

	errno = 0;
	ck_assert_int_eq(address_check(forms[_i].text),
	    forms[_i].error == 0 ? 0 : -1);
	ck_assert_int_eq(errno, forms[_i].error);
	if (forms[_i].error == 0)
		return;
	ck_assert_ptr_nonnull(strstr(error_text(), forms[_i].says));
	/* The other call refuses it alike, before it looks anything up. */
	error_set(0, "none");
	ck_assert_int_eq(address_resolve(forms[_i].text, true, &list, &count),
	    -1);
	ck_assert_int_eq(errno, forms[_i].error);
	ck_assert_ptr_nonnull(strstr(error_text(), forms[_i].says));
	ck_assert_ptr_null(list);
	ck_assert_uint_eq(count, 7);
}
END_TEST

static const struct {
	const char *text;
	bool is_name;
} names[] = {
	{ "127.0.0.1:7007", false },
	{ "[::1]:7007", false },
	{ "*:7007", false },
	{ "unix:/localhost:80", false },
	{ "nowhere", false },
	{ "localhost:7007", true },
	{ "127.0.0.1:http", true },
	{ "127.1:80", true },
	{ "[fe80::1%nowhere0]:80", false },
	{ "[fe80::1%nowhere0]:http", true },
	{ "127.0.0.1%lo:80", true },
};

START_TEST(test_address_is_name)
{
	ck_assert_int_eq(address_is_name(names[_i].text), names[_i].is_name);
}
END_TEST

START_TEST(test_address_long_texts)
{
	char text[2000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errno = 0;
	ck_assert_int_eq(address_check(text), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_lt(strlen(error_text()), ERROR_MAX - 1);
	/* 255 bytes of host fit, one more does not. */
	strlcpy(text + 255, ":7007", 6);
	ck_assert_int_eq(address_check(text), 0);
	text[255] = 'a';
	strlcpy(text + 256, ":7007", 6);
	ck_assert_int_eq(address_check(text), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* Texts that come back as they are. */
static const struct {
	const char *text;
	int family;
} literals[] = {
	{ "127.0.0.1:7007", AF_INET },
	{ "0.0.0.0:0", AF_INET },
	{ "255.255.255.255:65535", AF_INET },
	{ "[::1]:7007", AF_INET6 },
	{ "[::]:0", AF_INET6 },
	{ "[2001:db8::7]:65535", AF_INET6 },
	{ "[1111:2222:3333:4444:5555:6666:7777:8888]:65535", AF_INET6 },
	{ "[::ffff:192.0.2.1]:7", AF_INET6 },
	{ "unix:/run/x.sock", AF_UNIX },
	{ "unix:" PATH_107, AF_UNIX },
};

START_TEST(test_address_there_and_back)
{
	char buf[ADDRESS_MAX];
	struct address *list;
	size_t count;
	int passive;

	for (passive = 0; passive < 2; passive++) {
		ck_assert_int_eq(address_resolve(literals[_i].text, passive,
		    &list, &count), 0);
		ck_assert_uint_eq(count, 1);
		ck_assert_int_eq(list[0].sa.sa_family, literals[_i].family);
		ck_assert_int_eq(address_is_unix(&list[0]),
		    literals[_i].family == AF_UNIX);
		ck_assert_ptr_eq(address_format(&list[0], buf, sizeof(buf)),
		    buf);
		ck_assert_str_eq(buf, literals[_i].text);
		free(list);
	}
}
END_TEST

/* "*" listens on every address, and says so in each family it found. */
START_TEST(test_address_any)
{
	struct address *list;
	size_t i, j, count;
	int v4 = 0;

	ck_assert_int_eq(address_resolve("*:7007", true, &list, &count), 0);
	ck_assert_uint_ge(count, 1);
	for (i = 0; i < count; i++) {
		if (list[i].sa.sa_family == AF_INET) {
			v4++;
			ck_assert_uint_eq(list[i].in.sin_addr.s_addr,
			    htonl(INADDR_ANY));
			ck_assert_uint_eq(list[i].in.sin_port, htons(7007));
		} else
			ck_assert(IN6_IS_ADDR_UNSPECIFIED(
			    &list[i].in6.sin6_addr));
		for (j = 0; j < i; j++)
			ck_assert(!address_is_equal(&list[i], &list[j]));
	}
	ck_assert_int_eq(v4, 1);
	free(list);
}
END_TEST

START_TEST(test_address_localhost)
{
	struct address *list;
	size_t i, j, count;

	ck_assert_int_eq(address_resolve("localhost:7", false, &list, &count),
	    0);
	ck_assert_uint_ge(count, 1);
	for (i = 0; i < count; i++)
		for (j = 0; j < i; j++)
			ck_assert(!address_is_equal(&list[i], &list[j]));
	free(list);
}
END_TEST

START_TEST(test_address_unknown_service)
{
	struct address *list = NULL;
	size_t count;

	errno = 0;
	ck_assert_int_eq(address_resolve("127.0.0.1:no-such-service", true,
	    &list, &count), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(list);
	ck_assert_ptr_nonnull(strstr(error_text(),
	    "\"127.0.0.1:no-such-service\": "));
}
END_TEST

START_TEST(test_address_is_equal)
{
	static const char *const texts[] = {
		"127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1", "[::1]:1",
		"[::1]:2", "unix:/a", "unix:/b",
	};
	struct address *a, *b;
	size_t count;
	int i, j;

	for (i = 0; i < UNIT_COUNT(texts); i++) {
		for (j = 0; j < UNIT_COUNT(texts); j++) {
			ck_assert_int_eq(address_resolve(texts[i], true, &a,
			    &count), 0);
			ck_assert_int_eq(address_resolve(texts[j], true, &b,
			    &count), 0);
			ck_assert_int_eq(address_is_equal(a, b), i == j);
			free(a);
			free(b);
		}
	}
}
END_TEST

START_TEST(test_address_format_fits)
{
	char buf[ADDRESS_MAX], cut[8];
	struct address *list, unknown = { .length = sizeof(struct sockaddr) };
	struct address unnamed = { .length = sizeof(sa_family_t) };
	size_t count, size;

	ck_assert_int_eq(address_resolve("127.0.0.1:7007", true, &list, &count),
	    0);
	/* Cut to size, always a string. */
	for (size = 1; size <= sizeof(cut); size++) {
		memset(cut, '#', sizeof(cut));
		address_format(list, cut, size);
		ck_assert_uint_eq(strlen(cut), size - 1);
		ck_assert_int_eq(strncmp(cut, "127.0.0.1:7007", size - 1), 0);
	}
	free(list);
	unknown.sa.sa_family = AF_UNSPEC;
	ck_assert_str_eq(address_format(&unknown, buf, sizeof(buf)), "unknown");
	/* A client on a unix socket has no name of its own. */
	unnamed.un.sun_family = AF_UNIX;
	memset(unnamed.un.sun_path, 'x', sizeof(unnamed.un.sun_path));
	ck_assert_str_eq(address_format(&unnamed, buf, sizeof(buf)), "unix:");
}
END_TEST

/* A listening or only bound socket on a port that the kernel chose. */
static int
open_port(const char *where, int backlog, char *text, size_t size)
{
	struct address *list;
	size_t count;
	int fd;

	ck_assert_int_eq(address_resolve(where, true, &list, &count), 0);
	fd = socket(list->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &list->sa, list->length), 0);
	if (backlog >= 0)
		ck_assert_int_eq(listen(fd, backlog), 0);
	free(list);
	address_of_socket(fd, false, text, size);
	return fd;
}

START_TEST(test_address_connect)
{
	char text[ADDRESS_MAX], buf[ADDRESS_MAX], buf2[ADDRESS_MAX];
	int listener, fd, accepted, value;
	socklen_t length = sizeof(value);

	listener = open_port("127.0.0.1:0", 4, text, sizeof(text));
	ck_assert_int_eq(strncmp(text, "127.0.0.1:", 10), 0);
	fd = address_connect(text, 5000);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value,
	    &length), 0);
	ck_assert_int_ne(value, 0);

	/* Each end names the other, and not itself. */
	accepted = accept(listener, NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	ck_assert_str_eq(address_of_socket(fd, true, buf, sizeof(buf)), text);
	address_of_socket(fd, false, buf, sizeof(buf));
	address_of_socket(accepted, true, buf2, sizeof(buf2));
	ck_assert_str_eq(buf, buf2);
	ck_assert_str_ne(buf, text);
	close(accepted);
	close(fd);

	fd = address_connect(text, -1);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(listener);
}
END_TEST

/* The first address that answers: localhost may be [::1] first. */
START_TEST(test_address_connect_by_name)
{
	char text[ADDRESS_MAX], name[ADDRESS_MAX];
	int listener, fd;

	listener = open_port("127.0.0.1:0", 4, text, sizeof(text));
	snprintf(name, sizeof(name), "localhost%s", strchr(text, ':'));
	fd = address_connect(name, 5000);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(address_of_socket(fd, true, name, sizeof(name)), text);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(test_address_connect_refused)
{
	char text[ADDRESS_MAX], says[2 * ADDRESS_MAX];
	int bound;

	/* Bound, so that nobody else can have the port; not listening. */
	bound = open_port("127.0.0.1:0", -1, text, sizeof(text));
	errno = 0;
	ck_assert_int_eq(address_connect(text, 5000), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	snprintf(says, sizeof(says), "cannot connect to %s: Connection refused",
	    text);
	ck_assert_str_eq(error_text(), says);
	close(bound);
}
END_TEST

START_TEST(test_address_connect_times_out)
{
	char text[ADDRESS_MAX];
	int listener, fd, i;

	/* Nobody accepts: when the backlog is full the kernel is silent. */
	listener = open_port("127.0.0.1:0", 0, text, sizeof(text));
	for (i = 0; i < 16; i++) {
		errno = 0;
		if ((fd = address_connect(text, 100)) == -1)
			break;
	}
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(error_text(), "timed out"));
	close(listener);
}
END_TEST

START_TEST(test_address_connect_bad_address)
{
	errno = 0;
	ck_assert_int_eq(address_connect("nonsense", 100), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(), "is not an address"));
}
END_TEST

START_TEST(test_address_connect_unix)
{
	char folder[] = "/tmp/check_address.XXXXXX";
	char path[64], text[ADDRESS_MAX], buf[ADDRESS_MAX];
	int listener, fd;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(text, sizeof(text), "unix:%s", path);
	errno = 0;
	ck_assert_int_eq(address_connect(text, 100), -1);
	ck_assert_int_eq(errno, ENOENT);

	listener = open_port(text, 4, buf, sizeof(buf));
	ck_assert_str_eq(buf, text);
	fd = address_connect(text, 5000);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(address_of_socket(fd, true, buf, sizeof(buf)), text);
	ck_assert_str_eq(address_of_socket(fd, false, buf, sizeof(buf)),
	    "unix:");
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	close(listener);

	/* The file is still there, the listener is not. */
	errno = 0;
	ck_assert_int_eq(address_connect(text, 100), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(test_address_of_no_socket)
{
	char buf[ADDRESS_MAX];
	int fd;

	ck_assert_str_eq(address_of_socket(-1, false, buf, sizeof(buf)),
	    "unknown");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(address_of_socket(fd, true, buf, sizeof(buf)),
	    "unknown");
	ck_assert_str_eq(address_of_socket(fd, false, buf, sizeof(buf)),
	    "0.0.0.0:0");
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("address", &tc);

	tcase_add_loop_test(tc, test_address_check, 0, UNIT_COUNT(forms));
	tcase_add_loop_test(tc, test_address_is_name, 0, UNIT_COUNT(names));
	tcase_add_test(tc, test_address_long_texts);
	tcase_add_loop_test(tc, test_address_there_and_back, 0,
	    UNIT_COUNT(literals));
	tcase_add_test(tc, test_address_any);
	tcase_add_test(tc, test_address_localhost);
	tcase_add_test(tc, test_address_unknown_service);
	tcase_add_test(tc, test_address_is_equal);
	tcase_add_test(tc, test_address_format_fits);
	tcase_add_test(tc, test_address_connect);
	tcase_add_test(tc, test_address_connect_by_name);
	tcase_add_test(tc, test_address_connect_refused);
	tcase_add_test(tc, test_address_connect_times_out);
	tcase_add_test(tc, test_address_connect_bad_address);
	tcase_add_test(tc, test_address_connect_unix);
	tcase_add_test(tc, test_address_of_no_socket);
	return unit_run(s);
}
