/* SPDX-License-Identifier: ISC */
/*
 * The blocks of a stripe.
 */
#include "shm/dict_blocks.h"

#include <string.h>

/* The number of the block behind one, which may be none. */
static uint32_t
dict_blocks_next(const struct dict_stripe *s, uint32_t block)
{
	return block + 1 + (uint32_t)dict_blocks_load(&s->blocks[block].chain);
}

/* The word of a block that leads to another. */
static uint64_t
dict_blocks_link(const struct dict_stripe *s, uint32_t block, uint32_t next)
{
	return (dict_blocks_load(&s->blocks[block].chain) & ~DICT_LOW) |
	    (uint32_t)(next - block - 1);
}

void
dict_blocks_begin(const struct dict_stripe *s, uint32_t block,
    struct dict_place *p)
{
	p->stripe = s;
	p->block = block;
	p->at = dict_blocks_entry(s, block)->data;
	p->left = DICT_ENTRY_DATA;
}

/* Bytes of the next length that are in one piece here; 0: there are none. */
static size_t
dict_blocks_piece(struct dict_place *p, size_t length)
{
	if (p->left == 0) {
		p->block = dict_blocks_next(p->stripe, p->block);
		if (!dict_blocks_has(p->stripe, p->block))
			return 0;
		p->at = p->stripe->blocks[p->block].data;
		p->left = DICT_BLOCK_DATA;
	}
	return length < p->left ? length : p->left;
}

static void
dict_blocks_advance(struct dict_place *p, size_t n)
{
	p->at += n;
	p->left -= (uint32_t)n;
}

int
dict_blocks_skip(struct dict_place *p, size_t length)
{
	size_t n;

	for (; length > 0; length -= n) {
		if ((n = dict_blocks_piece(p, length)) == 0)
			return -1;
		dict_blocks_advance(p, n);
	}
	return 0;
}

int
dict_blocks_read(struct dict_place *p, void *to, size_t length)
{
	char *put = to;
	size_t n;

	for (; length > 0; length -= n) {
		if ((n = dict_blocks_piece(p, length)) == 0)
			return -1;
		memcpy(put, p->at, n);
		put += n;
		dict_blocks_advance(p, n);
	}
	return 0;
}

int
dict_blocks_write(struct dict_place *p, const void *from, size_t length)
{
	const char *get = from;
	size_t n;

	for (; length > 0; length -= n) {
		if ((n = dict_blocks_piece(p, length)) == 0)
			return -1;
		memcpy(p->at, get, n);
		get += n;
		dict_blocks_advance(p, n);
	}
	return 0;
}

int
dict_blocks_compare(struct dict_place *p, const void *with, size_t length)
{
	const char *get = with;
	size_t n;

	for (; length > 0; length -= n) {
		if ((n = dict_blocks_piece(p, length)) == 0)
			return -1;
		if (memcmp(p->at, get, n) != 0)
			return 0;
		get += n;
		dict_blocks_advance(p, n);
	}
	return 1;
}

static void
dict_blocks_set(struct dict_stripe *s, uint64_t *word, uint64_t value)
{
	undo_set(&s->head->undo, s->dict->segment.base, word, value);
}

void
dict_blocks_take(struct dict_stripe *s, const struct dict_chain *c)
{
	struct dict_head *h = s->head;

	dict_blocks_set(s, &h->free, dict_blocks_next(s, c->last));
	dict_blocks_set(s, &h->free_count, h->free_count - c->count);
}

void
dict_blocks_give(struct dict_stripe *s, const struct dict_chain *c)
{
	struct dict_head *h = s->head;

	dict_blocks_join(s, c->last, (uint32_t)h->free);
	dict_blocks_set(s, &h->free, c->first);
	dict_blocks_set(s, &h->free_count, h->free_count + c->count);
}

void
dict_blocks_exchange(struct dict_stripe *s, const struct dict_chain *taken,
    const struct dict_chain *given)
{
	struct dict_head *h = s->head;

	dict_blocks_join(s, given->last, dict_blocks_next(s, taken->last));
	dict_blocks_set(s, &h->free, given->first);
	if (given->count != taken->count)
		dict_blocks_set(s, &h->free_count, h->free_count +
		    given->count - taken->count);
}

void
dict_blocks_join(struct dict_stripe *s, uint32_t last, uint32_t first)
{
	dict_blocks_set(s, &s->blocks[last].chain,
	    dict_blocks_link(s, last, first));
}
