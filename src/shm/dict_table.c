/* SPDX-License-Identifier: ISC */
/*
 * The keys of a stripe.
 *
 * An entry is written into free blocks, where it can be left half done; then
 * the words that lead to it change together, by undo_set(): a dozen at most,
 * however long the value is.  A short value takes the place of the one before,
 * whose words change in the same way: that leaves the bucket alone, and the
 * lines of memory that other processes have of it.
 */
#include "shm/dict_table.h"

#include <string.h>

static void
dict_table_set(struct dict_stripe *s, uint64_t *word, uint64_t value)
{
	undo_set(&s->head->undo, s->dict->segment.base, word, value);
}

static void
dict_table_commit(struct dict_stripe *s)
{
	undo_commit(&s->head->undo);
}

static uint64_t
dict_table_lengths(const struct dict_key *k, size_t value)
{
	return (uint64_t)(uint32_t)value << 32 | (uint64_t)k->length << 16 |
	    (k->hash & 0xffff);
}

int
dict_table_follow(struct dict_stripe *s, uint64_t *link, struct dict_found *f)
{
	struct dict_entry *e;
	uint64_t lengths;

	f->link = link;
	f->chain.first = (uint32_t)dict_blocks_load(link);
	if (f->chain.first == 0)
		return 0;
	if (!dict_blocks_has(s, f->chain.first))
		return dict_damaged(s);
	e = dict_blocks_entry(s, f->chain.first);
	lengths = dict_blocks_load(&e->lengths);
	f->key_length = (uint32_t)(lengths >> 16 & 0xffff);
	f->value_length = (uint32_t)(lengths >> 32);
	f->chain.last = (uint32_t)(dict_blocks_load(&e->chain) >> 32);
	f->chain.count = dict_blocks_needed((uint64_t)f->key_length +
	    f->value_length);
	f->expiry = dict_blocks_load(&e->expiry);
	if (f->chain.count > s->dict->blocks_max ||
	    !dict_blocks_has(s, f->chain.last))
		return dict_damaged(s);
	return 1;
}

uint64_t *
dict_table_next(struct dict_stripe *s, const struct dict_found *f)
{
	return &dict_blocks_entry(s, f->chain.first)->bucket;
}

/* 1: it has this key; 0: another; -1: EIO. */
static int
dict_table_is_key(struct dict_stripe *s, const struct dict_found *f,
    const struct dict_key *k)
{
	struct dict_place p;
	int r;

	if (f->key_length != k->length ||
	    (dict_blocks_load(&dict_blocks_entry(s, f->chain.first)->lengths) &
	    0xffff) != (k->hash & 0xffff))
		return 0;
	dict_blocks_begin(s, f->chain.first, &p);
	r = dict_blocks_compare(&p, k->data, k->length);
	return r == -1 ? dict_damaged(s) : r;
}

bool
dict_table_is_over(struct dict_stripe *s, const struct dict_found *f)
{
	return f->expiry != 0 && f->expiry <= dict_now(s);
}

int
dict_table_find(struct dict_stripe *s, const struct dict_key *k,
    struct dict_found *f)
{
	uint32_t steps = s->dict->blocks;
	int r;

	r = dict_table_follow(s, dict_bucket(s, k->hash), f);
	while (r == 1) {
		if ((r = dict_table_is_key(s, f, k)) != 0)
			break;
		if (--steps == 0)
			return dict_damaged(s);
		r = dict_table_follow(s, dict_table_next(s, f), f);
	}
	if (r != 1 || !dict_table_is_over(s, f))
		return r;
	return dict_table_drop(s, f, &s->head->expired);
}

/* The time of a use: the same store can leave the rest of the word alone. */
void
dict_table_touch(struct dict_stripe *s, const struct dict_found *f)
{
	struct dict_entry *e = dict_blocks_entry(s, f->chain.first);

	if (s->dict->evict == DICT_EVICT_NONE)
		return;
	dict_blocks_store(&e->bucket, (dict_blocks_load(&e->bucket) &
	    DICT_LOW) | s->head->tick++ << 32);
}

