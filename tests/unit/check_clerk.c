/* SPDX-License-Identifier: ISC */
/*
 * server/clerk: what of a clerk's words may stand in an answer.
 */
#include <string.h>

#include "server/clerk.h"
#include "unit.h"

static const char *const good[] = {
	"{}",
	"{\"ok\":true,\"result\":{\"a\":[1,2,{\"b\":null}]}}",
	"{\"brackets in quotes\":\"}]{[\"}",
	"{\"a quote\":\"\\\"}\"}",
	"{\"a backslash at the end\":\"\\\\\"}",
};

START_TEST(test_good)
{
	ck_assert(clerk_is_line(good[_i], strlen(good[_i])));
}
END_TEST

static const char *const bad[] = {
	"",
	"[]",
	"\"ok\"",
	" {}",
	"{} ",
	"{}{}",
	"{\"ok\":true},\"more\":{}",
	"{\"ok\":true",
	"{\"ok",
	"{\"ok\":\"\\\"}",
	"{\"a line\":\n1}",
	"{\"two\":1}\n{\"lines\":1}",
	"{\"beyond ASCII\":\"\xc3\xa4\"}",
	"{\"escape\":\"\x1b[2J\"}",
	"{\"cut\":\"\\",
};

START_TEST(test_bad)
{
	ck_assert(!clerk_is_line(bad[_i], strlen(bad[_i])));
}
END_TEST

START_TEST(test_nul)
{
	ck_assert(!clerk_is_line("{\"a\":\"\0\"}", 9));
	ck_assert(!clerk_is_line("{}\0", 3));
	/* Nothing behind the end is looked at. */
	ck_assert(!clerk_is_line("{\"a\":1}", 6));
	ck_assert(clerk_is_line("{}garbage", 2));
}
END_TEST

/* However deep: it counts and does not call itself. */
START_TEST(test_deep)
{
	size_t n = CLERK_ANSWER_MAX / 2, i;
	char *text = malloc(2 * n);

	ck_assert_ptr_nonnull(text);
	for (i = 0; i < n; i++) {
		text[i] = i == 0 ? '{' : '[';
		text[2 * n - 1 - i] = i == 0 ? '}' : ']';
	}
	ck_assert(clerk_is_line(text, 2 * n));
	ck_assert(!clerk_is_line(text, 2 * n - 1));
	free(text);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("clerk", &tc);

	tcase_add_loop_test(tc, test_good, 0, UNIT_COUNT(good));
	tcase_add_loop_test(tc, test_bad, 0, UNIT_COUNT(bad));
	tcase_add_test(tc, test_nul);
	tcase_add_test(tc, test_deep);
	return unit_run(s);
}
