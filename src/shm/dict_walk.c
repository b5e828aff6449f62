/* SPDX-License-Identifier: ISC */
/*
 * The calls of <prong.h> about all the keys of a dict.
 *
 * The buckets are as many as ever and a key stays in its own, so whoever goes
 * from bucket to bucket meets each key once.  What is in some of them is copied
 * out under the lock; what is done with it is done without.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "shm/dict_room.h"

/* At most so many buckets, and about so many bytes, under one lock. */
#define DICT_WALK_BUCKETS	1024
#define DICT_WALK_BYTES		65536
/* A larger stripe would be kept from others for too long. */
#define DICT_COPY_MAX		(16U << 20)

/* Entries that were copied out, one behind the other. */
struct dict_bag {
	char *data;
	size_t size, used, count;
	size_t missing;		/* what did not fit */
};

/* What stands before the bytes of each. */
struct dict_copy {
	uint32_t key_length, value_length;
	int64_t ms;
};

_Static_assert(sizeof(struct dict_copy) + DICT_ENTRY_DATA <=
    sizeof(struct dict_block), "the copies of a stripe are no longer than it");

static int
dict_walk_copy(struct dict_stripe *s, const struct dict_found *f,
    struct dict_bag *bag)
{
	struct dict_copy copy = { f->key_length, f->value_length, 0 };
	char *to;
	size_t need = sizeof(copy) + f->key_length + f->value_length;

	if (need > bag->size - bag->used) {
		bag->missing += need;
		return 0;
	}
	copy.ms = f->expiry == 0 ? PRONG_DICT_FOREVER :
	    (int64_t)(f->expiry - dict_now(s));
	to = bag->data + bag->used;
	memcpy(to, &copy, sizeof(copy));
	to += sizeof(copy);
	if (dict_table_key(s, f, to) == -1 ||
	    dict_table_value(s, f, to + f->key_length) == -1)
		return -1;
	bag->used += need;
	bag->count++;
	return 0;
}

/* A whole bucket or, when that has no room, nothing of it. */
static int
dict_walk_bucket(struct dict_stripe *s, uint32_t bucket, struct dict_bag *bag)
{
	uint32_t steps = s->dict->blocks;
	uint64_t *link = &s->buckets[bucket];
	size_t used = bag->used, count = bag->count;
	struct dict_found f;
	int r;

	bag->missing = 0;
	while ((r = dict_table_follow(s, link, &f)) == 1) {
		/* Nor are there more bytes than a stripe has. */
		if (steps-- == 0 || bag->missing > 2 * s->dict->stripe_size)
			return dict_damaged(s);
		if (!dict_table_is_over(s, &f) &&
		    dict_walk_copy(s, &f, bag) == -1)
			return -1;
		link = dict_table_next(s, &f);
	}
	if (bag->missing > 0) {
		bag->missing += bag->used - used;
		bag->used = used;
		bag->count = count;
	}
	return r;
}

/* Some buckets of a stripe from *bucket on, which is moved behind them. */
static int
dict_walk_stripe(struct prong_dict *d, uint32_t number, uint32_t *bucket,
    size_t want, struct dict_bag *bag)
{
	uint32_t end = *bucket + DICT_WALK_BUCKETS;
	struct dict_stripe s;
	int r = 0;

	if (end > d->buckets)
		end = d->buckets;
	if (dict_lock_number(d, number, &s) == -1)
		return -1;
	bag->missing = 0;
	while (*bucket < end && bag->count < want &&
	    bag->used < DICT_WALK_BYTES) {
		if ((r = dict_walk_bucket(&s, *bucket, bag)) == -1 ||
		    bag->missing > 0)
			break;
		++*bucket;
	}
	dict_unlock(&s);
	return r;
}

static int
dict_walk_grow(const struct prong_dict *d, struct dict_bag *bag)
{
	size_t size = 2 * bag->size > bag->used + bag->missing ?
	    2 * bag->size : bag->used + bag->missing;
	char *data;

	if ((data = realloc(bag->data, size)) == NULL)
		return error_errno("dict \"%s\"", d->name);
	bag->data = data;
	bag->size = size;
	return 0;
}