int
dict_table_key(struct dict_stripe *s, const struct dict_found *f, void *to)
{
	struct dict_place p;

	dict_blocks_begin(s, f->chain.first, &p);
	if (dict_blocks_read(&p, to, f->key_length) == -1)
		return dict_damaged(s);
	return 0;
}

int
dict_table_value(struct dict_stripe *s, const struct dict_found *f, void *to)
{
	struct dict_place p;

	dict_blocks_begin(s, f->chain.first, &p);
	if (dict_blocks_skip(&p, f->key_length) == -1 ||
	    dict_blocks_read(&p, to, f->value_length) == -1)
		return dict_damaged(s);
	return 0;
}

int
dict_table_compare(struct dict_stripe *s, const struct dict_found *f,
    const void *value)
{
	struct dict_place p;
	int r;

	dict_blocks_begin(s, f->chain.first, &p);
	if (dict_blocks_skip(&p, f->key_length) == -1 ||
	    (r = dict_blocks_compare(&p, value, f->value_length)) == -1)
		return dict_damaged(s);
	return r;
}

/* --- changes -------------------------------------------------------------- */

/* That a key expires is known before the key is there. */
static void
dict_table_note_expiry(struct dict_stripe *s, uint64_t expiry)
{
	if (expiry != 0 && expiry < dict_blocks_load(&s->head->soonest)) {
		dict_blocks_store(&s->head->soonest, expiry);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
}

/* Fills the first free blocks; nothing of it counts yet. */
static int
dict_table_fill(struct dict_stripe *s, const struct dict_key *k,
    const void *value, size_t length, struct dict_chain *c)
{
	struct dict_place p;
	struct dict_entry *e;

	c->first = (uint32_t)dict_blocks_load(&s->head->free);
	c->count = dict_blocks_needed(k->length + length);
	if (!dict_blocks_has(s, c->first))
		return dict_damaged(s);
	dict_blocks_begin(s, c->first, &p);
	if (dict_blocks_write(&p, k->data, k->length) == -1 ||
	    dict_blocks_write(&p, value, length) == -1)
		return dict_damaged(s);
	c->last = p.block;
	e = dict_blocks_entry(s, c->first);
	/* The link stays: this block still is a free one. */
	dict_blocks_store(&e->chain, (dict_blocks_load(&e->chain) & DICT_LOW) |
	    (uint64_t)c->last << 32);
	dict_blocks_store(&e->lengths, dict_table_lengths(k, length));
	return 0;
}

int
dict_table_put(struct dict_stripe *s, const struct dict_key *k,
    const struct dict_found *replaced, const void *value, size_t length,
    uint64_t expiry)
{
	struct dict_chain c;
	struct dict_entry *e;
	uint64_t *link, next;

	if (dict_table_fill(s, k, value, length, &c) == -1)
		return -1;
	link = replaced != NULL ? replaced->link :
	    dict_bucket(s, k->hash);
	next = dict_blocks_load(replaced == NULL ? link :
	    dict_table_next(s, replaced));
	e = dict_blocks_entry(s, c.first);
	dict_blocks_store(&e->bucket, dict_blocks_pack((uint32_t)next,
	    (uint32_t)s->head->tick++));
	dict_table_note_expiry(s, expiry);
	dict_blocks_store(&e->expiry, expiry);

	if (replaced != NULL)
		dict_blocks_exchange(s, &c, &replaced->chain);
	else {
		dict_blocks_take(s, &c);
		dict_table_set(s, &s->head->keys, s->head->keys + 1);
	}
	dict_table_set(s, link, (dict_blocks_load(link) & ~DICT_LOW) |
	    c.first);
	dict_table_commit(s);
	return 0;
}

bool
dict_table_fits(const struct dict_found *f, size_t length)
{
	return f->key_length + length <= DICT_ENTRY_DATA &&
	    f->chain.count == 1;
}

#define DICT_WORDS	(DICT_ENTRY_DATA / sizeof(uint64_t))

void
dict_table_rewrite(struct dict_stripe *s, const struct dict_found *f,
    const void *value, size_t length, uint64_t expiry)
{
	struct dict_entry *e = dict_blocks_entry(s, f->chain.first);
	uint64_t *data = (uint64_t *)(void *)e->data, words[DICT_WORDS];
	uint64_t lengths = (dict_blocks_load(&e->lengths) & DICT_LOW) |
	    (uint64_t)length << 32;
	size_t i, end = (f->key_length + length + sizeof(uint64_t) - 1) /
	    sizeof(uint64_t);

	memcpy(words, data, sizeof(words));
	memcpy((char *)words + f->key_length, value, length);
	dict_table_note_expiry(s, expiry);
	for (i = f->key_length / sizeof(uint64_t); i < end; i++)
		if (words[i] != dict_blocks_load(&data[i]))
			dict_table_set(s, &data[i], words[i]);
	if (lengths != dict_blocks_load(&e->lengths))
		dict_table_set(s, &e->lengths, lengths);
	if (expiry != f->expiry)
		dict_table_set(s, &e->expiry, expiry);
	dict_table_commit(s);
	dict_table_touch(s, f);
}

/* Where the data of an entry ends, if that is within its last block. */
static void
dict_table_end(struct dict_stripe *s, const struct dict_found *f,
    struct dict_place *p)
{
	uint32_t used = f->key_length + f->value_length;

	dict_blocks_begin(s, f->chain.first, p);
	if (f->chain.count > 1) {
		used -= DICT_ENTRY_DATA +
		    (f->chain.count - 2) * DICT_BLOCK_DATA;
		p->block = f->chain.last;
		p->at = s->blocks[p->block].data;
		p->left = DICT_BLOCK_DATA;
	}
	p->at += used;
	p->left -= used;
}

/* Fills free blocks with what has no room in the last one. */
static int
dict_table_fill_more(struct dict_stripe *s, const void *data, size_t length,
    struct dict_chain *c)
{
	struct dict_place p;

	c->first = (uint32_t)dict_blocks_load(&s->head->free);
	if (!dict_blocks_has(s, c->first))
		return dict_damaged(s);
	p.stripe = s;
	p.block = c->first;
	p.at = s->blocks[c->first].data;
	p.left = DICT_BLOCK_DATA;
	if (dict_blocks_write(&p, data, length) == -1)
		return dict_damaged(s);
	c->last = p.block;
	return 0;
}

int
dict_table_append(struct dict_stripe *s, const struct dict_found *f,
    const void *data, size_t length)
{
	struct dict_entry *e = dict_blocks_entry(s, f->chain.first);
	struct dict_chain c;
	struct dict_place p;
	size_t here;

	/* What is behind the end is as good as free. */
	dict_table_end(s, f, &p);
	here = length < p.left ? length : p.left;
	dict_blocks_write(&p, data, here);
	if (here < length) {
		c.count = dict_blocks_needed((uint64_t)f->key_length +
		    f->value_length + length) - f->chain.count;
		if (dict_table_fill_more(s, (const char *)data + here,
		    length - here, &c) == -1)
			return -1;
		dict_blocks_take(s, &c);
		dict_blocks_join(s, f->chain.last, c.first);
		dict_table_set(s, &e->chain, dict_blocks_pack(
		    (uint32_t)dict_blocks_load(&e->chain), c.last));
	}
	dict_table_set(s, &e->lengths, dict_blocks_load(&e->lengths) +
	    ((uint64_t)length << 32));
	dict_table_commit(s);
	return 0;
}

void
dict_table_expire(struct dict_stripe *s, const struct dict_found *f,
    uint64_t expiry)
{
	dict_table_note_expiry(s, expiry);
	dict_blocks_store(&dict_blocks_entry(s, f->chain.first)->expiry,
	    expiry);
}

int
dict_table_remove(struct dict_stripe *s, const struct dict_found *f)
{
	uint64_t next = dict_blocks_load(dict_table_next(s, f));

	dict_table_set(s, f->link, (dict_blocks_load(f->link) & ~DICT_LOW) |
	    (next & DICT_LOW));
	dict_blocks_give(s, &f->chain);
	dict_table_set(s, &s->head->keys, s->head->keys - 1);
	dict_table_commit(s);
	return 0;
}

int
dict_table_drop(struct dict_stripe *s, const struct dict_found *f,
    uint64_t *counter)
{
	dict_table_set(s, counter, *counter + 1);
	return dict_table_remove(s, f);
}
