/* SPDX-License-Identifier: ISC */
/*
 * shm/dict_room: a dict that is full, with and without evict = lru, and what
 * is too large for it.
 */
#include "shm/dict_room.h"

#include <errno.h>
#include <stdio.h>

#include "dicting.h"
#include "unit.h"

static struct prong_dict *dict;

static void
teardown(void)
{
	dicting_check(dict);
	dict_free(dict);
}

static void
setup_none(void)
{
	dict = dicting_new(DICT_MEMORY_MIN, DICT_EVICT_NONE);
	ck_assert_uint_eq(dict->stripes, 1);
}

static void
setup_lru(void)
{
	dict = dicting_new(DICT_MEMORY_MIN, DICT_EVICT_LRU);
}

static int
set_number(int key, size_t length, int64_t ms)
{
	static char value[65536];

	return prong_dict_set(dict, &key, sizeof(key), value, length, 0, ms);
}

static bool
has_number(int key)
{
	return prong_dict_get(dict, &key, sizeof(key), NULL, 0) != -1;
}

/* Sets keys until it is full; how many fitted. */
static int
fill(size_t length, int64_t ms)
{
	int key = 0;

	while (set_number(key, length, ms) == 1)
		key++;
	ck_assert_int_eq(errno, ENOSPC);
	return key;
}

/* Memory in other shapes than powers of two, and its use. */
START_TEST(test_dict_room_geometry)
{
	static const int64_t sizes[] = { 65536, 65537, 100000, 1 << 20,
	    (1 << 20) + 4095, (2 << 20) - 1, 2 << 20, 3 << 20, 16 << 20,
	    (64 << 20) + 12345 };
	struct prong_dict *e = dicting_new(sizes[_i], DICT_EVICT_NONE);
	struct dict_stripe s;
	char *end = (char *)e->segment.base + e->segment.size;

	ck_assert_int_eq(dict_lock_number(e, e->stripes - 1, &s), 0);
	ck_assert_uint_eq((uintptr_t)s.blocks % 64, 0);
	ck_assert(s.buckets + e->buckets <= (uint64_t *)(void *)s.blocks);
	ck_assert((char *)(s.blocks + e->blocks) <= end);
	/* Most of it is for keys and values. */
	ck_assert_uint_gt((uint64_t)e->stripes * e->blocks * 64,
	    (uint64_t)sizes[_i] / 10 * 9);
	dict_unlock(&s);
	dicting_check(e);
	dict_free(e);
}
END_TEST

START_TEST(test_dict_room_sizes)
{
	errno = 0;
	ck_assert_ptr_null(dict_new("x", DICT_MEMORY_MIN - 1, DICT_EVICT_NONE,
	    true));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(dict_new("x", DICT_MEMORY_MAX + 1, DICT_EVICT_NONE,
	    true));
	ck_assert_ptr_nonnull(strstr(prong_error(), "\"x\""));
}
END_TEST

/* Full of small ones: nothing is lost, and what is there can be changed. */
START_TEST(test_dict_room_full)
{
	int keys = fill(20, PRONG_DICT_FOREVER), i;
	int64_t n;

	ck_assert_int_gt(keys, 800);
	ck_assert_ptr_nonnull(strstr(prong_error(), "evict"));
	ck_assert_ptr_nonnull(strstr(prong_error(), "memory"));
	ck_assert_int_eq(prong_dict_size(dict), keys);
	ck_assert_int_eq(prong_dict_append(dict, &keys, sizeof(keys), "x", 1),
	    -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 1, NULL), -1);
	for (i = 0; i < keys; i++) {
		ck_assert(has_number(i));
		ck_assert_int_eq(set_number(i, 25, PRONG_DICT_FOREVER), 1);
	}
	/* One that goes makes room for another. */
	i = keys / 2;
	ck_assert_int_eq(prong_dict_delete(dict, &i, sizeof(i)), 1);
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 1, &n), 0);
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 1, &n), 0);
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(prong_dict_size(dict), keys);
}
END_TEST

/* Appending does not go beyond the end either. */
START_TEST(test_dict_room_append)
{
	char data[300];
	ssize_t n = 0, all = 0;
	int key;

	memset(data, 'a', sizeof(data));
	for (key = 0; n != -1; key++)
		if ((n = prong_dict_append(dict, "abc", 3, data,
		    sizeof(data))) != -1)
			all = n;
		else
			ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(prong_dict_get(dict, "abc", 3, NULL, 0), all);
	ck_assert_int_gt((size_t)all + 3 + sizeof(data),
	    prong_dict_longest(dict));
	key = fill(1000, PRONG_DICT_FOREVER) - 1;
	ck_assert_int_eq(prong_dict_append(dict, &key, sizeof(key), data,
	    sizeof(data)), 1300);
	while ((n = prong_dict_append(dict, &key, sizeof(key), data,
	    sizeof(data))) != -1)
		all = n;
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(prong_dict_get(dict, &key, sizeof(key), NULL, 0), all);
}
END_TEST

