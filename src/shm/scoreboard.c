/* SPDX-License-Identifier: ISC */
/*
 * The scoreboard's memory, the claim of a slot, and reading from outside.
 */
#include "shm/scoreboard.h"

#include <sys/mman.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "shm/rlock_gone.h"

#define ROW_USED	(COUNTERS + sizeof(struct slot_threads) / 8)

/* Rows are whole cache lines, so that no two processes share one. */
#define ROW_WORDS	(SCOREBOARD_ALIGN / 8 * \
			    ((ROW_USED + SCOREBOARD_ALIGN / 8 - 1) / \
			    (SCOREBOARD_ALIGN / 8)))

struct scoreboard_layout {
	struct segment_header header;
	struct rlock lock __attribute__((aligned(SCOREBOARD_ALIGN)));
	struct slot slots[];	/* then the rows of slot 0, slot 1, ... */
};

/* The connection tables begin on a page of their own. */
#define TABLES_OFFSET	4096

static size_t
scoreboard_rows_offset(const struct scoreboard *sb)
{
	return sizeof(struct scoreboard_layout) +
	    sb->slots * sizeof(struct slot);
}

static size_t
scoreboard_row_offset(const struct scoreboard *sb, uint32_t slot,
    uint32_t service)
{
	return scoreboard_rows_offset(sb) +
	    ((size_t)slot * sb->services + service) * ROW_WORDS *
	    sizeof(uint64_t);
}

static off_t
scoreboard_table_offset(const struct scoreboard *sb, uint32_t slot)
{
	return TABLES_OFFSET + (off_t)slot * sb->table_capacity *
	    (off_t)sizeof(struct conn_entry);
}

int
scoreboard_create(struct scoreboard *sb, uint32_t slots, uint32_t services,
    uint32_t capacity, uint32_t sources)
{
	struct scoreboard_layout *layout;

	sb->slots = slots;
	sb->services = services;
	sb->table_capacity = capacity;
	sb->connections.fd = -1;
	sb->connections.base = MAP_FAILED;
	sb->ledger = (struct ledger){ .segment = { .fd = -1,
	    .base = MAP_FAILED } };
	sb->tallies = (struct tallies){ .segment = { .fd = -1,
	    .base = MAP_FAILED } };
	if (segment_create(&sb->segment, "prong-scoreboard",
	    SCOREBOARD_LAYOUT, scoreboard_row_offset(sb, slots, 0),
	    true) == -1)
		return -1;
	layout = sb->segment.base;
	if (rlock_init(&layout->lock) == -1 ||
	    segment_create(&sb->connections, "prong-connections",
	    SCOREBOARD_LAYOUT, (size_t)scoreboard_table_offset(sb, slots),
	    false) == -1 ||
	    ledger_create(&sb->ledger, slots, services, sources) == -1 ||
	    tallies_create(&sb->tallies, slots, services) == -1) {
		scoreboard_close(sb);
		return -1;
	}
	return 0;
}

void
scoreboard_close(struct scoreboard *sb)
{
	segment_close(&sb->segment);
	segment_close(&sb->connections);
	ledger_close(&sb->ledger);
	tallies_close(&sb->tallies);
}

struct slot *
scoreboard_slot(const struct scoreboard *sb, uint32_t slot)
{
	struct scoreboard_layout *layout = sb->segment.base;

	return &layout->slots[slot];
}

uint64_t *
scoreboard_row(const struct scoreboard *sb, uint32_t slot, uint32_t service)
{
	return (uint64_t *)((char *)sb->segment.base +
	    scoreboard_row_offset(sb, slot, service));
}

void
scoreboard_number_from(struct scoreboard *sb, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < sb->slots; i++)
		scoreboard_slot(sb, i)->journal.next_id = id / sb->slots + 1;
}

