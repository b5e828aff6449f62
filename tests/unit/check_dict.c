/* SPDX-License-Identifier: ISC */
/*
 * shm/dict: what each call does with a key that is there, is not, has expired.
 */
#include "shm/dict.h"

#include <errno.h>
#include <inttypes.h>

#include "dicting.h"
#include "unit.h"

#define MEMORY		(4 << 20)

static struct prong_dict *dict;

static void
setup(void)
{
	dict = dicting_new(MEMORY, DICT_EVICT_NONE);
}

static void
teardown(void)
{
	dicting_check(dict);
	dict_free(dict);
}

static bool
is(const char *key, const char *value)
{
	const char *found = dicting_get(dict, key);

	return value == NULL ? found == NULL :
	    found != NULL && strcmp(found, value) == 0;
}

START_TEST(test_dict_set_get)
{
	char value[4];

	ck_assert(is("a", NULL));
	ck_assert_int_eq(dicting_set(dict, "a", "1"), 1);
	ck_assert_int_eq(dicting_set(dict, "b", ""), 1);
	ck_assert_int_eq(dicting_set(dict, "", "nameless"), 1);
	ck_assert(is("a", "1") && is("b", "") && is("", "nameless"));
	ck_assert_int_eq(dicting_set(dict, "a", "another"), 1);
	ck_assert(is("a", "another"));
	ck_assert_int_eq(prong_dict_size(dict), 3);
	/* Too little room: nothing is copied. */
	memset(value, 'x', sizeof(value));
	errno = 0;
	ck_assert_int_eq(prong_dict_get(dict, "a", 1, value, 4), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_mem_eq(value, "xxxx", 4);
	ck_assert_int_eq(prong_dict_get(dict, "a", 1, NULL, 0), 7);
}
END_TEST

/* Lengths around those of blocks, for key and value; zeros are bytes. */
START_TEST(test_dict_lengths)
{
	static const size_t lengths[] = { 0, 1, 31, 32, 33, 87, 88, 89, 143,
	    144, 145, 1000, 65535 };
	static char key[65536], value[65536], found[65536];
	size_t k = lengths[_i], v, i;

	for (i = 0; i < sizeof(key); i++) {
		key[i] = (char)(i * 7 >> 3);
		value[i] = (char)(i * 13 >> 2);
	}
	for (v = 0; v < sizeof(lengths) / sizeof(lengths[0]); v++) {
		ck_assert_int_eq(prong_dict_set(dict, key, k, value, lengths[v],
		    0, PRONG_DICT_FOREVER), 1);
		memset(found, '?', sizeof(found));
		ck_assert_int_eq(prong_dict_get(dict, key, k, found,
		    sizeof(found)), lengths[v]);
		ck_assert_mem_eq(found, value, lengths[v]);
	}
	ck_assert_int_eq(prong_dict_size(dict), 1);
	ck_assert_int_eq(prong_dict_delete(dict, key, k), 1);
}
END_TEST

START_TEST(test_dict_delete)
{
	char value[8];

	ck_assert_int_eq(prong_dict_delete(dict, "a", 1), 0);
	dicting_set(dict, "a", "1");
	ck_assert_int_eq(prong_dict_delete(dict, "a", 1), 1);
	ck_assert_int_eq(prong_dict_delete(dict, "a", 1), 0);
	ck_assert(is("a", NULL));
	dicting_set(dict, "a", "12");
	errno = 0;
	ck_assert_int_eq(prong_dict_take(dict, "a", 1, value, 1), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(prong_dict_take(dict, "a", 1, NULL, 0), -1);
	ck_assert(is("a", "12"));
	ck_assert_int_eq(prong_dict_take(dict, "a", 1, value, 8), 2);
	ck_assert_mem_eq(value, "12", 2);
	errno = 0;
	ck_assert_int_eq(prong_dict_take(dict, "a", 1, value, 8), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(prong_dict_size(dict), 0);
}
END_TEST

static int
set_if(const char *value, unsigned int flags)
{
	return prong_dict_set(dict, "k", 1, value, strlen(value), flags,
	    PRONG_DICT_FOREVER);
}

START_TEST(test_dict_conditions)
{
	ck_assert_int_eq(set_if("1", PRONG_DICT_PRESENT), 0);
	ck_assert(is("k", NULL));
	ck_assert_int_eq(set_if("2", PRONG_DICT_ABSENT), 1);
	ck_assert_int_eq(set_if("3", PRONG_DICT_ABSENT), 0);
	ck_assert(is("k", "2"));
	ck_assert_int_eq(set_if("4", PRONG_DICT_PRESENT), 1);
	ck_assert(is("k", "4"));
	errno = 0;
	ck_assert_int_eq(set_if("5", PRONG_DICT_PRESENT | PRONG_DICT_ABSENT),
	    -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(set_if("5", 1 << 7), -1);
	ck_assert(is("k", "4"));
}
END_TEST

START_TEST(test_dict_swap)
{
	char old[4];
	struct prong_dict_value v = { old, sizeof(old), 0 };

	ck_assert_int_eq(prong_dict_swap(dict, "k", 1, "one", 3, 0,
	    PRONG_DICT_FOREVER, &v), 1);
	ck_assert_int_eq(v.length, -1);
	ck_assert_int_eq(prong_dict_swap(dict, "k", 1, "three", 5, 0,
	    PRONG_DICT_FOREVER, &v), 1);
	ck_assert_int_eq(v.length, 3);
	ck_assert_mem_eq(old, "one", 3);
	/* The old one does not fit: it stays where it is. */
	errno = 0;
	ck_assert_int_eq(prong_dict_swap(dict, "k", 1, "x", 1, 0,
	    PRONG_DICT_FOREVER, &v), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert(is("k", "three"));
	dicting_set(dict, "k", "two");
	ck_assert_int_eq(prong_dict_swap(dict, "k", 1, "x", 1,
	    PRONG_DICT_ABSENT, PRONG_DICT_FOREVER, &v), 0);
	ck_assert_mem_eq(old, "two", 3);
	ck_assert(is("k", "two"));
}
END_TEST

START_TEST(test_dict_add)
{
	static const char *const senseless[] = { "", "x", "1x", " 1", "+1",
	    "01", "-", "-0", "9223372036854775808", "1.0", "1 ",
	    "00000000000000000000000001" };
	int64_t n = 0;
	int i;

	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 5, &n), 0);
	ck_assert_int_eq(n, 5);
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, -12, &n), 0);
	ck_assert_int_eq(n, -7);
	ck_assert(is("n", "-7"));
	dicting_set(dict, "n", "9223372036854775807");
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 0, NULL), 0);
	errno = 0;
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 1, &n), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert(is("n", "9223372036854775807"));
	dicting_set(dict, "n", "-9223372036854775808");
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, INT64_MAX, &n), 0);
	ck_assert_int_eq(n, -1);
	for (i = 0; i < UNIT_COUNT(senseless); i++) {
		dicting_set(dict, "n", senseless[i]);
		errno = 0;
		ck_assert_int_eq(prong_dict_add(dict, "n", 1, 1, &n), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert(is("n", senseless[i]));
	}
}
END_TEST

