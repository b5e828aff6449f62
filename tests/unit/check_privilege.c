/* SPDX-License-Identifier: ISC */
/*
 * base/privilege: whom names mean, what is left after a drop, and the way
 * there and back.  What is given up for good is given up in a child, which
 * leaves what it saw in memory that both share.
 */
#include "base/privilege.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define ANOTHER		65534		/* an ordinary user */
#define ANOTHER_GROUP	4710		/* which is not its primary one */
#define UNKNOWN		"3999999999"	/* an id that nobody has */

struct seen {
	int result, error;		/* of the call, and errno */
	char text[ERROR_MAX];
	struct privilege p;
	uid_t uid;			/* effective, of the child at its end */
	char status[8192];		/* /proc/self/status at the end */
	bool marked;			/* it has /marker */
	char folder[PATH_MAX];		/* where it is */
};
static struct seen *seen;

static void
start(void)
{
	helper_make_folder();
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
}

static void
finish(void)
{
	munmap(seen, sizeof(*seen));
	helper_remove_folder();
}

/* Runs body in a child: a chroot has no /proc, so that is opened before. */
static void
in_child(int (*body)(int), int i)
{
	pid_t pid;
	int fd;

	memset(seen, 0, sizeof(*seen));
	if ((pid = fork()) == 0) {
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		errno = 0;
		error_clear();
		seen->result = body(i);
		seen->error = errno;
		strlcpy(seen->text, error_text(), sizeof(seen->text));
		seen->uid = geteuid();
		seen->marked = access("/marker", F_OK) == 0;
		if (getcwd(seen->folder, sizeof(seen->folder)) == NULL)
			_exit(1);
		_exit(pread(fd, seen->status, sizeof(seen->status) - 1,
		    0) > 0 ? 0 : 2);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}

/* A field of the status, its numbers with a blank between. */
static const char *
field(const char *name)
{
	static char value[1024];
	char key[32];
	const char *p;
	size_t i;

	snprintf(key, sizeof(key), "\n%s:\t", name);
	ck_assert_ptr_nonnull(p = strstr(seen->status, key));
	strlcpy(value, p + strlen(key), sizeof(value));
	value[strcspn(value, "\n")] = '\0';
	for (i = 0; value[i] != '\0'; i++)
		if (value[i] == '\t')
			value[i] = ' ';
	while (i > 0 && value[i - 1] == ' ')
		value[--i] = '\0';
	return value;
}

static void
expect_no_capabilities(void)
{
	static const char none[] = "0000000000000000";

	ck_assert_str_eq(field("CapInh"), none);
	ck_assert_str_eq(field("CapPrm"), none);
	ck_assert_str_eq(field("CapEff"), none);
	ck_assert_str_eq(field("CapAmb"), none);
	ck_assert_str_eq(field("NoNewPrivs"), "1");
}

static void
expect_failure(int error, const char *text)
{
	ck_assert_int_eq(seen->result, -1);
	ck_assert_int_eq(seen->error, error);
	ck_assert_str_eq(seen->text, text);
}

/* For good, and only in a child. */
static void
become_ordinary(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
	    setresgid(ANOTHER_GROUP, ANOTHER_GROUP, ANOTHER_GROUP) == -1 ||
	    setresuid(ANOTHER, ANOTHER, ANOTHER) == -1))
		_exit(3);
}

/* --- capabilities, as a test needs them ---------------------------------- */

static struct __user_cap_header_struct cap_header = {
	.version = _LINUX_CAPABILITY_VERSION_3,
};

static void
lose_capability(int cap)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &cap_header, data) == -1)
		_exit(4);
	data[CAP_TO_INDEX(cap)].effective &= ~CAP_TO_MASK(cap);
	data[CAP_TO_INDEX(cap)].permitted &= ~CAP_TO_MASK(cap);
	if (syscall(SYS_capset, &cap_header, data) == -1)
		_exit(5);
}

