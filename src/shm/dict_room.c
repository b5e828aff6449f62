/* SPDX-License-Identifier: ISC */
/*
 * Room in a stripe.
 */
#include "shm/dict_room.h"

#include <errno.h>

#include "base/error.h"

/* Of so many that are looked at, the one that was not used for longest goes. */
#define DICT_SAMPLES	8

int
dict_room_check(struct dict_stripe *s, uint64_t length)
{
	size_t longest = prong_dict_longest(s->dict);

	if (length <= longest)
		return 0;
	return error_set(EMSGSIZE, "dict \"%s\": a key and its value may have "
	    "%zu bytes together, not %llu: give it more memory",
	    s->dict->name, longest, (unsigned long long)length);
}

static int
dict_room_is_full(const struct dict_stripe *s)
{
	return error_set(ENOSPC, "dict \"%s\" is full: give it more memory, or "
	    "set evict = \"lru\"", s->dict->name);
}

static bool
dict_room_is_enough(const struct dict_stripe *s, uint32_t blocks,
    uint32_t back)
{
	uint64_t left = dict_blocks_load(&s->head->free_count);

	if (left < blocks)
		return false;
	return blocks <= back || left - blocks + back >= DICT_RESERVE;
}

int
dict_room_sweep(struct dict_stripe *s)
{
	uint32_t i, steps = s->dict->blocks;
	uint64_t soonest = UINT64_MAX, *link;
	struct dict_found f;
	int r;

	if (dict_blocks_load(&s->head->soonest) > dict_now(s))
		return 0;
	for (i = 0; i < s->dict->buckets; i++)
		for (link = &s->buckets[i];
		    (r = dict_table_follow(s, link, &f)) != 0;) {
			if (r == -1)
				return -1;
			if (steps-- == 0)
				return dict_damaged(s);
			if (dict_table_is_over(s, &f)) {
				dict_table_drop(s, &f, &s->head->expired);
				continue;
			}
			if (f.expiry != 0 && f.expiry < soonest)
				soonest = f.expiry;
			link = dict_table_next(s, &f);
		}
	dict_blocks_store(&s->head->soonest, soonest);
	return 0;
}

static uint32_t
dict_room_age(const struct dict_stripe *s, const struct dict_found *f)
{
	return (uint32_t)s->head->tick - (uint32_t)(dict_blocks_load(
	    &dict_blocks_entry(s, f->chain.first)->bucket) >> 32);
}

/* Looks at the keys from a bucket on: 1: there is one that may go; 0; -1. */
static int
dict_room_sample(struct dict_stripe *s, uint32_t bucket,
    const struct dict_found *keep, struct dict_found *oldest)
{
	uint32_t i, steps = s->dict->blocks, samples = 0;
	struct dict_found f;
	uint64_t *link;
	int r;

	for (i = 0; i < s->dict->buckets && samples < DICT_SAMPLES; i++) {
		for (link = &s->buckets[(bucket + i) % s->dict->buckets];
		    (r = dict_table_follow(s, link, &f)) == 1;
		    link = dict_table_next(s, &f)) {
			if (steps-- == 0)
				return dict_damaged(s);
			if (keep != NULL && f.chain.first == keep->chain.first)
				continue;
			if (samples++ == 0 || dict_room_age(s, &f) >
			    dict_room_age(s, oldest))
				*oldest = f;
		}
		if (r == -1)
			return -1;
	}
	return samples > 0;
}

static int
dict_room_evict(struct dict_stripe *s, const struct dict_found *keep)
{
	struct dict_found oldest;
	uint64_t chance;
	int r;

	chance = s->head->tick++ * 0x9e3779b97f4a7c15ULL >> 32;
	r = dict_room_sample(s, (uint32_t)(chance * s->dict->buckets >> 32),
	    keep, &oldest);
	if (r == 0)
		return dict_room_is_full(s);
	if (r == 1)
		dict_table_drop(s, &oldest, &s->head->evicted);
	return r;
}

int
dict_room_make(struct dict_stripe *s, uint32_t blocks, uint32_t back,
    const struct dict_found *keep)
{
	uint32_t steps = s->dict->blocks;

	if (dict_room_is_enough(s, blocks, back))
		return 0;
	if (dict_room_sweep(s) == -1)
		return -1;
	while (!dict_room_is_enough(s, blocks, back)) {
		if (s->dict->evict == DICT_EVICT_NONE)
			return dict_room_is_full(s);
		if (dict_room_evict(s, keep) == -1)
			return -1;
		if (--steps == 0)
			return dict_damaged(s);
	}
	return 1;
}
