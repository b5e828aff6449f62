/* SPDX-License-Identifier: ISC */
#ifndef SHM_DICT_TABLE_H
#define SHM_DICT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/dict_blocks.h"

/*
 * The keys of a stripe: found, added, replaced, removed, each change one
 * transaction.  With the stripe's lock held, and where it takes blocks, room
 * made for them (dict_room).
 */

/* A key as the caller gave it. */
struct dict_key {
	const void *data;
	size_t length;
	uint64_t hash;
};

/* An entry that was found. */
struct dict_found {
	uint64_t *link;		/* the word whose low half leads to it */
	struct dict_chain chain;
	uint32_t key_length, value_length;
	uint64_t expiry;
};

/* Whether there is such a key: 1 or 0; -1: EIO. */
int dict_table_find(struct dict_stripe *, const struct dict_key *,
    struct dict_found *);

/* Notes that it was used just now. */
void dict_table_touch(struct dict_stripe *, const struct dict_found *);

/* The entry that a word leads to, if any; as above.  The word behind it. */
int dict_table_follow(struct dict_stripe *, uint64_t *link,
    struct dict_found *);
uint64_t *dict_table_next(struct dict_stripe *, const struct dict_found *);

/* Whether its time is over. */
bool dict_table_is_over(struct dict_stripe *, const struct dict_found *);

/* Copies of parts of it; -1: EIO. */
int dict_table_key(struct dict_stripe *, const struct dict_found *, void *to);
int dict_table_value(struct dict_stripe *, const struct dict_found *,
    void *to);
int dict_table_compare(struct dict_stripe *, const struct dict_found *,
    const void *value);

/*
 * A value for a key, where there is room: instead of the one that was found,
 * or as a new one.  expiry as in struct dict_entry.  -1: EIO.
 */
int dict_table_put(struct dict_stripe *, const struct dict_key *,
    const struct dict_found *replaced, const void *value, size_t length,
    uint64_t expiry);

/* Whether a value has room where that of the entry is; and puts it there. */
bool dict_table_fits(const struct dict_found *, size_t length);
void dict_table_rewrite(struct dict_stripe *, const struct dict_found *,
    const void *value, size_t length, uint64_t expiry);

/* Bytes more for a value, where there is room for the blocks they take. */
int dict_table_append(struct dict_stripe *, const struct dict_found *,
    const void *data, size_t length);

/* When it expires; one store. */
void dict_table_expire(struct dict_stripe *, const struct dict_found *,
    uint64_t expiry);

/* Always 0, so that what was found no longer is. */
int dict_table_remove(struct dict_stripe *, const struct dict_found *);
/* The same for one whose time is over, or that had to make room; counted. */
int dict_table_drop(struct dict_stripe *, const struct dict_found *,
    uint64_t *counter);

#endif
