/* SPDX-License-Identifier: ISC */
/*
 * server/section: titled sections, their values, and how they are written.
 */
#include "server/section.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "unit.h"

static const char *const colours[] = { "red", "green", NULL };

static const struct prong_option inner[] = {
	{ .name = "reply", .type = PRONG_STRING },
	{ .name = NULL }
};

static const struct prong_option members[] = {
	{ .name = "text", .type = PRONG_STRING, .value = "none" },
	{ .name = "bare", .type = PRONG_STRING },
	{ .name = "number", .type = PRONG_INT, .value = "-5" },
	{ .name = "truth", .type = PRONG_BOOL, .value = "yes" },
	{ .name = "size", .type = PRONG_SIZE, .value = "4K" },
	{ .name = "time", .type = PRONG_TIME, .value = "2s" },
	{ .name = "colour", .type = PRONG_CHOICE, .value = "red",
	    .choices = colours },
	{ .name = "names", .type = PRONG_STRINGS },
	{ .name = "on", .type = PRONG_SECTION, .members = inner },
	{ .name = NULL }
};

static struct prong_section *section;

static void
setup(void)
{
	ck_assert_ptr_nonnull(section = section_new("menu", "main", members));
}

static void
teardown(void)
{
	section_free(section);
}

START_TEST(test_section_defaults)
{
	ck_assert_str_eq(prong_section_title(section), "main");
	ck_assert_str_eq(prong_section_string(section, "text"), "none");
	ck_assert_ptr_null(prong_section_string(section, "bare"));
	ck_assert_ptr_null(prong_section_string(section, "unknown"));
	ck_assert_int_eq(prong_section_number(section, "number"), -5);
	ck_assert(prong_section_bool(section, "truth"));
	ck_assert_int_eq(prong_section_number(section, "size"), 4096);
	ck_assert_int_eq(prong_section_number(section, "time"), 2000);
	ck_assert_str_eq(prong_section_string(section, "colour"), "red");
	ck_assert_int_eq(prong_section_number(section, "unknown"), 0);
	ck_assert(!prong_section_bool(section, "unknown"));
	ck_assert_ptr_null(prong_section_next(section, "on", NULL));
	section_free(NULL);
}
END_TEST

START_TEST(test_section_set)
{
	char value[8] = "mine";

	ck_assert_int_eq(prong_section_set(section, "text", value), 0);
	memset(value, 'x', 4);
	ck_assert_str_eq(prong_section_string(section, "text"), "mine");
	/* Replaced. */
	ck_assert_int_eq(prong_section_set(section, "text", ""), 0);
	ck_assert_str_eq(prong_section_string(section, "text"), "");
	ck_assert_int_eq(prong_section_set(section, "number", "7"), 0);
	ck_assert_int_eq(prong_section_number(section, "number"), 7);
	ck_assert_int_eq(prong_section_set(section, "truth", "off"), 0);
	ck_assert(!prong_section_bool(section, "truth"));
	ck_assert_int_eq(prong_section_set(section, "time", "500ms"), 0);
	ck_assert_int_eq(prong_section_number(section, "time"), 500);
	ck_assert_int_eq(prong_section_set(section, "colour", "green"), 0);
	ck_assert_str_eq(prong_section_string(section, "colour"), "green");
}
END_TEST

static const struct {
	const char *name, *value;
	int error;
	const char *text;		/* NULL: not looked at */
} wrong[] = {
	{ "unknown", "x", ENOENT, "menu \"main\" has no \"unknown\"" },
	{ "on", "x", ENOENT, "menu \"main\" has no \"on\"" },
	{ "", "x", ENOENT, NULL },
	{ "number", "five", EINVAL, "number: \"five\" is not a number" },
	{ "number", "9223372036854775808", ERANGE, NULL },
	{ "truth", "maybe", EINVAL, NULL },
	{ "size", "4k", EINVAL, NULL },
	{ "time", "5", EINVAL, NULL },
	{ "colour", "blue", EINVAL,
	    "colour: \"blue\" is none of: red, green" },
};

START_TEST(test_section_set_wrong)
{
	errno = 0;
	ck_assert_int_eq(prong_section_set(section, wrong[_i].name,
	    wrong[_i].value), -1);
	ck_assert_int_eq(errno, wrong[_i].error);
	if (wrong[_i].text != NULL)
		ck_assert_str_eq(error_text(), wrong[_i].text);
	ck_assert_ptr_null(section->values);
}
END_TEST

START_TEST(test_section_members)
{
	struct prong_section *a, *b;

	ck_assert_ptr_nonnull(a = prong_section_add(section, "on", "1"));
	ck_assert_ptr_nonnull(b = prong_section_add(section, "on", "2"));
	ck_assert_int_eq(prong_section_set(b, "reply", "two"), 0);
	errno = 0;
	ck_assert_ptr_null(prong_section_add(section, "on", "1"));
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_str_eq(error_text(), "there is a on \"1\" already");
	errno = 0;
	ck_assert_ptr_null(prong_section_add(section, "text", "1"));
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_ptr_null(prong_section_add(section, "unknown", "1"));
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_ptr_null(prong_section_add(a, "on", "1"));
	ck_assert_int_eq(errno, ENOENT);

	/* In their order. */
	ck_assert_ptr_eq(prong_section_next(section, "on", NULL), a);
	ck_assert_ptr_eq(prong_section_next(section, "on", a), b);
	ck_assert_ptr_null(prong_section_next(section, "on", b));
	ck_assert_ptr_null(prong_section_next(section, "off", NULL));
	ck_assert_str_eq(prong_section_string(b, "reply"), "two");
	ck_assert_ptr_eq(section_find(section->sections, "on", "2"), b);
	ck_assert_ptr_null(section_find(section->sections, "on", "3"));
	ck_assert_ptr_null(section_find(NULL, "on", "1"));
}
END_TEST

