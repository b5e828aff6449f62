/* SPDX-License-Identifier: ISC */
/*
 * Putting back what a dead process has left half done.
 */
#include "shm/undo.h"

#include <stdbool.h>

#include "shm/segment.h"

static bool
undo_is_within(uint64_t offset, size_t size)
{
	return offset >= sizeof(struct segment_header) &&
	    offset <= size - sizeof(uint64_t) &&
	    offset % sizeof(uint64_t) == 0;
}

size_t
undo_repair(struct undo *u, void *base, size_t size)
{
	uint64_t count = __atomic_load_n(&u->count, __ATOMIC_ACQUIRE);
	uint64_t i, offset, old;
	size_t restored = 0;

	if (count > UNDO_MAX)
		count = UNDO_MAX;
	for (i = count; i-- > 0;) {
		/* Read once: another may write here who should not. */
		offset = __atomic_load_n(&u->entry[i].offset,
		    __ATOMIC_RELAXED);
		old = __atomic_load_n(&u->entry[i].old, __ATOMIC_RELAXED);
		if (!undo_is_within(offset, size))
			continue;
		__atomic_store_n((uint64_t *)(void *)((char *)base + offset),
		    old, __ATOMIC_RELAXED);
		restored++;
	}
	undo_commit(u);
	return restored;
}