/* A large value in a full dict is refused, also instead of another. */
START_TEST(test_dict_room_large)
{
	int keys = fill(6000, PRONG_DICT_FOREVER);

	ck_assert_int_eq(set_number(0, 5999, PRONG_DICT_FOREVER), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(set_number(0, 100, PRONG_DICT_FOREVER), 1);
	ck_assert_int_eq(set_number(1, 6000, PRONG_DICT_FOREVER), 1);
	ck_assert_int_eq(prong_dict_size(dict), keys);
}
END_TEST

START_TEST(test_dict_room_too_long)
{
	static char key[DICT_KEY_MAX + 2];
	char *value = calloc(1, prong_dict_longest(dict));
	size_t longest = prong_dict_longest(dict);

	ck_assert_int_eq(prong_dict_set(dict, key, 5, value, longest - 5, 0,
	    PRONG_DICT_FOREVER), 1);
	ck_assert_int_eq(prong_dict_set(dict, key, 5, value, longest - 5, 0,
	    PRONG_DICT_FOREVER), 1);
	errno = 0;
	ck_assert_int_eq(prong_dict_set(dict, key, 5, value, longest - 4, 0,
	    PRONG_DICT_FOREVER), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(prong_error(), "memory"));
	ck_assert_int_eq(prong_dict_append(dict, key, 5, "x", 1), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	errno = 0;
	ck_assert_int_eq(prong_dict_get(dict, key, DICT_KEY_MAX + 1, NULL, 0),
	    -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(prong_dict_get(dict, key, DICT_KEY_MAX, NULL, 0), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(prong_dict_get(dict, key, 5, NULL, 0), longest - 5);
	free(value);
}
END_TEST

/* What has expired goes before there is said to be no room. */
START_TEST(test_dict_room_expired)
{
	int keys = fill(20, 100), i;

	dicting_time += 99;
	ck_assert_int_eq(set_number(keys, 20, PRONG_DICT_FOREVER), -1);
	dicting_time += 1;
	for (i = 0; i < keys; i++)
		ck_assert_int_eq(set_number(keys + i, 20, PRONG_DICT_FOREVER),
		    1);
	ck_assert_int_eq(set_number(2 * keys, 20, PRONG_DICT_FOREVER), -1);
	ck_assert_int_eq(prong_dict_size(dict), keys);
}
END_TEST

/* --- lru ------------------------------------------------------------------ */

static uint64_t
evicted(void)
{
	struct dict_stripe s;
	uint64_t n;

	ck_assert_int_eq(dict_lock_number(dict, 0, &s), 0);
	n = s.head->evicted;
	dict_unlock(&s);
	return n;
}

/* Those that are used stay, and the latest ones: nearly all of them. */
START_TEST(test_dict_room_lru)
{
	int key, i, kept = 0, newest = 0;

	for (key = 0; key < 20000; key++) {
		ck_assert_int_eq(set_number(key, 20, PRONG_DICT_FOREVER), 1);
		if (key % 10 == 0)
			for (i = 0; i < 50; i++)
				has_number(i);
	}
	ck_assert_uint_gt(evicted(), 18000);
	ck_assert_int_eq(prong_dict_size(dict) + (int64_t)evicted(), 20000);
	for (i = 0; i < 50; i++)
		kept += has_number(i);
	ck_assert_int_gt(kept, 45);
	for (i = 19900; i < 20000; i++)
		newest += has_number(i);
	ck_assert_int_gt(newest, 90);
}
END_TEST

/* One large value takes the place of many small ones, and is there. */
START_TEST(test_dict_room_lru_large)
{
	int key;

	for (key = 0; key < 2000; key++)
		ck_assert_int_eq(set_number(key, 20, PRONG_DICT_FOREVER), 1);
	ck_assert_int_eq(set_number(5000, prong_dict_longest(dict) - 4,
	    PRONG_DICT_FOREVER), 1);
	ck_assert(has_number(5000));
	dicting_check(dict);
	/* And another instead of it: the old one is there until then. */
	ck_assert_int_eq(set_number(5000, prong_dict_longest(dict) - 4,
	    PRONG_DICT_FOREVER), 1);
	ck_assert(has_number(5000));
	ck_assert_int_lt(prong_dict_size(dict), 20);
}
END_TEST

/* Who makes room for a key's own change does not evict that key. */
START_TEST(test_dict_room_lru_keeps)
{
	char data[200];
	int key, i;

	memset(data, 'a', sizeof(data));
	ck_assert_int_eq(prong_dict_append(dict, "k", 1, data, sizeof(data)),
	    200);
	for (key = 0; key < 1500; key++)
		ck_assert_int_eq(set_number(key, 20, PRONG_DICT_FOREVER), 1);
	ck_assert_int_eq(prong_dict_delete(dict, "k", 1), 0);
	for (i = 1; (size_t)i * sizeof(data) + 1 <= prong_dict_longest(dict);
	    i++)
		ck_assert_int_eq(prong_dict_append(dict, "k", 1, data,
		    sizeof(data)), i * (int)sizeof(data));
	ck_assert_int_gt(i, 100);
}
END_TEST

START_TEST(test_dict_room_lru_too_long)
{
	errno = 0;
	ck_assert_int_eq(set_number(1, prong_dict_longest(dict),
	    PRONG_DICT_FOREVER), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

int
main(void)
{
	TCase *tc, *lru = tcase_create("lru");
	Suite *s = unit_suite("dict_room", &tc);

	tcase_add_checked_fixture(tc, setup_none, teardown);
	tcase_add_loop_test(tc, test_dict_room_geometry, 0, 10);
	tcase_add_test(tc, test_dict_room_sizes);
	tcase_add_test(tc, test_dict_room_full);
	tcase_add_test(tc, test_dict_room_append);
	tcase_add_test(tc, test_dict_room_large);
	tcase_add_test(tc, test_dict_room_too_long);
	tcase_add_test(tc, test_dict_room_expired);
	suite_add_tcase(s, lru);
	tcase_add_checked_fixture(lru, setup_lru, teardown);
	tcase_add_test(lru, test_dict_room_lru);
	tcase_add_test(lru, test_dict_room_lru_large);
	tcase_add_test(lru, test_dict_room_lru_keeps);
	tcase_add_test(lru, test_dict_room_lru_too_long);
	return unit_run(s);
}
