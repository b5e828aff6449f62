/* SPDX-License-Identifier: ISC */
/*
 * server/activation: descriptors from 3 on, and what listening takes of them.
 */
#include "server/activation.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define FIRST	3

static struct prong_server *server;
static struct prong_service *service;
static struct listening listening;

static void
setup(void)
{
	helper_make_folder();
	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_ptr_nonnull(service = prong_server_add(server, "s"));
	close(FIRST);
	close(FIRST + 1);
}

static void
teardown(void)
{
	listening_close(&listening, true);
	prong_server_free(server);
	helper_remove_folder();
}

/* The environment for so many descriptors. */
static void
announced(const char *fds, const char *names)
{
	char self[24];

	snprintf(self, sizeof(self), "%ld", (long)getpid());
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_PID", self, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
}

static void
is_out_of_environment(void)
{
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
}

/* A socket at that descriptor, bound, its address. */
static void
bound(int place, const char *text, struct address *a, bool listens)
{
	struct address *list;
	size_t count;
	int fd;

	ck_assert_int_eq(address_resolve(text, true, &list, &count), 0);
	*a = list[0];
	free(list);
	fd = socket(a->sa.sa_family, SOCK_STREAM, 0);
	ck_assert_int_ne(fd, -1);
	if (fd != place) {
		ck_assert_int_eq(dup2(fd, place), place);
		close(fd);
	}
	ck_assert_int_eq(bind(place, &a->sa, a->length), 0);
	if (!address_is_unix(a))
		ck_assert_int_eq(getsockname(place, &a->sa, &a->length), 0);
	ck_assert_int_eq(listens ? listen(place, 5) : 0, 0);
}

static void
serve(const char *text)
{
	ck_assert_int_eq(prong_service_set(service, "listen", text), 0);
	ck_assert_int_eq(listening_open(&listening, server, 2,
	    activation_sockets()), 0);
	listening_keep(&listening, activation_sockets());
	activation_settle();
}

START_TEST(test_activation_none)
{
	struct address a = { .length = 0 };

	ck_assert_int_eq(activation_init(), 0);
	ck_assert_uint_eq(activation_sockets()->count, 0);
	ck_assert(!activation_has(&a));
	activation_settle();
}
END_TEST