/* What a supervisor gives to a server that it starts as an ordinary user. */
static void
raise_ambient(int cap)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &cap_header, data) == -1)
		_exit(6);
	data[CAP_TO_INDEX(cap)].inheritable |= CAP_TO_MASK(cap);
	if (syscall(SYS_capset, &cap_header, data) == -1 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -1)
		_exit(7);
}

/* --- finding ------------------------------------------------------------- */

static const struct {
	const char *user, *group;
	int error;
	const char *text;
} wrong[] = {
	{ "no such", "", EINVAL, "there is no user \"no such\"" },
	{ "no such", "no such", EINVAL, "there is no user \"no such\"" },
	{ "", "no such", EINVAL, "there is no group \"no such\"" },
	{ "root", "no such", EINVAL, "there is no group \"no such\"" },
	{ "-1", "", EINVAL, "there is no user \"-1\"" },
	{ "0x0", "", EINVAL, "there is no user \"0x0\"" },
	/* The last id means "no change" to the kernel. */
	{ "4294967295", "0", EINVAL, "there is no user \"4294967295\"" },
	{ "4294967296", "0", EINVAL, "there is no user \"4294967296\"" },
	{ "", "4294967295", EINVAL, "there is no group \"4294967295\"" },
};

static int
find_wrong(int i)
{
	return privilege_find(&seen->p, wrong[i].user, wrong[i].group);
}

static int
find_wrong_ordinary(int i)
{
	become_ordinary();
	return find_wrong(i);
}

START_TEST(test_privilege_find_wrong)
{
	in_child(find_wrong, _i);
	expect_failure(wrong[_i].error, wrong[_i].text);
	in_child(find_wrong_ordinary, _i);
	expect_failure(wrong[_i].error, wrong[_i].text);
}
END_TEST

START_TEST(test_privilege_find_root)
{
	struct privilege p;
	const struct passwd *pw;

	if ((pw = getpwnam("prong")) == NULL)
		pw = getpwnam("nobody");
	ck_assert_msg(privilege_find(&p, "", "") == 0, "%s", error_text());
	ck_assert_uint_eq(p.uid, pw != NULL ? pw->pw_uid : 65534);
	ck_assert_uint_eq(p.gid, pw != NULL ? pw->pw_gid : 65534);
	ck_assert_str_eq(p.user, pw != NULL ? pw->pw_name : "65534");
	ck_assert(p.drops);
	ck_assert_int_eq(privilege_find(&p, "", "0"), 0);
	ck_assert_uint_ne(p.uid, 0);
	ck_assert_uint_eq(p.gid, 0);
	ck_assert_int_eq(privilege_find(&p, "root", ""), 0);
	ck_assert_uint_eq(p.uid, 0);
	ck_assert_str_eq(p.user, "root");
	ck_assert(!p.drops);
	/* By its number it is the same user. */
	ck_assert_int_eq(privilege_find(&p, "0", "4712"), 0);
	ck_assert_uint_eq(p.uid, 0);
	ck_assert_uint_eq(p.gid, 4712);
	ck_assert_str_eq(p.user, "root");
	ck_assert(p.drops);
}
END_TEST

START_TEST(test_privilege_find_unknown_id)
{
	struct privilege p;

	ck_assert_int_eq(privilege_find(&p, UNKNOWN, ""), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), "user " UNKNOWN " is not in the user "
	    "database, so it needs a group");
	ck_assert_int_eq(privilege_find(&p, UNKNOWN, "4712"), 0);
	ck_assert_uint_eq(p.uid, 3999999999);
	ck_assert_uint_eq(p.gid, 4712);
	ck_assert_str_eq(p.user, UNKNOWN);
	ck_assert_int_eq(p.group_count, 0);
	ck_assert(p.drops);
}
END_TEST

static bool
has_group(const struct privilege *p, gid_t gid)
{
	int i;

	for (i = 0; i < p->group_count; i++)
		if (p->groups[i] == gid)
			return true;
	return false;
}

