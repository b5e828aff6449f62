/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_DICT_CALLS_H
#define TESTS_UNIT_DICT_CALLS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dicting.h"
#include "unit.h"

/*
 * The calls that a process is killed over: what is in the dict before each, and
 * what must be found when somebody else has put right what it has left.
 */

#define MEMORY		(320 << 10)
#define LARGE		65536
#define OTHERS		40

static struct prong_dict *dict;
static char large[LARGE], other[LARGE];

/* --- what is in it -------------------------------------------------------- */

/* A number that stands for a key's value and expiry; 0: there is none. */
static uint64_t
print_of(const char *key)
{
	static char value[2 * LARGE];
	ssize_t n = prong_dict_get(dict, key, strlen(key), value,
	    sizeof(value));
	int64_t ms = 0;

	if (n == -1)
		return 0;
	prong_dict_ttl(dict, key, strlen(key), &ms);
	return (dict_hash(dict, value, (size_t)n) ^ (uint64_t)ms) | 1;
}

static const char *
other_key(int i)
{
	static char key[16];

	snprintf(key, sizeof(key), "other-%d", i);
	return key;
}

struct content {
	uint64_t target, others[OTHERS];
};

static void
content_read(struct content *c)
{
	int i;

	c->target = print_of("target");
	for (i = 0; i < OTHERS; i++)
		c->others[i] = print_of(other_key(i));
}

/* --- the calls ------------------------------------------------------------ */

static void
others(size_t length, int64_t ms)
{
	int i;

	for (i = 0; i < OTHERS; i++)
		ck_assert_int_eq(prong_dict_set(dict, other_key(i),
		    strlen(other_key(i)), large, length, 0, ms), 1);
}

static void
some(void)
{
	others(100, PRONG_DICT_FOREVER);
}

static void
some_and_target(void)
{
	others(100, PRONG_DICT_FOREVER);
	dicting_set(dict, "target", "17");
}

static void
target_is_large(void)
{
	others(100, PRONG_DICT_FOREVER);
	prong_dict_set(dict, "target", 6, large, LARGE, 0, PRONG_DICT_FOREVER);
}

static void
target_was_to_expire(void)
{
	others(100, PRONG_DICT_FOREVER);
	prong_dict_set(dict, "target", 6, "x", 1, 0, 10);
	dicting_time += 10;
}

/* Full, so that a large value takes the place of more than ten of these. */
static void
full_of_others(void)
{
	others(6500, PRONG_DICT_FOREVER);
}

static void
full_of_expired(void)
{
	others(6500, 10);
	dicting_time += 10;
}

static void
set_small(void)
{
	dicting_set(dict, "target", "a small value");
}

static void
set_small_expiring(void)
{
	prong_dict_set(dict, "target", 6, "8", 1, 0, 500);
}

static void
set_some_blocks(void)
{
	prong_dict_set(dict, "target", 6, other, 100, 0, PRONG_DICT_FOREVER);
}

static void
set_large(void)
{
	prong_dict_set(dict, "target", 6, other, LARGE, 0, 1000);
}

static void
add(void)
{
	prong_dict_add(dict, "target", 6, 5, NULL);
}

static void
append_small(void)
{
	prong_dict_append(dict, "target", 6, "0", 1);
}

static void
append_large(void)
{
	prong_dict_append(dict, "target", 6, other, 1000);
}

static void
cas(void)
{
	prong_dict_cas(dict, "target", 6, "17", 2, "eighteen", 8);
}

static void
take(void)
{
	char value[8];

	prong_dict_take(dict, "target", 6, value, sizeof(value));
}

static void
delete(void)
{
	prong_dict_delete(dict, "target", 6);
}

static void
expire(void)
{
	prong_dict_expire(dict, "target", 6, 100);
}

static void
size(void)
{
	prong_dict_size(dict);
}

/*
 * A wrong order: the entry is there before its value is.  And the value of one
 * that is replaced is overwritten where it stands.
 */