uint64_t
scoreboard_last_number(const struct scoreboard *sb)
{
	uint64_t id, last = 0;
	uint32_t i;

	for (i = 0; i < sb->slots; i++) {
		id = __atomic_load_n(&scoreboard_slot(sb, i)->journal.next_id,
		    __ATOMIC_RELAXED) * sb->slots + i;
		if (id > last)
			last = id;
	}
	return last;
}

struct slot_threads *
scoreboard_threads(const struct scoreboard *sb, uint32_t slot,
    uint32_t service)
{
	return (struct slot_threads *)(scoreboard_row(sb, slot, service) +
	    COUNTERS);
}

void
scoreboard_clear_row(struct scoreboard *sb, uint32_t slot, uint32_t service)
{
	memset(scoreboard_row(sb, slot, service), 0,
	    ROW_WORDS * sizeof(uint64_t));
}

static void
scoreboard_open_table(struct scoreboard *sb, uint32_t slot,
    struct conntable *t)
{
	*t = (struct conntable){
		.segment = &sb->connections,
		.journal = &scoreboard_slot(sb, slot)->journal,
		.entries = (struct conn_entry *)((char *)
		    sb->connections.base + scoreboard_table_offset(sb, slot)),
		.rows = scoreboard_row(sb, slot, 0),
		.stride = ROW_WORDS,
		.ledger = &sb->ledger,
		.services = sb->services,
		.slot = slot,
		.slots = sb->slots,
		.capacity = sb->table_capacity,
		.free = CONN_NONE,
	};
}

/*
 * A dead holder was recovering a slot's table, which whoever claims that slot
 * next does again from the start, or adding the name of a counter, which is
 * there or not: there is nothing to repair here.
 */
static void
scoreboard_note(void *arg)
{
	rlock_gone_note("shared memory", "scoreboard", 0);
}

static int
scoreboard_lock(struct scoreboard *sb, int64_t ms)
{
	struct scoreboard_layout *layout = sb->segment.base;

	return rlock_lock(&layout->lock, ms, scoreboard_note, NULL);
}

static void
scoreboard_unlock(struct scoreboard *sb)
{
	struct scoreboard_layout *layout = sb->segment.base;

	rlock_unlock(&layout->lock);
}

/* With the lock held: the slot is this process's. */
static void
scoreboard_take_over(struct scoreboard *sb, uint32_t slot,
    struct conntable *t)
{
	struct slot *s = scoreboard_slot(sb, slot);
	uint32_t i;

	scoreboard_open_table(sb, slot, t);
	conntable_recover(t);
	for (i = 0; i < sb->services; i++)
		*scoreboard_threads(sb, slot, i) =
		    (struct slot_threads){ .all = 0 };
	s->last_beat = 0;
	s->loops = 0;
	s->live = 0;
	s->serving = SLOT_NONE;
	__atomic_store_n(&s->pid, (uint64_t)getpid(), __ATOMIC_RELEASE);
}

int
scoreboard_claim(struct scoreboard *sb, uint32_t slot, int64_t ms,
    struct conntable *t)
{
	if (scoreboard_lock(sb, ms) == -1)
		return error_prefix("slot %u", slot);
	scoreboard_take_over(sb, slot, t);
	scoreboard_unlock(sb);
	return 0;
}

int
scoreboard_settle(struct scoreboard *sb, uint32_t slot, uint64_t last,
    int64_t ms)
{
	struct conntable t;

	if (scoreboard_lock(sb, ms) == -1)
		return error_prefix("slot %u", slot);
	if (scoreboard_slot(sb, slot)->pid == last)
		scoreboard_take_over(sb, slot, &t);
	scoreboard_unlock(sb);
	return 0;
}

int
scoreboard_tally(struct scoreboard *sb, uint32_t slot, uint32_t service,
    const struct prong_counter *table, struct tally *tally, int64_t ms)
{
	int r;

	if (scoreboard_lock(sb, ms) == -1)
		return error_prefix("slot %u", slot);
	r = tallies_join(&sb->tallies, slot, service, table, tally);
	scoreboard_unlock(sb);
	return r;
}

