/* SPDX-License-Identifier: ISC */
/*
 * base/names: who is found, who is not, and that nothing of it stays.
 */
#include "base/names.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#define NOBODY_HAS	3999999999U	/* as an id */

START_TEST(test_names_user)
{
	struct names_user user, same;

	ck_assert_int_eq(names_user("root", &user), 1);
	ck_assert_str_eq(user.name, "root");
	ck_assert_uint_eq(user.uid, 0);
	ck_assert_int_eq(names_user_of(0, &same), 1);
	ck_assert_str_eq(same.name, "root");
	ck_assert_uint_eq(same.gid, user.gid);
}
END_TEST

START_TEST(test_names_nobody)
{
	char longest[NAMES_MAX + 1];
	struct names_user user;
	gid_t gid = 4711;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(names_user("no such user", &user), 0);
	ck_assert_int_eq(names_user("", &user), 0);
	ck_assert_int_eq(names_user(longest, &user), 0);
	ck_assert_int_eq(names_user_of(NOBODY_HAS, &user), 0);
	ck_assert_int_eq(names_group("no such group", &gid), 0);
	ck_assert_int_eq(names_group(longest, &gid), 0);
	ck_assert_uint_eq(gid, 4711);
}
END_TEST

START_TEST(test_names_groups)
{
	gid_t gid, groups[1000];
	int count = 1000;

	ck_assert_int_eq(names_group("root", &gid), 1);
	ck_assert_uint_eq(gid, 0);
	ck_assert_int_eq(names_groups("root", NOBODY_HAS, groups, &count), 1);
	ck_assert_int_ge(count, 1);
	ck_assert_uint_eq(groups[0], NOBODY_HAS);
	count = 0;
	ck_assert_int_eq(names_groups("root", NOBODY_HAS, groups, &count), 0);
}
END_TEST

/* A look-up that has no process to be done in is no "there is none". */
START_TEST(test_names_no_process)
{
	struct rlimit before, none;
	struct names_user user;

	if (geteuid() == 0) {
		ck_assert_int_eq(setgid(65534), 0);
		ck_assert_int_eq(setuid(65534), 0);
	}
	ck_assert_int_eq(getrlimit(RLIMIT_NPROC, &before), 0);
	none = before;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &none), 0);
	ck_assert_int_eq(names_user("root", &user), -1);
	ck_assert_int_eq(errno, EAGAIN);
	/* A sanitizer looks for leaks from a process of its own, in the end. */
	ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &before), 0);
	prctl(PR_SET_DUMPABLE, 1);
}
END_TEST

static size_t
mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	size_t lines = 0;
	int c;

	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		if (c == '\n')
			lines++;
	fclose(f);
	return lines;
}

START_TEST(test_names_leave_nothing)
{
	struct names_user user;
	size_t before;
	gid_t gid;

	/* Whatever the first one needs of ours. */
	names_user("no such user", &user);
	before = mappings();
	names_user("another", &user);
	names_group("no such group", &gid);
	ck_assert_uint_eq(mappings(), before);
	/* Here it is otherwise, or this test shows nothing. */
	ck_assert_ptr_null(getpwnam("no such user"));
	if (mappings() == before)
		puts("# the databases of this machine need no module");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("names", &tc);

	tcase_add_test(tc, test_names_user);
	tcase_add_test(tc, test_names_nobody);
	tcase_add_test(tc, test_names_groups);
	tcase_add_test(tc, test_names_no_process);
	tcase_add_test(tc, test_names_leave_nothing);
	return unit_run(s);
}
