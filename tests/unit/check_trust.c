/* SPDX-License-Identifier: ISC */
/*
 * base/trust: who may write to a file, to its folder, and above.  In a folder
 * of its own below a sticky one, as is usual for tests.
 */
#include "base/trust.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "prong.h"
#include "unit.h"

#define ANOTHER		4711
#define ANOTHER_GROUP	4712

static uid_t owner;

static void
make(const char *name, mode_t mode)
{
	int fd = open(helper_path(name), O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(close(fd), 0);
}

static void
start(void)
{
	owner = geteuid();
	helper_make_folder();
	ck_assert_int_eq(chmod(helper_folder, 0755), 0);
	ck_assert_int_eq(mkdir(helper_path("above"), 0755), 0);
	ck_assert_int_eq(mkdir(helper_path("above/in"), 0755), 0);
	make("above/in/file", 0644);
}

static void
trusts(const char *path)
{
	ck_assert_msg(trust_check(path, owner) == 0, "%s", error_text());
}

/* The text has these words, and names the file or folder that is at fault. */
static void
refuses(const char *path, const char *culprit, const char *why,
    const char *command)
{
	char real[PATH_MAX], text[PATH_MAX + 16];

	errno = 0;
	ck_assert_int_eq(trust_check(path, owner), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_nonnull(realpath(culprit, real));
	ck_assert_msg(strncmp(error_text(), real, strlen(real)) == 0,
	    "\"%s\" is not about %s", error_text(), real);
	ck_assert_msg(strstr(error_text(), why) != NULL, "\"%s\" has no \"%s\"",
	    error_text(), why);
	snprintf(text, sizeof(text), "): %s %s", command, real);
	ck_assert_msg(strstr(error_text(), text) != NULL,
	    "\"%s\" has no \"%s\"", error_text(), text);
}

/* What everybody may write to. */
static const struct {
	const char *name;
	mode_t mode;
	bool trusted;
} modes[] = {
	{ "above/in/file", 0600, true },
	{ "above/in/file", 0444, true },
	{ "above/in/file", 0646, false },
	{ "above/in/file", 0642, false },
	{ "above/in/file", 04755, true },
	{ "above/in", 0700, true },
	{ "above/in", 0757, false },
	/* Others could make the file first, or a further one. */
	{ "above/in", 01777, false },
	{ "above", 0757, false },
	{ "above", 01777, true },
	{ "above", 0775, true },
};

START_TEST(test_trust_modes)
{
	const char *path = helper_path("above/in/file");

	ck_assert_int_eq(chmod(helper_path(modes[_i].name), modes[_i].mode), 0);
	if (modes[_i].trusted)
		trusts(path);
	else
		refuses(path, helper_path(modes[_i].name),
		    "can be written to by others (mode ", "chmod go-w");
}
END_TEST

/* What the text is as a whole. */
START_TEST(test_trust_text)
{
	const char *path = helper_path("above/in/file");
	char text[3 * PATH_MAX], folder[PATH_MAX];

	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(trust_check(path, owner), -1);
	snprintf(text, sizeof(text), "%s can be written to by others (mode "
	    "0666, user %u, group %u): chmod go-w %s", path, getuid(), getgid(),
	    path);
	ck_assert_str_eq(error_text(), text);
	ck_assert_int_eq(chmod(path, 0600), 0);
	strlcpy(folder, helper_path("above/in"), sizeof(folder));
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(trust_check(path, owner), -1);
	snprintf(text, sizeof(text), "%s, the folder that it is in, can be "
	    "written to by others (mode 0777, user %u, group %u): chmod go-w "
	    "%s", folder, getuid(), getgid(), folder);
	ck_assert_str_eq(error_text(), text);
}
END_TEST

/* A link is where others may put another one. */
START_TEST(test_trust_links)
{
	ck_assert_int_eq(mkdir(helper_path("open"), 0755), 0);
	ck_assert_int_eq(symlink("../above/in/file", helper_path("open/link")),
	    0);
	ck_assert_int_eq(symlink("../above/in", helper_path("open/folder")), 0);
	trusts(helper_path("open/link"));
	trusts(helper_path("open/folder/file"));
	ck_assert_int_eq(chmod(helper_path("open"), 0777), 0);
	refuses(helper_path("open/link"), helper_path("open"), "the folder",
	    "chmod go-w");
	refuses(helper_path("open/folder/file"), helper_path("open"),
	    "a folder above", "chmod go-w");
	ck_assert_int_eq(chdir(helper_path("open")), 0);
	refuses("link", ".", "the folder", "chmod go-w");
	ck_assert_int_eq(chmod(helper_path("open"), 0755), 0);
	trusts("link");
	trusts("./folder/../in/file");
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(test_trust_missing)
{
	char text[PATH_MAX + 64];

	errno = 0;
	ck_assert_int_eq(trust_check(helper_path("none"), owner), -1);
	ck_assert_int_eq(errno, ENOENT);
	snprintf(text, sizeof(text), "%s: No such file or directory",
	    helper_path("none"));
	ck_assert_str_eq(error_text(), text);
	trusts("/");
	/* What is called from outside asks for this process. */
	ck_assert_int_eq(prong_file_check(helper_path("above/in/file")), 0);
	ck_assert_int_eq(chmod(helper_path("above/in/file"), 0666), 0);
	ck_assert_int_eq(prong_file_check(helper_path("above/in/file")), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

/* --- as root: other owners and groups ------------------------------------- */

static const struct {
	const char *name;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	uid_t owner;		/* who starts the server */
	const char *why;	/* NULL: trusted */
} owners[] = {
	{ "above/in/file", ANOTHER, 0, 0644, 0, "does not belong to root" },
	{ "above/in/file", ANOTHER, 0, 0644, ANOTHER, NULL },
	{ "above/in/file", ANOTHER, 0, 0644, 1, "belongs neither to root" },
	{ "above/in/file", 0, 0, 0664, 0, NULL },
	{ "above/in/file", 0, ANOTHER_GROUP, 0644, 0, NULL },
	{ "above/in/file", 0, ANOTHER_GROUP, 0664, 0, "by others" },
	/* Its own group; the test's is root's. */
	{ "above/in/file", 0, ANOTHER_GROUP, 0664, ANOTHER, "by others" },
	{ "above/in", ANOTHER, 0, 0755, 0, "does not belong to root" },
	{ "above/in", 0, ANOTHER_GROUP, 0775, 0, "by others" },
	{ "above", ANOTHER, 0, 0755, 0, "does not belong to root" },
	{ "above", ANOTHER, 0, 0755, ANOTHER, NULL },
	{ "above", 0, ANOTHER_GROUP, 0775, 0, NULL },
};

START_TEST(test_trust_owners)
{
	const char *path = helper_path("above/in/file");
	const char *name = helper_path(owners[_i].name);

	owner = owners[_i].owner;
	ck_assert_int_eq(chown(name, owners[_i].uid, owners[_i].gid), 0);
	ck_assert_int_eq(chmod(name, owners[_i].mode), 0);
	if (owners[_i].why == NULL)
		trusts(path);
	else
		refuses(path, name, owners[_i].why,
		    strstr(owners[_i].why, "others") != NULL ? "chmod go-w" :
		    "chown root");
}
END_TEST

/* The group of an ordinary user, which is often theirs alone. */
START_TEST(test_trust_own_group)
{
	const char *path = helper_path("above/in/file");
	pid_t pid;

	ck_assert_int_eq(chown(path, ANOTHER, ANOTHER_GROUP), 0);
	ck_assert_int_eq(chmod(path, 0664), 0);
	if ((pid = fork()) == 0) {
		if (setgroups(0, NULL) == -1 || setgid(ANOTHER_GROUP) == -1 ||
		    setuid(ANOTHER) == -1)
			_exit(2);
		_exit(trust_check(path, ANOTHER) == 0 ? 0 : 1);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("trust", &tc);

	/* Each test changes what the others look at. */
	tcase_add_checked_fixture(tc, start, helper_remove_folder);
	tcase_add_loop_test(tc, test_trust_modes, 0, UNIT_COUNT(modes));
	tcase_add_test(tc, test_trust_text);
	tcase_add_test(tc, test_trust_links);
	tcase_add_test(tc, test_trust_missing);
	if (geteuid() == 0) {
		tcase_add_loop_test(tc, test_trust_owners, 0,
		    UNIT_COUNT(owners));
		tcase_add_test(tc, test_trust_own_group);
	} else
		puts("# skipped: files of others (not root)");
	return unit_run(s);
}
