/* SPDX-License-Identifier: ISC */
/*
 * shm/array: types, bounds, sums, and many writers.
 */
#include "shm/array.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

static const struct {
	enum prong_array_type type;
	const char *name;
	int64_t min, max;	/* of the signed integers */
} types[] = {
	{ PRONG_INT8, "int8", INT8_MIN, INT8_MAX },
	{ PRONG_INT16, "int16", INT16_MIN, INT16_MAX },
	{ PRONG_INT32, "int32", INT32_MIN, INT32_MAX },
	{ PRONG_INT64, "int64", INT64_MIN, INT64_MAX },
	{ PRONG_UINT64, "uint64", 0, 0 },
	{ PRONG_DOUBLE, "double", 0, 0 },
};

#define SIGNED	4		/* the first ones are */

static struct prong_array *
new(enum prong_array_type type, size_t length)
{
	struct prong_array *a = array_new("unit", type, length);

	ck_assert_ptr_nonnull(a);
	return a;
}

static union prong_value
integer(int64_t n)
{
	return (union prong_value){ .integer = n };
}

static int64_t
cell(struct prong_array *a, size_t i)
{
	union prong_value v;

	ck_assert_int_eq(prong_array_get(a, i, &v), 0);
	return v.integer;
}

START_TEST(test_array_type)
{
	struct prong_array *a = new(types[_i].type, 5);
	size_t i;

	ck_assert_int_eq(array_type_by_name(types[_i].name), types[_i].type);
	ck_assert_str_eq(array_type_name(types[_i].type), types[_i].name);
	ck_assert_int_eq(prong_array_type(a), types[_i].type);
	ck_assert_uint_eq(prong_array_length(a), 5);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(cell(a, i), 0);
	array_free(a);
}
END_TEST

START_TEST(test_array_unknown_type)
{
	ck_assert_int_eq(array_type_by_name("int128"), -1);
	ck_assert_int_eq(array_type_by_name(""), -1);
	ck_assert_int_eq(array_type_by_name("INT8"), -1);
	array_free(NULL);
}
END_TEST

START_TEST(test_array_no_such_cell)
{
	static const size_t wrong[] = { 3, 4, SIZE_MAX, SIZE_MAX / 8 };
	struct prong_array *a = new(PRONG_INT64, 3);
	union prong_value v = integer(1);
	int i;

	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_int_eq(prong_array_get(a, wrong[i], &v), -1);
		ck_assert_int_eq(errno, EINVAL);
		errno = 0;
		ck_assert_int_eq(prong_array_set(a, wrong[i], v), -1);
		ck_assert_int_eq(errno, EINVAL);
		errno = 0;
		ck_assert_int_eq(prong_array_add(a, wrong[i], v, NULL), -1);
		ck_assert_int_eq(errno, EINVAL);
		errno = 0;
		ck_assert_int_eq(prong_array_cas(a, wrong[i], v, v), -1);
		ck_assert_int_eq(errno, EINVAL);
	}
	prong_array_get(a, 3, &v);
	ck_assert_str_eq(error_text(), "array \"unit\" has no cell 3: it has "
	    "3");
	ck_assert_int_eq(v.integer, 1);
	array_free(a);
}
END_TEST

