/* SPDX-License-Identifier: ISC */
/*
 * handlers/store_glob: patterns; handlers/store_parse: numbers.
 */
#include "handlers/store.h"

#include <string.h>

#include "unit.h"

static struct store_bytes
bytes(const char *text)
{
	return (struct store_bytes){ text, strlen(text) };
}

static const struct {
	const char *pattern, *text;
	bool matches;
} globs[] = {
	{ "", "", true }, { "", "a", false }, { "a", "", false },
	{ "abc", "abc", true }, { "abc", "abd", false }, { "ab", "abc", false },
	{ "abc", "ab", false }, { "ABC", "abc", false },
	{ "*", "", true }, { "*", "abc", true }, { "**", "abc", true },
	{ "a*", "abc", true }, { "*c", "abc", true }, { "a*c", "abc", true },
	{ "a*c", "abcd", false }, { "a*b*c", "axbxbxc", true },
	{ "*ab", "aab", true }, { "a*", "b", false }, { "abc*", "abc", true },
	{ "?", "a", true }, { "?", "", false }, { "?", "ab", false },
	{ "h?llo", "hello", true }, { "h*llo", "heeello", true },
	{ "h[ae]llo", "hallo", true }, { "h[ae]llo", "hillo", false },
	{ "h[^e]llo", "hallo", true }, { "h[^e]llo", "hello", false },
	{ "h[a-b]llo", "hbllo", true }, { "h[a-b]llo", "hcllo", false },
	{ "h[b-a]llo", "hallo", true }, { "[a-", "-", true },
	{ "[]", "a", false }, { "[]", "]", false }, { "[^]", "a", true },
	{ "[\\]]", "]", true }, { "[\\^a]", "^", true }, { "[a", "a", true },
	{ "[a", "b", false }, { "[", "a", false }, { "[abc]x", "bx", true },
	{ "\\*", "*", true }, { "\\*", "a", false }, { "\\?", "?", true },
	{ "\\", "\\", true }, { "a\\", "a\\", true }, { "\\\\", "\\", true },
	{ "*\\*", "ab*", true }, { "*[0-9]", "key9", true },
	{ "*[0-9]", "key", false }, { "*?", "", false },
};

START_TEST(glob_matches)
{
	struct store_bytes pattern = bytes(globs[_i].pattern);
	struct store_bytes text = bytes(globs[_i].text);

	ck_assert_msg(store_glob(&pattern, &text) == globs[_i].matches,
	    "\"%s\" and \"%s\"", globs[_i].pattern, globs[_i].text);
}
END_TEST

/* Where each star would be tried anew for each other, this takes for ever. */
START_TEST(glob_is_not_slow)
{
	struct store_bytes pattern =
	    bytes("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b");
	static char text[60001];
	struct store_bytes long_text = { text, sizeof(text) - 1 };

	memset(text, 'a', sizeof(text) - 1);
	ck_assert(!store_glob(&pattern, &long_text));
}
END_TEST

static const struct {
	const char *text;
	bool good;
	int64_t n;
} integers[] = {
	{ "0", true, 0 }, { "7", true, 7 }, { "-1", true, -1 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN },
	{ "9223372036854775808", false, 0 },
	{ "-9223372036854775809", false, 0 },
	{ "99999999999999999999999", false, 0 },
	{ "", false, 0 }, { "-", false, 0 }, { "-0", false, 0 },
	{ "00", false, 0 }, { "01", false, 0 }, { "+1", false, 0 },
	{ " 1", false, 0 }, { "1 ", false, 0 }, { "1.0", false, 0 },
	{ "0x1", false, 0 }, { "--1", false, 0 },
};

START_TEST(parse_integers)
{
	struct store_bytes b = bytes(integers[_i].text);
	int64_t n;

	ck_assert_int_eq(store_parse_integer(&b, &n), integers[_i].good);
	if (integers[_i].good)
		ck_assert_int_eq(n, integers[_i].n);
}
END_TEST

START_TEST(parse_others)
{
	static const char *const bad[] = { "", " 1", "1 ", "x", "inf", "nan",
	    "1e999", "0x" };
	struct store_bytes b = bytes("18446744073709551615");
	uint64_t natural;
	double real;
	int i;

	ck_assert(store_parse_natural(&b, &natural));
	ck_assert_uint_eq(natural, UINT64_MAX);
	b = bytes("18446744073709551616");
	ck_assert(!store_parse_natural(&b, &natural));
	b = bytes("-1.5e3");
	ck_assert(store_parse_real(&b, &real));
	ck_assert_double_eq(real, -1500);
	for (i = 0; i < UNIT_COUNT(bad); i++) {
		b = bytes(bad[i]);
		ck_assert_msg(!store_parse_real(&b, &real), "%s", bad[i]);
	}
	b = bytes("KeEp");
	ck_assert(store_parse_is(&b, "keep"));
	ck_assert(!store_parse_is(&b, "keeper"));
	ck_assert(!store_parse_is(&b, "kee"));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("store_glob", &tc);

	tcase_add_loop_test(tc, glob_matches, 0, UNIT_COUNT(globs));
	tcase_add_test(tc, glob_is_not_slow);
	tcase_add_loop_test(tc, parse_integers, 0, UNIT_COUNT(integers));
	tcase_add_test(tc, parse_others);
	return unit_run(s);
}
