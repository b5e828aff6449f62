/* SPDX-License-Identifier: ISC */
#ifndef SHM_DICT_ROOM_H
#define SHM_DICT_ROOM_H

#include <stdint.h>

#include "shm/dict_table.h"

/*
 * Room in a stripe: what has expired goes, then, with lru, what was not used
 * for long.  Each that goes is a transaction of its own, before that of whoever
 * needs the room.  With the stripe's lock held.
 */

/* Whether an entry of so many bytes is not too long; -1: EMSGSIZE. */
int dict_room_check(struct dict_stripe *, uint64_t length);

/*
 * Sees to it that so many blocks are free for what takes them and then gives
 * some back.  What was found at "keep", if not NULL, stays.  1: something went,
 * so what was found must be found anew; 0; -1: ENOSPC, EIO.
 */
int dict_room_make(struct dict_stripe *, uint32_t blocks, uint32_t back,
    const struct dict_found *keep);

/* Removes what has expired, if there may be any. */
int dict_room_sweep(struct dict_stripe *);

#endif