/* From nothing to beyond several blocks, by so many bytes at once. */
START_TEST(test_dict_append)
{
	char expected[600], found[600];
	size_t n = 0, step = (size_t)_i, i;

	for (i = 0; i < sizeof(expected); i++)
		expected[i] = (char)('a' + i % 26);
	while (n + step <= sizeof(expected)) {
		ck_assert_int_eq(prong_dict_append(dict, "key", 3, expected + n,
		    step), n + step);
		n += step;
		ck_assert_int_eq(prong_dict_get(dict, "key", 3, found,
		    sizeof(found)), n);
		ck_assert_mem_eq(found, expected, n);
	}
	ck_assert_int_eq(prong_dict_append(dict, "key", 3, "", 0), n);
	ck_assert_int_eq(prong_dict_append(dict, "none", 4, "", 0), 0);
	ck_assert(is("none", ""));
}
END_TEST

START_TEST(test_dict_cas)
{
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, "a", 1, "b", 1), 0);
	ck_assert(is("k", NULL));
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, NULL, 0, "a", 1), 1);
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, NULL, 0, "x", 1), 0);
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, "b", 1, "x", 1), 0);
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, "aa", 2, "x", 1), 0);
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, "", 0, "x", 1), 0);
	ck_assert(is("k", "a"));
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, "a", 1, "", 0), 1);
	ck_assert(is("k", ""));
	ck_assert_int_eq(prong_dict_cas(dict, "k", 1, "", 0, "c", 1), 1);
	ck_assert(is("k", "c"));
}
END_TEST

