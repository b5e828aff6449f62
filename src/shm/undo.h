/* SPDX-License-Identifier: ISC */
#ifndef SHM_UNDO_H
#define SHM_UNDO_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a holder of a lock has changed and not yet finished, so that whoever
 * finds him dead can put it back.
 *
 * It stands in the segment beside its lock, is zero at first, and only the
 * lock's holder writes it.  Each word of 64 bits that must change together with
 * others is set by undo_set(), which notes where it is and what it held before
 * it is touched; undo_commit() drops the notes with one store, and that is the
 * moment at which everything has happened.  Until then undo_repair() leads back
 * to the beginning.
 *
 * A kill sees every store before it in the order of the program, whichever CPU
 * looks next: so all that counts is the order in which the compiler puts them.
 *
 * Memory that nothing refers to yet needs no notes: it is filled first, and one
 * word that is set leads to it.
 */
#define UNDO_MAX	64	/* words of a transaction */

struct undo {
	uint64_t count;		/* of entries; 0: nothing is under way */
	struct {
		uint64_t offset, old;	/* from the segment's beginning */
	} entry[UNDO_MAX];
};

/*
 * Sets a word within the segment at base.  What is set beyond UNDO_MAX words of
 * a transaction is not put back: its user knows how many it has at most.
 */
static inline void
undo_set(struct undo *u, const void *base, uint64_t *word, uint64_t value)
{
	uint64_t n = u->count;

	/* What stands in free memory is there before anything leads to it. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (n < UNDO_MAX) {
		u->entry[n].offset = (uint64_t)((const char *)word -
		    (const char *)base);
		u->entry[n].old = *word;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		__atomic_store_n(&u->count, n + 1, __ATOMIC_RELAXED);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* All that was set since the last time stays. */
static inline void
undo_commit(struct undo *u)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&u->count, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Puts back what was set since the last commit, from last to first, in the
 * segment of size bytes at base; returns how many words those were.  Whoever
 * dies over it, at any instruction, leaves it to be done again.  Nothing in the
 * record is believed: a word outside the segment's content, or not aligned, is
 * left alone.
 */
size_t undo_repair(struct undo *, void *base, size_t size);

#endif