/* Everyone whom a group names is in it, whatever the primary group is. */
START_TEST(test_privilege_find_groups)
{
	const struct group *gr;
	struct privilege p;
	char user[64];
	gid_t gid;

	setgrent();
	do
		/* cppcheck-suppress getgrentCalled ; there is one thread */
		gr = getgrent();
	while (gr != NULL && (gr->gr_mem[0] == NULL ||
	    getpwnam(gr->gr_mem[0]) == NULL));
	if (gr == NULL) {
		/* No group of this system names a user: only the primary. */
		ck_assert_int_eq(privilege_find(&p, "root", ""), 0);
		ck_assert(has_group(&p, p.gid));
		return;
	}
	strlcpy(user, gr->gr_mem[0], sizeof(user));
	gid = gr->gr_gid;
	endgrent();
	ck_assert_int_eq(privilege_find(&p, user, ""), 0);
	ck_assert(has_group(&p, gid));
	ck_assert(has_group(&p, p.gid));
	ck_assert_int_eq(privilege_find(&p, user, "4712"), 0);
	ck_assert(has_group(&p, gid));
	ck_assert(has_group(&p, 4712));
	ck_assert(!has_group(&p, 4713));
}
END_TEST

static int
find_ordinary(int i)
{
	static const char *const others[][2] = {
		{ "root", "" }, { "0", "" }, { "", "root" },
	};

	become_ordinary();
	return privilege_find(&seen->p, others[i][0], others[i][1]);
}

static int
find_self(int i)
{
	char user[16], group[16];

	become_ordinary();
	snprintf(user, sizeof(user), "%u", geteuid());
	snprintf(group, sizeof(group), "%u", getegid());
	return privilege_find(&seen->p, i == 0 ? "" : user,
	    i == 1 ? "" : group);
}

START_TEST(test_privilege_find_ordinary)
{
	uid_t uid = geteuid() == 0 ? ANOTHER : geteuid();
	gid_t gid = geteuid() == 0 ? ANOTHER_GROUP : getegid();
	int i;

	for (i = 0; i < 3; i++) {
		in_child(find_self, i);
		ck_assert_msg(seen->result == 0, "%s", seen->text);
		ck_assert_uint_eq(seen->p.uid, uid);
		ck_assert_uint_eq(seen->p.gid, gid);
		ck_assert(!seen->p.drops);
	}
	in_child(find_ordinary, 0);
	expect_failure(EPERM, "only root can serve as user \"root\"");
	in_child(find_ordinary, 1);
	expect_failure(EPERM, "only root can serve as user \"root\"");
	in_child(find_ordinary, 2);
	expect_failure(EPERM, "only root can serve as group \"root\"");
}
END_TEST

/* --- for good ------------------------------------------------------------ */

static const struct privilege somebody = {
	.uid = 4711, .gid = 4712, .user = "somebody", .drops = true,
	.groups = { 4713, 4714 }, .group_count = 2,
};

static int
drop(int i)
{
	return privilege_drop(&somebody, "");
}

START_TEST(test_privilege_drop)
{
	in_child(drop, 0);
	ck_assert_msg(seen->result == 0, "%s", seen->text);
	ck_assert_str_eq(field("Uid"), "4711 4711 4711 4711");
	ck_assert_str_eq(field("Gid"), "4712 4712 4712 4712");
	ck_assert_str_eq(field("Groups"), "4713 4714");
	expect_no_capabilities();
	ck_assert_str_eq(field("CapBnd"), "0000000000000000");
}
END_TEST

/* Root stays root, without anything that makes it mighty. */
static int
drop_as_root(int i)
{
	static const struct privilege root = { .user = "root" };

	raise_ambient(CAP_NET_BIND_SERVICE);
	return privilege_drop(&root, "");
}