static int
dict_walk_tell(const struct dict_bag *bag, prong_dict_each_fn *fn, void *arg)
{
	struct prong_dict_item item;
	struct dict_copy copy;
	const char *from = bag->data;
	size_t i;
	int r;

	for (i = 0; i < bag->count; i++) {
		memcpy(&copy, from, sizeof(copy));
		item.key = from + sizeof(copy);
		item.key_length = copy.key_length;
		item.value = from + sizeof(copy) + copy.key_length;
		item.length = copy.value_length;
		item.ms = copy.ms;
		if ((r = fn(&item, arg)) != 0)
			return r;
		from += sizeof(copy) + copy.key_length + copy.value_length;
	}
	return 0;
}

/* Goes on from a place until count keys were told; 0 there: the end. */
static int
dict_walk(struct prong_dict *d, uint64_t *cursor, size_t count,
    struct dict_bag *bag, prong_dict_each_fn *fn, void *arg)
{
	uint64_t end = (uint64_t)d->stripes * d->buckets;
	uint32_t bucket;
	size_t told = 0;
	int r;

	do {
		bag->used = bag->count = 0;
		bucket = (uint32_t)(*cursor % d->buckets);
		*cursor -= bucket;
		if (dict_walk_stripe(d, (uint32_t)(*cursor / d->buckets),
		    &bucket, count - told, bag) == -1)
			return -1;
		*cursor += bucket;
		if (bag->count == 0 && bag->missing > 0 &&
		    dict_walk_grow(d, bag) == -1)
			return -1;
		told += bag->count;
		if ((r = dict_walk_tell(bag, fn, arg)) != 0)
			return r;
	} while (*cursor < end && told < count);
	if (*cursor == end)
		*cursor = 0;
	return 0;
}

int
prong_dict_scan(struct prong_dict *d, uint64_t *cursor, size_t count,
    prong_dict_each_fn *fn, void *arg)
{
	struct dict_bag bag = { .data = NULL };
	int r;

	if (*cursor >= (uint64_t)d->stripes * d->buckets)
		return error_set(EINVAL, "dict \"%s\": %llu is not a cursor",
		    d->name, (unsigned long long)*cursor);
	r = dict_walk(d, cursor, count > 0 ? count : 1, &bag, fn, arg);
	free(bag.data);
	return r;
}

int
prong_dict_each(struct prong_dict *d, prong_dict_each_fn *fn, void *arg)
{
	uint64_t cursor = 0;

	return prong_dict_scan(d, &cursor, SIZE_MAX, fn, arg);
}

/* --- a whole stripe at a time ---------------------------------------------- */

static int
dict_walk_copy_stripe(struct prong_dict *d, uint32_t number,
    struct dict_bag *bag)
{
	struct dict_stripe s;
	uint32_t bucket;
	int r = 0;

	bag->used = bag->count = 0;
	if (dict_lock_number(d, number, &s) == -1)
		return -1;
	for (bucket = 0; r == 0 && bucket < d->buckets; bucket++)
		if ((r = dict_walk_bucket(&s, bucket, bag)) == 0 &&
		    bag->missing > 0)
			r = dict_damaged(&s);
	dict_unlock(&s);
	return r;
}

int
dict_each_stripe(struct prong_dict *d, prong_dict_each_fn *fn, void *arg)
{
	struct dict_bag bag = { .data = NULL };
	uint32_t i;
	int r = 0;

	if (d->stripe_size > DICT_COPY_MAX)
		return prong_dict_each(d, fn, arg);
	/* What stands before an entry's bytes is less than its block has. */
	bag.size = (size_t)d->blocks * sizeof(struct dict_block);
	if ((bag.data = malloc(bag.size)) == NULL)
		return error_errno("dict \"%s\"", d->name);
	for (i = 0; r == 0 && i < d->stripes; i++)
		if ((r = dict_walk_copy_stripe(d, i, &bag)) == 0)
			r = dict_walk_tell(&bag, fn, arg);
	free(bag.data);
	return r;
}

