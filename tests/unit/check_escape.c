/* SPDX-License-Identifier: ISC */
/*
 * base/escape: any bytes become text and come back the same.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "unit.h"

static const struct {
	const char *bytes;
	size_t length;
	const char *text;
} cases[] = {
	{ "", 0, "" },
	{ "plain text ~", 12, "plain text ~" },
	{ "a\0b\n\t\x7f", 6, "a\\x00b\\x0a\\x09\\x7f" },
	{ "\\x41\\", 5, "\\\\x41\\\\" },
	{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	/* Cut, too long a form, a control character, a surrogate, too large. */
	{ "\xe2\x82", 2, "\\xe2\\x82" },
	{ "\xc0\xaf", 2, "\\xc0\\xaf" },
	{ "\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf" },
	{ "\xc2\x85", 2, "\\xc2\\x85" },
	{ "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" },
	{ "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" },
	/* A separator of lines, and what turns their direction. */
	{ "\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8" },
	{ "\xe2\x80\xae", 3, "\\xe2\\x80\\xae" },
	{ "\xe2\x81\xa6", 3, "\\xe2\\x81\\xa6" },
	{ "\xd8\x9c", 2, "\\xd8\\x9c" },
	{ "\x80\xff\xfe", 3, "\\x80\\xff\\xfe" },
};

START_TEST(test_escape)
{
	char *text = escape_bytes(cases[_i].bytes, cases[_i].length), *data;
	size_t length;

	ck_assert_str_eq(text, cases[_i].text);
	ck_assert_int_eq(escape_parse(text, &data, &length), 0);
	ck_assert_uint_eq(length, cases[_i].length);
	ck_assert_mem_eq(data, cases[_i].bytes, length);
	free(data);
	free(text);
}
END_TEST

START_TEST(test_escape_all)
{
	unsigned char bytes[3 * 256];
	char *text, *data;
	size_t i, length;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	ck_assert_ptr_nonnull(text = escape_bytes(bytes, sizeof(bytes)));
	ck_assert_int_eq(escape_parse(text, &data, &length), 0);
	ck_assert_uint_eq(length, sizeof(bytes));
	ck_assert_mem_eq(data, bytes, length);
	free(data);
	free(text);
}
END_TEST

START_TEST(test_escape_upper_case)
{
	size_t length;
	char *data;

	ck_assert_int_eq(escape_parse("\\xAF\\xaF", &data, &length), 0);
	ck_assert_uint_eq(length, 2);
	ck_assert_mem_eq(data, "\xaf\xaf", 2);
	free(data);
}
END_TEST

static const char *const bad[] =
    { "\\", "a\\", "\\n", "\\x", "\\x1", "\\xg1", "\\x1g", "\\\\\\" };

START_TEST(test_escape_bad)
{
	size_t length;
	char *data;

	errno = 0;
	ck_assert_int_eq(escape_parse(bad[_i], &data, &length), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_nonnull(strstr(error_text(), "behind a backslash"));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("escape", &tc);

	tcase_add_loop_test(tc, test_escape, 0, UNIT_COUNT(cases));
	tcase_add_test(tc, test_escape_all);
	tcase_add_test(tc, test_escape_upper_case);
	tcase_add_loop_test(tc, test_escape_bad, 0, UNIT_COUNT(bad));
	return unit_run(s);
}