START_TEST(test_privilege_drop_as_root)
{
	in_child(drop_as_root, 0);
	ck_assert_msg(seen->result == 0, "%s", seen->text);
	ck_assert_str_eq(field("Uid"), "0 0 0 0");
	ck_assert_str_eq(field("Groups"), "");
	expect_no_capabilities();
	ck_assert_str_eq(field("CapBnd"), "0000000000000000");
}
END_TEST

static int
drop_ordinary(int i)
{
	become_ordinary();
	if (privilege_find(&seen->p, "", "") == -1)
		return -2;
	return privilege_drop(&seen->p, i == 0 ? "" : helper_folder);
}

START_TEST(test_privilege_drop_ordinary)
{
	char expected[128];

	in_child(drop_ordinary, 0);
	ck_assert_msg(seen->result == 0, "%s", seen->text);
	ck_assert_uint_eq(seen->uid, seen->p.uid);
	expect_no_capabilities();
	ck_assert_int_eq(chmod(helper_folder, 0711), 0);
	in_child(drop_ordinary, 1);
	snprintf(expected, sizeof(expected), "only root can make \"%s\" the "
	    "root folder", helper_folder);
	expect_failure(EPERM, expected);
}
END_TEST

/* Capabilities that an ordinary user was given go too. */
static int
drop_given(int i)
{
	static const struct privilege given = {
		.uid = ANOTHER, .gid = ANOTHER_GROUP, .user = "given",
	};

	if (prctl(PR_SET_KEEPCAPS, 1) == -1)
		return -2;
	become_ordinary();
	raise_ambient(CAP_NET_BIND_SERVICE);
	return privilege_drop(&given, "");
}

START_TEST(test_privilege_drop_given)
{
	in_child(drop_given, 0);
	ck_assert_msg(seen->result == 0, "%s", seen->text);
	ck_assert_uint_eq(seen->uid, ANOTHER);
	expect_no_capabilities();
}
END_TEST

/* A folder with a mark in it, that everyone can enter. */
static void
make_root(void)
{
	int fd;

	ck_assert_int_eq(chmod(helper_folder, 0711), 0);
	fd = open(helper_path("marker"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	close(fd);
}

static int
drop_in_root(int i)
{
	return privilege_drop(&somebody, helper_folder);
}

START_TEST(test_privilege_drop_root_folder)
{
	make_root();
	in_child(drop_in_root, 0);
	ck_assert_msg(seen->result == 0, "%s", seen->text);
	ck_assert(seen->marked);
	ck_assert_str_eq(seen->folder, "/");
	ck_assert_uint_eq(seen->uid, 4711);
	expect_no_capabilities();
}
END_TEST

/* A root that lacks what a step needs, as in some containers. */
static const struct {
	int capability;
	const char *text;
} steps[] = {
	{ CAP_SYS_CHROOT, "cannot make \"%s\" the root folder: Operation not "
	    "permitted" },
	{ CAP_SETGID, "cannot take the groups of user \"somebody\": "
	    "Operation not permitted" },
	{ CAP_SETUID, "cannot become user \"somebody\", uid 4711 and gid "
	    "4712: Operation not permitted" },
};

/* The text of such a failure: only one of them names the folder. */
static const char *
step_text(int i)
{
	static char text[256];
	const char *place = strstr(steps[i].text, "%s");

	if (place == NULL)
		return steps[i].text;
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - steps[i].text),
	    steps[i].text, helper_folder, place + 2);
	return text;
}

static int
drop_without(int i)
{
	lose_capability(steps[i].capability);
	return privilege_drop(&somebody, helper_folder);
}

START_TEST(test_privilege_drop_fails)
{
	in_child(drop_without, _i);
	expect_failure(EPERM, step_text(_i));
}
END_TEST

/* --- for a while --------------------------------------------------------- */

static int
assume_without(int i)
{
	struct privilege_saved s;

	lose_capability(steps[i].capability);
	return privilege_assume(&somebody, helper_folder, &s);
}

