/* SPDX-License-Identifier: ISC */
/*
 * server/listening: all sockets or none, one for everybody or one a slot.
 */
#include "server/listening.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define SLOTS	3

static struct prong_server *server;
static struct prong_service *service;
static struct listening listening;
static struct prong_server *later;	/* the next one, with its sockets */
static struct listening following;
static int appends;			/* that are left until memory is short */

/* In the place of the library's: only the lists of sockets grow by it here. */
void *
reallocarray(void *p, size_t count, size_t size)
{
	if (size == sizeof(struct listening_socket) && appends-- <= 0) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, count * size);
}

static void
setup(void)
{
	appends = INT_MAX;
	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_ptr_nonnull(later = prong_server_new());
	ck_assert_ptr_nonnull(service = prong_server_add(server, "s"));
}

static void
teardown(void)
{
	listening_close(&listening, true);
	listening_close(&following, true);
	prong_server_free(server);
	prong_server_free(later);
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

static bool
answers(const struct address *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool r = connect(fd, &a->sa, a->length) == 0;

	close(fd);
	return r;
}

/* By the setting: sockets of the slots, or one for all. */
START_TEST(test_listening_sockets)
{
	static const struct {
		const char *accept;
		bool per_worker;
	} modes[] = {
		{ "auto", true }, { "shared", false }, { "reuseport", true },
	};
	const struct listening_socket *s;
	size_t i;

	ck_assert_int_eq(prong_service_set(service, "accept",
	    modes[_i].accept), 0);
	listen_on("127.0.0.1:0");
	listen_on("127.0.0.1:0");
	ck_assert_int_eq(listening_open(&listening, server, SLOTS, NULL), 0);
	ck_assert_uint_eq(listening.count, modes[_i].per_worker ? 2 * SLOTS : 2);
	for (i = 0; i < listening.count; i++) {
		s = &listening.sockets[i];
		ck_assert_ptr_eq(s->service, service);
		ck_assert_int_eq(s->number, modes[_i].per_worker ?
		    (int)(i % SLOTS) : -1);
		/* All of an address have its port; two have two. */
		ck_assert_int_eq(address_is_equal(&s->address,
		    &listening.sockets[0].address),
		    modes[_i].per_worker ? i < SLOTS : i == 0);
		ck_assert(!answers(&s->address));
	}
	ck_assert_int_eq(listening_start(&listening), 0);
	for (i = 0; i < listening.count; i++)
		ck_assert(answers(&listening.sockets[i].address));
}
END_TEST

/* A unix socket is always everybody's. */
START_TEST(test_listening_unix)
{
	const char *path = helper_path("one.sock");

	listen_on_path(path);
	ck_assert_int_eq(listening_open(&listening, server, SLOTS, NULL), 0);
	ck_assert_uint_eq(listening.count, 1);
	ck_assert_int_eq(listening.sockets[0].number, -1);
	ck_assert_int_eq(listening_start(&listening), 0);
	ck_assert(answers(&listening.sockets[0].address));
	/* Removed when asked to, and only then. */
	listening_close(&listening, false);
	ck_assert_uint_eq(listening.count, 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(listening_open(&listening, server, SLOTS, NULL), 0);
	listening_close(&listening, true);
	ck_assert_int_eq(access(path, F_OK), -1);
	listening_close(&listening, true);
}
END_TEST

START_TEST(test_listening_several_services)
{
	struct prong_service *other = prong_server_add(server, "t");

	listen_on("127.0.0.1:0");
	ck_assert_int_eq(prong_service_set(other, "listen", "127.0.0.1:0"), 0);
	ck_assert_int_eq(prong_service_set(other, "accept", "shared"), 0);
	ck_assert_int_eq(listening_open(&listening, server, 2, NULL), 0);
	ck_assert_uint_eq(listening.count, 3);
	ck_assert_ptr_eq(listening.sockets[1].service, service);
	ck_assert_ptr_eq(listening.sockets[2].service, other);
	ck_assert_int_eq(listening.sockets[2].number, -1);
}
END_TEST

/* The last address is taken: nothing is left of those before it. */
START_TEST(test_listening_all_or_none)
{
	const char *path = helper_path("none.sock");
	struct sockaddr_in in_use = { .sin_family = AF_INET };
	socklen_t length = sizeof(in_use);
	char text[32];
	int fd, before;

	in_use.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in_use, length), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in_use, &length),
	    0);
	before = helper_descriptors();
	listen_on("127.0.0.1:0");
	listen_on_path(path);
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(in_use.sin_port));
	listen_on(text);
	errno = 0;
	ck_assert_int_eq(listening_open(&listening, server, SLOTS, NULL), -1);
	ck_assert_ptr_nonnull(strstr(error_text(), text));
	ck_assert_uint_eq(listening.count, 0);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_int_eq(access(path, F_OK), -1);
	close(fd);
}
END_TEST

