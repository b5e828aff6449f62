/* SPDX-License-Identifier: ISC */
/*
 * What a pool looks like to one who has no part in it.  He trusts nothing that
 * stands in its memory.
 */
#include <string.h>

#include "shm/pool.h"
#include "shm/pool_words.h"

/* Looks at a cell that has been changed meanwhile, and then it is left out. */
#define POOL_LOOKS	3

void
pool_count(const struct pool *p, uint32_t counts[POOL_STATES])
{
	enum pool_state state;
	uint32_t cell;

	memset(counts, 0, POOL_STATES * sizeof(*counts));
	for (cell = 0; cell < p->cells; cell++) {
		state = pool_state_of(pool_load(&p->cell[cell].state));
		if (state < POOL_STATES)
			counts[state]++;
	}
}

uint64_t
pool_ended(const struct pool *p, enum pool_state how)
{
	return how < POOL_STATES ? __atomic_load_n(&p->shared->ended[how],
	    __ATOMIC_RELAXED) : 0;
}

static struct pool_process
pool_process(uint64_t who)
{
	return (struct pool_process){
		.slot = (uint32_t)(who >> POOL_WHO_SHIFT & 0xfff),
		.pid = (pid_t)(who >> 16 & 0x3fffff),
	};
}

static void
pool_copy(const struct pool *p, uint32_t n, uint64_t word, struct pool_view *v)
{
	const struct pool_cell *cell = &p->cell[n];
	uint32_t length = cell->length;

	*v = (struct pool_view){
		.id = (uint64_t)pool_gen_of(word) << 32 | n,
		.state = pool_state_of(word),
		.caller = pool_process(cell->owner),
		.service = cell->service,
		.length = length < p->size ? length : p->size,
	};
	if (v->state != POOL_QUEUED)
		v->runner = pool_process(word);
	memcpy(v->job, cell->job, sizeof(v->job));
	v->job[sizeof(v->job) - 1] = '\0';
}

bool
pool_view(const struct pool *p, uint32_t cell, struct pool_view *v)
{
	uint64_t word;
	int i;

	for (i = 0; cell < p->cells && i < POOL_LOOKS; i++) {
		word = pool_load(&p->cell[cell].state);
		if (pool_state_of(word) != POOL_QUEUED &&
		    pool_state_of(word) != POOL_RUNNING &&
		    pool_state_of(word) != POOL_ORPHAN)
			return false;
		pool_copy(p, cell, word, v);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (pool_load(&p->cell[cell].state) == word)
			return true;
	}
	return false;
}
