/* SPDX-License-Identifier: ISC */
/*
 * A dict whose memory a hostile process has written over, but for the locks:
 * every call comes to an end, with EIO or something that is not there, and
 * reads and writes nothing outside.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dicting.h"
#include "helper.h"
#include "seed.h"
#include "shm/dict_room.h"
#include "unit.h"

#define MEMORY		(128 << 10)
#define ROUNDS		150
#define CALLS		60

static struct prong_dict *dict;
static struct dict_stripe stripe;

static int
ignore(const struct prong_dict_item *item, void *arg)
{
	return 0;
}

static void
look_and_change(void)
{
	static char value[32768];
	struct prong_dict_value old = { value, sizeof(value), 0 };
	char key[16];
	int i;

	for (i = 0; i < CALLS; i++) {
		size_t k = (size_t)snprintf(key, sizeof(key), "key-%d",
		    (int)seed_below(300)), n = seed_below(2000);
		int64_t ms;

		prong_dict_get(dict, key, k, value, sizeof(value));
		prong_dict_set(dict, key, k, value, n, 0, 5);
		prong_dict_swap(dict, key, k, value, n, 0, PRONG_DICT_FOREVER,
		    &old);
		prong_dict_append(dict, key, k, value, n);
		prong_dict_add(dict, key, k, 1, NULL);
		prong_dict_cas(dict, key, k, value, n, value, 5);
		prong_dict_expire(dict, key, k, 5);
		prong_dict_ttl(dict, key, k, &ms);
		prong_dict_take(dict, key, k, value, sizeof(value));
		prong_dict_delete(dict, key, k);
		prong_dict_random(dict, value, sizeof(value));
		dicting_time++;
	}
	prong_dict_size(dict);
	prong_dict_each(dict, ignore, NULL);
	prong_dict_clear(dict);
}

/* A child that is to come to its end in time. */
static void
bear(int round)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		look_and_change();
		_exit(0);
	}
	ck_assert_int_ne(pid, -1);
	status = helper_wait(pid);
	ck_assert_msg(status == 0, "round %d: status %#x", round,
	    (unsigned int)status);
}

static void
populate(void)
{
	static char value[3000];
	char key[16];
	int i;

	for (i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		prong_dict_set(dict, key, strlen(key), value,
		    seed_below(10) == 0 ? 3000 : seed_below(60), 0,
		    seed_below(2) == 0 ? PRONG_DICT_FOREVER : 10);
	}
}

/* What a value of the segment may be made to be. */
static uint64_t
hostile_word(void)
{
	switch (seed_below(6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return seed_below(dict->blocks);
	case 3:
		return seed_below(dict->blocks + 2) |
		    seed_below(dict->blocks) << 32;
	case 4:
		return (uint64_t)-1 - seed_below(dict->blocks);
	default:
		return seed_below(UINT64_MAX);
	}
}

/* Words of one part of the stripe, or of all of it. */
static void
overwrite(uint64_t *from, const void *end, uint64_t words)
{
	uint64_t count = (uint64_t)((const uint64_t *)end - from);

	while (words-- > 0)
		from[seed_below(count)] = hostile_word();
}

static void
overwrite_some(void)
{
	uint64_t *control = &stripe.head->free;
	const void *end = stripe.blocks + dict->blocks;

	switch (seed_below(4)) {
	case 0:
		overwrite(control, &stripe.head->undo, 1 + seed_below(3));
		break;
	case 1:
		overwrite(stripe.buckets, stripe.blocks, 1 + seed_below(50));
		break;
	case 2:
		overwrite((uint64_t *)(void *)stripe.blocks, end,
		    1 + seed_below(500));
		break;
	default:
		overwrite(control, end, 1 + seed_below(5000));
		break;
	}
}

/* The links of all blocks lead into circles. */
static void
make_circles(void)
{
	uint32_t i, to;

	for (i = 1; i < dict->blocks; i++) {
		to = 1 + (uint32_t)seed_below(3);
		stripe.blocks[i].chain = (uint64_t)i << 32 |
		    (uint32_t)(to - i - 1);
		dict_blocks_entry(&stripe, i)->bucket = to;
		dict_blocks_entry(&stripe, i)->lengths =
		    seed_below(2) * 16000ULL << 32 | 5 << 16;
	}
	for (i = 0; i < dict->buckets; i++)
		stripe.buckets[i] = 1 + seed_below(3);
}

START_TEST(test_dict_hostile)
{
	int i;

	seed_use();
	for (i = 0; i < ROUNDS; i++) {
		dict = dicting_new(MEMORY, _i % 2 == 0 ? DICT_EVICT_NONE :
		    DICT_EVICT_LRU);
		ck_assert_int_eq(dict_lock_number(dict, 0, &stripe), 0);
		dict_unlock(&stripe);
		populate();
		if (i == 0)
			make_circles();
		else
			overwrite_some();
		bear(i);
		dict_free(dict);
	}
}
END_TEST

/* What is damaged says so, and with what to do. */
START_TEST(test_dict_damaged)
{
	uint32_t i;

	dict = dicting_new(MEMORY, DICT_EVICT_NONE);
	ck_assert_int_eq(dict_lock_number(dict, 0, &stripe), 0);
	dict_unlock(&stripe);
	for (i = 0; i < dict->buckets; i++)
		stripe.buckets[i] = dict->blocks;
	errno = 0;
	ck_assert_int_eq(prong_dict_get(dict, "a", 1, NULL, 0), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_ptr_nonnull(strstr(prong_error(), "\"d\" is damaged"));
	ck_assert_int_eq(dicting_set(dict, "a", "b"), -1);
	ck_assert_int_eq(prong_dict_delete(dict, "a", 1), -1);
	ck_assert_int_eq(prong_dict_each(dict, ignore, NULL), -1);
	ck_assert_int_eq(prong_dict_clear(dict), -1);
	dict_free(dict);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("dict_hostile", &tc);

	seed_init();
	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, test_dict_hostile, 0, 2);
	tcase_add_test(tc, test_dict_damaged);
	return unit_run(s);
}
