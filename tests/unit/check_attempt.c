/* SPDX-License-Identifier: ISC */
/*
 * server/attempt: what becomes of calls that fail, crash, end the process or
 * never come back.
 */
#include "server/attempt.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define PATIENT_MS	60000

static int
fine(void *arg)
{
	return 0;
}

static int
fails(void *arg)
{
	return error_set(ENOSPC, "no room in %s", (const char *)arg);
}

/* It has forgotten to say why. */
static int
fails_silently(void *arg)
{
	errno = 0;
	return -1;
}

static int
crashes(void *arg)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL);
	abort();
}

static int
leaves(void *arg)
{
	_exit(3);
}

static int
hangs(void *arg)
{
	while (getppid() != 0)
		pause();
	return 0;
}

static const struct {
	struct attempt_step steps[4];
	int ms;
	int error;		/* 0: it works */
	const char *text;
} cases[] = {
	{ { { NULL, NULL } }, PATIENT_MS, 0, NULL },
	{ { { "one", fine } }, PATIENT_MS, 0, NULL },
	{ { { "one", fine }, { "two", fine } }, PATIENT_MS, 0, NULL },
	{ { { "one", fails } }, PATIENT_MS, ENOSPC, "no room in here" },
	{ { { "one", fine }, { "two", fails }, { "three", crashes } },
	    PATIENT_MS, ENOSPC, "no room in here" },
	{ { { "one", fails_silently } }, PATIENT_MS, EINVAL, NULL },
	{ { { "one", crashes }, { "two", fails } }, PATIENT_MS, ENOEXEC,
	    "unit: one ends the process by signal 6 (Aborted)" },
	{ { { "one", fine }, { "two", fine }, { "three", crashes } },
	    PATIENT_MS, ENOEXEC,
	    "unit: three ends the process by signal 6 (Aborted)" },
	{ { { "one", fine }, { "two", leaves } }, PATIENT_MS, ENOEXEC,
	    "unit: two ends the process with exit code 3" },
	{ { { "one", fine }, { "two", hangs } }, 1000, ENOEXEC,
	    "unit: two takes longer than 1 s" },
};

START_TEST(test_attempt)
{
	const struct attempt a = { "unit", cases[_i].ms, cases[_i].steps };
	char here[] = "here";
	int before = helper_descriptors();

	errno = 0;
	ck_assert_int_eq(attempt_call(&a, here), cases[_i].error == 0 ? 0 :
	    -1);
	if (cases[_i].error != 0)
		ck_assert_int_eq(errno, cases[_i].error);
	if (cases[_i].text != NULL)
		ck_assert_str_eq(error_text(), cases[_i].text);
	ck_assert_int_eq(helper_descriptors(), before);
	/* Nobody is left. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* What it does to its memory is done to nobody else's. */
static int
scribbles(void *arg)
{
	memset(arg, 'x', 4);
	return 0;
}

START_TEST(test_attempt_apart)
{
	const struct attempt_step steps[] = {
		{ "one", scribbles }, { NULL, NULL }
	};
	const struct attempt a = { "unit", PATIENT_MS, steps };
	char text[] = "text";

	ck_assert_int_eq(attempt_call(&a, text), 0);
	ck_assert_str_eq(text, "text");
}
END_TEST

START_TEST(test_attempt_no_descriptors)
{
	const struct attempt_step steps[] = { { "one", fine }, { NULL, NULL } };
	const struct attempt a = { "unit", PATIENT_MS, steps };
	struct rlimit limit, none = { 0, 0 };

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(attempt_call(&a, NULL), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_ptr_nonnull(strstr(error_text(), "unit: "));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(attempt_call(&a, NULL), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("attempt", &tc);

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_attempt, 0, UNIT_COUNT(cases));
	tcase_add_test(tc, test_attempt_apart);
	tcase_add_test(tc, test_attempt_no_descriptors);
	return unit_run(s);
}
