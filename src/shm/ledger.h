/* SPDX-License-Identifier: ISC */
#ifndef SHM_LEDGER_H
#define SHM_LEDGER_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include "shm/rate.h"
#include "shm/segment.h"

/*
 * The ledger: what the connections of all processes hold of the limits.
 *
 * An account is a count and a rate: one for each service, and one for each
 * source of a service (an IPv4 address, the /64 of an IPv6 address, the user of
 * a unix peer), in a table of fixed size.  Nothing here takes a lock: a process
 * that is stopped at any instruction delays nobody.
 *
 * A process that is killed at any instruction leaves the counts exact.  An
 * atomic addition alone would not do: whoever comes after could not tell
 * whether it had happened.  So the word of a count names the process (by its
 * slot) and the operation that wrote it last, and who overwrites it tells the
 * one before, in that one's slot, that its operation had taken place: a
 * recoverable compare-and-swap, after H. Attiya, O. Ben-Baruch, D. Hendler,
 * "Nesting-safe recoverable linearizability", PODC 2018.
 */

#define LEDGER_LAYOUT		2
#define LEDGER_NONE		0	/* no account of a source */
#define LEDGER_ANY		0	/* no source's key */
#define LEDGER_SOURCES_MAX	((1 << 22) - 8192)

#define LEDGER_SLOT_BITS	12	/* of the number of a slot */

struct account {
	uint64_t key;		/* of a source, with a mark; 0: never used */
	uint64_t count;		/* with who wrote it: ledger_count() */
	uint64_t due;		/* see struct rate */
	uint64_t unused;
};

enum ledger_answer {
	LEDGER_REFUSED,
	LEDGER_TAKEN,
	LEDGER_LOST,		/* the account is another source's by now */
};

enum ledger_step {
	LEDGER_STEP_NONE,
	LEDGER_STEP_TAKE,
	LEDGER_STEP_GIVE,
};

/* The operation of a process that is under way, if one is. */
struct ledger_journal {
	uint32_t step;		/* enum ledger_step; written last */
	uint32_t account;
	uint32_t entry;		/* whom it is for: the caller's numbers */
	uint32_t hold;
	uint64_t number;	/* of the operation */
	uint64_t told;		/* number << 1, | 1: it has taken place */
} __attribute__((aligned(64)));

/* Masters before this one whose connections are counted, too. */
#define LEDGER_FORMERS_MAX	8

struct ledger_former;

struct ledger {
	struct segment segment;
	uint32_t slots;
	uint32_t services;
	uint32_t sources;
	bool has_sources;		/* the memory of their accounts */
	uint32_t former_count;
	struct ledger_former *formers;	/* the latest first */
};

/*
 * sources: for how many there is room, whose memory is taken when a limit needs
 * them, by ledger_back_sources().
 */
int ledger_create(struct ledger *, uint32_t slots, uint32_t services,
    uint32_t sources);
int ledger_back_sources(struct ledger *);
/* One of another's, of these sizes, by its descriptor; as segment_adopt(). */
int ledger_adopt(struct ledger *, int fd);
void ledger_close(struct ledger *);

/* The account of a service is the one of its index. */
struct account *ledger_account(const struct ledger *, uint32_t account);
uint32_t ledger_accounts(const struct ledger *);
uint32_t ledger_count(const struct account *);

/*
 * Takes one of an account, unless limit are taken; or gives one back.  key: of
 * the source whose account it must be, or LEDGER_ANY.  To be called with the
 * journal's entry and hold set; the journal stays open when it was taken, so
 * that the caller can note what it has: ledger_end() closes it.
 */
enum ledger_answer ledger_take(const struct ledger *, uint32_t slot,
    uint32_t account, uint64_t key, uint32_t limit, uint32_t entry,
    uint32_t hold);
void ledger_give(const struct ledger *, uint32_t slot, uint32_t account,
    uint32_t entry, uint32_t hold);
void ledger_end(const struct ledger *, uint32_t slot);

/*
 * Writes the word of a count anew while nobody has any of it: who is about to
 * take, and has looked before whose it is, has to look again.
 */
bool ledger_renew(const struct ledger *, uint32_t slot, uint32_t account);

/*
 * After the death of a slot's process: the operation that was under way, and
 * whether it had taken place.  NULL when there was none.
 */
const struct ledger_journal *ledger_interrupted(const struct ledger *,
    uint32_t slot, bool *done);

/* --- ledger_source.c: the table of sources ------------------------------- */

/* What a source is known by: its address as conn_entry has it. */
uint64_t ledger_source_key(const struct ledger *, uint32_t service,
    uint8_t family, const uint8_t address[16]);

/*
 * The account of a source.  Finds it, or makes one of one that is not used any
 * more; slot: the caller's.  LEDGER_NONE: the table is full of those that are.
 * now: as for rates.  It stays the source's while something is taken of it;
 * until then it may be given to another at any time.
 */
uint32_t ledger_source(const struct ledger *, uint32_t slot, uint64_t key,
    uint64_t now);

/* Whether an account is a source's; who is about to give it away does not. */
bool ledger_source_has(struct account *, uint64_t key);

/* The secret of its hash. */
const uint64_t *ledger_secret(const struct ledger *);

/* The settled account of a source, or LEDGER_NONE; nothing is changed. */
uint32_t ledger_source_find(const struct ledger *, uint64_t key);

/* --- ledger_former.c: those of former masters ---------------------------- */

struct ledger_former {
	struct ledger ledger;
	char (*names)[72];		/* of its services */
	uint32_t *rows;			/* by service of ours: that one there */
};

struct ledger_sizes {
	uint32_t layout, slots, services, sources;
	bool has_sources;
};

/*
 * One by its descriptor, which it takes; names are the caller's to fill in.  -1
 * with EPROTO, ENOMEM: it is none that can be read.
 */
int ledger_former_open(struct ledger_former *, int fd,
    const struct ledger_sizes *);
void ledger_former_close(struct ledger_former *);

/*
 * In the master, before any fork: takes over former ones, of which some may be
 * closed; on failure none.  Then: only so many are there yet.
 */
int ledger_follow(struct ledger *, struct ledger_former *, uint32_t count);
void ledger_keep_formers(struct ledger *, uint32_t count);
/* The name of a service, before processes that have it are forked. */
void ledger_name(struct ledger *, uint32_t service, const char *name);

/* What connections of former masters leave of a limit. */
uint32_t ledger_left(const struct ledger *, uint32_t service, uint32_t limit);
uint32_t ledger_left_source(const struct ledger *, uint32_t service,
    uint8_t family, const uint8_t address[16], uint32_t limit);

/* The word that says how many there are. */
uint64_t *ledger_behind(const struct ledger *);

#endif
