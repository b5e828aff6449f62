/* SPDX-License-Identifier: ISC */
/*
 * The tasks of a pool: from a free cell through the queue to its result.
 */
#include "shm/pool.h"

#include <sys/syscall.h>

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "shm/pool_words.h"

/* --- its memory ------------------------------------------------------------ */

static uint32_t
pool_bit_words(uint32_t cells)
{
	return (cells + 63) / 64;
}

static size_t
pool_lines(size_t size)
{
	return (size + 63) & ~(size_t)63;
}

/* Twice as many places as cells: an old place may stand before the others. */
static uint64_t
pool_ring_size(uint32_t cells)
{
	uint64_t size = 2;

	while (size < 2 * (uint64_t)cells)
		size *= 2;
	return size;
}

/* Where everything stands, from the beginning of the segment. */
struct pool_plan {
	size_t free_bits, done_bits, ring, cell, rooms, end;
};

static struct pool_plan
pool_plan(const struct pool *p)
{
	size_t bits = pool_lines(pool_bit_words(p->cells) * sizeof(uint64_t));
	struct pool_plan plan;

	plan.free_bits = pool_lines(sizeof(struct pool_layout));
	plan.done_bits = plan.free_bits + bits;
	plan.ring = plan.done_bits + bits;
	plan.cell = plan.ring +
	    pool_lines((p->ring_mask + 1) * sizeof(uint64_t));
	plan.rooms = plan.cell + p->cells * sizeof(*p->cell);
	plan.end = plan.rooms + p->cells * p->size;
	return plan;
}

static void
pool_lay_out(struct pool *p, const struct pool_plan *plan)
{
	char *base = p->segment.base;

	p->shared = (struct pool_layout *)(void *)base;
	p->free_bits = (uint64_t *)(void *)(base + plan->free_bits);
	p->done_bits = (uint64_t *)(void *)(base + plan->done_bits);
	p->ring = (uint64_t *)(void *)(base + plan->ring);
	p->cell = (struct pool_cell *)(void *)(base + plan->cell);
	p->rooms = base + plan->rooms;
}

/* Each place is one of the round before the first; every cell is free. */
static void
pool_fill(struct pool *p)
{
	uint64_t i, ring = p->ring_mask + 1;

	for (i = 0; i < ring; i++)
		p->ring[i] = (uint64_t)(uint32_t)(i - ring) << 32;
	for (i = 0; i < p->cells; i++)
		p->free_bits[i / 64] |= 1ULL << i % 64;
}

struct pool *
pool_new(const char *name, uint32_t processes, uint32_t cells, size_t size,
    bool reserve)
{
	struct pool_plan plan;
	struct pool *p;

	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (p->name = strdup(name)) == NULL) {
		free(p);
		error_errno("pool \"%s\"", name);
		return NULL;
	}
	p->processes = processes;
	p->cells = cells;
	p->size = pool_lines(size);
	p->ring_mask = pool_ring_size(cells) - 1;
	plan = pool_plan(p);
	if (segment_create(&p->segment, "prong-pool", POOL_LAYOUT, plan.end,
	    reserve) == -1) {
		error_prefix("pool \"%s\"", name);
		p->segment.base = NULL;
		pool_free(p);
		return NULL;
	}
	pool_lay_out(p, &plan);
	if (reserve)
		pool_fill(p);
	return p;
}

void
pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	if (p->segment.base != NULL)
		segment_close(&p->segment);
	free(p->name);
	free(p);
}

void
pool_set_bells(struct pool *p, const int *bells, uint32_t slots)
{
	p->bells = bells;
	p->slots = slots < POOL_SLOTS ? slots : POOL_SLOTS;
}

/* --- cells ------------------------------------------------------------------- */

static uint64_t
pool_id(uint32_t cell, uint32_t gen)
{
	return (uint64_t)gen << 32 | cell;
}

uint64_t
pool_id_of(const struct pool *p, uint32_t cell)
{
	return pool_id(cell, pool_gen_of(pool_load(&p->cell[cell].state)));
}

struct pool_cell *
pool_cell(const struct pool *p, uint64_t id)
{
	return &p->cell[(uint32_t)id % p->cells];
}

char *
pool_room(const struct pool *p, uint64_t id)
{
	return p->rooms + (size_t)((uint32_t)id % p->cells) * p->size;
}

/* The word of a task, or that of a free cell if it is not its any more. */
static uint64_t
pool_word_of(const struct pool *p, uint64_t id)
{
	uint64_t word = pool_load(&pool_cell(p, id)->state);

	return pool_gen_of(word) == (uint32_t)(id >> 32) ? word : POOL_FREE;
}

enum pool_state
pool_look(const struct pool *p, uint64_t id)
{
	return pool_state_of(pool_word_of(p, id));
}

int
pool_signal(const struct pool *p, uint64_t id)
{
	return (int)((pool_word_of(p, id) & POOL_WHO) >> POOL_WHO_SHIFT);
}

/*
 * The bit comes after the word: killed in between, we leave a free cell without
 * one, which pool_bury() finds.
 */