/* Taken by the service that has its address; one, for all workers. */
START_TEST(test_activation_taken)
{
	struct address a, b;
	char text[ADDRESS_MAX];
	struct stat before, after;

	bound(FIRST, "127.0.0.1:0", &a, true);
	bound(FIRST + 1, "127.0.0.1:0", &b, true);
	announced("2", "one:two");
	ck_assert_int_eq(activation_init(), 0);
	is_out_of_environment();
	ck_assert_uint_eq(activation_sockets()->count, 2);
	ck_assert(activation_has(&a));
	ck_assert(activation_has(&b));
	ck_assert_int_eq(fcntl(FIRST, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(FIRST, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fstat(FIRST + 1, &before), 0);
	serve(address_format(&b, text, sizeof(text)));
	ck_assert_uint_eq(listening.count, 1);
	ck_assert_int_eq(listening.sockets[0].number, -1);
	ck_assert(!listening.sockets[0].is_shared);
	ck_assert(listening.sockets[0].is_given);
	ck_assert_ptr_eq(listening.sockets[0].service, service);
	ck_assert_str_eq(listening.sockets[0].name, "s");
	ck_assert_int_eq(fstat(listening.sockets[0].fd, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	/* The other one is closed. */
	ck_assert_int_eq(fcntl(FIRST, F_GETFD), -1);
	ck_assert_uint_eq(activation_sockets()->count, 0);
	ck_assert(!activation_has(&a));
	ck_assert_int_eq(listening_start(&listening), 0);
}
END_TEST

/* Its path is the manager's: neither changed nor removed. */
START_TEST(test_activation_unix)
{
	const char *path = helper_path("given");
	struct address a;
	struct stat st;
	char text[160];

	snprintf(text, sizeof(text), "unix:%s", path);
	bound(FIRST, text, &a, true);
	ck_assert_int_eq(chmod(path, 0640), 0);
	announced("1", NULL);
	ck_assert_int_eq(activation_init(), 0);
	ck_assert(activation_has(&a));
	ck_assert_int_eq(prong_service_set(service, "mode", "0666"), 0);
	serve(text);
	ck_assert_int_eq(listening.sockets[0].fd, FIRST);
	ck_assert_int_eq(listening_start(&listening), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	listening_close(&listening, true);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(fcntl(FIRST, F_GETFD), -1);
}
END_TEST

/* A later generation takes it over, and knows whose path it is. */
START_TEST(test_activation_generations)
{
	const char *path = helper_path("given");
	struct listening next = { .count = 0 };
	struct address a;
	char text[160];

	snprintf(text, sizeof(text), "unix:%s", path);
	bound(FIRST, text, &a, true);
	announced("1", NULL);
	ck_assert_int_eq(activation_init(), 0);
	serve(text);
	ck_assert_int_eq(listening_open(&next, server, 2, &listening), 0);
	listening_keep(&next, &listening);
	listening_close(&listening, true);
	ck_assert_int_eq(next.sockets[0].fd, FIRST);
	ck_assert(next.sockets[0].is_given);
	listening_close(&next, true);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* What does not listen is closed, what does is kept. */
START_TEST(test_activation_useless)
{
	struct address a, b;

	bound(FIRST, "127.0.0.1:0", &a, false);
	bound(FIRST + 1, "127.0.0.1:0", &b, true);
	announced("2", NULL);
	ck_assert_int_eq(activation_init(), 0);
	ck_assert_uint_eq(activation_sockets()->count, 1);
	ck_assert(activation_has(&b));
	ck_assert(!activation_has(&a));
	ck_assert_int_eq(fcntl(FIRST, F_GETFD), -1);
	activation_settle();
	ck_assert_int_eq(fcntl(FIRST + 1, F_GETFD), -1);
}
END_TEST

static const struct {
	const char *fds, *pid;		/* "us": this process */
	int result;
	const char *why;
} environments[] = {
	{ "1", "1", 0, NULL },
	{ "1", NULL, 0, NULL },
	{ NULL, "us", 0, NULL },
	{ "0", "us", 0, NULL },
	{ "1", "x", -1, "LISTEN_PID=x: not the number of a process" },
	{ "-1", "us", -1, "LISTEN_FDS=-1: not a number of descriptors" },
	{ "99999999", "us", -1,
	    "LISTEN_FDS=99999999: not a number of descriptors" },
	{ "2", "us", -1, "LISTEN_FDS=2: descriptor 4 is not open" },
};

START_TEST(test_activation_environment)
{
	struct address a;
	char self[24];

	snprintf(self, sizeof(self), "%ld", (long)getpid());
	bound(FIRST, "127.0.0.1:0", &a, true);
	if (environments[_i].fds != NULL)
		setenv("LISTEN_FDS", environments[_i].fds, 1);
	if (environments[_i].pid != NULL)
		setenv("LISTEN_PID", strcmp(environments[_i].pid, "us") == 0 ?
		    self : environments[_i].pid, 1);
	errno = 0;
	ck_assert_int_eq(activation_init(), environments[_i].result);
	if (environments[_i].why != NULL) {
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_str_eq(error_text(), environments[_i].why);
	}
	is_out_of_environment();
	/* Only the last one has come so far. */
	ck_assert_int_eq(activation_has(&a),
	    _i == UNIT_COUNT(environments) - 1);
	activation_settle();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("activation", &tc);

	/* Check opens files: not in these places. */
	dup2(STDIN_FILENO, FIRST);
	dup2(STDIN_FILENO, FIRST + 1);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_activation_none);
	tcase_add_test(tc, test_activation_taken);
	tcase_add_test(tc, test_activation_unix);
	tcase_add_test(tc, test_activation_generations);
	tcase_add_test(tc, test_activation_useless);
	tcase_add_loop_test(tc, test_activation_environment, 0,
	    UNIT_COUNT(environments));
	return unit_run(s);
}