/* --- expiry --------------------------------------------------------------- */

static int64_t
ttl(const char *key)
{
	int64_t ms = 0;
	int r = prong_dict_ttl(dict, key, strlen(key), &ms);

	ck_assert_int_ne(r, -1);
	return r == 0 ? 0 : ms;
}

static void
set_for(const char *key, int64_t ms)
{
	ck_assert_int_eq(prong_dict_set(dict, key, strlen(key), "v", 1, 0,
	    ms), 1);
}

START_TEST(test_dict_expiry)
{
	set_for("a", 100);
	set_for("b", PRONG_DICT_FOREVER);
	ck_assert_int_eq(ttl("a"), 100);
	ck_assert_int_eq(ttl("b"), PRONG_DICT_FOREVER);
	ck_assert_int_eq(ttl("none"), 0);
	dicting_time += 99;
	ck_assert(is("a", "v"));
	ck_assert_int_eq(ttl("a"), 1);
	ck_assert_int_eq(prong_dict_size(dict), 2);
	dicting_time++;
	ck_assert_int_eq(prong_dict_size(dict), 1);
	ck_assert(is("a", NULL));
	ck_assert_int_eq(ttl("a"), 0);
	ck_assert_int_eq(prong_dict_expire(dict, "a", 1, 5), 0);
	ck_assert_int_eq(prong_dict_expire(dict, "b", 1, 5), 1);
	ck_assert_int_eq(ttl("b"), 5);
	ck_assert_int_eq(prong_dict_expire(dict, "b", 1, PRONG_DICT_FOREVER),
	    1);
	dicting_time += 10;
	ck_assert(is("b", "v"));
	/* No time is later than the last one that there is a number for. */
	ck_assert_int_eq(prong_dict_expire(dict, "b", 1, INT64_MAX), 1);
	ck_assert_int_eq(ttl("b"), INT64_MAX - dicting_time);
}
END_TEST

/* What is over is as if it were not there, for each call. */
START_TEST(test_dict_expired_is_none)
{
	struct prong_dict_value v = { NULL, 0, 0 };
	char key[8];

	set_for("a", 1);
	dicting_time++;
	ck_assert_int_eq(prong_dict_delete(dict, "a", 1), 0);
	set_for("a", 1);
	dicting_time++;
	ck_assert_int_eq(prong_dict_set(dict, "a", 1, "w", 1,
	    PRONG_DICT_PRESENT, PRONG_DICT_FOREVER), 0);
	set_for("a", 1);
	dicting_time++;
	ck_assert_int_eq(prong_dict_append(dict, "a", 1, "xy", 2), 2);
	ck_assert_int_eq(ttl("a"), PRONG_DICT_FOREVER);
	set_for("a", 1);
	dicting_time++;
	ck_assert_int_eq(prong_dict_cas(dict, "a", 1, "v", 1, "w", 1), 0);
	set_for("a", 1);
	dicting_time++;
	ck_assert_int_eq(prong_dict_random(dict, key, sizeof(key)), -1);
	set_for("a", 1);
	dicting_time++;
	ck_assert_int_eq(prong_dict_swap(dict, "a", 1, "w", 1, 0,
	    PRONG_DICT_FOREVER, &v), 1);
	ck_assert_int_eq(v.length, -1);
	ck_assert_int_eq(prong_dict_size(dict), 1);
}
END_TEST