/* --- one, how many, none -------------------------------------------------- */

/* One of the keys from a bucket on: 1; 0: there is none. */
static int
dict_walk_any(struct dict_stripe *s, uint32_t bucket, struct dict_found *f)
{
	uint32_t i, steps = random_below(4);
	struct dict_found behind;
	int r = 0;

	for (i = 0; r == 0 && i < s->dict->buckets; i++)
		r = dict_table_follow(s, &s->buckets[(bucket + i) %
		    s->dict->buckets], f);
	/* Not always the one in front. */
	while (r == 1 && steps-- > 0 && dict_table_follow(s,
	    dict_table_next(s, f), &behind) == 1)
		*f = behind;
	return r;
}

static ssize_t
dict_walk_random(struct dict_stripe *s, void *key, size_t size)
{
	struct dict_found f;
	int r;

	/* Then whatever is found is not over. */
	if (dict_room_sweep(s) == -1)
		return -1;
	r = dict_walk_any(s, random_below(s->dict->buckets), &f);
	if (r == -1)
		return -1;
	if (r == 0)
		return error_set(ENOENT, "dict \"%s\" has no keys",
		    s->dict->name);
	if (f.key_length > size)
		return error_set(ERANGE, "dict \"%s\": the key has %u bytes, "
		    "there is room for %zu", s->dict->name, f.key_length,
		    size);
	if (dict_table_key(s, &f, key) == -1)
		return -1;
	return f.key_length;
}

ssize_t
prong_dict_random(struct prong_dict *d, void *key, size_t size)
{
	uint32_t i, start = random_below(d->stripes);
	struct dict_stripe s;
	ssize_t r;

	for (i = 0; i < d->stripes; i++) {
		if (dict_lock_number(d, (start + i) % d->stripes, &s) == -1)
			return -1;
		r = dict_walk_random(&s, key, size);
		dict_unlock(&s);
		if (r != -1 || errno != ENOENT)
			return r;
	}
	return -1;
}

int64_t
prong_dict_size(struct prong_dict *d)
{
	struct dict_stripe s;
	uint64_t keys = 0;
	uint32_t i;
	int r = 0;

	for (i = 0; i < d->stripes && r == 0; i++) {
		if (dict_lock_number(d, i, &s) == -1)
			return -1;
		r = dict_room_sweep(&s);
		keys += dict_blocks_load(&s.head->keys);
		dict_unlock(&s);
	}
	return r == -1 ? -1 : (int64_t)(keys & INT64_MAX);
}

/* Empties some buckets of a stripe from one on; returns where it stopped. */
static int64_t
dict_walk_clear(struct prong_dict *d, uint32_t number, uint32_t bucket)
{
	uint32_t i, steps = d->blocks;
	struct dict_stripe s;
	struct dict_found f;
	int r = 0;

	if (dict_lock_number(d, number, &s) == -1)
		return -1;
	for (i = 0; r == 0 && i < DICT_WALK_BUCKETS && bucket < d->buckets;
	    i++, bucket++)
		while ((r = dict_table_follow(&s, &s.buckets[bucket], &f)) ==
		    1 && steps-- > 0)
			dict_table_remove(&s, &f);
	if (r == 1)
		r = dict_damaged(&s);
	dict_unlock(&s);
	return r == -1 ? -1 : (int64_t)bucket;
}

int
prong_dict_clear(struct prong_dict *d)
{
	int64_t bucket;
	uint32_t i;

	for (i = 0; i < d->stripes; i++)
		for (bucket = 0; bucket < d->buckets;)
			if ((bucket = dict_walk_clear(d, i,
			    (uint32_t)bucket)) == -1)
				return -1;
	return 0;
}