/* Another server's unix socket is neither taken nor removed. */
START_TEST(test_listening_live_unix_socket)
{
	const char *path = helper_path("live.sock");
	struct listening live = { .count = 0 };

	listen_on_path(path);
	ck_assert_int_eq(listening_open(&live, server, 1, NULL), 0);
	ck_assert_int_eq(listening_start(&live), 0);
	ck_assert_int_eq(listening_open(&listening, server, 1, NULL), -1);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert(answers(&live.sockets[0].address));
	listening_close(&live, true);
}
END_TEST

START_TEST(test_listening_add_worker)
{
	struct address a;
	size_t i;

	listen_on("127.0.0.1:0");
	listen_on("127.0.0.1:0");
	listen_on_path(helper_path("add.sock"));
	ck_assert_int_eq(listening_open(&listening, server, 2, NULL), 0);
	ck_assert_int_eq(listening_start(&listening), 0);
	ck_assert_uint_eq(listening.count, 5);
	/* Those are there. */
	ck_assert_int_eq(listening_add_worker(&listening, 0), 0);
	ck_assert_int_eq(listening_add_worker(&listening, 1), 0);
	ck_assert_uint_eq(listening.count, 5);
	ck_assert_int_eq(listening_add_worker(&listening, 7), 0);
	ck_assert_uint_eq(listening.count, 7);
	for (i = 5; i < 7; i++) {
		ck_assert_int_eq(listening.sockets[i].number, 7);
		ck_assert_ptr_eq(listening.sockets[i].service, service);
		ck_assert(address_is_equal(&listening.sockets[i].address,
		    &listening.sockets[(i - 5) * 2].address));
	}
	ck_assert_int_eq(listening_add_worker(&listening, 7), 0);
	ck_assert_uint_eq(listening.count, 7);
	/* It listens on its own, when all others are closed. */
	a = listening.sockets[5].address;
	close(listening.sockets[0].fd);
	close(listening.sockets[1].fd);
	ck_assert(answers(&a));
	listening.sockets[0].fd = listening.sockets[1].fd = -1;
}
END_TEST

static void
add_next_path(const char *path)
{
	char text[160];

	snprintf(text, sizeof(text), "unix:%s", path);
	ck_assert_int_eq(prong_service_set(later->services[0], "listen", text),
	    0);
}

static void
add_next(const char *dispatch, const char *path)
{
	struct prong_service *after;

	ck_assert_ptr_nonnull(after = prong_server_add(later, "s"));
	ck_assert_int_eq(prong_service_set(after, "listen", "127.0.0.1:0"), 0);
	add_next_path(path);
	ck_assert_int_eq(prong_service_set(after, "dispatch", dispatch), 0);
}

/* The next one has what it wants of those of the one before. */
static void
open_next(const char *dispatch, const char *path, int workers)
{
	add_next(dispatch, path);
	ck_assert_int_eq(listening_open(&following, later, workers, &listening),
	    0);
}

/* Let go of again before it is certain, it has changed nothing. */
START_TEST(test_listening_not_kept)
{
	const char *path = helper_path("following.sock");
	int before, fd;

	listen_on("127.0.0.1:0");
	ck_assert_int_eq(listening_open(&listening, server, 2, NULL), 0);
	ck_assert_int_eq(listening_start(&listening), 0);
	fd = listening.sockets[1].fd;
	before = helper_descriptors();
	open_next("inline", path, 3);
	/* Two that there were, one more worker's, and one that is new. */
	ck_assert_uint_eq(following.count, 4);
	ck_assert_int_eq(following.sockets[1].fd, fd);
	ck_assert(following.sockets[0].is_shared && following.sockets[1].is_shared);
	ck_assert(!following.sockets[2].is_shared && !following.sockets[3].is_shared);
	ck_assert(address_is_equal(&following.sockets[2].address,
	    &listening.sockets[0].address));
	listening_close(&following, true);
	ck_assert_int_eq(helper_descriptors(), before);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert(answers(&listening.sockets[0].address));
}
END_TEST

