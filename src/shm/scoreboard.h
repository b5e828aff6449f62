/* SPDX-License-Identifier: ISC */
#ifndef SHM_SCOREBOARD_H
#define SHM_SCOREBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "shm/conntable.h"
#include "shm/counter.h"
#include "shm/rlock.h"
#include "shm/segment.h"
#include "shm/tally.h"

/*
 * The scoreboard: a shared array of 64-bit counters and what each process
 * tells about itself.
 *
 * A row of counters belongs to a slot and a service.  The process in the slot
 * is the only one that writes it, with plain relaxed stores, so a message
 * costs no lock and a kill loses nothing.  The next process in the slot goes
 * on counting in the same row; before that, under the lock, it books the
 * connections that its predecessor left open.
 *
 * The master never takes the lock and believes nothing it reads: it copies
 * bounded words with scoreboard_read_*().
 */

#ifndef SCOREBOARD_LAYOUT		/* a test may want another */
#define SCOREBOARD_LAYOUT	5
#endif
#define SCOREBOARD_ALIGN	64

/*
 * What the connections or messages of a service have to wait for in a process;
 * stands behind the row of counters, and ends with the process.
 */
struct slot_threads {
	uint64_t all;		/* threads that may be; without a limit, are */
	uint64_t busy;
	uint64_t children;	/* of the forker */
	uint64_t waiting;	/* connections that have neither yet */
	uint64_t cut;		/* ended at the limit of its drain */
};

/* What the process in a slot tells about itself. */
struct slot {
	uint64_t pid;
	uint64_t last_beat;	/* process_milliseconds() of its last waking */
	uint64_t loops;		/* turns of its loop since it began */
	uint64_t live;		/* connections it has open */
	uint64_t serving;	/* where its entry is, of the table; SLOT_NONE */
	uint64_t report_second;	/* of its last lines about connections */
	uint64_t reports;	/* in that second, its children's too */
	struct conn_journal journal;
} __attribute__((aligned(SCOREBOARD_ALIGN)));

#define SLOT_NONE	UINT64_MAX	/* serving no connection */

struct scoreboard {
	struct segment segment;
	struct segment connections;	/* the tables of all slots */
	struct ledger ledger;
	struct tallies tallies;		/* counters of handlers' own */
	uint32_t slots;
	uint32_t services;
	uint32_t table_capacity;	/* entries per slot */
};

/*
 * Makes a scoreboard for so many processes and services, room for the
 * connection tables of capacity entries a slot (their memory is taken as they
 * fill), and a ledger for so many sources.  Before any fork; every process
 * inherits it.
 */
int scoreboard_create(struct scoreboard *, uint32_t slots, uint32_t services,
    uint32_t capacity, uint32_t sources);
void scoreboard_close(struct scoreboard *);

/*
 * Before any fork: connections get numbers above id.  And the highest that one
 * has, as far as the processes say; it may be anything.
 */
void scoreboard_number_from(struct scoreboard *, uint64_t id);
uint64_t scoreboard_last_number(const struct scoreboard *);

/*
 * Takes over a slot for this process: books what its predecessor left open as
 * closed_crash, and opens the slot's connection table.  Under the lock, waited
 * for at most ms.
 */
int scoreboard_claim(struct scoreboard *, uint32_t slot, int64_t ms,
    struct conntable *);

/*
 * The same booking for a slot that nobody takes over, or not yet: for the
 * clerk.  last: what stood in the slot's pid; nothing happens when another
 * process has the slot by now.
 */
int scoreboard_settle(struct scoreboard *, uint32_t slot, uint64_t last,
    int64_t ms);

/*
 * Has the counters of a handler's own count in a slot's row of a service.
 * Under the lock, waited for at most ms.  ENOSPC: there is no room for them.
 */
int scoreboard_tally(struct scoreboard *, uint32_t slot, uint32_t service,
    const struct prong_counter *, struct tally *, int64_t ms);

/* Of a service that is gone, in a slot whose process does not serve it. */
void scoreboard_clear_row(struct scoreboard *, uint32_t slot,
    uint32_t service);

struct slot *scoreboard_slot(const struct scoreboard *, uint32_t slot);
uint64_t *scoreboard_row(const struct scoreboard *, uint32_t slot,
    uint32_t service);
struct slot_threads *scoreboard_threads(const struct scoreboard *,
    uint32_t slot, uint32_t service);

/* How often the lock was taken over from a dead process. */
uint64_t scoreboard_recovered(const struct scoreboard *);

/* --- for readers outside the lock; wrong arguments give zeros ----------- */

/*
 * Adds a row to totals.  What was closed is read before what was accepted, so
 * a reader never sees more ends than beginnings.
 */
void scoreboard_add_row(const struct scoreboard *, uint32_t slot,
    uint32_t service, uint64_t totals[COUNTERS]);

/* Adds what a slot's process has for a service, in threads and children. */
void scoreboard_add_threads(const struct scoreboard *, uint32_t slot,
    uint32_t service, struct slot_threads *totals);

/* Adds to active[service] the connections in a slot's table. */
void scoreboard_add_active(const struct scoreboard *, uint32_t slot,
    uint64_t *active);

/*
 * Copies out the open connections of a slot from the entry at *from on: up to
 * count, and of service alone unless it is SCOREBOARD_ALL.  Looks at no more
 * than a bounded number of entries.  Returns how many there are; *from is
 * where to go on, or SCOREBOARD_END.
 */
#define SCOREBOARD_ALL	UINT32_MAX
#define SCOREBOARD_END	UINT32_MAX
size_t scoreboard_connections(const struct scoreboard *, uint32_t slot,
    uint32_t service, uint32_t *from, struct conn_entry *to, size_t count);

/* An open connection of a slot by its number; -1: there is none. */
int scoreboard_find(const struct scoreboard *, uint32_t slot, uint64_t id,
    struct conn_entry *);

/* Connections that are open, and since when the oldest is. */
struct scoreboard_rest {
	uint64_t open;
	uint64_t opened;	/* process_milliseconds(); 0: none is */
};

/* The one and the other. */
void scoreboard_join_rest(struct scoreboard_rest *,
    const struct scoreboard_rest *);
/* Adds to rests[service] what a slot has. */
void scoreboard_add_rests(const struct scoreboard *, uint32_t slot,
    struct scoreboard_rest *rests);

/* How many connections a process has open; 0 when the slot is not its. */
uint64_t scoreboard_live(const struct scoreboard *, uint32_t slot, pid_t);

/* The open connection that a slot's process serves now; -1: none. */
int scoreboard_serving(const struct scoreboard *, uint32_t slot,
    struct conn_entry *);

/* Publishing a counter that nobody else changes. */
static inline void
counter_add(uint64_t *row, enum counter c, uint64_t n)
{
	add_owned(&row[c], n);
}

/* What was counted apart goes into a row that others add to as well. */
static inline void
counter_pass(uint64_t *from, uint64_t *row, enum counter c)
{
	if (from[c] == 0)
		return;
	__atomic_add_fetch(&row[c], from[c], __ATOMIC_RELAXED);
	from[c] = 0;
}

static inline void
counters_pass(uint64_t *from, uint64_t *row)
{
	enum counter counter;

	for (counter = 0; counter < COUNTERS; counter++)
		counter_pass(from, row, counter);
}

#endif
