/* SPDX-License-Identifier: ISC */
/*
 * server/check: what a start would stumble over is found, with the object and
 * the key, and nothing changes.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "net/socket.h"
#include "server/server.h"
#include "unit.h"

static struct prong_server *server;
static struct prong_service *service;
static int problems, environment;
static const void *problem_object;
static char problem_key[64], problem_text[ERROR_MAX];
/* Counted in a child of the check. */
static struct counts {
	int inits, exits;
} *counts;

static void *
leave_later(void *arg)
{
	prong_sleep(60000);
	_exit(4);
}

static int
init(struct prong_service *s)
{
	const char *wish = prong_option_string(s, "wish");

	counts->inits++;
	if (wish == NULL || strcmp(wish, "not to leave") == 0)
		return 0;
	if (strcmp(wish, "array") == 0)
		return prong_array_open(s, "a") == NULL ? -1 : 0;
	if (strcmp(wish, "to leave") == 0)
		_exit(3);
	if (strcmp(wish, "to leave later") == 0)
		return prong_spawn(leave_later, NULL) == NULL ? -1 : 0;
	return prong_set_error(EINVAL, "no wish is granted");
}

static void
leave(struct prong_service *s)
{
	const char *wish = prong_option_string(s, "wish");

	counts->exits++;
	if (wish != NULL && strcmp(wish, "not to leave") == 0)
		_exit(5);
}

static const struct prong_option options[] = {
	{ .name = "wish", .type = PRONG_STRING },
	{ .name = NULL }
};

static const struct prong_handler handler = {
	.abi = PRONG_ABI, .name = "unit", .options = options, .init = init,
	.exit = leave,
};

static void
setup(void)
{
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(counts, MAP_FAILED);
	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_int_eq(prong_server_handler(server, &handler), 0);
	ck_assert_int_eq(prong_server_set(server, "control.socket", ""), 0);
	ck_assert_int_eq(prong_server_set(server, "pidfile", ""), 0);
	ck_assert_ptr_nonnull(service = prong_server_add(server, "s"));
	ck_assert_int_eq(prong_service_set(service, "handler", "unit"), 0);
}

static void
teardown(void)
{
	munmap(counts, sizeof(*counts));
	prong_server_free(server);
}

static void
note(const void *object, const char *key, const char *text, void *arg)
{
	ck_assert_ptr_eq(arg, &problems);
	problems++;
	problem_object = object;
	strlcpy(problem_key, key != NULL ? key : "", sizeof(problem_key));
	strlcpy(problem_text, text, sizeof(problem_text));
}

/* Checks, and expects so many problems, the last of them this one. */
static void
expect(int count, int outside, const void *object, const char *key,
    const char *text)
{
	int before = helper_descriptors();

	problems = 0;
	problem_text[0] = '\0';
	ck_assert_int_eq(prong_server_check(server, note, &problems,
	    &environment), count);
	ck_assert_msg(problems == count, "%d problems: %s", problems,
	    problem_text);
	ck_assert_int_eq(environment, outside);
	ck_assert_int_eq(helper_descriptors(), before);
	if (count == 0)
		return;
	ck_assert_ptr_eq(problem_object, object);
	ck_assert_str_eq(problem_key, key);
	ck_assert_str_eq(problem_text, text);
}

static void
listen_on(const char *address)
{
	ck_assert_int_eq(prong_service_set(service, "listen", address), 0);
}

static void
listen_on_path(const char *path)
{
	char text[160];

	snprintf(text, sizeof(text), "unix:%s", path);
	listen_on(text);
}

START_TEST(test_check_good)
{
	const char *path = helper_path("good.sock");

	listen_on("127.0.0.1:0");
	listen_on_path(path);
	prong_server_set(server, "log.target", helper_path("good.log"));
	prong_server_set(server, "pidfile", helper_path("good.pid"));
	expect(0, 0, NULL, NULL, NULL);
	ck_assert_int_eq(counts->inits, 1);
	ck_assert_int_eq(counts->exits, 1);
	/* Nothing is made, and it may be asked again. */
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(access(helper_path("good.log"), F_OK), -1);
	ck_assert_int_eq(access(helper_path("good.pid"), F_OK), -1);
	expect(0, 0, NULL, NULL, NULL);
	ck_assert_int_eq(prong_server_check(server, note, &problems, NULL), 0);
}
END_TEST

