/* SPDX-License-Identifier: ISC */
#ifndef SHM_CONNTABLE_H
#define SHM_CONNTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/counter.h"
#include "shm/ledger.h"
#include "shm/segment.h"

/*
 * The connection table of a slot: one entry per open connection, written only
 * by the process in the slot, read by everybody.
 *
 * Opening and closing a connection changes two places that must agree: the
 * entry and a counter.  A journal of one record makes each of the two steps
 * whole: whatever instruction a process is killed at, its successor replays
 * the record, and `accepted = closed_* + active` holds to the unit.
 */

enum conn_state {
	CONN_STATE_FREE,
	CONN_STATE_OPEN,
};

/* What an open connection does, for people. */
enum conn_phase {
	CONN_PHASE_OPEN,
	CONN_PHASE_PAUSED,	/* the peer reads too slowly */
	CONN_PHASE_CLOSING,	/* what is queued goes out first */
	CONN_PHASE_LINGERING,	/* waiting for the peer to close */
	CONN_PHASE_ENDED = 128,	/* and how: the closed counter is added */
};

/* What it holds in the ledger. */
enum conn_hold {
	CONN_HOLD_SERVICE = 1 << 0,
	CONN_HOLD_SOURCE = 1 << 1,
};

struct conn_entry {
	uint64_t id;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t last;		/* of the last activity, process_milliseconds() */
	uint64_t opened : 42;	/* the same clock */
	uint64_t source : 22;	/* its account, or LEDGER_NONE */
	uint8_t address[16];	/* of the peer: network order, or struct ucred */
	uint16_t port;		/* of the peer */
	uint16_t service;
	uint8_t state;		/* enum conn_state */
	uint8_t family;		/* AF_INET, AF_INET6, AF_UNIX */
	uint8_t holds;		/* of enum conn_hold */
	uint8_t phase;		/* enum conn_phase */
};

enum conn_step {
	CONN_STEP_NONE,
	CONN_STEP_OPEN,
	CONN_STEP_CLOSE,
};

/* The step under way: absolute values, so that replaying is idempotent. */
struct conn_journal {
	uint32_t step;		/* enum conn_step; written last, cleared last */
	uint32_t entry;
	uint32_t service;
	uint32_t counter;
	uint64_t value;		/* what the counter becomes */
	uint64_t next_id;	/* the next connection's number in this slot */
	uint32_t used;		/* entries from here on were never used */
	uint32_t unused;
};

struct conntable {
	struct segment *segment;
	struct conn_journal *journal;
	struct conn_entry *entries;	/* of this slot */
	uint64_t *rows;			/* counters: service * stride */
	const struct ledger *ledger;
	uint32_t stride;		/* words from row to row */
	uint32_t services;
	uint32_t slot;
	uint32_t slots;
	uint32_t capacity;
	uint32_t backed;		/* entries whose memory is there */
	uint32_t free;			/* first of the chain, or CONN_NONE */
};

#define CONN_NONE	UINT32_MAX

/*
 * Takes an entry; its fields are the caller's to fill until conntable_open().
 * NULL: ENOSPC when the table is full, ENOMEM when there is no memory.
 */
struct conn_entry *conntable_take(struct conntable *);

/* Gives back an entry that is not open; what is in it is gone. */
void conntable_release(struct conntable *, struct conn_entry *);

/*
 * Takes one of the account of the entry's service, or of its source, unless
 * limit are taken; both fields are set.  The source is LEDGER_NONE afterwards
 * when that account has become another's.  What is held is given back when the
 * connection is closed, by whoever closes it.
 */
bool conntable_hold(struct conntable *, struct conn_entry *, enum conn_hold,
    uint32_t limit);
void conntable_unhold(struct conntable *, struct conn_entry *);

/* Books an accepted connection of a service; gives it its id. */
void conntable_open(struct conntable *, struct conn_entry *, uint32_t service);

/* Books its end under one of the closed counters; the entry can be released. */
void conntable_close(struct conntable *, struct conn_entry *, enum counter);

/*
 * A copy of an open entry, whose connection may go on in another thread: that
 * stores each of last, bytes_in, bytes_out and phase at once.
 */
void conntable_copy(struct conn_entry *to, const struct conn_entry *);

/*
 * "127.0.0.1:40000", "[::1]:40000", "unix:uid=1000,pid=42"; cut to size, always
 * a string.  Returns buf.
 */
const char *conntable_peer(const struct conn_entry *, char *buf, size_t size);
/* Family, address and port from such a text, whoever wrote it; -1: it is none. */
int conntable_read_peer(const char *text, struct conn_entry *);

/* What it does, as others see it; by whoever serves it. */
static inline void
conntable_set_phase(struct conn_entry *e, int phase)
{
	__atomic_store_n(&e->phase, (uint8_t)phase, __ATOMIC_RELAXED);
}

/*
 * It was told to close, which whoever serves it may not hear: so by somebody
 * else, who must not undo what that one has said meanwhile.
 */
void conntable_show_closing(struct conn_entry *);

/* After a predecessor's death: ends its half step and its connections. */
void conntable_recover(struct conntable *);

#endif