/* Kept, they outlive the one before, which closes what only it has. */
START_TEST(test_listening_kept)
{
	const char *path = helper_path("kept.sock");
	const char *gone = helper_path("gone.sock");
	int before;

	listen_on("127.0.0.1:0");
	listen_on_path(path);
	listen_on_path(gone);
	ck_assert_int_eq(listening_open(&listening, server, 2, NULL), 0);
	ck_assert_int_eq(listening_start(&listening), 0);
	before = helper_descriptors();
	open_next("inline", path, 1);
	ck_assert_uint_eq(following.count, 3);
	ck_assert_int_eq(helper_descriptors(), before);
	listening_keep(&following, &listening);
	ck_assert(listening.sockets[0].is_shared);
	ck_assert(listening.sockets[2].is_shared);
	ck_assert(!listening.sockets[3].is_shared);
	listening_close(&listening, true);
	ck_assert_int_eq(helper_descriptors(), before - 1);
	ck_assert_int_eq(access(gone, F_OK), -1);
	ck_assert(answers(&following.sockets[0].address));
	ck_assert(answers(&following.sockets[2].address));
	listening_close(&following, true);
	ck_assert_int_eq(helper_descriptors(), before - 4);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* Sockets of workers are everybody's where no worker serves. */
START_TEST(test_listening_common)
{
	size_t i;

	listen_on("127.0.0.1:0");
	ck_assert_int_eq(listening_open(&listening, server, 2, NULL), 0);
	open_next("fork", helper_path("fork.sock"), 2);
	ck_assert_uint_eq(following.count, 3);
	for (i = 0; i < 2; i++) {
		ck_assert(following.sockets[i].is_common);
		ck_assert(!listening.sockets[i].is_common);
	}
	ck_assert_int_eq(following.sockets[2].number, -1);
}
END_TEST

/* One that cannot be added is closed, unless another list has it. */
START_TEST(test_listening_append_no_memory)
{
	struct listening_socket new = { .is_shared = true };
	int before;

	listen_on("127.0.0.1:0");
	ck_assert_int_eq(listening_open(&listening, server, 1, NULL), 0);
	before = helper_descriptors();
	new.fd = dup(listening.sockets[0].fd);
	appends = 0;
	errno = 0;
	ck_assert_int_eq(listening_append(&listening, &new), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(strstr(error_text(), "listening sockets"));
	ck_assert_uint_eq(listening.count, 1);
	ck_assert_int_eq(helper_descriptors(), before + 1);
	new.is_shared = false;
	ck_assert_int_eq(listening_append(&listening, &new), -1);
	ck_assert_uint_eq(listening.count, 1);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

/*
 * Short of memory at any of them: nothing is left of the next generation's, and
 * all of the one that serves is there.
 */
START_TEST(test_listening_open_no_memory)
{
	const char *path = helper_path("short.sock");
	const char *kept = helper_path("serves.sock");
	int before, n;

	listen_on("127.0.0.1:0");
	listen_on_path(kept);
	ck_assert_int_eq(listening_open(&listening, server, 2, NULL), 0);
	ck_assert_int_eq(listening_start(&listening), 0);
	add_next("inline", kept);
	ck_assert_int_eq(prong_service_set(later->services[0], "listen",
	    "127.0.0.1:0"), 0);
	add_next_path(path);
	before = helper_descriptors();
	/* Two and one more worker's, the path that there is, two, and a path. */
	for (n = 0; n <= 8; n++) {
		appends = n;
		ck_assert_int_eq(listening_open(&following, later, 3,
		    &listening), n < 8 ? -1 : 0);
		listening_close(&following, true);
		ck_assert_int_eq(helper_descriptors(), before);
		ck_assert_int_eq(access(path, F_OK), -1);
		ck_assert(answers(&listening.sockets[0].address));
		ck_assert(answers(&listening.sockets[2].address));
	}
}
END_TEST

START_TEST(test_listening_options)
{
	const char *key;
	struct socket_options o;

	prong_service_set(service, "backlog", "77");
	prong_service_set(service, "nodelay", "no");
	prong_service_set(service, "mode", "0600");
	ck_assert_int_eq(listening_options(service, &o, &key), 0);
	ck_assert_int_eq(o.backlog, 77);
	ck_assert(!o.nodelay);
	ck_assert_uint_eq(o.mode, 0600);
	ck_assert_int_eq(o.keepalive, 0);
	ck_assert_uint_eq(o.owner, (uid_t)-1);
	ck_assert_uint_eq(o.group, (gid_t)-1);
	/* Whole seconds, and never 0 for something. */
	prong_service_set(service, "keepalive", "90s");
	ck_assert_int_eq(listening_options(service, &o, &key), 0);
	ck_assert_int_eq(o.keepalive, 90);
	prong_service_set(service, "keepalive", "500ms");
	ck_assert_int_eq(listening_options(service, &o, &key), 0);
	ck_assert_int_eq(o.keepalive, 1);
	prong_service_set(service, "owner", "root");
	prong_service_set(service, "group", "root");
	ck_assert_int_eq(listening_options(service, &o, &key), 0);
	ck_assert_uint_eq(o.owner, 0);
	ck_assert_uint_eq(o.group, 0);
	prong_service_set(service, "owner", "nobody-of-this-name");
	errno = 0;
	ck_assert_int_eq(listening_options(service, &o, &key), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(),
	    "there is no user \"nobody-of-this-name\"");
	ck_assert_str_eq(key, "owner");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("listening", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_listening_sockets, 0, 3);
	tcase_add_test(tc, test_listening_unix);
	tcase_add_test(tc, test_listening_several_services);
	tcase_add_test(tc, test_listening_all_or_none);
	tcase_add_test(tc, test_listening_live_unix_socket);
	tcase_add_test(tc, test_listening_add_worker);
	tcase_add_test(tc, test_listening_not_kept);
	tcase_add_test(tc, test_listening_kept);
	tcase_add_test(tc, test_listening_common);
	tcase_add_test(tc, test_listening_append_no_memory);
	tcase_add_test(tc, test_listening_open_no_memory);
	tcase_add_test(tc, test_listening_options);
	return unit_run(s);
}