uint64_t
scoreboard_recovered(const struct scoreboard *sb)
{
	const struct scoreboard_layout *layout = sb->segment.base;

	return __atomic_load_n(&layout->lock.recovered, __ATOMIC_RELAXED);
}

void
scoreboard_add_row(const struct scoreboard *sb, uint32_t slot,
    uint32_t service, uint64_t totals[COUNTERS])
{
	const uint64_t *row;
	int i;

	if (slot >= sb->slots || service >= sb->services)
		return;
	row = scoreboard_row(sb, slot, service);
	for (i = COUNTERS - 1; i > COUNTER_ACCEPTED; i--)
		totals[i] += __atomic_load_n(&row[i], __ATOMIC_ACQUIRE);
	totals[COUNTER_ACCEPTED] += __atomic_load_n(&row[COUNTER_ACCEPTED],
	    __ATOMIC_ACQUIRE);
}

void
scoreboard_add_threads(const struct scoreboard *sb, uint32_t slot,
    uint32_t service, struct slot_threads *totals)
{
	const struct slot_threads *t;

	if (slot >= sb->slots || service >= sb->services)
		return;
	t = scoreboard_threads(sb, slot, service);
	totals->all += __atomic_load_n(&t->all, __ATOMIC_RELAXED);
	totals->busy += __atomic_load_n(&t->busy, __ATOMIC_RELAXED);
	totals->children += __atomic_load_n(&t->children, __ATOMIC_RELAXED);
	totals->waiting += __atomic_load_n(&t->waiting, __ATOMIC_RELAXED);
	totals->cut += __atomic_load_n(&t->cut, __ATOMIC_RELAXED);
}

#define SCOREBOARD_CHUNK	256		/* entries read at once */
#define SCOREBOARD_GLANCE	65536		/* and looked at in one call */

/* Those that there is memory of: every entry that was used was written to. */
static uint32_t
scoreboard_backed(const struct scoreboard *sb, uint32_t slot)
{
	off_t from = scoreboard_table_offset(sb, slot);
	off_t hole = lseek(sb->connections.fd, from, SEEK_HOLE);

	if (hole < from || hole >= scoreboard_table_offset(sb, slot + 1))
		return sb->table_capacity;
	return (uint32_t)((size_t)(hole - from) / sizeof(struct conn_entry));
}

/*
 * How many entries of a slot's table were ever used, within bounds.  A process
 * that says they are all it may have does not get them all read for nothing.
 */
static uint32_t
scoreboard_used(const struct scoreboard *sb, uint32_t slot)
{
	uint32_t used, backed;

	if (slot >= sb->slots)
		return 0;
	used = __atomic_load_n(&scoreboard_slot(sb, slot)->journal.used,
	    __ATOMIC_ACQUIRE);
	if (used <= SCOREBOARD_CHUNK)
		return used < sb->table_capacity ? used : sb->table_capacity;
	backed = scoreboard_backed(sb, slot);
	return used < backed ? used : backed;
}

static int
scoreboard_read_entries(const struct scoreboard *sb, uint32_t slot,
    uint32_t from, struct conn_entry *to, uint32_t count)
{
	return segment_read(&sb->connections, scoreboard_table_offset(sb,
	    slot) + (off_t)(from * sizeof(*to)), to, count * sizeof(*to));
}

/* A copy, so what is found good of it stays so. */
static bool
scoreboard_is_open(const struct scoreboard *sb, const struct conn_entry *e)
{
	return e->state == CONN_STATE_OPEN && e->service < sb->services;
}

void
scoreboard_add_active(const struct scoreboard *sb, uint32_t slot,
    uint64_t *active)
{
	struct conn_entry chunk[SCOREBOARD_CHUNK];
	uint32_t used = scoreboard_used(sb, slot), i, n, k;

	for (i = 0; i < used; i += n) {
		n = used - i < SCOREBOARD_CHUNK ? used - i : SCOREBOARD_CHUNK;
		if (scoreboard_read_entries(sb, slot, i, chunk, n) == -1)
			return;
		for (k = 0; k < n; k++)
			if (scoreboard_is_open(sb, &chunk[k]))
				active[chunk[k].service]++;
	}
}