bool
pool_set_free(struct pool *p, uint32_t cell, uint64_t word)
{
	if (!pool_change(&p->cell[cell].state, word,
	    pool_word(POOL_FREE, 0, pool_gen_of(word))))
		return false;
	pool_set_bit(p->free_bits, cell);
	return true;
}

/* Of 64 cells, one whose bit is set; its word says whether it is free. */
static bool
pool_claim_of(struct pool *p, uint32_t n, uint64_t me, uint64_t *id)
{
	uint64_t bits, word;
	uint32_t cell, gen;

	while ((bits = pool_load(&p->free_bits[n])) != 0) {
		cell = n * 64 + (uint32_t)__builtin_ctzll(bits);
		if (!pool_clear_bit(p->free_bits, cell) || cell >= p->cells)
			continue;
		word = pool_load(&p->cell[cell].state);
		gen = (pool_gen_of(word) + 1) & POOL_GEN_MASK;
		if (pool_state_of(word) != POOL_FREE ||
		    !pool_change(&p->cell[cell].state, word,
		    pool_word(POOL_FILLING, me, gen)))
			continue;
		*id = pool_id(cell, gen);
		return true;
	}
	return false;
}

bool
pool_claim(struct pool *p, uint64_t me, uint64_t *id)
{
	uint32_t words = pool_bit_words(p->cells), i;
	uint32_t hint = __atomic_load_n(&p->hint, __ATOMIC_RELAXED);

	for (i = 0; i < words; i++, hint = (hint + 1) % words)
		if (pool_claim_of(p, hint, me, id)) {
			__atomic_store_n(&p->hint, hint, __ATOMIC_RELAXED);
			return true;
		}
	return false;
}

void
pool_release(struct pool *p, uint64_t id)
{
	uint64_t word = pool_word_of(p, id);

	if (pool_is_over(pool_state_of(word)))
		pool_set_free(p, (uint32_t)id % p->cells, word);
}

int
pool_cancel(struct pool *p, uint64_t id)
{
	uint64_t *state = &pool_cell(p, id)->state, word;

	for (;;) {
		word = pool_word_of(p, id);
		if (pool_state_of(word) == POOL_QUEUED) {
			if (pool_end(p, state, word, pool_with_state(word,
			    POOL_DROPPED)))
				return 1;
		} else if (pool_state_of(word) != POOL_RUNNING)
			return -1;
		else if (pool_end(p, state, word, pool_with_state(word,
		    POOL_ORPHAN)))
			return 0;
	}
}

/* --- the queue ---------------------------------------------------------------- */

/*
 * The first place is of no task that could be taken: goes past it, unless
 * somebody has.  A dropped task is freed before that, so whoever is killed in
 * between leaves the next one nothing but this to do again.
 */
static void
pool_pass(struct pool *p, uint64_t head, uint64_t place, uint64_t word)
{
	uint32_t cell = (uint32_t)(place & 0xffff);

	if (cell < p->cells && pool_state_of(word) == POOL_DROPPED &&
	    pool_is_same(word, place))
		pool_set_free(p, cell, word);
	pool_change(&p->shared->head, head, head + 1);
}

/* The first place that has a task; false: there is none. */
static bool
pool_first(struct pool *p, uint64_t *head, uint64_t *place, uint64_t *word)
{
	for (;;) {
		*head = pool_load(&p->shared->head);
		*place = pool_load(pool_place(p, *head));
		if (!pool_is_place(*place, *head)) {
			if (pool_load(&p->shared->head) == *head)
				return false;
			continue;
		}
		*word = (*place & 0xffff) < p->cells ?
		    pool_load(&p->cell[*place & 0xffff].state) : POOL_FREE;
		if (pool_state_of(*word) == POOL_QUEUED &&
		    pool_is_same(*word, *place))
			return true;
		pool_pass(p, *head, *place, *word);
	}
}

/*
 * Once the place is ours the task is in the queue, whether or not we live to
 * push the tail on: who comes next does that.  false: the place was another's.
 */
static bool
pool_take_place(struct pool *p, uint64_t id)
{
	uint64_t tail = pool_load(&p->shared->tail);
	uint64_t *place = pool_place(p, tail), old = pool_load(place);
	uint64_t mine = tail << 32 | (id >> 32 & POOL_PLACE_GEN) << 16 |
	    (uint32_t)id;
	uint64_t head, first, word;

	if (pool_is_place(old, tail)) {
		pool_change(&p->shared->tail, tail, tail + 1);
		return false;
	}
	/* The old ones that stand first make room for it. */
	if (tail - pool_load(&p->shared->head) > p->ring_mask) {
		pool_first(p, &head, &first, &word);
		return false;
	}
	if (!pool_change(place, old, mine))
		return false;
	pool_change(&p->shared->tail, tail, tail + 1);
	return true;
}

