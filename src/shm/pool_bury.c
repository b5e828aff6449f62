/* SPDX-License-Identifier: ISC */
/*
 * What a dead process leaves in a pool.
 *
 * Every cell is looked at, whatever the dead one may have been at, and what is
 * his is led one step on.  Then every hint that he may have left wrong is made
 * right.  Nothing here depends on what another one has done before, or has begun
 * and not finished.
 */
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "shm/pool.h"
#include "shm/pool_words.h"

struct pool_dead {
	uint64_t slot;			/* as in a word */
	uint64_t me;			/* 0, or who is not meant */
	enum pool_state how;
	int signo;
};

#define POOL_SLOT	0xfff0ULL

/* Whether the one named in a word, or as an owner, is he. */
static bool
pool_is_dead(const struct pool_dead *dead, uint64_t word)
{
	if (dead->me == 0)
		return (word & POOL_WHO) == dead->slot;
	return (word & POOL_SLOT) == dead->slot &&
	    (word & POOL_WHO) != dead->me;
}

/* By the one word alone, for another may be at it too, and be done already. */
static void
pool_bury_running(struct pool *p, uint32_t cell, uint64_t word,
    const struct pool_dead *dead)
{
	struct pool_cell *c = &p->cell[cell];

	if (pool_is_dead(dead, word))
		pool_end(p, &c->state, word, pool_word(dead->how,
		    (uint64_t)(uint32_t)dead->signo << POOL_WHO_SHIFT,
		    pool_gen_of(word)));
	else if (pool_is_dead(dead, c->owner))
		pool_end(p, &c->state, word, pool_with_state(word,
		    POOL_ORPHAN));
}

/* He may not have lived to tell its caller. */
static void
pool_bury_over(struct pool *p, uint32_t cell, uint64_t word,
    const struct pool_dead *dead)
{
	uint64_t owner = p->cell[cell].owner;

	if (pool_is_dead(dead, owner))
		pool_set_free(p, cell, word);
	else
		pool_tell(p, cell, owner);
}

static void
pool_bury_cell(struct pool *p, uint32_t cell, const struct pool_dead *dead)
{
	uint64_t *state = &p->cell[cell].state, word = pool_load(state);

	switch (pool_state_of(word)) {
	case POOL_FREE:
		if (!pool_has_bit(p->free_bits, cell))
			pool_set_bit(p->free_bits, cell);
		break;
	case POOL_FILLING:
	case POOL_ORPHAN:
		if (pool_is_dead(dead, word))
			pool_set_free(p, cell, word);
		break;
	case POOL_QUEUED:
		if (pool_is_dead(dead, word))
			pool_end(p, state, word, pool_with_state(word,
			    POOL_DROPPED));
		break;
	case POOL_RUNNING:
		pool_bury_running(p, cell, word, dead);
		break;
	default:
		break;
	}
	word = pool_load(state);
	if (pool_is_over(pool_state_of(word)))
		pool_bury_over(p, cell, word, dead);
}

/* The cells that have a place in the queue, as bits. */
static void
pool_find_queued(const struct pool *p, uint64_t *bits)
{
	uint64_t number = pool_load(&p->shared->head), place;
	uint64_t last = pool_load(&p->shared->tail);
	uint32_t cell;

	/* One who was killed has not pushed the tail on. */
	for (; (int64_t)(last - number) >= 0; number++) {
		place = pool_load(pool_place(p, number));
		cell = (uint32_t)(place & 0xffff);
		if (pool_is_place(place, number) && cell < p->cells &&
		    pool_is_same(pool_load(&p->cell[cell].state), place))
			bits[cell / 64] |= 1ULL << cell % 64;
	}
}

/*
 * A dropped task that had not got its place yet is passed by nobody.  Should one
 * be freed here that has got it meanwhile, its place is an old one.
 */
static void
pool_free_lost(struct pool *p)
{
	uint64_t queued[POOL_CELLS_MAX / 64] = { 0 }, word;
	uint32_t cell;

	pool_find_queued(p, queued);
	for (cell = 0; cell < p->cells; cell++) {
		word = pool_load(&p->cell[cell].state);
		if (pool_state_of(word) == POOL_DROPPED &&
		    !pool_has_bit(queued, cell))
			pool_set_free(p, cell, word);
	}
}

UNUSUAL void
pool_bury(struct pool *p, uint32_t slot, pid_t pid, enum pool_state how,
    int signo)
{
	const struct pool_dead dead = {
		.slot = pool_me(slot, pid),
		.me = pid == 0 ? pool_me(slot, getpid()) : 0,
		.how = how,
		.signo = signo,
	};
	uint32_t cell;

	for (cell = 0; cell < p->cells; cell++)
		pool_bury_cell(p, cell, &dead);
	pool_free_lost(p);
	/* Who was to be woken by him, or he himself, may sleep for ever. */
	pool_wake(p, UINT32_MAX);
}
