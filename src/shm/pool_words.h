/* SPDX-License-Identifier: ISC */
#ifndef SHM_POOL_WORDS_H
#define SHM_POOL_WORDS_H

#include "shm/pool.h"

/* What pool.c and pool_bury.c share of the words in a pool's memory. */

#define POOL_SET_WORDS	(POOL_SLOTS / 64)

struct pool_layout {
	struct segment_header header;
	uint64_t head __attribute__((aligned(64)));
	uint64_t tail __attribute__((aligned(64)));
	/* Of slots: who runs tasks and sleeps; whose loop is to be rung. */
	uint64_t idle[POOL_SET_WORDS] __attribute__((aligned(64)));
	uint64_t armed[POOL_SET_WORDS] __attribute__((aligned(64)));
	/* Tasks so far, by what they were when their caller lost them. */
	uint64_t ended[POOL_STATES] __attribute__((aligned(64)));
};

/*
 * The word of a cell: 4 bits of state, then slot (12) and process (22) of its
 * caller until it is taken, from then on of who runs it, or the signal that one
 * died of, then the generation.
 */
#define POOL_WHO	0x3ffffffff0ULL
#define POOL_WHO_SHIFT	4
#define POOL_GEN_SHIFT	38
#define POOL_GEN_MASK	0x3ffffffU

/*
 * A place in the ring: its number (32 bits, so that a place of an earlier round
 * is known), 16 bits of the generation, the cell.
 */
#define POOL_PLACE_GEN	0xffff

static inline enum pool_state
pool_state_of(uint64_t word)
{
	return (enum pool_state)(word & 0xf);
}

static inline uint32_t
pool_gen_of(uint64_t word)
{
	return (uint32_t)(word >> POOL_GEN_SHIFT);
}

static inline uint64_t
pool_word(enum pool_state state, uint64_t who, uint32_t gen)
{
	return (uint64_t)state | (who & POOL_WHO) |
	    (uint64_t)(gen & POOL_GEN_MASK) << POOL_GEN_SHIFT;
}

static inline uint64_t
pool_with_state(uint64_t word, enum pool_state state)
{
	return (word & ~(uint64_t)0xf) | (uint64_t)state;
}

static inline uint64_t
pool_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* The one way in which a word that others may change is changed. */
static inline bool
pool_change(uint64_t *word, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(word, &from, to, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/*
 * The same of a task that is over then, or given up, and counted as such.  A kill
 * in between leaves it uncounted.
 */
static inline bool
pool_end(struct pool *p, uint64_t *word, uint64_t from, uint64_t to)
{
	if (!pool_change(word, from, to))
		return false;
	__atomic_fetch_add(&p->shared->ended[pool_state_of(to)], 1,
	    __ATOMIC_RELAXED);
	return true;
}

static inline void
pool_set_bit(uint64_t *bits, uint32_t n)
{
	__atomic_fetch_or(&bits[n / 64], 1ULL << n % 64, __ATOMIC_SEQ_CST);
}

/* Whether it was set. */
static inline bool
pool_clear_bit(uint64_t *bits, uint32_t n)
{
	uint64_t bit = 1ULL << n % 64;

	return (__atomic_fetch_and(&bits[n / 64], ~bit, __ATOMIC_SEQ_CST) &
	    bit) != 0;
}

static inline bool
pool_has_bit(const uint64_t *bits, uint32_t n)
{
	return (pool_load(&bits[n / 64]) >> n % 64 & 1) != 0;
}

static inline uint64_t *
pool_place(const struct pool *p, uint64_t number)
{
	return &p->ring[number & p->ring_mask];
}

/* Whether a place is that of this number, and not of an earlier round. */
static inline bool
pool_is_place(uint64_t place, uint64_t number)
{
	return (uint32_t)(place >> 32) == (uint32_t)number;
}

/* The cell's word is still about the task that has this place. */
static inline bool
pool_is_same(uint64_t word, uint64_t place)
{
	return (pool_gen_of(word) & POOL_PLACE_GEN) ==
	    (uint32_t)(place >> 16 & POOL_PLACE_GEN);
}

/* From its word to a free cell: whether we did it. */
bool pool_set_free(struct pool *, uint32_t cell, uint64_t word);
/* Tells the caller, who may have been told already. */
void pool_tell(struct pool *, uint32_t cell, uint64_t owner);

#endif
