/* SPDX-License-Identifier: ISC */
/*
 * base/error: the text of the last failure.
 */
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "unit.h"

START_TEST(test_error_starts_empty)
{
	ck_assert_str_eq(error_text(), "");
}
END_TEST

START_TEST(test_error_set)
{
	errno = 0;
	ck_assert_int_eq(error_set(EINVAL, "%s is %d", "x", 7), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), "x is 7");
	ck_assert_int_eq(error_set(0, "second"), -1);
	ck_assert_int_eq(errno, 0);
	ck_assert_str_eq(error_text(), "second");
}
END_TEST

START_TEST(test_error_errno)
{
	errno = ENOENT;
	ck_assert_int_eq(error_errno("open %s", "/x"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(error_text(), "open /x: No such file or directory");
}
END_TEST

START_TEST(test_error_prefix)
{
	error_set(EIO, "went wrong");
	errno = EAGAIN;
	ck_assert_int_eq(error_prefix("service \"%s\"", "echo"), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_str_eq(error_text(), "service \"echo\": went wrong");
	error_prefix("a");
	ck_assert_str_eq(error_text(), "a: service \"echo\": went wrong");
}
END_TEST

/* A caller may quote the last text in the next one. */
START_TEST(test_error_quotes_itself)
{
	error_set(EIO, "inner");
	error_set(EIO, "outer (%s)", error_text());
	ck_assert_str_eq(error_text(), "outer (inner)");
	errno = EIO;
	error_errno("%s", error_text());
	ck_assert_str_eq(error_text(), "outer (inner): Input/output error");
	error_prefix("<%s>", "p");
	ck_assert_str_eq(error_text(),
	    "<p>: outer (inner): Input/output error");
}
END_TEST

START_TEST(test_error_cuts_long_texts)
{
	char text[2 * ERROR_MAX];
	size_t length;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(EIO, "%s", text);
	ck_assert_uint_eq(strlen(error_text()), ERROR_MAX - 1);
	ck_assert_int_eq(strncmp(error_text(), text, ERROR_MAX - 1), 0);

	/* What errno says is the end of the text, and is never cut off. */
	errno = ENOENT;
	error_errno("%s", text);
	length = strlen(error_text());
	ck_assert_uint_lt(length, ERROR_MAX);
	ck_assert_str_eq(strchr(error_text(), ':'),
	    ": No such file or directory");

	error_set(EIO, "%s", text);
	error_prefix("%s", text);
	ck_assert_uint_lt(strlen(error_text()), ERROR_MAX);
	ck_assert_ptr_nonnull(strstr(error_text(), "a: a"));
}
END_TEST

static void *
other_thread(void *arg)
{
	char *seen = arg;

	seen[0] = error_text()[0];
	error_set(ENOMEM, "of the other");
	return NULL;
}

START_TEST(test_error_is_per_thread)
{
	pthread_t thread;
	char seen = 'x';

	error_set(EIO, "of the first");
	ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, &seen), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(seen, '\0');
	ck_assert_int_eq(errno, EIO);
	ck_assert_str_eq(error_text(), "of the first");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("error", &tc);

	tcase_add_test(tc, test_error_starts_empty);
	tcase_add_test(tc, test_error_set);
	tcase_add_test(tc, test_error_errno);
	tcase_add_test(tc, test_error_prefix);
	tcase_add_test(tc, test_error_quotes_itself);
	tcase_add_test(tc, test_error_cuts_long_texts);
	tcase_add_test(tc, test_error_is_per_thread);
	return unit_run(s);
}
