/* SPDX-License-Identifier: ISC */
/*
 * base/strings: lists, and texts put together.
 */
#include "base/strings.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

START_TEST(test_strings_list)
{
	struct strings s = { .items = NULL };
	char item[8] = "one";
	size_t i;

	strings_free(&s);
	ck_assert_int_eq(strings_add(&s, item), 0);
	/* A copy. */
	memset(item, 'x', 3);
	ck_assert_int_eq(strings_add(&s, ""), 0);
	for (i = 2; i < 100; i++)
		ck_assert_int_eq(strings_add(&s, "more"), 0);
	ck_assert_uint_eq(s.count, 100);
	ck_assert_str_eq(s.items[0], "one");
	ck_assert_str_eq(s.items[1], "");
	ck_assert_str_eq(s.items[99], "more");
	strings_free(&s);
	ck_assert_uint_eq(s.count, 0);
	ck_assert_ptr_null(s.items);
	strings_free(&s);
	/* It serves again. */
	ck_assert_int_eq(strings_add(&s, "x"), 0);
	strings_free(&s);
}
END_TEST

START_TEST(test_strings_append)
{
	char *text = NULL, big[5000];

	ck_assert_int_eq(strings_append(&text, "%s", ""), 0);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(strings_append(&text, "%d-%s", 7, "x"), 0);
	ck_assert_str_eq(text, "7-x");
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(strings_append(&text, "%s%%", big), 0);
	ck_assert_uint_eq(strlen(text), 3 + 4999 + 1);
	ck_assert_str_eq(text + 5000, "yy%");
	/* Also of itself. */
	text[3] = '\0';
	ck_assert_int_eq(strings_append(&text, "%s", text), 0);
	ck_assert_str_eq(text, "7-x7-x");
	free(text);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("strings", &tc);

	tcase_add_test(tc, test_strings_list);
	tcase_add_test(tc, test_strings_append);
	return unit_run(s);
}
