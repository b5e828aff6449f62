/* SPDX-License-Identifier: ISC */
#ifndef SHM_DICT_H
#define SHM_DICT_H

#include <stdbool.h>
#include <stdint.h>

#include "prong.h"
#include "shm/rlock.h"
#include "shm/segment.h"
#include "shm/undo.h"

/*
 * A dictionary in shared memory of a fixed size: struct prong_dict of
 * <prong.h>, where its calls are described.
 *
 * It is made of stripes, each with a lock, an undo record, buckets and blocks
 * of its own, and the hash of a key says in which one it is.  So whatever
 * happens to a key happens under one lock and is one transaction.  What is in
 * the segment is never believed: the geometry is in private memory, every
 * block is checked against it, every chain has an end.
 */

#define DICT_LAYOUT		1
#define DICT_MEMORY_MIN		(64LL << 10)
#define DICT_MEMORY_MAX		(1LL << 40)
#define DICT_STRIPES_MAX	256
#define DICT_STRIPE_SIZE	(1U << 20)	/* that is split no further */
#define DICT_KEY_MAX		65535
#define DICT_VALUE_MAX		UINT32_MAX

/* How long a call waits for a stripe that another process holds. */
#define DICT_WAIT_MS		10000

/*
 * Blocks that only a value that replaces another may take, and gives back: so
 * a counter goes on counting in a dict that is full.
 */
#define DICT_RESERVE		8

enum dict_evict { DICT_EVICT_NONE, DICT_EVICT_LRU };

/* What a stripe begins with, in the segment. */
struct dict_head {
	struct rlock lock __attribute__((aligned(64)));
	/* These by undo_set() only. */
	uint64_t free;		/* the first block of the free ones */
	uint64_t free_count;
	uint64_t keys;
	uint64_t evicted, expired;	/* how many there have been */
	/* And these are right whatever they hold, or one store each. */
	uint64_t soonest;	/* no key expires before; UINT64_MAX: none */
	uint64_t tick;		/* of uses of keys, for lru */
	struct undo undo;
};

#define DICT_BLOCK_DATA	56
#define DICT_ENTRY_DATA	32

/*
 * Memory is given out in blocks.  The low half of chain is how many blocks
 * further the next one is than the one that follows here: memory that is all
 * zero is a list of free blocks in their order.
 */
struct dict_block {
	uint64_t chain;
	unsigned char data[DICT_BLOCK_DATA];
};

/*
 * A key with its value, one behind the other, in the data of a chain of blocks,
 * of which this is the first.  The high half of chain is the number of the last
 * one.  Where the data ends follows from the lengths, and the last block's link
 * means nothing.
 */
struct dict_entry {
	uint64_t chain;
	uint64_t bucket;	/* low: the next one there; high: last used */
	uint64_t lengths;	/* tag 16, key 16, value 32 bits */
	uint64_t expiry;	/* ms of CLOCK_REALTIME; 0: never */
	unsigned char data[DICT_ENTRY_DATA];
};

struct prong_dict {
	char *name;
	enum dict_evict evict;
	uint64_t hash_key[2];
	uint32_t stripes;		/* a power of two */
	uint32_t buckets;		/* of a stripe */
	uint32_t blocks;		/* of a stripe; 0 is none */
	uint32_t blocks_max;		/* of an entry */
	size_t stripe_size;
	int64_t wait;			/* ms for a lock */
	int64_t (*now)(void);		/* ms of CLOCK_REALTIME */
	/*
	 * Of the lock of the first stripe, which is taken first by who takes
	 * all of them: so it is the only one that is held for long.
	 */
	struct rlock_guard guard;
	struct segment segment;
};

/* A stripe whose lock is held, as this process sees it. */
struct dict_stripe {
	struct prong_dict *dict;
	struct dict_head *head;
	uint64_t *buckets;
	struct dict_block *blocks;
	uint64_t now;			/* 0: not asked yet */
};

/*
 * A dict that takes so many bytes in all; reserve: all of them now.  Before any
 * fork.
 */
struct prong_dict *dict_new(const char *name, int64_t memory,
    enum dict_evict, bool reserve);
/* One that another process has made, by its descriptor: segment_adopt(). */
struct prong_dict *dict_adopt(const char *name, int64_t memory,
    enum dict_evict, int fd);
void dict_free(struct prong_dict *);

/* How often a lock of it was taken over from a dead holder.  Takes none. */
uint64_t dict_recovered(const struct prong_dict *);
/* The process that holds a lock of it, the first that is found; 0: none. */
pid_t dict_holder(const struct prong_dict *);

/*
 * What is in it now, as far as can be told without a lock: each number is right
 * but for changes that are under way.
 */
struct dict_numbers {
	uint64_t keys;
	uint64_t used;			/* bytes of blocks */
	uint64_t evicted, expired;	/* keys, so far */
};
void dict_count(const struct prong_dict *, struct dict_numbers *);

/*
 * The key of its hash, while it is empty and nobody else uses it; and what
 * another process has made of it meanwhile.
 */
void dict_set_hash_key(struct prong_dict *, const uint64_t key[2]);
void dict_take_hash_key(struct prong_dict *);

uint64_t dict_hash(const struct prong_dict *, const void *key, size_t length);

static inline uint64_t *
dict_bucket(const struct dict_stripe *s, uint64_t hash)
{
	return &s->buckets[((hash >> 16 & UINT32_MAX) * s->dict->buckets) >>
	    32];
}

/* Locks the stripe of a hash, or by its number; -1 with a text. */
int dict_lock(struct prong_dict *, uint64_t hash, struct dict_stripe *);
int dict_lock_number(struct prong_dict *, uint32_t number,
    struct dict_stripe *);
void dict_unlock(struct dict_stripe *);

/* The time of the call, the same throughout. */
uint64_t dict_now(struct dict_stripe *);

/*
 * As prong_dict_each(), and what is in a stripe is told as it was at one
 * moment: so all of it has room in a dict of as much memory.  Not with stripes
 * of more than 16M, which a dict of more than 4G has.
 */
int dict_each_stripe(struct prong_dict *, prong_dict_each_fn *, void *arg);

/* Always -1, with EIO: what is in the segment makes no sense. */
int dict_damaged(const struct dict_stripe *);

#endif