void
pool_submit(struct pool *p, uint64_t id, uint64_t owner)
{
	struct pool_cell *cell = pool_cell(p, id);

	cell->owner = owner;
	cell->waiting = 0;
	__atomic_store_n(&cell->state, pool_word(POOL_QUEUED, owner,
	    (uint32_t)(id >> 32)), __ATOMIC_RELEASE);
	while (!pool_take_place(p, id))
		continue;
}

uint64_t
pool_queued(const struct pool *p)
{
	uint64_t head = pool_load(&p->shared->head);
	uint64_t tail = pool_load(&p->shared->tail);

	return tail > head ? tail - head : 0;
}

bool
pool_take(struct pool *p, uint64_t me, struct pool_taken *t)
{
	uint64_t head, place, word;
	uint32_t cell;

	while (pool_first(p, &head, &place, &word)) {
		cell = (uint32_t)(place & 0xffff);
		t->word = pool_word(POOL_RUNNING, me, pool_gen_of(word));
		if (!pool_change(&p->cell[cell].state, word, t->word))
			continue;
		pool_change(&p->shared->head, head, head + 1);
		t->id = pool_id(cell, pool_gen_of(word));
		return true;
	}
	return false;
}

/* --- who is to hear of what ----------------------------------------------------- */

static void
pool_ring(const struct pool *p, uint32_t slot)
{
	static const uint64_t one = 1;

	/* A bell that cannot take it is ringing. */
	if (p->bells != NULL && slot < p->slots &&
	    write(p->bells[slot], &one, sizeof(one)) == -1)
		errno = 0;
}

void
pool_wake(struct pool *p, uint32_t count)
{
	uint64_t *idle = p->shared->idle, bits;
	uint32_t n, slot;

	for (n = 0; n * 64 < p->slots; n++)
		while (count > 0 && (bits = pool_load(&idle[n])) != 0) {
			slot = n * 64 + (uint32_t)__builtin_ctzll(bits);
			if (!pool_clear_bit(idle, slot))
				continue;
			pool_ring(p, slot);
			count--;
		}
}

/*
 * The bit first, then the look: who submits does it the other way round, so one
 * of the two sees the other.
 */
bool
pool_rest(struct pool *p, uint32_t slot)
{
	uint64_t head, place, word;

	pool_set_bit(p->shared->idle, slot);
	if (!pool_first(p, &head, &place, &word))
		return true;
	pool_clear_bit(p->shared->idle, slot);
	return false;
}

void
pool_arm(struct pool *p, uint32_t slot)
{
	if (!pool_has_bit(p->shared->armed, slot))
		pool_set_bit(p->shared->armed, slot);
}

uint64_t
pool_over(const struct pool *p, uint32_t word)
{
	return word < pool_bit_words(p->cells) ?
	    pool_load(&p->done_bits[word]) : 0;
}

void
pool_seen(struct pool *p, uint32_t cell)
{
	pool_clear_bit(p->done_bits, cell);
}

/* The half of a cell's word that has its state, for the kernel. */
static uint32_t *
pool_futex(struct pool_cell *cell)
{
	return (uint32_t *)(void *)&cell->state +
	    (BYTE_ORDER == BIG_ENDIAN ? 1 : 0);
}

void
pool_tell(struct pool *p, uint32_t cell, uint64_t owner)
{
	struct pool_cell *c = &p->cell[cell];
	uint32_t slot = (uint32_t)(owner >> POOL_WHO_SHIFT & 0xfff);

	if ((owner & POOL_RINGS) != 0) {
		pool_set_bit(p->done_bits, cell);
		if (pool_has_bit(p->shared->armed, slot) &&
		    pool_clear_bit(p->shared->armed, slot))
			pool_ring(p, slot);
	}
	if (__atomic_load_n(&c->waiting, __ATOMIC_SEQ_CST) != 0)
		syscall(SYS_futex, pool_futex(c), FUTEX_WAKE, INT_MAX, NULL,
		    NULL, 0);
}

/* What is written before counts only if the task is still ours. */
bool
pool_finish(struct pool *p, const struct pool_taken *t, enum pool_state how,
    int error, uint32_t length)
{
	struct pool_cell *c = pool_cell(p, t->id);
	uint64_t owner = c->owner, word;

	c->error = error;
	c->length = length;
	if (pool_end(p, &c->state, t->word, pool_with_state(t->word, how))) {
		pool_tell(p, (uint32_t)t->id, owner);
		return true;
	}
	word = pool_with_state(t->word, POOL_ORPHAN);
	pool_set_free(p, (uint32_t)t->id, word);
	return false;
}

void
pool_wait(struct pool *p, uint64_t id, int64_t ms)
{
	struct pool_cell *c = pool_cell(p, id);
	const struct timespec limit = { ms / 1000, ms % 1000 * 1000000 };
	uint64_t word;

	__atomic_store_n(&c->waiting, 1, __ATOMIC_SEQ_CST);
	word = pool_word_of(p, id);
	if (pool_state_of(word) == POOL_QUEUED ||
	    pool_state_of(word) == POOL_RUNNING)
		syscall(SYS_futex, pool_futex(c), FUTEX_WAIT, (uint32_t)word,
		    &limit, NULL, 0);
}