static const struct {
	const char *text, *quoted;
} quotes[] = {
	{ "", "\"\"" },
	{ "plain text", "\"plain text\"" },
	{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
	{ "back\\slash", "\"back\\\\slash\"" },
	{ "two\nlines\n", "\"two\\nlines\\n\"" },
	{ "tab\tbell\a\x7f", "\"tab\\x09bell\\x07\\x7f\"" },
	{ "${HOME} $x", "\"\\${HOME} $x\"" },
	{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
};

START_TEST(test_section_quote)
{
	char *out = NULL;

	ck_assert_int_eq(section_quote(&out, quotes[_i].text), 0);
	ck_assert_str_eq(out, quotes[_i].quoted);
	free(out);
}
END_TEST

START_TEST(test_section_dump)
{
	struct prong_section *m;
	char *out = NULL;

	ck_assert_int_eq(prong_section_set(section, "names", "b"), 0);
	ck_assert_int_eq(prong_section_set(section, "number", "7"), 0);
	ck_assert_int_eq(prong_section_set(section, "names", "a"), 0);
	m = prong_section_add(section, "on", "\"0\"");
	ck_assert_int_eq(prong_section_set(m, "reply", "line\n"), 0);
	ck_assert_int_eq(section_dump(&out, section, 0), 0);
	ck_assert_str_eq(out,
	    "menu \"main\" {\n"
	    "  names = {\"b\", \"a\"}\n"
	    "  number = \"7\"\n"
	    "  text = \"none\"\n"
	    "  truth = \"yes\"\n"
	    "  size = \"4K\"\n"
	    "  time = \"2s\"\n"
	    "  colour = \"red\"\n"
	    "  on \"\\\"0\\\"\" {\n"
	    "    reply = \"line\\n\"\n"
	    "  }\n"
	    "}\n");
	free(out);
}
END_TEST

START_TEST(test_section_lists)
{
	ck_assert_ptr_null(prong_section_strings(section, "names", 0));
	ck_assert_int_eq(prong_section_set(section, "names", "b"), 0);
	ck_assert_int_eq(prong_section_set(section, "text", "x"), 0);
	ck_assert_int_eq(prong_section_set(section, "names", "a"), 0);
	ck_assert_str_eq(prong_section_strings(section, "names", 0), "b");
	ck_assert_str_eq(prong_section_strings(section, "names", 1), "a");
	ck_assert_ptr_null(prong_section_strings(section, "names", 2));
	ck_assert_ptr_null(prong_section_strings(section, "names", SIZE_MAX));
	ck_assert_ptr_null(prong_section_strings(section, "unknown", 0));
}
END_TEST

/*
 * A service's options are stored before it is known which of them are lists:
 * all are kept.
 */
static void
assert_names(const struct prong_section *s, const char *wanted)
{
	const char *name;
	char text[64] = "";
	size_t i;

	for (i = 0; (name = prong_section_strings(s, "names", i)) != NULL; i++)
		strlcat(text, name, sizeof(text));
	ck_assert_str_eq(text, wanted);
}

/* What is stored later stands behind what is left. */
START_TEST(test_section_drop_declared)
{
	struct prong_section *other;

	prong_section_set(section, "names", "a");
	prong_section_set(section, "text", "b");
	section_set_by(section, "text", "somebody");
	section_drop_declared(section);
	ck_assert_ptr_null(section_value(section, "text"));
	prong_section_set(section, "names", "c");
	assert_names(section, "ac");
	ck_assert_ptr_nonnull(other = section_copy(section));
	section_set_by(section, "names", "somebody");
	section_drop_declared(section);
	assert_names(section, "");
	prong_section_set(section, "names", "d");
	section_swap_values(section, other);
	prong_section_set(section, "names", "e");
	prong_section_set(other, "names", "f");
	assert_names(section, "ace");
	assert_names(other, "df");
	section_free(other);
}
END_TEST

START_TEST(test_section_without_members)
{
	struct prong_section *s = section_new("service", "x", NULL);

	ck_assert_int_eq(section_store(s, "any", "1"), 0);
	ck_assert_int_eq(section_store(s, "any", "2"), 0);
	ck_assert_str_eq(section_list_text(s, "any", 0), "1");
	ck_assert_str_eq(section_list_text(s, "any", 1), "2");
	ck_assert_ptr_null(section_text(s, "other"));
	ck_assert_ptr_null(section_option(s->members, "any"));
	errno = 0;
	ck_assert_int_eq(prong_section_set(s, "any", "3"), -1);
	ck_assert_int_eq(errno, ENOENT);
	section_free(s);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("section", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_section_defaults);
	tcase_add_test(tc, test_section_set);
	tcase_add_loop_test(tc, test_section_set_wrong, 0, UNIT_COUNT(wrong));
	tcase_add_test(tc, test_section_members);
	tcase_add_loop_test(tc, test_section_quote, 0, UNIT_COUNT(quotes));
	tcase_add_test(tc, test_section_dump);
	tcase_add_test(tc, test_section_lists);
	tcase_add_test(tc, test_section_drop_declared);
	tcase_add_test(tc, test_section_without_members);
	return unit_run(s);
}
