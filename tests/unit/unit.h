/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#define UNIT_COUNT(a)	((int)(sizeof(a) / sizeof((a)[0])))

/* A suite of one case with the tests of a program. */
static inline Suite *
unit_suite(const char *name, TCase **tc)
{
	Suite *s = suite_create(name);

	*tc = tcase_create(name);
	suite_add_tcase(s, *tc);
	return s;
}

/*
 * Runs the suite, each test in a process of its own, and prints TAP.  The
 * lines carry the verdict: a status other than 0 would count as one failure
 * more, and is left to the sanitizers.
 */
static inline int
unit_run(Suite *s)
{
	SRunner *sr = srunner_create(s);

	srunner_set_fork_status(sr, CK_FORK);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	srunner_free(sr);
	return EXIT_SUCCESS;
}

/*
 * Whether ThreadSanitizer watches: it has a thread of its own beside the
 * test's, takes every task for one, and follows nothing between processes.
 */
#if defined(__SANITIZE_THREAD__)
#define UNIT_TSAN	true
#else
#define UNIT_TSAN	false
#endif

#endif
