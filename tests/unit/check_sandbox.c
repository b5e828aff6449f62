/* SPDX-License-Identifier: ISC */
/*
 * base/sandbox: what is found out, what is entered of it, how it is called.
 */
#include "base/sandbox.h"

#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>

#include "base/callfilter.h"
#include "base/error.h"
#include "base/landlock.h"
#include "helper.h"
#include "unit.h"

static const struct {
	uint32_t word;
	const char *text;
} words[] = {
	{ 0, "off" }, { 1, "landlock-1" }, { 6, "landlock-6" },
	{ 0x100, "seccomp" }, { 0x106, "landlock-6+seccomp" },
	{ 0x1ff, "landlock-255+seccomp" }, { 0xfffffe00, "off" },
};

START_TEST(test_sandbox_format)
{
	char buf[SANDBOX_MAX];

	ck_assert_str_eq(sandbox_format(words[_i].word, buf), words[_i].text);
}
END_TEST

/* What this machine should have, and no descriptor is left of finding out. */
START_TEST(test_sandbox_open)
{
	struct sandbox s = { 0 };
	int before = helper_descriptors(), r;
#ifdef HAVE_LIBSECCOMP
	bool complete = landlock_version() > 0;
#else
	bool complete = false;
#endif

	r = sandbox_open(&s, SANDBOX_AUTO);
	ck_assert_int_eq(r, complete ? 0 : 1);
	ck_assert_int_eq(s.landlock, landlock_version());
#ifdef HAVE_LIBSECCOMP
	ck_assert_uint_gt(s.calls[0].length, 0);
	ck_assert_uint_gt(s.calls[1].length, 0);
#endif
	sandbox_close(&s);
	sandbox_close(&s);
	r = sandbox_open(&s, SANDBOX_REQUIRED);
	ck_assert_int_eq(r, complete ? 0 : -1);
	if (!complete)
		ck_assert_int_eq(errno, ENOTSUP);
	sandbox_close(&s);
	ck_assert_int_eq(sandbox_open(&s, SANDBOX_OFF), 0);
	ck_assert_int_eq(s.landlock, 0);
	ck_assert_ptr_null(s.calls[0].code);
	ck_assert_int_eq(helper_descriptors(), before);
	/* Nobody has been left, and this process is as it was. */
	ck_assert_int_eq(waitpid(-1, NULL, 0), -1);
	ck_assert_int_eq(prctl(PR_GET_SECCOMP), 0);
}
END_TEST

static bool
can_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	return fd != -1 && close(fd) == 0;
}

/* Whether everything that the usual list is for can be read. */
static int
use_usual(void)
{
	static const char *const reads[] =
	    { "/etc/passwd", "/proc/self/maps", "/dev/urandom" };
	struct addrinfo *list;
	size_t i;

	for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		if (!can_open(reads[i], O_RDONLY))
			return 1;
	if (!can_open("/dev/null", O_WRONLY))
		return 2;
	return getaddrinfo("localhost", "1", NULL, &list) == 0 ? 0 : 3;
}

static int
enter(bool forks, bool whole)
{
	struct sandbox_files files = { { NULL, 0 }, { NULL, 0 } };
	struct sandbox s = { 0 };
	uint32_t word;

	if (sandbox_open(&s, SANDBOX_AUTO) == -1)
		return 10;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (sandbox_add_usual(&files, whole) == -1 ||
	    sandbox_enter(&s, &files, forks, &word) == -1)
		return 11;
	sandbox_free_files(&files);
	if (word != ((uint32_t)s.landlock |
	    (s.calls[0].length > 0 ? 0x100U : 0)))
		return 12;
	sandbox_close(&s);
	return 0;
}

START_TEST(test_sandbox_enter)
{
	bool forks = (_i & 1) != 0, whole = (_i & 2) != 0;
	int r;
	pid_t pid = fork();

	if (pid == 0) {
		if ((r = enter(forks, whole)) != 0 || (r = use_usual()) != 0)
			_exit(r);
#ifndef PRONG_SANITIZED
		if (landlock_version() > 0 &&
		    can_open(helper_folder, O_RDONLY) != whole)
			_exit(20);
#endif
		if (landlock_version() > 0 &&
		    can_open(helper_path("new"), O_WRONLY | O_CREAT))
			_exit(21);
#ifdef HAVE_LIBSECCOMP
		if (syscall(SYS_unshare, 0) != -1)
			_exit(22);
#endif
		_exit(0);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

/* As a kernel does that knows neither, or as a container's filter. */
static const int hidden_errors[] = { ENOSYS, EPERM };

static int
hide(int error)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		    SYS_landlock_create_ruleset, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
		    SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return callfilter_enter(code, sizeof(code) / sizeof(code[0]));
}

static int
open_hidden(int error)
{
	struct sandbox s = { 0 };
	uint32_t word = 1;

	if (hide(error) == -1)
		return 1;
	if (sandbox_open(&s, SANDBOX_AUTO) != 1 || s.landlock != 0 ||
	    s.calls[0].code != NULL || error_text()[0] == '\0')
		return 2;
	if (sandbox_enter(&s, &(struct sandbox_files){ { NULL, 0 },
	    { NULL, 0 } }, false, &word) == -1 || word != 0)
		return 3;
	if (sandbox_open(&s, SANDBOX_REQUIRED) != -1 || strncmp(error_text(),
	    "Landlock: there is none", 23) != 0)
		return 4;
	return 0;
}

START_TEST(test_sandbox_hidden)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(open_hidden(hidden_errors[_i]));
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("sandbox", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_loop_test(tc, test_sandbox_format, 0, UNIT_COUNT(words));
	tcase_add_test(tc, test_sandbox_open);
	tcase_add_loop_test(tc, test_sandbox_enter, 0, 4);
	tcase_add_loop_test(tc, test_sandbox_hidden, 0,
	    UNIT_COUNT(hidden_errors));
	return unit_run(s);
}
