/* SPDX-License-Identifier: ISC */
/*
 * net/roster: finding connections by their numbers.
 */
#include "net/roster.h"

#include "net/conn.h"
#include "unit.h"

#define MANY	5000

static struct prong_conn conns[MANY];
static struct conn_entry entries[MANY];
static struct roster roster;
static int visits;

static void
fill(int count)
{
	int i;

	for (i = 0; i < count; i++) {
		entries[i].id = (uint64_t)(i + 1) * 64 + 3;
		conns[i].entry = &entries[i];
		roster_add(&roster, &conns[i]);
	}
}

static void
expect_found(int from, int to)
{
	int i;

	for (i = 0; i < MANY; i++)
		ck_assert_ptr_eq(roster_find(&roster, (uint64_t)(i + 1) * 64 +
		    3), i >= from && i < to ? &conns[i] : NULL);
}

START_TEST(test_roster_empty)
{
	ck_assert_ptr_null(roster_find(&roster, 0));
	ck_assert_ptr_null(roster_find(&roster, UINT64_MAX));
	roster_free(&roster);
}
END_TEST

START_TEST(test_roster_many)
{
	int i;

	fill(MANY);
	ck_assert_uint_eq(roster.count, MANY);
	expect_found(0, MANY);
	ck_assert_ptr_null(roster_find(&roster, 64 + 4));
	for (i = 0; i < MANY - 10; i++)
		roster_del(&roster, &conns[i]);
	expect_found(MANY - 10, MANY);
	/* One that is not there harms nobody. */
	roster_del(&roster, &conns[0]);
	ck_assert_uint_eq(roster.count, 10);
	roster_free(&roster);
	ck_assert_uint_eq(roster.count, 0);
}
END_TEST

static void
visit(struct prong_conn *c, void *arg)
{
	ck_assert_ptr_eq(arg, &visits);
	visits++;
	c->flags++;
}

START_TEST(test_roster_each)
{
	int i;

	fill(1000);
	roster_each(&roster, visit, &visits);
	ck_assert_int_eq(visits, 1000);
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(conns[i].flags, 1);
	roster_free(&roster);
}
END_TEST

/* Ends the one it is given, and the two behind it in its chain. */
static void
visit_and_end(struct prong_conn *c, void *arg)
{
	struct prong_conn *next = c->next_known;
	int i;

	visits++;
	roster_del(&roster, c);
	for (i = 0; i < 2 && next != NULL; i++, next = next->next_known)
		roster_del(&roster, next);
}

START_TEST(test_roster_each_ends)
{
	fill(1000);
	roster_each(&roster, visit_and_end, NULL);
	/* Each is visited, dead or not: who it was stays known for the turn. */
	ck_assert_int_ge(visits, 300);
	ck_assert_uint_eq(roster.count, 0);
	expect_found(0, 0);
	roster_free(&roster);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("roster", &tc);

	tcase_add_test(tc, test_roster_empty);
	tcase_add_test(tc, test_roster_many);
	tcase_add_test(tc, test_roster_each);
	tcase_add_test(tc, test_roster_each_ends);
	return unit_run(s);
}