START_TEST(test_dict_expiry_kept)
{
	ck_assert_int_eq(prong_dict_set(dict, "n", 1, "1", 1, 0, 50), 1);
	ck_assert_int_eq(prong_dict_add(dict, "n", 1, 1, NULL), 0);
	ck_assert_int_eq(ttl("n"), 50);
	ck_assert_int_eq(prong_dict_append(dict, "n", 1, "0", 1), 2);
	ck_assert_int_eq(ttl("n"), 50);
	ck_assert_int_eq(prong_dict_cas(dict, "n", 1, "20", 2, "x", 1), 1);
	ck_assert_int_eq(ttl("n"), 50);
	ck_assert_int_eq(prong_dict_set(dict, "n", 1, "y", 1, PRONG_DICT_KEEP,
	    70), 1);
	ck_assert_int_eq(ttl("n"), 50);
	ck_assert_int_eq(prong_dict_set(dict, "n", 1, "z", 1, 0, 70), 1);
	ck_assert_int_eq(ttl("n"), 70);
	ck_assert_int_eq(dicting_set(dict, "n", "z"), 1);
	ck_assert_int_eq(ttl("n"), PRONG_DICT_FOREVER);
	/* With nothing to be kept it is the time given. */
	ck_assert_int_eq(prong_dict_set(dict, "m", 1, "y", 1, PRONG_DICT_KEEP,
	    70), 1);
	ck_assert_int_eq(ttl("m"), 70);
}
END_TEST

