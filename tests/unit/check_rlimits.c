/* SPDX-License-Identifier: ISC */
/*
 * base/rlimits: what can be a limit, and what the kernel makes of it.  Each
 * test has a process of its own, whose limits it may spoil.
 */
#include "base/rlimits.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define ANOTHER		65534		/* an ordinary user */

static const struct {
	const char *text;
	int count, size;	/* what the checks say: errno or 0 */
} settings[] = {
	{ "", 0, 0 }, { "unlimited", 0, 0 },
	{ "16", 0, 0 }, { "15", ERANGE, 0 }, { "0", ERANGE, 0 },
	{ "2147483647", 0, 0 }, { "2147483648", ERANGE, 0 },
	{ "64K", EINVAL, 0 }, { "8388607T", EINVAL, 0 },
	{ "8388608T", EINVAL, ERANGE }, { "-1", ERANGE, EINVAL },
	{ "infinity", EINVAL, EINVAL }, { "Unlimited", EINVAL, EINVAL },
	{ "unlimited ", EINVAL, EINVAL }, { " 64", EINVAL, EINVAL },
	{ "064", EINVAL, EINVAL }, { "64k", EINVAL, EINVAL },
};

static void
check_setting(int (*check)(const char *), const char *text, int error)
{
	errno = 0;
	error_clear();
	ck_assert_int_eq(check(text), error == 0 ? 0 : -1);
	ck_assert_int_eq(errno, error);
	ck_assert_int_eq(strstr(error_text(), text) != NULL,
	    error != 0 || text[0] == '\0');
}

START_TEST(test_rlimits_check)
{
	check_setting(rlimits_check_count, settings[_i].text,
	    settings[_i].count);
	check_setting(rlimits_check_size, settings[_i].text,
	    settings[_i].size);
}
END_TEST

START_TEST(test_rlimits_wants_core)
{
	ck_assert(rlimits_wants_core("unlimited"));
	ck_assert(rlimits_wants_core("1"));
	ck_assert(rlimits_wants_core("64M"));
	ck_assert(!rlimits_wants_core(""));
	ck_assert(!rlimits_wants_core("0"));
	ck_assert(!rlimits_wants_core("0M"));
}
END_TEST

static struct rlimit
limit_of(int resource)
{
	struct rlimit l;

	ck_assert_int_eq(getrlimit(resource, &l), 0);
	return l;
}

/* The limit, soft and hard, that one is expected to have become. */
static void
expect(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit l = limit_of(resource);

	ck_assert_uint_eq(l.rlim_cur, soft);
	ck_assert_uint_eq(l.rlim_max, hard);
}

START_TEST(test_rlimits_nothing)
{
	static const struct rlimits none = { "", "", "" };
	struct rlimit nofile = limit_of(RLIMIT_NOFILE);
	struct rlimit core = limit_of(RLIMIT_CORE), as = limit_of(RLIMIT_AS);

	ck_assert_int_eq(rlimits_try(&none), 0);
	ck_assert_int_eq(rlimits_apply(&none), 0);
	expect(RLIMIT_NOFILE, nofile.rlim_cur, nofile.rlim_max);
	expect(RLIMIT_CORE, core.rlim_cur, core.rlim_max);
	expect(RLIMIT_AS, as.rlim_cur, as.rlim_max);
}
END_TEST

START_TEST(test_rlimits_lower)
{
	static const struct rlimits l = { "64", "0", "" };
	struct rlimit nofile = limit_of(RLIMIT_NOFILE);
	struct rlimit core = limit_of(RLIMIT_CORE);
	int fd;

	/* A trial leaves everything as it was. */
	ck_assert_int_eq(rlimits_try(&l), 0);
	expect(RLIMIT_NOFILE, nofile.rlim_cur, nofile.rlim_max);
	expect(RLIMIT_CORE, core.rlim_cur, core.rlim_max);
	ck_assert_msg(rlimits_apply(&l) == 0, "%s", error_text());
	expect(RLIMIT_NOFILE, 64, 64);
	expect(RLIMIT_CORE, 0, 0);
	while ((fd = dup(0)) != -1)
		ck_assert_int_lt(fd, 64);
	ck_assert_int_eq(errno, EMFILE);
	/* Some for whoever looks into this process at its end. */
	ck_assert_int_eq(close_range(48, 63, 0), 0);
}
END_TEST

/* A soft limit goes up to the hard one, whoever asks. */
START_TEST(test_rlimits_up_to_hard)
{
	static const struct rlimits l = { "200", "2K", "" };
	struct rlimit low = { 100, 200 };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	if (limit_of(RLIMIT_CORE).rlim_max >= 2048) {
		low = (struct rlimit){ 1024, 2048 };
		ck_assert_int_eq(setrlimit(RLIMIT_CORE, &low), 0);
		ck_assert_msg(rlimits_apply(&l) == 0, "%s", error_text());
		expect(RLIMIT_CORE, 2048, 2048);
	} else {
		ck_assert_int_eq(rlimits_apply(&(struct rlimits){ "200", "",
		    "" }), 0);
	}
	expect(RLIMIT_NOFILE, 200, 200);
}
END_TEST

/* Each of them above a hard limit of 100, as somebody else than root. */
static const struct {
	struct rlimits limits;
	const char *text;
} above[] = {
	{ { "101", "", "" }, "rlimit nofile: 101 is above the hard limit of "
	    "100, which only root can raise" },
	{ { "unlimited", "", "" }, "rlimit nofile: unlimited is above the "
	    "hard limit of 100, which only root can raise" },
	{ { "", "1K", "" }, "rlimit core: 1K is above the hard limit of 100, "
	    "which only root can raise" },
	{ { "", "unlimited", "" }, "rlimit core: unlimited is above the hard "
	    "limit of 100, which only root can raise" },
};

