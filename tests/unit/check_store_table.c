/* SPDX-License-Identifier: ISC */
/*
 * handlers/store_table: found by any letters, and the same as in the manual.
 */
#include "handlers/store.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static char manual[64 * 1024];

static void
setup(void)
{
	char path[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/man/prong-store.7",
	    TOP_SRCDIR);
	ck_assert_msg((f = fopen(path, "r")) != NULL, "no %s", path);
	n = fread(manual, 1, sizeof(manual) - 1, f);
	manual[n] = '\0';
	fclose(f);
	store_table_init();
}

START_TEST(table_is_in_the_manual)
{
	const struct store_command *c;
	char want[512];

	for (c = store_table; c->name != NULL; c++) {
		snprintf(want, sizeof(want), "\n.It Ic %s%s%s\n%c%s.\n",
		    c->name, c->arguments[0] != '\0' ? " Ar " : "",
		    c->arguments, toupper((unsigned char)c->summary[0]),
		    c->summary + 1);
		ck_assert_msg(strstr(manual, want) != NULL,
		    "prong-store(7) lacks:%s", want);
	}
}
END_TEST

/* And no other. */
START_TEST(manual_is_in_the_table)
{
	const char *p = manual;
	size_t count = 0;

	for (; (p = strstr(p, "\n.It Ic ")) != NULL; p++)
		count++;
	ck_assert_uint_eq(count, store_table_count());
}
END_TEST

START_TEST(table_finds)
{
	static const char *const strangers[] = { "", "g", "ge", "gett",
	    "get ", "\xc7\xc5\xd4", "g\0t", "GE\x74\x80", "abcdefghijklmnop", "randomkeyrandomke",
	    "@get", "GEt\x14" };
	const struct store_command *c;
	struct store_bytes name;
	char upper[16];
	size_t i;

	for (c = store_table; c->name != NULL; c++) {
		name = (struct store_bytes){ c->name, strlen(c->name) };
		ck_assert_ptr_eq(store_table_find(&name), c);
		for (i = 0; i <= name.length; i++)
			upper[i] = (char)toupper((unsigned char)c->name[i]);
		name.data = upper;
		ck_assert_ptr_eq(store_table_find(&name), c);
	}
	for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		name = (struct store_bytes){ strangers[i],
		    strlen(strangers[i]) };
		ck_assert_msg(store_table_find(&name) == NULL, "%s",
		    strangers[i]);
	}
	name = (struct store_bytes){ "get\0", 4 };
	ck_assert_ptr_null(store_table_find(&name));
}
END_TEST

/* What the keys of a command are stands where its arguments are. */
START_TEST(table_makes_sense)
{
	const struct store_command *c;

	for (c = store_table; c->name != NULL; c++) {
		ck_assert_int_ne(c->arity, 0);
		ck_assert_ptr_nonnull(c->run);
		/* What looking it up relies on. */
		ck_assert_uint_eq(strspn(c->name, "abcdefghijklmnopqrstuvwxyz"),
		    strlen(c->name));
		ck_assert_msg((c->first_key > 0) ==
		    (strncmp(c->arguments, "key", 3) == 0), "%s", c->name);
		ck_assert_msg((c->arity < 0) ==
		    (strpbrk(c->arguments, "[|") != NULL), "%s", c->name);
		ck_assert(store_table_is_arity(c, (size_t)abs(c->arity)));
		ck_assert(!store_table_is_arity(c,
		    (size_t)abs(c->arity) - 1));
		ck_assert_int_eq(store_table_is_arity(c,
		    (size_t)abs(c->arity) + 1), c->arity < 0);
	}
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("store_table", &tc);

	tcase_add_unchecked_fixture(tc, setup, NULL);
	tcase_add_test(tc, table_is_in_the_manual);
	tcase_add_test(tc, manual_is_in_the_table);
	tcase_add_test(tc, table_finds);
	tcase_add_test(tc, table_makes_sense);
	return unit_run(s);
}