static void
planted_early(void)
{
	struct dict_key k = { "target", 6, dict_hash(dict, "target", 6) };
	struct dict_stripe s;
	struct dict_found f;
	struct dict_place p;

	dict_lock(dict, k.hash, &s);
	dict_table_put(&s, &k, NULL, large, 100, 0);
	dict_table_find(&s, &k, &f);
	dict_blocks_begin(&s, f.chain.first, &p);
	dict_blocks_skip(&p, 6);
	dict_blocks_write(&p, other, 100);
	dict_unlock(&s);
}

/* One that forgets to note what it changes. */
static void
planted_unnoted(void)
{
	struct dict_key k = { "target", 6, dict_hash(dict, "target", 6) };
	struct dict_stripe s;
	struct dict_found f;

	dict_lock(dict, k.hash, &s);
	dict_table_find(&s, &k, &f);
	*f.link = *dict_table_next(&s, &f) & DICT_LOW;
	dict_blocks_give(&s, &f.chain);
	s.head->keys--;
	undo_commit(&s.head->undo);
	dict_unlock(&s);
}

static const struct call {
	const char *name;
	void (*prepare)(void);
	void (*act)(void);
	bool makes_room;	/* the others may go */
	bool is_planted;
} calls[] = {
	/* These three are tried in further ways. */
	{ "set, instead", some_and_target, set_small, false, false },
	{ "append blocks", some_and_target, append_large, false, false },
	{ "delete", some_and_target, delete, false, false },
	{ "set, new", some, set_small, false, false },
	{ "set, instead, expiring", some_and_target, set_small_expiring, false,
	    false },
	{ "set blocks, instead", some_and_target, set_some_blocks, false,
	    false },
	{ "set 64K, new", some, set_large, false, false },
	{ "set 64K instead of 64K", target_is_large, set_large, false, false },
	{ "set instead of 64K", target_is_large, set_small, false, false },
	{ "set instead of expired", target_was_to_expire, set_small, false,
	    false },
	{ "add, new", some, add, false, false },
	{ "add", some_and_target, add, false, false },
	{ "append, new", some, append_small, false, false },
	{ "append", some_and_target, append_small, false, false },
	{ "cas", some_and_target, cas, false, false },
	{ "take", some_and_target, take, false, false },
	{ "delete 64K", target_is_large, delete, false, false },
	{ "expire", some_and_target, expire, false, false },
	{ "set 64K, evicting", full_of_others, set_large, true, false },
	{ "set 64K, expiring", full_of_expired, set_large, true, false },
	{ "size, expiring", full_of_expired, size, true, false },
	{ "planted: commit before data", some, planted_early, false, true },
	{ "planted: unnoted", some_and_target, planted_unnoted, false, true },
};

static struct content content_before, content_after;

/* Whether somebody else is at it: which ones make room is open then. */
static bool beside_others;

/* What a successor finds wrong, or NULL; the lock is free. */
static const char *
find_fault(const struct call *c)
{
	const char *wrong;
	struct content now;
	int i;

	if ((wrong = dicting_fault(dict)) != NULL)
		return wrong;
	content_read(&now);
	if (now.target != content_before.target && now.target != content_after.target)
		return "the key is neither as before nor as after";
	for (i = 0; i < OTHERS; i++)
		if (now.others[i] != content_before.others[i] &&
		    (now.others[i] != 0 || !c->makes_room))
			return "another key has changed";
	/* What was not to be evicted goes with the call or before it. */
	for (i = 0; !beside_others &&
	    now.target != content_before.target && i < OTHERS; i++)
		if (now.others[i] != content_after.others[i])
			return "what was to make room is still there";
	return NULL;
}

/* Makes the dict of a call, and notes what is in it before and content_after. */
static void
begin_call(const struct call *c, char *start)
{
	memset(large, 'l', sizeof(large));
	memset(other, 'o', sizeof(other));
	dict = dicting_new(MEMORY, DICT_EVICT_LRU);
	ck_assert_uint_eq(dict->stripes, 1);
	c->prepare();
	memcpy(start, dict->segment.base, dict->segment.size);
	content_read(&content_before);
	memcpy(dict->segment.base, start, dict->segment.size);
	c->act();
	content_read(&content_after);
	memcpy(dict->segment.base, start, dict->segment.size);
}

#endif