START_TEST(test_rlimits_above_hard)
{
	struct rlimit low = { 50, 100 };
	uid_t uid = geteuid();

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_CORE, &low), 0);
	if (uid == 0 && seteuid(ANOTHER) == -1)
		return;		/* a root that may not become anybody else */
	errno = 0;
	ck_assert_int_eq(rlimits_try(&above[_i].limits), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_str_eq(error_text(), above[_i].text);
	error_clear();
	ck_assert_int_eq(rlimits_apply(&above[_i].limits), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_str_eq(error_text(), above[_i].text);
	expect(RLIMIT_NOFILE, 50, 100);
	expect(RLIMIT_CORE, 50, 100);
	/* As before, also for whoever looks into this process at its end. */
	ck_assert_int_eq(seteuid(uid), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}
END_TEST

/* Root raises a hard limit too, unless it lacks the capability. */
START_TEST(test_rlimits_raise)
{
	static const struct rlimits l = { "101", "unlimited", "" };
	struct rlimit low = { 50, 100 }, high = { 50, 101 };
	bool can;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	can = setrlimit(RLIMIT_NOFILE, &high) == 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_CORE, &low), 0);
	ck_assert_int_eq(rlimits_try(&l), can ? 0 : -1);
	expect(RLIMIT_NOFILE, 50, 100);
	expect(RLIMIT_CORE, 50, 100);
	ck_assert_int_eq(rlimits_apply(&l), can ? 0 : -1);
	if (can) {
		expect(RLIMIT_NOFILE, 101, 101);
		expect(RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY);
	} else if (geteuid() == 0) {
		ck_assert_str_eq(error_text(), "rlimit nofile: cannot raise "
		    "the hard limit of 100 to 101: Operation not permitted");
	}
}
END_TEST

static unsigned long
first_number(const char *path)
{
	unsigned long n = 0;
	FILE *f = fopen(path, "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &n), 1);
	fclose(f);
	return n;
}

/* More than the kernel has for anyone is said so, and is not "unlimited". */
START_TEST(test_rlimits_nofile_most)
{
	unsigned long most = first_number("/proc/sys/fs/nr_open");
	struct rlimit hard = limit_of(RLIMIT_NOFILE);
	char text[32], expected[128];
	struct rlimits l = { text, "", "" };

	snprintf(text, sizeof(text), "%lu", most + 1);
	errno = 0;
	ck_assert_int_eq(rlimits_try(&l), -1);
	ck_assert_int_eq(errno, EPERM);
	snprintf(expected, sizeof(expected), "rlimit nofile: %lu is above "
	    "fs.nr_open, which is %lu", most + 1, most);
	ck_assert_str_eq(error_text(), expected);
	l.nofile = "unlimited";
	if (rlimits_apply(&l) == 0)
		expect(RLIMIT_NOFILE, most, most);
	else
		expect(RLIMIT_NOFILE, hard.rlim_cur, hard.rlim_max);
}
END_TEST

START_TEST(test_rlimits_address_space)
{
	unsigned long pages = first_number("/proc/self/statm");
	unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	unsigned long room = pages * page + (256UL << 20);
	char text[32];
	struct rlimits l = { "", "", text };
	void *p;

	snprintf(text, sizeof(text), "%lu", pages * page / 2);
	errno = 0;
	ck_assert_int_eq(rlimits_apply(&l), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_eq(strstr(error_text(), "rlimit as: "), error_text());
	ck_assert_ptr_nonnull(strstr(error_text(), "is less than the "));
	snprintf(text, sizeof(text), "%lu", room);
	ck_assert_msg(rlimits_apply(&l) == 0, "%s", error_text());
	expect(RLIMIT_AS, room, room);
	p = mmap(NULL, 512UL << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	ck_assert_ptr_eq(p, MAP_FAILED);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

static const struct {
	struct rlimits limits;
	int error;
	const char *text;
} wrong[] = {
	{ { "many", "", "" }, EINVAL, "rlimit nofile: \"many\"" },
	{ { "3", "", "" }, ERANGE, "rlimit nofile: 3 is not" },
	{ { "", "big", "" }, EINVAL, "rlimit core: \"big\"" },
	{ { "", "", "1X" }, EINVAL, "rlimit as: \"1X\"" },
};

START_TEST(test_rlimits_wrong)
{
	errno = 0;
	ck_assert_int_eq(rlimits_apply(&wrong[_i].limits), -1);
	ck_assert_int_eq(errno, wrong[_i].error);
	ck_assert_ptr_eq(strstr(error_text(), wrong[_i].text), error_text());
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("rlimits", &tc);

	tcase_add_loop_test(tc, test_rlimits_check, 0, UNIT_COUNT(settings));
	tcase_add_test(tc, test_rlimits_wants_core);
	tcase_add_test(tc, test_rlimits_nothing);
	tcase_add_test(tc, test_rlimits_lower);
	tcase_add_test(tc, test_rlimits_up_to_hard);
	tcase_add_loop_test(tc, test_rlimits_above_hard, 0, UNIT_COUNT(above));
	tcase_add_test(tc, test_rlimits_raise);
	tcase_add_test(tc, test_rlimits_nofile_most);
	tcase_add_test(tc, test_rlimits_address_space);
	tcase_add_loop_test(tc, test_rlimits_wrong, 0, UNIT_COUNT(wrong));
	return unit_run(s);
}