size_t
scoreboard_connections(const struct scoreboard *sb, uint32_t slot,
    uint32_t service, uint32_t *from, struct conn_entry *to, size_t count)
{
	struct conn_entry chunk[SCOREBOARD_CHUNK];
	uint32_t used = scoreboard_used(sb, slot), i = *from, end, n, k;
	size_t found = 0;

	end = i < used && used - i > SCOREBOARD_GLANCE ?
	    i + SCOREBOARD_GLANCE : used;
	while (i < end && found < count) {
		n = end - i < SCOREBOARD_CHUNK ? end - i : SCOREBOARD_CHUNK;
		if (scoreboard_read_entries(sb, slot, i, chunk, n) == -1)
			break;
		for (k = 0; k < n && found < count; k++)
			if (scoreboard_is_open(sb, &chunk[k]) &&
			    (service == SCOREBOARD_ALL ||
			    chunk[k].service == service))
				to[found++] = chunk[k];
		i += k;
	}
	*from = i < used && i > *from ? i : SCOREBOARD_END;
	return found;
}

int
scoreboard_find(const struct scoreboard *sb, uint32_t slot, uint64_t id,
    struct conn_entry *e)
{
	struct conn_entry chunk[SCOREBOARD_CHUNK];
	uint32_t used = scoreboard_used(sb, slot), i, n, k;

	for (i = 0; i < used; i += n) {
		n = used - i < SCOREBOARD_CHUNK ? used - i : SCOREBOARD_CHUNK;
		if (scoreboard_read_entries(sb, slot, i, chunk, n) == -1)
			break;
		for (k = 0; k < n; k++)
			if (chunk[k].id == id &&
			    scoreboard_is_open(sb, &chunk[k])) {
				*e = chunk[k];
				return 0;
			}
	}
	return -1;
}

void
scoreboard_join_rest(struct scoreboard_rest *to,
    const struct scoreboard_rest *rest)
{
	if (rest->open > 0 && (to->open == 0 || rest->opened < to->opened))
		to->opened = rest->opened;
	to->open += rest->open;
}

void
scoreboard_add_rests(const struct scoreboard *sb, uint32_t slot,
    struct scoreboard_rest *rests)
{
	struct conn_entry chunk[SCOREBOARD_CHUNK];
	struct scoreboard_rest one = { .open = 1 };
	uint32_t from = 0;
	size_t n, i;

	while (from != SCOREBOARD_END) {
		n = scoreboard_connections(sb, slot, SCOREBOARD_ALL, &from,
		    chunk, SCOREBOARD_CHUNK);
		for (i = 0; i < n; i++) {
			one.opened = chunk[i].opened;
			scoreboard_join_rest(&rests[chunk[i].service], &one);
		}
	}
}

uint64_t
scoreboard_live(const struct scoreboard *sb, uint32_t slot, pid_t pid)
{
	const struct slot *s;

	if (slot >= sb->slots)
		return 0;
	s = scoreboard_slot(sb, slot);
	return __atomic_load_n(&s->pid, __ATOMIC_ACQUIRE) == (uint64_t)pid ?
	    __atomic_load_n(&s->live, __ATOMIC_RELAXED) : 0;
}

int
scoreboard_serving(const struct scoreboard *sb, uint32_t slot,
    struct conn_entry *e)
{
	uint64_t at;

	if (slot >= sb->slots)
		return -1;
	at = __atomic_load_n(&scoreboard_slot(sb, slot)->serving,
	    __ATOMIC_RELAXED) / sizeof(*e);
	if (at >= sb->table_capacity ||
	    scoreboard_read_entries(sb, slot, (uint32_t)at, e, 1) == -1 ||
	    !scoreboard_is_open(sb, e))
		return -1;
	return 0;
}