START_TEST(test_check_no_service)
{
	struct prong_server *empty = prong_server_new(), *full = server;

	server = empty;
	prong_server_set(server, "pidfile", "");
	prong_server_set(server, "control.socket", "");
	expect(1, 0, NULL, "", "there is no service");
	server = full;
	prong_server_free(empty);
}
END_TEST

START_TEST(test_check_service)
{
	expect(1, 0, service, "listen", "service \"s\" listens nowhere");
	listen_on("127.0.0.1:0");
	prong_service_option(service, "wish", "anything");
	expect(1, 0, service, "handler", "no wish is granted");
	/* Whoever did not come up does not go down. */
	ck_assert_int_eq(counts->inits, 1);
	ck_assert_int_eq(counts->exits, 0);
	prong_service_option(service, "whish", "x");
	expect(1, 0, service, "whish", "handler \"unit\" has no option "
	    "\"whish\"");
	ck_assert_int_eq(counts->inits, 1);
}
END_TEST

/* What ends its process does not end ours, and is named. */
START_TEST(test_check_ends)
{
	static const struct {
		const char *wish;
		const char *text;
	} cases[] = {
		{ "to leave", "handler unit: its .init ends the process with "
		    "exit code 3" },
		{ "not to leave", "handler unit: its .exit ends the process "
		    "with exit code 5" },
		{ "to leave later", "handler unit: what its .init has begun "
		    "ends the process with exit code 4" },
	};
	size_t i;

	listen_on("127.0.0.1:0");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		prong_service_option(service, "wish", cases[i].wish);
		expect(1, 0, service, "handler", cases[i].text);
	}
}
END_TEST

START_TEST(test_check_too_many)
{
	struct prong_service *other = prong_server_add(server, "t");

	listen_on("127.0.0.1:0");
	prong_service_set(other, "handler", "unit");
	prong_service_set(other, "listen", "127.0.0.1:0");
	prong_server_set(server, "max-services", "1");
	expect(1, 0, NULL, "max-services",
	    "there are 2 services, but max-services is 1");
	prong_server_set(server, "max-services", "2");
	prong_server_set(server, "workers", "5");
	prong_server_set(server, "max-processes", "4");
	expect(1, 0, NULL, "workers",
	    "workers is 5, but max-processes only 4");
}
END_TEST

START_TEST(test_check_in_use)
{
	struct socket_options o = { .backlog = 1 };
	struct address a = { .in = { .sin_family = AF_INET } };
	char text[ADDRESS_MAX], expected[200];
	int fd;

	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.length = sizeof(a.in);
	fd = socket_bind(&a, false, &o);
	ck_assert_int_eq(socket_listen(fd, &o), 0);
	address_format(&a, text, sizeof(text));
	listen_on(text);
	snprintf(expected, sizeof(expected), "cannot listen on %s: Address "
	    "already in use", text);
	expect(1, 1, service, "listen", expected);
	close(fd);
	expect(0, 0, NULL, NULL, NULL);
}
END_TEST

START_TEST(test_check_unknown_host)
{
	listen_on("no-such-host.invalid:7");
	problems = 0;
	ck_assert_int_eq(prong_server_check(server, note, &problems,
	    &environment), 1);
	ck_assert_int_eq(environment, 1);
	ck_assert_str_eq(problem_key, "listen");
	ck_assert_ptr_nonnull(strstr(problem_text, "no-such-host.invalid"));
}
END_TEST

/* Twice the same address would be two takers of one connection. */
START_TEST(test_check_twice)
{
	struct prong_service *other = prong_server_add(server, "t");
	const char *path = helper_path("twice.sock");
	char text[160], expected[300];

	snprintf(text, sizeof(text), "unix:%s", path);
	listen_on(text);
	prong_service_set(other, "handler", "unit");
	prong_service_set(other, "listen", "127.0.0.1:0");
	prong_service_set(other, "listen", "127.0.0.1:0");
	/* Port 0 is another one each time. */
	expect(0, 0, NULL, NULL, NULL);
	prong_service_set(other, "listen", text);
	snprintf(expected, sizeof(expected), "service \"s\" listens on %s "
	    "already", text);
	expect(1, 0, other, "listen", expected);
	listen_on(text);
	problems = 0;
	ck_assert_int_ge(prong_server_check(server, note, &problems, NULL), 2);
}
END_TEST

