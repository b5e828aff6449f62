/* SPDX-License-Identifier: ISC */
#ifndef SHM_DICT_BLOCKS_H
#define SHM_DICT_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/dict.h"

/*
 * The blocks of a stripe: chains of them, what is in these, and those that are
 * free.  With the stripe's lock held.
 */

#define DICT_LOW	0xffffffffULL

static inline uint64_t
dict_blocks_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void
dict_blocks_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t
dict_blocks_pack(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

/* Whether there is a block of that number. */
static inline bool
dict_blocks_has(const struct dict_stripe *s, uint32_t block)
{
	return block != 0 && block < s->dict->blocks;
}

static inline struct dict_entry *
dict_blocks_entry(const struct dict_stripe *s, uint32_t block)
{
	return (struct dict_entry *)(void *)&s->blocks[block];
}

/* How many blocks an entry of so many bytes has. */
static inline uint32_t
dict_blocks_needed(uint64_t length)
{
	if (length <= DICT_ENTRY_DATA)
		return 1;
	return (uint32_t)(1 + (length - DICT_ENTRY_DATA + DICT_BLOCK_DATA - 1) /
	    DICT_BLOCK_DATA);
}

/* A place in the data of a chain. */
struct dict_place {
	const struct dict_stripe *stripe;
	uint32_t block;
	uint32_t left;		/* bytes of this block behind "at" */
	unsigned char *at;
};

/* The beginning of an entry's data.  The block is one. */
void dict_blocks_begin(const struct dict_stripe *, uint32_t block,
    struct dict_place *);

/* These go on in the chain; -1 when it leads nowhere. */
int dict_blocks_skip(struct dict_place *, size_t length);
int dict_blocks_read(struct dict_place *, void *to, size_t length);
int dict_blocks_write(struct dict_place *, const void *from, size_t length);
/* 1: the same bytes follow; 0: others. */
int dict_blocks_compare(struct dict_place *, const void *with, size_t length);

/*
 * Blocks that have been filled and are about to be taken from the free ones:
 * the first of them, in their order.
 */
struct dict_chain {
	uint32_t first, last, count;
};

/*
 * By undo_set(): takes a chain that begins the free ones, adds one to them, or
 * does both, which changes fewer words.
 */
void dict_blocks_take(struct dict_stripe *, const struct dict_chain *);
void dict_blocks_give(struct dict_stripe *, const struct dict_chain *);
void dict_blocks_exchange(struct dict_stripe *,
    const struct dict_chain *taken, const struct dict_chain *given);

/* By undo_set(): has a chain go on with another, which is taken already. */
void dict_blocks_join(struct dict_stripe *, uint32_t last, uint32_t first);

#endif
