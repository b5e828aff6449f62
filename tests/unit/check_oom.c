/* SPDX-License-Identifier: ISC */
/*
 * base/oom: the kernel's files, written by the test.
 */
#include "base/oom.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "helper.h"
#include "unit.h"

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(helper_path(name), "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

#define EVENTS(kills)							\
	"low 0\nhigh 3\nmax 8\noom 2\noom_kill " kills "\noom_group_kill 7\n"

static const struct {
	const char *text;
	bool found;
	uint64_t count;
} files[] = {
	{ EVENTS("0"), true, 0 },
	{ EVENTS("5"), true, 5 },
	{ EVENTS("18446744073709551615"), true, UINT64_MAX },
	{ "oom_kill 12", true, 12 },
	{ "oom_kill_disable 1\nunder_oom 0\noom_kill 3\n", true, 3 },
	{ "", false, 0 },
	{ "oom 2\noom_group_kill 7\n", false, 0 },
	{ "my oom_kill 4\n", false, 0 },
	{ "oom_kill\n", false, 0 },
	{ "oom_kill many\n", false, 0 },
	{ "oom_kill -1\n", false, 0 },
	{ "oom_kill_2 9\n", false, 0 },
};

START_TEST(test_oom_read)
{
	uint64_t count = 99;

	put("events", files[_i].text);
	errno = 0;
	ck_assert_int_eq(oom_read(helper_path("events"), "oom_kill", &count),
	    files[_i].found ? 0 : -1);
	ck_assert_int_eq(errno, files[_i].found ? 0 : ENOENT);
	/* A failure leaves the caller's number alone. */
	ck_assert_uint_eq(count, files[_i].found ? files[_i].count : 99);
}
END_TEST

START_TEST(test_oom_read_key)
{
	uint64_t count = 99;
	int before = helper_descriptors();

	put("events", EVENTS("5"));
	ck_assert_int_eq(oom_read(helper_path("events"), "oom", &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_int_eq(oom_read(helper_path("none"), "oom", &count), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

/*
 * A tree in which a group and its parent are counted, and a child is not: 1
 * and 2 kills, and 4 in the whole system.  "beside" is not ours.
 */
static void
plant(void)
{
	static const char *const folders[] =
	    { "tree", "tree/a", "tree/a/b", "tree/a/b/c" };
	int i;

	for (i = 0; i < UNIT_COUNT(folders); i++)
		ck_assert(mkdir(helper_path(folders[i]), 0700) == 0 ||
		    errno == EEXIST);
	put("tree/a/memory.events", EVENTS("2"));
	put("tree/a/b/memory.events", EVENTS("1"));
	put("memory.events", EVENTS("64"));
	put("vmstat", "nr_free_pages 1\noom_kill 4\npgfault 9\n");
}

static const struct {
	const char *groups;
	uint64_t kills;
} places[] = {
	{ "0::/a/b\n", 1 },
	{ "0::/a\n", 2 },
	{ "0::/a/b/c\n", 1 },		/* not accounted for: with its parent */
	{ "0::/a/gone (deleted)\n", 2 },
	{ "0::/\n", 4 },		/* the root counts nothing */
	{ "0::/x\n", 4 },
	{ "4:memory:/a/b\n1:cpu:/a\n0::/a\n", 2 },
	{ "4:memory:/a/b\n", 4 },	/* the older tree: the system's */
	{ "10::/a/b\n", 4 },
	{ "", 4 },
	{ "0::/..\n", 4 },		/* not the file above the tree */
	{ "0::/../a\n", 4 },
	{ "0::/../../b\n", 4 },
};

START_TEST(test_oom_kills_of)
{
	int before = helper_descriptors();

	plant();
	put("groups", places[_i].groups);
	ck_assert_uint_eq(oom_kills_of(helper_path("groups"),
	    helper_path("tree"), helper_path("vmstat")), places[_i].kills);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_oom_kills_unreadable)
{
	plant();
	ck_assert_uint_eq(oom_kills_of(helper_path("none"),
	    helper_path("tree"), helper_path("vmstat")), 4);
	ck_assert_uint_eq(oom_kills_of(helper_path("none"),
	    helper_path("tree"), helper_path("none")), 0);
}
END_TEST

/* It looks into the kernel's own files, where the count never falls. */
START_TEST(test_oom_kills)
{
	uint64_t before = oom_kills(), now;

	now = oom_kills_of("/proc/self/cgroup", "/sys/fs/cgroup",
	    "/proc/vmstat");
	ck_assert_uint_ge(now, before);
	ck_assert_uint_le(now, oom_kills());
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("oom", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_loop_test(tc, test_oom_read, 0, UNIT_COUNT(files));
	tcase_add_test(tc, test_oom_read_key);
	tcase_add_loop_test(tc, test_oom_kills_of, 0, UNIT_COUNT(places));
	tcase_add_test(tc, test_oom_kills_unreadable);
	tcase_add_test(tc, test_oom_kills);
	return unit_run(s);
}