START_TEST(test_check_paths)
{
	char expected[300];
	const char *path = helper_path("file"), *inside;
	char below[160];
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	close(fd);
	/* A file where a socket should be. */
	listen_on_path(path);
	snprintf(expected, sizeof(expected), "%s is there and is no socket",
	    path);
	expect(1, 1, service, "listen", expected);
	ck_assert_int_eq(unlink(path), 0);
	expect(0, 0, NULL, NULL, NULL);
	/* A folder that is not there. */
	snprintf(below, sizeof(below), "%s/none/x", helper_folder);
	inside = below;
	prong_server_set(server, "pidfile", inside);
	snprintf(expected, sizeof(expected), "%s: there is no folder %s/none",
	    inside, helper_folder);
	expect(1, 1, NULL, "pidfile", expected);
	prong_server_set(server, "log.target", inside);
	prong_server_set(server, "pidfile", "");
	expect(1, 1, NULL, "log.target", expected);
}
END_TEST

START_TEST(test_check_unix_socket)
{
	listen_on("127.0.0.1:0");
	prong_service_set(service, "owner", "nobody-of-this-name");
	expect(1, 0, service, "owner",
	    "there is no user \"nobody-of-this-name\"");
	prong_service_set(service, "owner", "");
	prong_service_set(service, "group", "nobody-of-this-name");
	expect(1, 0, service, "group",
	    "there is no group \"nobody-of-this-name\"");
	prong_service_set(service, "group", "");
	listen_on_path(helper_path("x.sock"));
	prong_service_set(service, "accept", "reuseport");
	problems = 0;
	ck_assert_int_eq(prong_server_check(server, note, &problems,
	    &environment), 1);
	ck_assert_int_eq(environment, 0);
	ck_assert_ptr_nonnull(strstr(problem_text,
	    "cannot have accept = \"reuseport\""));
}
END_TEST

START_TEST(test_check_control_path)
{
	char path[200];

	listen_on("127.0.0.1:0");
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(prong_server_set(server, "control.socket", path), 0);
	expect(1, 0, NULL, "control.socket", "control.socket: the path is "
	    "longer than a socket's can be");
}
END_TEST

START_TEST(test_check_array)
{
	struct prong_section *a = prong_server_section(server, "array", "a");

	listen_on("127.0.0.1:0");
	prong_service_option(service, "wish", "array");
	/* What init opens is there, for the time of the check. */
	expect(0, 0, NULL, NULL, NULL);
	ck_assert_ptr_null(prong_array_open(service, "a"));
	prong_section_set(a, "type", "int8");
	prong_section_set(a, "values", "200");
	problems = 0;
	ck_assert_int_ge(prong_server_check(server, note, &problems,
	    &environment), 1);
	ck_assert_int_eq(environment, 0);
}
END_TEST

START_TEST(test_check_array_names_the_section)
{
	struct prong_section *a = prong_server_section(server, "array", "a");

	listen_on("127.0.0.1:0");
	prong_section_set(a, "slots", "0");
	expect(1, 0, a, "slots", "an array has 1 to 134217728 slots");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("check", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_check_good);
	tcase_add_test(tc, test_check_no_service);
	tcase_add_test(tc, test_check_service);
	tcase_add_test(tc, test_check_ends);
	tcase_add_test(tc, test_check_too_many);
	tcase_add_test(tc, test_check_in_use);
	tcase_add_test(tc, test_check_unknown_host);
	tcase_add_test(tc, test_check_twice);
	tcase_add_test(tc, test_check_paths);
	tcase_add_test(tc, test_check_unix_socket);
	tcase_add_test(tc, test_check_control_path);
	tcase_add_test(tc, test_check_array);
	tcase_add_test(tc, test_check_array_names_the_section);
	return unit_run(s);
}
