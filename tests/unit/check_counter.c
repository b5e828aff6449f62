/* SPDX-License-Identifier: ISC */
/*
 * shm/counter: every counter has a name and a description.
 */
#include "shm/counter.h"

#include <string.h>

#include "unit.h"

/* The names are what users' scripts read: they do not change. */
static const char *const names[COUNTERS] = {
	"accepted", "refused_acl", "refused_limit", "refused_source",
	"refused_rate", "refused_load", "refused_memory", "closed_client",
	"closed_server", "closed_timeout", "closed_error", "closed_crash",
	"messages", "bytes_in", "bytes_out", "handler_errors",
	"slow_handlers", "oversize",
};

START_TEST(test_counter_table)
{
	const struct counter_info *c = &counter_table[_i];

	ck_assert_str_eq(c->name, names[_i]);
	ck_assert_ptr_nonnull(c->help);
	ck_assert_uint_gt(strlen(c->help), 5);
	/* One line, and no sentence. */
	ck_assert_ptr_null(strchr(c->help, '\n'));
	ck_assert_int_ne(c->help[strlen(c->help) - 1], '.');
	ck_assert_int_eq(COUNTER_IS_CLOSED(_i),
	    strncmp(c->name, "closed_", 7) == 0);
}
END_TEST

static const char *const global_names[GLOBALS] = {
	"active", "restarts_crash", "restarts_stuck", "reloads", "upgrades",
	"locks_recovered", "uptime",
};

START_TEST(test_counter_names)
{
	int i;

	for (i = 0; i < COUNTERS; i++)
		ck_assert(counter_has_name(names[i]));
	for (i = 0; i < GLOBALS; i++) {
		ck_assert_str_eq(counter_globals[i].name, global_names[i]);
		ck_assert_ptr_nonnull(counter_globals[i].help);
		ck_assert(counter_has_name(global_names[i]));
	}
	ck_assert(!counter_has_name(""));
	ck_assert(!counter_has_name("accept"));
	ck_assert(!counter_has_name("accepted_"));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("counter", &tc);

	tcase_add_loop_test(tc, test_counter_table, 0, COUNTERS);
	tcase_add_test(tc, test_counter_names);
	return unit_run(s);
}
