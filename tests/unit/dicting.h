/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_DICTING_H
#define TESTS_UNIT_DICTING_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shm/dict_table.h"

/*
 * A dict of a test, its time in the test's hands, and what must hold in it
 * whenever no lock is held.
 */

static int64_t dicting_time = 1000000;

static inline int64_t
dicting_now(void)
{
	return dicting_time;
}

static inline struct prong_dict *
dicting_new(int64_t memory, enum dict_evict evict)
{
	struct prong_dict *d = dict_new("d", memory, evict, true);

	ck_assert_msg(d != NULL, "%s", prong_error());
	d->now = dicting_now;
	return d;
}

/* Marks the blocks of a chain; false: one is none, or was marked already. */
static inline bool
dicting_mark(const struct dict_stripe *s, uint32_t first, uint64_t count,
    char *marks)
{
	uint32_t block = first;

	for (; count > 0; count--) {
		if (!dict_blocks_has(s, block) || marks[block] != 0)
			return false;
		marks[block] = 1;
		block += 1 + (uint32_t)s->blocks[block].chain;
	}
	return true;
}

/* The last block of an entry's chain. */
static inline uint32_t
dicting_last(const struct dict_stripe *s, const struct dict_found *f)
{
	uint32_t block = f->chain.first, i;

	for (i = 1; i < f->chain.count; i++)
		block += 1 + (uint32_t)s->blocks[block].chain;
	return block;
}

/* What is wrong with an entry, or NULL. */
static inline const char *
dicting_entry_fault(struct dict_stripe *s, const struct dict_found *f,
    char *marks)
{
	static char key[DICT_KEY_MAX + 1];
	struct dict_found again;
	struct dict_key k;

	if (!dicting_mark(s, f->chain.first, f->chain.count, marks))
		return "an entry has a block of another";
	if (dicting_last(s, f) != f->chain.last)
		return "an entry does not end where it says";
	if (f->expiry != 0 && f->expiry < s->head->soonest)
		return "one expires sooner than the soonest";
	if (dict_table_key(s, f, key) == -1)
		return "a key cannot be read";
	k.data = key;
	k.length = f->key_length;
	k.hash = dict_hash(s->dict, key, k.length);
	if (!dict_table_is_over(s, f) &&
	    (dict_table_find(s, &k, &again) != 1 ||
	    again.chain.first != f->chain.first))
		return "a key is not found";
	return NULL;
}

static inline const char *
dicting_entries_fault(struct dict_stripe *s, char *marks)
{
	const char *fault;
	struct dict_found f;
	uint64_t n = 0, *link;
	uint32_t i;
	int r;

	for (i = 0; i < s->dict->buckets; i++)
		for (link = &s->buckets[i];
		    (r = dict_table_follow(s, link, &f)) != 0;
		    link = dict_table_next(s, &f), n++) {
			if (r == -1)
				return "a bucket leads nowhere";
			if ((fault = dicting_entry_fault(s, &f, marks)) !=
			    NULL)
				return fault;
		}
	return n == s->head->keys ? NULL : "the number of keys is wrong";
}

/*
 * Every block of a stripe is a free one or part of one entry, every entry is
 * found by its key, and the numbers are right.  Locking repairs it.
 */
static inline const char *
dicting_stripe_fault(struct dict_stripe *s)
{
	char *marks = calloc(s->dict->blocks, 1);
	const char *fault = NULL;
	uint32_t i;

	ck_assert_ptr_nonnull(marks);
	if (s->head->undo.count != 0)
		fault = "something is still to be undone";
	else if ((fault = dicting_entries_fault(s, marks)) == NULL &&
	    !dicting_mark(s, (uint32_t)s->head->free, s->head->free_count,
	    marks))
		fault = "a free block is in use";
	for (i = 1; fault == NULL && i < s->dict->blocks; i++)
		if (marks[i] == 0)
			fault = "a block is lost";
	free(marks);
	return fault;
}

static inline const char *
dicting_fault(struct prong_dict *d)
{
	struct dict_stripe s;
	const char *fault = NULL;
	uint32_t i;

	for (i = 0; i < d->stripes && fault == NULL; i++) {
		if (dict_lock_number(d, i, &s) == -1)
			return prong_error();
		fault = dicting_stripe_fault(&s);
		dict_unlock(&s);
	}
	return fault;
}

static inline void
dicting_check(struct prong_dict *d)
{
	const char *fault = dicting_fault(d);

	ck_assert_msg(fault == NULL, "%s", fault);
}

/* Texts as keys and values, since that is what most tests are written in. */
static inline int
dicting_set(struct prong_dict *d, const char *key, const char *value)
{
	return prong_dict_set(d, key, strlen(key), value, strlen(value), 0,
	    PRONG_DICT_FOREVER);
}

/* The value of a key; NULL: there is none.  Until the next call. */
static inline const char *
dicting_get(struct prong_dict *d, const char *key)
{
	static char value[4096];
	ssize_t n = prong_dict_get(d, key, strlen(key), value,
	    sizeof(value) - 1);

	if (n == -1) {
		ck_assert_msg(errno == ENOENT, "%s", prong_error());
		return NULL;
	}
	value[n] = '\0';
	return value;
}

#endif
