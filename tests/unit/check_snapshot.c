/* SPDX-License-Identifier: ISC */
/*
 * shm/snapshot: a dict as bytes and back; bytes that are damaged set nothing.
 */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "dicting.h"
#include "helper.h"
#include "seed.h"
#include "shm/snapshot.h"
#include "unit.h"

#define MEMORY	(128 << 10)
#define BLOCK	SNAPSHOT_HEADER		/* where the first one begins */

/* What was written. */
static unsigned char *bytes;
static size_t length, limit = SIZE_MAX;

static void
grow(size_t more)
{
	unsigned char *larger = realloc(bytes, length + more);

	ck_assert_ptr_nonnull(larger);
	bytes = larger;
}

static int
keep(void *arg, const void *data, size_t n)
{
	if (n > limit - length)
		return error_set(ENOSPC, "no room");
	grow(n);
	memcpy(bytes + length, data, n);
	length += n;
	return 0;
}

static uint64_t
save(struct prong_dict *d)
{
	uint64_t count;

	length = 0;
	ck_assert_msg(snapshot_save(d, keep, NULL, &count) == 0, "%s",
	    prong_error());
	return count;
}

static void
load(struct prong_dict *d)
{
	ck_assert_msg(snapshot_load(bytes, length, d) == 0, "%s",
	    prong_error());
	dicting_check(d);
}

/* It is refused for that, and nothing is set. */
static void
refuse(struct prong_dict *d, const unsigned char *data, size_t n, int error)
{
	errno = 0;
	ck_assert_int_eq(snapshot_load(data, n, d), -1);
	ck_assert_msg(errno == error, "errno %d: %s", errno, prong_error());
	ck_assert_int_eq(prong_dict_size(d), 0);
}

static struct prong_dict *
small_dict(void)
{
	struct prong_dict *d = dicting_new(MEMORY, DICT_EVICT_NONE);

	dicting_set(d, "one", "1");
	dicting_set(d, "", "the value of nothing");
	dicting_set(d, "nothing", "");
	ck_assert_int_eq(prong_dict_set(d, "k\0ey", 4, "\xff\0", 2, 0, 5000),
	    1);
	return d;
}

START_TEST(test_round)
{
	struct prong_dict *d = small_dict();
	struct prong_dict *e = dicting_new(2 * MEMORY, DICT_EVICT_LRU);
	char value[16];
	int64_t ms;

	ck_assert_uint_eq(save(d), 4);
	dicting_time += 1500;
	load(e);
	ck_assert_int_eq(prong_dict_size(e), 4);
	ck_assert_str_eq(dicting_get(e, "one"), "1");
	ck_assert_str_eq(dicting_get(e, ""), "the value of nothing");
	ck_assert_str_eq(dicting_get(e, "nothing"), "");
	ck_assert_int_eq(prong_dict_get(e, "k\0ey", 4, value, 16), 2);
	ck_assert_mem_eq(value, "\xff\0", 2);
	ck_assert_int_eq(prong_dict_ttl(e, "k\0ey", 4, &ms), 1);
	ck_assert_int_eq(ms, 3500);
	ck_assert_int_eq(prong_dict_ttl(e, "one", 3, &ms), 1);
	ck_assert_int_eq(ms, PRONG_DICT_FOREVER);
	dict_free(e);
	/* What has expired meanwhile is left out. */
	e = dicting_new(MEMORY, DICT_EVICT_NONE);
	dicting_time += 3500;
	load(e);
	ck_assert_int_eq(prong_dict_size(e), 3);
	dict_free(e);
	dict_free(d);
}
END_TEST

/* Bytes as above; meanwhile time goes by. */
static int
keep_slowly(void *arg, const void *data, size_t n)
{
	dicting_time += 1000;
	return keep(arg, data, n);
}

/* Whoever asks for a time that no clock will show spoils nothing. */
START_TEST(test_ages)
{
	struct prong_dict *d = dicting_new(MEMORY, DICT_EVICT_NONE), *e;
	uint64_t count;
	int64_t ms;

	dicting_set(d, "one", "1");
	ck_assert_int_eq(prong_dict_set(d, "set", 3, "2", 1, 0, INT64_MAX), 1);
	ck_assert_int_eq(prong_dict_set(d, "last", 4, "3", 1, 0,
	    INT64_MAX - dicting_time), 1);
	dicting_set(d, "expire", "4");
	ck_assert_int_eq(prong_dict_expire(d, "expire", 6, INT64_MAX - 1), 1);
	length = 0;
	ck_assert_int_eq(snapshot_save(d, keep_slowly, NULL, &count), 0);
	ck_assert_uint_eq(count, 4);
	e = dicting_new(MEMORY, DICT_EVICT_NONE);
	load(e);
	ck_assert_int_eq(prong_dict_size(e), 4);
	ck_assert_int_eq(prong_dict_ttl(e, "set", 3, &ms), 1);
	ck_assert_int_eq(ms, INT64_MAX - dicting_time);
	dict_free(e);
	dict_free(d);
}
END_TEST