START_TEST(test_array_range)
{
	int64_t min = types[_i].min, max = types[_i].max;
	struct prong_array *a = new(types[_i].type, 2);
	union prong_value v;

	ck_assert_int_eq(prong_array_set(a, 0, integer(min)), 0);
	ck_assert_int_eq(cell(a, 0), min);
	ck_assert_int_eq(prong_array_set(a, 0, integer(max)), 0);
	ck_assert_int_eq(cell(a, 0), max);
	if (max < INT64_MAX) {
		errno = 0;
		ck_assert_int_eq(prong_array_set(a, 0, integer(max + 1)), -1);
		ck_assert_int_eq(errno, ERANGE);
		ck_assert_int_eq(prong_array_set(a, 0, integer(min - 1)), -1);
		ck_assert_int_eq(prong_array_cas(a, 0, integer(max),
		    integer(max + 1)), -1);
		ck_assert_int_eq(errno, ERANGE);
	}
	/* The sum, not what is added; nothing changes. */
	v.integer = 99;
	errno = 0;
	ck_assert_int_eq(prong_array_add(a, 0, integer(1), &v), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(v.integer, 99);
	ck_assert_int_eq(cell(a, 0), max);
	ck_assert_int_eq(prong_array_add(a, 0, integer(-1), &v), 0);
	ck_assert_int_eq(v.integer, max - 1);
	ck_assert_int_eq(prong_array_set(a, 1, integer(min)), 0);
	ck_assert_int_eq(prong_array_add(a, 1, integer(-1), NULL), -1);
	ck_assert_int_eq(prong_array_add(a, 1, integer(max), NULL), 0);
	ck_assert_int_eq(cell(a, 1), min + max);
	array_free(a);
}
END_TEST

START_TEST(test_array_uint64)
{
	struct prong_array *a = new(PRONG_UINT64, 1);
	union prong_value v = { .natural = UINT64_MAX };

	ck_assert_int_eq(prong_array_set(a, 0, v), 0);
	v.natural = 1;
	errno = 0;
	ck_assert_int_eq(prong_array_add(a, 0, v, NULL), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(prong_array_get(a, 0, &v), 0);
	ck_assert(v.natural == UINT64_MAX);
	ck_assert_int_eq(prong_array_sum(a, &v), 0);
	ck_assert(v.natural == UINT64_MAX);
	array_free(a);
}
END_TEST

START_TEST(test_array_double)
{
	struct prong_array *a = new(PRONG_DOUBLE, 2);
	union prong_value v = { .real = -1.5 };

	ck_assert_int_eq(prong_array_set(a, 0, v), 0);
	v.real = 0.25;
	ck_assert_int_eq(prong_array_add(a, 0, v, &v), 0);
	ck_assert_double_eq(v.real, -1.25);
	v.real = DBL_MAX;
	ck_assert_int_eq(prong_array_set(a, 1, v), 0);
	ck_assert_int_eq(prong_array_sum(a, &v), 0);
	ck_assert_double_eq(v.real, DBL_MAX);
	/* Too large, be it for a cell or for the sum; nothing has changed. */
	errno = 0;
	ck_assert_int_eq(prong_array_add(a, 1, v, NULL), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(prong_array_get(a, 1, &v), 0);
	ck_assert_double_eq(v.real, DBL_MAX);
	ck_assert_int_eq(prong_array_set(a, 0, v), 0);
	errno = 0;
	ck_assert_int_eq(prong_array_sum(a, &v), -1);
	ck_assert_int_eq(errno, ERANGE);
	/* It is no overflow where somebody has put it. */
	v.real = INFINITY;
	ck_assert_int_eq(prong_array_set(a, 0, v), 0);
	ck_assert_int_eq(prong_array_add(a, 0, (union prong_value){ .real = 1 },
	    &v), 0);
	ck_assert(isinf(v.real));
	ck_assert_int_eq(prong_array_sum(a, &v), 0);
	ck_assert(isinf(v.real));
	array_free(a);
}
END_TEST

START_TEST(test_array_cas)
{
	struct prong_array *a = new(PRONG_INT32, 1);

	ck_assert_int_eq(prong_array_cas(a, 0, integer(0), integer(-7)), 1);
	ck_assert_int_eq(prong_array_cas(a, 0, integer(0), integer(8)), 0);
	ck_assert_int_eq(cell(a, 0), -7);
	ck_assert_int_eq(prong_array_cas(a, 0, integer(-7), integer(8)), 1);
	ck_assert_int_eq(cell(a, 0), 8);
	array_free(a);
}
END_TEST

START_TEST(test_array_sum_and_snapshot)
{
	struct prong_array *a = new(PRONG_INT64, 4);
	union prong_value v[4];
	size_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(prong_array_set(a, i, integer(11 *
		    (int64_t)(i + 1))), 0);
	ck_assert_int_eq(prong_array_sum(a, v), 0);
	ck_assert_int_eq(v[0].integer, 110);
	v[3].integer = -1;
	ck_assert_int_eq(prong_array_snapshot(a, v, 3), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(v[i].integer, 11 * (int64_t)(i + 1));
	ck_assert_int_eq(v[3].integer, -1);
	ck_assert_int_eq(prong_array_snapshot(a, v, 0), 0);
	errno = 0;
	ck_assert_int_eq(prong_array_snapshot(a, v, 5), -1);
	ck_assert_int_eq(errno, EINVAL);

	/* A sum too large is no reason to keep the lock. */
	ck_assert_int_eq(prong_array_set(a, 0, integer(INT64_MAX)), 0);
	errno = 0;
	ck_assert_int_eq(prong_array_sum(a, v), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(prong_array_unlock(a), -1);
	ck_assert_int_eq(errno, EPERM);
	/* One that is too large on the way only. */
	ck_assert_int_eq(prong_array_set(a, 3, integer(-100)), 0);
	ck_assert_int_eq(prong_array_sum(a, v), 0);
	ck_assert_int_eq(v[0].integer, INT64_MAX - 45);
	array_free(a);
}
END_TEST

/* In a child: 0 when the lock is kept from it within ms, with that error. */
static int
kept_out(struct prong_array *a, int64_t ms, int error)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (prong_array_lock(a, ms) != -1)
			_exit(1);
		if (errno != error)
			_exit(2);
		_exit(prong_array_unlock(a) == -1 && errno == EPERM ? 0 : 3);
	}
	return helper_wait_exit(pid);
}

START_TEST(test_array_lock)
{
	struct prong_array *a = new(PRONG_INT8, 1);
	union prong_value v;
	pid_t pid;

	ck_assert_int_eq(prong_array_lock(a, -1), 0);
	ck_assert_int_eq(prong_array_lock(a, 0), 0);
	ck_assert_int_eq(kept_out(a, 5, ETIMEDOUT), 0);
	/* Those that lock by themselves do so within it. */
	ck_assert_int_eq(prong_array_sum(a, &v), 0);
	ck_assert_int_eq(prong_array_unlock(a), 0);
	ck_assert_int_eq(kept_out(a, 5, ETIMEDOUT), 0);
	ck_assert_int_eq(kept_out(a, 0, EBUSY), 0);
	ck_assert_int_eq(prong_array_unlock(a), 0);
	errno = 0;
	ck_assert_int_eq(prong_array_unlock(a), -1);
	ck_assert_int_eq(errno, EPERM);

	/* It survives the death of its holder. */
	if ((pid = fork()) == 0)
		_exit(prong_array_lock(a, -1) == 0 ? 0 : 1);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(prong_array_lock(a, 0), 0);
	ck_assert_int_eq(prong_array_unlock(a), 0);
	array_free(a);
}
END_TEST

/* Twenty processes, each cell without and all cells with the lock. */
static int
write_cells(struct prong_array *a)
{
	union prong_value v;
	size_t i;
	int round;

	for (round = 0; round < 200; round++) {
		if (prong_array_add(a, (size_t)round % 4, integer(1), NULL) ==
		    -1 || prong_array_lock(a, -1) == -1)
			return 1;
		for (i = 4; i < 8; i++)
			if (prong_array_get(a, i, &v) == -1 ||
			    prong_array_set(a, i, integer(v.integer + 1)) ==
			    -1)
				return 2;
		if (prong_array_unlock(a) == -1)
			return 3;
	}
	return 0;
}

/* Cells of 64 bits are added to by another way. */
/*
 * Another process has written over all that is no lock, with the lock held or
 * not: nothing is read or written outside.
 */
START_TEST(test_array_hostile)
{
	struct prong_array *a = new(PRONG_INT64, 5);
	char *behind = (char *)a->segment.base + 64 + sizeof(struct rlock);
	size_t size = a->segment.size - 64 - sizeof(struct rlock), i;
	union prong_value v;

	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(prong_array_lock(a, 0), 0);
		memset(behind, i % 2 == 0 ? 0xff : 0x7f, size);
		errno = 0;
		ck_assert_int_eq(prong_array_set(a, i, integer(1)), -1);
		ck_assert_int_eq(errno, ENOSPC);
		a->guard.repair(a->guard.arg);
		prong_array_sum(a, &v);
		ck_assert_int_eq(prong_array_unlock(a), 0);
		/* With the next holder it is an array again. */
		ck_assert_int_eq(prong_array_lock(a, 0), 0);
		ck_assert_int_eq(prong_array_set(a, i, integer(1)), 0);
		ck_assert_int_eq(prong_array_unlock(a), 0);
		ck_assert_int_eq(cell(a, i), 1);
	}
	array_free(a);
}
END_TEST

START_TEST(test_array_many_writers)
{
	struct prong_array *a = new(_i == 0 ? PRONG_INT32 : PRONG_INT64, 8);
	pid_t pids[20];
	size_t i;

	for (i = 0; i < 20; i++)
		if ((pids[i] = fork()) == 0)
			_exit(write_cells(a));
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(cell(a, i), i < 4 ? 1000 : 4000);
	array_free(a);
}
END_TEST

/* Adds and takes away at the very limit: what is refused changes nothing. */
static int
push_limit(struct prong_array *a)
{
	int i;

	for (i = 0; i < 20000; i++) {
		if (prong_array_add(a, 0, integer(1), NULL) == -1) {
			if (errno != ERANGE)
				return 1;
			continue;
		}
		if (prong_array_add(a, 0, integer(-1), NULL) == -1)
			return 2;
	}
	return 0;
}

START_TEST(test_array_limit_contended)
{
	struct prong_array *a = new(PRONG_INT64, 1);
	pid_t pids[4];
	int i;

	prong_array_set(a, 0, integer(INT64_MAX - 1));
	for (i = 0; i < 4; i++)
		if ((pids[i] = fork()) == 0)
			_exit(push_limit(a));
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	ck_assert_int_eq(cell(a, 0), INT64_MAX - 1);
	array_free(a);
}
END_TEST

static const struct {
	enum prong_array_type type;
	const char *text;
	int error;
	int64_t value;
} texts[] = {
	{ PRONG_INT8, "127", 0, 127 },
	{ PRONG_INT8, "-128", 0, -128 },
	{ PRONG_INT8, "128", ERANGE, 0 },
	{ PRONG_INT8, "-129", ERANGE, 0 },
	{ PRONG_INT16, "-32768", 0, -32768 },
	{ PRONG_INT16, "32768", ERANGE, 0 },
	{ PRONG_INT32, "2147483647", 0, INT32_MAX },
	{ PRONG_INT32, "2147483648", ERANGE, 0 },
	{ PRONG_INT64, "-9223372036854775808", 0, INT64_MIN },
	{ PRONG_INT64, "9223372036854775808", ERANGE, 0 },
	{ PRONG_INT64, "", EINVAL, 0 },
	{ PRONG_INT64, "1.5", EINVAL, 0 },
	{ PRONG_INT64, " 1", EINVAL, 0 },
	{ PRONG_INT64, "one", EINVAL, 0 },
	{ PRONG_UINT64, "0", 0, 0 },
	{ PRONG_UINT64, "18446744073709551615", 0, -1 },
	{ PRONG_UINT64, "18446744073709551616", ERANGE, 0 },
	{ PRONG_UINT64, "-1", EINVAL, 0 },
	{ PRONG_UINT64, "+1", EINVAL, 0 },
	{ PRONG_UINT64, " 1", EINVAL, 0 },
	{ PRONG_UINT64, "", EINVAL, 0 },
	{ PRONG_UINT64, "1x", EINVAL, 0 },
	{ PRONG_DOUBLE, "", EINVAL, 0 },
	{ PRONG_DOUBLE, "1.5x", EINVAL, 0 },
	{ PRONG_DOUBLE, "x", EINVAL, 0 },
	{ PRONG_DOUBLE, " 1.5", EINVAL, 0 },
	{ PRONG_DOUBLE, "1.5 ", EINVAL, 0 },
	{ PRONG_DOUBLE, "inf", ERANGE, 0 },
	{ PRONG_DOUBLE, "nan", ERANGE, 0 },
	{ PRONG_DOUBLE, "1e999", ERANGE, 0 },
};

START_TEST(test_array_parse)
{
	union prong_value v;

	errno = 0;
	ck_assert_msg(array_parse(texts[_i].type, texts[_i].text, &v) ==
	    (texts[_i].error == 0 ? 0 : -1), "%s \"%s\"",
	    array_type_name(texts[_i].type), texts[_i].text);
	ck_assert_int_eq(errno, texts[_i].error);
	if (texts[_i].error == 0)
		ck_assert_int_eq(v.integer, texts[_i].value);
	else
		ck_assert_ptr_nonnull(strstr(error_text(), texts[_i].text));
}
END_TEST

START_TEST(test_array_parse_double)
{
	union prong_value v;

	ck_assert_int_eq(array_parse(PRONG_DOUBLE, "-2.5e3", &v), 0);
	ck_assert_double_eq(v.real, -2500);
	ck_assert_int_eq(array_parse(PRONG_DOUBLE, "0", &v), 0);
	ck_assert_double_eq(v.real, 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("array", &tc);

	tcase_add_loop_test(tc, test_array_type, 0, UNIT_COUNT(types));
	tcase_add_test(tc, test_array_unknown_type);
	tcase_add_test(tc, test_array_no_such_cell);
	tcase_add_loop_test(tc, test_array_range, 0, SIGNED);
	tcase_add_test(tc, test_array_uint64);
	tcase_add_test(tc, test_array_double);
	tcase_add_test(tc, test_array_cas);
	tcase_add_test(tc, test_array_sum_and_snapshot);
	tcase_add_test(tc, test_array_lock);
	tcase_add_test(tc, test_array_hostile);
	tcase_add_loop_test(tc, test_array_many_writers, 0, 2);
	tcase_add_test(tc, test_array_limit_contended);
	tcase_add_loop_test(tc, test_array_parse, 0, UNIT_COUNT(texts));
	tcase_add_test(tc, test_array_parse_double);
	return unit_run(s);
}