START_TEST(test_dict_expiry_senseless)
{
	static const int64_t senseless[] = { 0, -2, INT64_MIN };

	dicting_set(dict, "k", "v");
	errno = 0;
	ck_assert_int_eq(prong_dict_set(dict, "k", 1, "w", 1, 0, senseless[_i]),
	    -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(prong_dict_expire(dict, "k", 1, senseless[_i]), -1);
	ck_assert(is("k", "v"));
}
END_TEST

/* The real clock is the one of the wall, for what is kept on disk. */
START_TEST(test_dict_clock)
{
	struct prong_dict *real = dict_new("r", DICT_MEMORY_MIN,
	    DICT_EVICT_NONE, false);
	time_t before = time(NULL);
	int64_t ms;

	ms = real->now();
	ck_assert_int_ge(ms / 1000, before);
	ck_assert_int_le(ms / 1000, time(NULL));
	dict_free(real);
}
END_TEST

/* --- all keys ------------------------------------------------------------- */

#define KEYS		5000

static int seen[KEYS];

static int
note(const struct prong_dict_item *item, void *arg)
{
	int key;

	ck_assert_uint_eq(item->key_length, sizeof(key));
	memcpy(&key, item->key, sizeof(key));
	ck_assert_uint_eq(item->length, (size_t)key % 300);
	ck_assert_int_eq(item->ms, key % 2 == 0 ? PRONG_DICT_FOREVER :
	    50 + key);
	seen[key]++;
	if (arg != NULL && --*(int *)arg == 0)
		return 7;
	return 0;
}

static void
set_keys(int from, int to)
{
	char value[300];
	int key;

	memset(value, 'v', sizeof(value));
	for (key = from; key < to; key++)
		ck_assert_int_eq(prong_dict_set(dict, &key, sizeof(key), value,
		    (size_t)key % 300, 0, key % 2 == 0 ? PRONG_DICT_FOREVER :
		    50 + key), 1);
}

START_TEST(test_dict_each)
{
	int i, left = 10;

	ck_assert_int_eq(prong_dict_each(dict, note, NULL), 0);
	set_keys(0, KEYS);
	ck_assert_int_eq(prong_dict_each(dict, note, NULL), 0);
	for (i = 0; i < KEYS; i++)
		ck_assert_int_eq(seen[i], 1);
	ck_assert_int_eq(prong_dict_each(dict, note, &left), 7);
	ck_assert_int_eq(left, 0);
	/* What is over is not told. */
	dicting_time += 50 + KEYS;
	memset(seen, 0, sizeof(seen));
	ck_assert_int_eq(prong_dict_each(dict, note, NULL), 0);
	for (i = 0; i < KEYS; i++)
		ck_assert_int_eq(seen[i], i % 2 == 0);
}
END_TEST

/*
 * Keys that stay come once, whatever becomes of the others in between; those
 * that change once as well.
 */
START_TEST(test_dict_scan)
{
	uint64_t cursor = 0;
	int rounds = 0, key;

	set_keys(0, KEYS / 2);
	do {
		ck_assert_int_eq(prong_dict_scan(dict, &cursor, 10, note, NULL),
		    0);
		rounds++;
		for (key = KEYS / 4; key < KEYS / 2; key += 97)
			prong_dict_delete(dict, &key, sizeof(key));
		set_keys(KEYS / 2, KEYS / 2 + rounds);
		set_keys(rounds, rounds + 10);
	} while (cursor != 0);
	ck_assert_int_gt(rounds, 50);
	for (key = 0; key < KEYS; key++)
		ck_assert_int_le(seen[key], 1);
	for (key = 0; key < KEYS / 4; key++)
		ck_assert_int_eq(seen[key], 1);
	cursor = UINT64_MAX;
	errno = 0;
	ck_assert_int_eq(prong_dict_scan(dict, &cursor, 1, note, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static int
delete_it(const struct prong_dict_item *item, void *arg)
{
	return prong_dict_delete(dict, item->key, item->key_length) == 1 ?
	    0 : 1;
}

START_TEST(test_dict_each_may_change)
{
	set_keys(0, KEYS);
	ck_assert_int_eq(prong_dict_each(dict, delete_it, NULL), 0);
	ck_assert_int_eq(prong_dict_size(dict), 0);
}
END_TEST

START_TEST(test_dict_random_and_clear)
{
	int i, key, different = 0;

	ck_assert_int_eq(prong_dict_random(dict, &key, sizeof(key)), -1);
	ck_assert_int_eq(errno, ENOENT);
	set_keys(0, 100);
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(prong_dict_random(dict, &key, sizeof(key)),
		    sizeof(key));
		different += seen[key]++ == 0;
	}
	ck_assert_int_gt(different, 10);
	errno = 0;
	ck_assert_int_eq(prong_dict_random(dict, &key, 3), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(prong_dict_clear(dict), 0);
	ck_assert_int_eq(prong_dict_size(dict), 0);
	ck_assert_int_eq(prong_dict_clear(dict), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("dict", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_dict_set_get);
	tcase_add_loop_test(tc, test_dict_lengths, 0, 13);
	tcase_add_test(tc, test_dict_delete);
	tcase_add_test(tc, test_dict_conditions);
	tcase_add_test(tc, test_dict_swap);
	tcase_add_test(tc, test_dict_add);
	tcase_add_loop_test(tc, test_dict_append, 1, 120);
	tcase_add_test(tc, test_dict_cas);
	tcase_add_test(tc, test_dict_expiry);
	tcase_add_test(tc, test_dict_expired_is_none);
	tcase_add_test(tc, test_dict_expiry_kept);
	tcase_add_loop_test(tc, test_dict_expiry_senseless, 0, 3);
	tcase_add_test(tc, test_dict_clock);
	tcase_add_test(tc, test_dict_each);
	tcase_add_test(tc, test_dict_scan);
	tcase_add_test(tc, test_dict_each_may_change);
	tcase_add_test(tc, test_dict_random_and_clear);
	return unit_run(s);
}
