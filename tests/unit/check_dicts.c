/* SPDX-License-Identifier: ISC */
/*
 * server/dicts: sections of the configuration become dicts.
 */
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "server/server.h"
#include "unit.h"

static struct prong_server *server;
static struct prong_service *service;

static void
setup(void)
{
	server = prong_server_new();
	ck_assert_ptr_nonnull(server);
	ck_assert_ptr_nonnull(service = prong_server_add(server, "s"));
}

static void
teardown(void)
{
	prong_server_free(server);
}

START_TEST(test_dicts)
{
	struct prong_section *a = prong_server_section(server, "dict", "a");
	struct prong_section *b = prong_server_section(server, "dict", "b");
	struct prong_dict *d, *e;
	const char *key;

	ck_assert(a != NULL && b != NULL);
	errno = 0;
	ck_assert_ptr_null(prong_server_section(server, "dict", "a"));
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(prong_section_set(a, "memory", "1M"), 0);
	ck_assert_int_eq(prong_section_set(a, "evict", "lru"), 0);
	ck_assert_int_eq(object_dict.check(a, &key), 0);
	/* The defaults are a dict. */
	ck_assert_int_eq(object_dict.check(b, &key), 0);
	errno = 0;
	ck_assert_ptr_null(prong_dict_open(service, "a"));
	ck_assert_int_eq(errno, ENOENT);
	/* Those of the server are made and freed together. */
	ck_assert_int_eq(objects_make(server), 0);
	ck_assert_ptr_nonnull(d = prong_dict_open(service, "a"));
	ck_assert_ptr_nonnull(e = prong_dict_open(service, "b"));
	ck_assert_ptr_ne(d, e);
	ck_assert_uint_eq(d->segment.size, 1 << 20);
	ck_assert_int_eq(d->evict, DICT_EVICT_LRU);
	ck_assert_uint_eq(e->segment.size, 16 << 20);
	ck_assert_int_eq(e->evict, DICT_EVICT_NONE);
	ck_assert_int_eq(prong_dict_add(d, "n", 1, 1, NULL), 0);
	ck_assert_int_eq(prong_dict_size(e), 0);
	ck_assert_ptr_null(prong_dict_open(service, "c"));
	ck_assert_ptr_nonnull(strstr(error_text(), "\"c\""));
	objects_free(server);
	ck_assert_ptr_null(prong_dict_open(service, "a"));
}
END_TEST

static const char *const bad_sizes[] = { "0", "65535", "1025G" };

START_TEST(test_dicts_bad_memory)
{
	struct prong_section *d = prong_server_section(server, "dict", "d");
	const char *key = NULL;

	ck_assert_int_eq(prong_section_set(d, "memory", bad_sizes[_i]), 0);
	errno = 0;
	ck_assert_int_eq(object_dict.check(d, &key), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(key, "memory");
	ck_assert_ptr_nonnull(strstr(error_text(), "64K to 1024G"));
}
END_TEST

/* More than this machine has, which nobody tries to have. */
START_TEST(test_dicts_too_much)
{
	struct prong_section *d = prong_server_section(server, "dict", "d");

	if (sysconf(_SC_PHYS_PAGES) > (512L << 30) / sysconf(_SC_PAGESIZE))
		return;
	ck_assert_int_eq(prong_section_set(d, "memory", "1024G"), 0);
	errno = 0;
	ck_assert_int_eq(objects_make(server), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(strstr(error_text(), "dict \"d\": memory is "
	    "1048576M, and this machine has "));
}
END_TEST

/* A check makes them, and takes memory only as it is used. */
START_TEST(test_dicts_checked)
{
	struct prong_section *section = prong_server_section(server, "dict", "d");
	struct prong_dict *d;
	struct stat st;

	ck_assert_int_eq(prong_section_set(section, "memory", "512M"), 0);
	server->is_checked = true;
	ck_assert_int_eq(objects_make(server), 0);
	ck_assert_ptr_nonnull(d = prong_dict_open(service, "d"));
	ck_assert_int_eq(prong_dict_add(d, "n", 1, 1, NULL), 0);
	ck_assert_int_eq(fstat(d->segment.fd, &st), 0);
	ck_assert_int_eq(st.st_size, 512 << 20);
	ck_assert_int_lt(st.st_blocks, 16 << 20 >> 9);
}
END_TEST

START_TEST(test_dicts_bad_members)
{
	struct prong_section *d = prong_server_section(server, "dict", "d");

	errno = 0;
	ck_assert_int_eq(prong_section_set(d, "evict", "all"), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(prong_section_set(d, "size", "1"), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("dicts", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_dicts);
	tcase_add_loop_test(tc, test_dicts_bad_memory, 0,
	    UNIT_COUNT(bad_sizes));
	tcase_add_test(tc, test_dicts_too_much);
	tcase_add_test(tc, test_dicts_checked);
	tcase_add_test(tc, test_dicts_bad_members);
	return unit_run(s);
}