/* What was taken before the step that failed is given back. */
START_TEST(test_privilege_assume_fails)
{
	char folder[PATH_MAX];

	ck_assert_ptr_nonnull(getcwd(folder, sizeof(folder)));
	make_root();
	in_child(assume_without, _i);
	expect_failure(EPERM, step_text(_i));
	ck_assert_str_eq(field("Uid"), "0 0 0 0");
	ck_assert_str_eq(field("Gid"), "0 0 0 0");
	ck_assert(!seen->marked);
	ck_assert_str_eq(seen->folder, folder);
}
END_TEST

static bool
can_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

START_TEST(test_privilege_assume)
{
	static const gid_t ours[] = { 7, 8, 9 };
	struct privilege_saved s;
	gid_t groups[8];
	int signo, before = helper_descriptors();

	make_root();
	ck_assert_int_eq(setgroups(3, ours), 0);
	ck_assert_int_eq(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	ck_assert_msg(privilege_assume(&somebody, "", &s) == 0, "%s",
	    error_text());
	ck_assert_uint_eq(geteuid(), 4711);
	ck_assert_uint_eq(getegid(), 4712);
	ck_assert_int_eq(getgroups(8, groups), 2);
	ck_assert_uint_eq(groups[0], 4713);
	ck_assert_uint_eq(groups[1], 4714);
	ck_assert(!can_open(helper_path("marker")));
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(prctl(PR_GET_PDEATHSIG, &signo), 0);
	ck_assert_int_eq(signo, SIGUSR1);
	privilege_resume(&s);
	ck_assert_uint_eq(geteuid(), 0);
	ck_assert_uint_eq(getegid(), 0);
	ck_assert_int_eq(getgroups(8, groups), 3);
	ck_assert_int_eq(memcmp(groups, ours, sizeof(ours)), 0);
	ck_assert(can_open(helper_path("marker")));
	ck_assert_int_eq(prctl(PR_GET_PDEATHSIG, &signo), 0);
	ck_assert_int_eq(signo, SIGUSR1);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
	ck_assert_int_eq(helper_descriptors(), before);
	/* Twice is once. */
	ck_assert_int_eq(setgroups(0, NULL), 0);
	privilege_resume(&s);
	ck_assert_int_eq(getgroups(8, groups), 0);
}
END_TEST

/* A group that the kernel refuses, after the others were taken. */
START_TEST(test_privilege_assume_no_group)
{
	static const gid_t ours[] = { 7, 8, 9 };
	struct privilege p = somebody;
	struct privilege_saved s;
	gid_t groups[8];

	p.gid = (gid_t)-1;
	ck_assert_int_eq(setgroups(3, ours), 0);
	errno = 0;
	ck_assert_int_eq(privilege_assume(&p, "", &s), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(getgroups(8, groups), 3);
	ck_assert_uint_eq(geteuid(), 0);
	ck_assert_uint_eq(getegid(), 0);
}
END_TEST

START_TEST(test_privilege_assume_root_folder)
{
	struct privilege_saved s;
	char folder[PATH_MAX], now[PATH_MAX];
	int first, second, before = helper_descriptors();

	make_root();
	ck_assert_ptr_nonnull(getcwd(folder, sizeof(folder)));
	ck_assert_msg(privilege_assume(&somebody, helper_folder, &s) == 0,
	    "%s", error_text());
	ck_assert_int_eq(access("/marker", F_OK), 0);
	ck_assert_int_eq(access("/proc", F_OK), -1);
	ck_assert_ptr_nonnull(getcwd(now, sizeof(now)));
	ck_assert_str_eq(now, "/");
	privilege_resume(&s);
	/* Twice is once: these descriptors are not its own any more. */
	ck_assert_int_ne(first = dup(STDIN_FILENO), -1);
	ck_assert_int_ne(second = dup(STDIN_FILENO), -1);
	privilege_resume(&s);
	ck_assert_int_eq(close(first), 0);
	ck_assert_int_eq(close(second), 0);
	ck_assert_int_eq(access("/marker", F_OK), -1);
	ck_assert_int_eq(access("/proc", F_OK), 0);
	ck_assert_ptr_nonnull(getcwd(now, sizeof(now)));
	ck_assert_str_eq(now, folder);
	ck_assert_int_eq(helper_descriptors(), before);
	/* A folder that is not there: nothing has happened. */
	errno = 0;
	ck_assert_int_eq(privilege_assume(&somebody, helper_path("none"), &s),
	    -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(geteuid(), 0);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

static int
assume_ordinary(int i)
{
	struct privilege_saved s;
	int result;

	become_ordinary();
	if (privilege_find(&seen->p, "", "") == -1)
		return -2;
	result = privilege_assume(&seen->p, i == 0 ? "" : "/", &s);
	privilege_resume(&s);
	return result;
}

START_TEST(test_privilege_assume_ordinary)
{
	in_child(assume_ordinary, 0);
	ck_assert_int_eq(seen->result, 0);
	ck_assert_uint_eq(seen->uid, seen->p.uid);
	in_child(assume_ordinary, 1);
	expect_failure(EPERM, "only root can make \"/\" the root folder");
	ck_assert_uint_eq(seen->uid, seen->p.uid);
}
END_TEST

static void
add_tests_of_root(TCase *tc)
{
	tcase_add_test(tc, test_privilege_find_root);
	tcase_add_test(tc, test_privilege_find_unknown_id);
	tcase_add_test(tc, test_privilege_find_groups);
	tcase_add_test(tc, test_privilege_drop);
	tcase_add_test(tc, test_privilege_drop_as_root);
	tcase_add_test(tc, test_privilege_drop_given);
	tcase_add_test(tc, test_privilege_drop_root_folder);
	/*
	 * A capability is lost by a thread alone: ThreadSanitizer's still may
	 * what ours may not, and at that the C library aborts.
	 */
	tcase_add_loop_test(tc, test_privilege_drop_fails, 0,
	    UNIT_TSAN ? 0 : UNIT_COUNT(steps));
	tcase_add_loop_test(tc, test_privilege_assume_fails, 0,
	    UNIT_TSAN ? 0 : UNIT_COUNT(steps));
	tcase_add_test(tc, test_privilege_assume);
	tcase_add_test(tc, test_privilege_assume_no_group);
	tcase_add_test(tc, test_privilege_assume_root_folder);
}

/* Root is not everywhere what its number says: in a container, for one. */
static bool
is_free(void)
{
	static const int needed[] = { CAP_SETPCAP, CAP_SETGID, CAP_SETUID,
	    CAP_SYS_CHROOT, CAP_NET_BIND_SERVICE };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	pid_t pid = fork();
	int i, status;

	if (pid == 0) {
		if (syscall(SYS_capget, &cap_header, data) == -1)
			_exit(1);
		for (i = 0; i < UNIT_COUNT(needed); i++)
			if ((data[CAP_TO_INDEX(needed[i])].effective &
			    CAP_TO_MASK(needed[i])) == 0)
				_exit(1);
		/* The highest id of a test: all of them have a meaning. */
		_exit(setgroups(0, NULL) == 0 && setgid(ANOTHER) == 0 &&
		    setuid(ANOTHER) == 0 ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (geteuid() == 0 && !is_free()) {
		puts("1..0 # SKIP root lacks capabilities or ids here");
		return 0;
	}
	s = unit_suite("privilege", &tc);

	tcase_add_unchecked_fixture(tc, start, finish);
	tcase_add_loop_test(tc, test_privilege_find_wrong, 0,
	    UNIT_COUNT(wrong));
	tcase_add_test(tc, test_privilege_find_ordinary);
	tcase_add_test(tc, test_privilege_drop_ordinary);
	tcase_add_test(tc, test_privilege_assume_ordinary);
	if (geteuid() == 0)
		add_tests_of_root(tc);
	else
		puts("# skipped: what root can drop and assume (not root)");
	return unit_run(s);
}