START_TEST(test_empty)
{
	struct prong_dict *d = dicting_new(MEMORY, DICT_EVICT_NONE);

	ck_assert_uint_eq(save(d), 0);
	ck_assert_uint_eq(length, SNAPSHOT_HEADER + 24);
	load(d);
	ck_assert_int_eq(prong_dict_size(d), 0);
	/* What is there already is not to be mixed with. */
	dicting_set(d, "a", "b");
	errno = 0;
	ck_assert_int_eq(snapshot_load(bytes, length, d), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_str_eq(dicting_get(d, "a"), "b");
	dict_free(d);
}
END_TEST

/* Cut anywhere. */
START_TEST(test_cut)
{
	struct prong_dict *d = small_dict();
	struct prong_dict *e = dicting_new(MEMORY, DICT_EVICT_NONE);
	unsigned char *cut;
	size_t n;

	save(d);
	for (n = 0; n < length; n++) {
		/* In memory of its own, so that reading further is seen. */
		ck_assert_ptr_nonnull(cut = malloc(n > 0 ? n : 1));
		memcpy(cut, bytes, n);
		refuse(e, cut, n, EBADMSG);
		free(cut);
	}
	grow(1);
	bytes[length] = 0;
	refuse(e, bytes, length + 1, EBADMSG);
	load(e);
	ck_assert_int_eq(prong_dict_size(e), 4);
	dict_free(e);
	dict_free(d);
}
END_TEST

/* Any bit of it. */
START_TEST(test_flipped)
{
	struct prong_dict *d = small_dict();
	struct prong_dict *e = dicting_new(MEMORY, DICT_EVICT_NONE);
	size_t bit;

	save(d);
	for (bit = 0; bit < 8 * length; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		refuse(e, bytes, length, EBADMSG);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	load(e);
	dict_free(e);
	dict_free(d);
}
END_TEST

static void
put_number(size_t at, uint64_t number, size_t size)
{
	number = htole64(number);
	memcpy(bytes + at, &number, size);
}

/* Makes the checksums right again, as whoever means harm would. */
static void
seal(void)
{
	uint64_t n, sum = snapshot_sum(0, bytes, SNAPSHOT_HEADER - 8);
	size_t at = SNAPSHOT_HEADER;

	put_number(at - 8, sum, 8);
	while (at + 24 <= length) {
		memcpy(&n, bytes + at, 8);
		n = le64toh(n);
		if (n > length - at - 24)
			return;
		sum = snapshot_sum(sum, bytes + at, 16 + n);
		put_number(at + 16 + n, sum, 8);
		at += 24 + n;
	}
}

/* Numbers that make no sense, under checksums that do. */
static const struct {
	size_t at;
	uint64_t value;
	size_t size;
	int error;
} planted[] = {
	{ BLOCK + 0, UINT64_MAX, 8, EBADMSG },		/* the length of a block */
	{ BLOCK + 0, UINT64_MAX - 15, 8, EBADMSG },
	{ BLOCK + 0, 1, 8, EBADMSG },
	{ BLOCK + 8, UINT64_MAX, 8, EBADMSG },		/* its count */
	{ BLOCK + 8, 3, 8, EBADMSG },
	{ BLOCK + 8, 5, 8, EBADMSG },
	{ BLOCK + 16, UINT32_MAX, 4, EBADMSG },		/* the length of a key */
	{ BLOCK + 16, 65536, 4, EBADMSG },
	{ BLOCK + 20, UINT32_MAX, 4, EBADMSG },		/* of a value */
	{ BLOCK + 20, 100, 4, EBADMSG },
	{ BLOCK + 24, UINT64_MAX, 8, EBADMSG },		/* when it expires */
	{ 8, 2, 4, EPROTONOSUPPORT },
	{ 12, 72, 4, EPROTONOSUPPORT },
	{ 40, 1, 8, EPROTONOSUPPORT },
};

START_TEST(test_planted)
{
	struct prong_dict *d = small_dict();
	struct prong_dict *e = dicting_new(MEMORY, DICT_EVICT_NONE);

	save(d);
	put_number(planted[_i].at, planted[_i].value, planted[_i].size);
	seal();
	refuse(e, bytes, length, planted[_i].error);
	dict_free(e);
	dict_free(d);
}
END_TEST

/* Whole blocks left out, doubled or exchanged. */
START_TEST(test_blocks)
{
	struct prong_dict *d = dicting_new(1 << 20, DICT_EVICT_NONE);
	struct prong_dict *e = dicting_new(1 << 20, DICT_EVICT_NONE);
	static char value[70000];
	size_t one = 16 + 16 + 1 + sizeof(value) + 8;
	unsigned char *copy;

	/* Each of them is a block of its own. */
	prong_dict_set(d, "a", 1, value, sizeof(value), 0, -1);
	prong_dict_set(d, "b", 1, value, sizeof(value), 0, -1);
	prong_dict_set(d, "c", 1, value, sizeof(value), 0, -1);
	save(d);
	ck_assert_uint_eq(length, SNAPSHOT_HEADER + 3 * one + 24);
	ck_assert_ptr_nonnull(copy = malloc(length));
	memcpy(copy, bytes, length);
	memmove(copy + SNAPSHOT_HEADER, copy + SNAPSHOT_HEADER + one,
	    2 * one + 24);
	refuse(e, copy, length - one, EBADMSG);
	memcpy(copy, bytes, length);
	memcpy(copy + SNAPSHOT_HEADER + one, bytes + SNAPSHOT_HEADER, one);
	refuse(e, copy, length, EBADMSG);
	memcpy(copy + SNAPSHOT_HEADER, bytes + SNAPSHOT_HEADER + one, one);
	refuse(e, copy, length, EBADMSG);
	/* The last one alone. */
	memcpy(copy + SNAPSHOT_HEADER, bytes + length - 24, 24);
	refuse(e, copy, SNAPSHOT_HEADER + 24, EBADMSG);
	free(copy);
	load(e);
	ck_assert_int_eq(prong_dict_size(e), 3);
	dict_free(e);
	dict_free(d);
}
END_TEST

static const enum dict_evict evicts[] = { DICT_EVICT_NONE, DICT_EVICT_LRU };

/* A dict that is full to the brim finds room in one of the same memory. */
START_TEST(test_full)
{
	struct prong_dict *d = dicting_new(5 << 20, evicts[_i]);
	struct prong_dict *e;
	static char value[3000];
	char key[32];
	int64_t keys;
	int i, n;

	seed_use();
	for (i = 0; i < 100000; i++) {
		n = snprintf(key, sizeof(key), "key-%d", i);
		prong_dict_set(d, key, (size_t)n, value, seed_below(i < 4000 ?
		    3000 : 20), 0, PRONG_DICT_FOREVER);
	}
	keys = prong_dict_size(d);
	ck_assert_int_gt(keys, 2000);
	ck_assert_uint_eq(save(d), (uint64_t)keys);
	e = dicting_new(5 << 20, evicts[_i]);
	load(e);
	ck_assert_int_eq(prong_dict_size(e), keys);
	dict_free(e);
	dict_free(d);
}
END_TEST

#define BUSY_VALUE	1000

static struct prong_dict *busy;
static int busy_keys;

static bool
busy_set(const char *prefix, int number)
{
	static const char value[BUSY_VALUE];
	char key[32];
	int n = snprintf(key, sizeof(key), "%s%d", prefix, number);

	return prong_dict_set(busy, key, (size_t)n, value, sizeof(value), 0,
	    PRONG_DICT_FOREVER) == 1;
}

/* Bytes as above; meanwhile keys go, and others come that have room then. */
static int
keep_busily(void *arg, const void *data, size_t n)
{
	static int next;
	char key[32];
	int i, length_of_key;

	for (i = 0; i < 300; i++) {
		length_of_key = snprintf(key, sizeof(key), "k%d",
		    (int)seed_below((unsigned int)busy_keys));
		prong_dict_delete(busy, key, (size_t)length_of_key);
		busy_set("n", next++);
	}
	return keep(arg, data, n);
}

/* What a full dict had while others used it has room in one of the same memory. */
START_TEST(test_full_meanwhile)
{
	struct prong_dict *e;
	uint64_t count;
	int64_t keys;

	seed_use();
	busy = dicting_new(4 << 20, DICT_EVICT_NONE);
	for (busy_keys = 0; busy_keys < 8000; busy_keys++)
		busy_set("k", busy_keys);
	keys = prong_dict_size(busy);
	ck_assert_int_gt(keys, 3000);
	length = 0;
	ck_assert_int_eq(snapshot_save(busy, keep_busily, NULL, &count), 0);
	ck_assert_uint_gt(count, 2000);
	e = dicting_new(4 << 20, DICT_EVICT_NONE);
	load(e);
	ck_assert_int_eq(prong_dict_size(e), (int64_t)count);
	dict_free(e);
	dict_free(busy);
}
END_TEST

START_TEST(test_too_small)
{
	struct prong_dict *d = dicting_new(1 << 20, DICT_EVICT_NONE);
	struct prong_dict *e = dicting_new(MEMORY, DICT_EVICT_NONE);
	static char value[100000];
	char key[32];
	int i;

	for (i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		dicting_set(d, key, "some value or other");
	}
	save(d);
	refuse(e, bytes, length, ENOSPC);
	ck_assert_int_eq(prong_dict_clear(d), 0);
	prong_dict_set(d, "k", 1, value, sizeof(value), 0, -1);
	save(d);
	refuse(e, bytes, length, EMSGSIZE);
	dict_free(e);
	dict_free(d);
}
END_TEST

/* Whoever writes fails: so does it, wherever that is. */
START_TEST(test_write_fails)
{
	struct prong_dict *d = small_dict();
	uint64_t count;
	size_t all;

	save(d);
	for (all = length, limit = 0; limit < all; limit += 8) {
		length = 0;
		errno = 0;
		ck_assert_int_eq(snapshot_save(d, keep, NULL, &count), -1);
		ck_assert_int_eq(errno, ENOSPC);
	}
	limit = SIZE_MAX;
	ck_assert_uint_eq(save(d), 4);
	dict_free(d);
}
END_TEST

/* Writes for ever: each value is as often the same letter as its key says. */
static void
write_on(struct prong_dict *d)
{
	char key[16], value[2000];
	int n;

	for (;;) {
		n = snprintf(key, sizeof(key), "%d", (int)seed_below(2000));
		memset(value, 'a' + (int)seed_below(26), sizeof(value));
		if (seed_below(4) == 0)
			prong_dict_delete(d, key, (size_t)n);
		else
			prong_dict_set(d, key, (size_t)n, value,
			    (size_t)atoi(key), 0, PRONG_DICT_FOREVER);
	}
}

static int
whole(const struct prong_dict_item *item, void *arg)
{
	const char *value = item->value;
	char key[16];

	snprintf(key, sizeof(key), "%.*s", (int)item->key_length,
	    (const char *)item->key);
	ck_assert_uint_eq(item->length, (size_t)atoi(key));
	ck_assert(item->length < 2 || memcmp(value, value + 1,
	    item->length - 1) == 0);
	++*(int *)arg;
	return 0;
}

/* Two processes write while it is saved, and are killed at any moment. */
START_TEST(test_meanwhile)
{
	struct prong_dict *d = dicting_new(8 << 20, DICT_EVICT_NONE), *e;
	int i, n, rounds = 10;
	pid_t pid[2];

	for (i = 0; i < 2; i++)
		if ((pid[i] = fork()) == 0) {
			srandom(seed + (unsigned int)i);
			alarm(120);
			write_on(d);
		}
	for (; rounds > 0; rounds--) {
		save(d);
		e = dicting_new(8 << 20, DICT_EVICT_NONE);
		load(e);
		n = 0;
		ck_assert_int_eq(prong_dict_each(e, whole, &n), 0);
		ck_assert_int_eq(n, prong_dict_size(e));
		dict_free(e);
	}
	for (i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		helper_wait(pid[i]);
	}
	save(d);
	e = dicting_new(8 << 20, DICT_EVICT_NONE);
	load(e);
	ck_assert_int_eq(prong_dict_size(e), prong_dict_size(d));
	dict_free(e);
	dict_free(d);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("snapshot", &tc);

	seed_init();
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_round);
	tcase_add_test(tc, test_ages);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_cut);
	tcase_add_test(tc, test_flipped);
	tcase_add_loop_test(tc, test_planted, 0, UNIT_COUNT(planted));
	tcase_add_test(tc, test_blocks);
	tcase_add_loop_test(tc, test_full, 0, UNIT_COUNT(evicts));
	tcase_add_test(tc, test_full_meanwhile);
	tcase_add_test(tc, test_too_small);
	tcase_add_test(tc, test_write_fails);
	tcase_add_test(tc, test_meanwhile);
	return unit_run(s);
}
