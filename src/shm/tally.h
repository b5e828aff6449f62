/* SPDX-License-Identifier: ISC */
#ifndef SHM_TALLY_H
#define SHM_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prong.h"
#include "shm/segment.h"

/*
 * Counters of a handler's own, in shared memory of their own.
 *
 * Every service has room for so many of them, whoever its handler is: the
 * master does not know the tables of modules.  Which cell is whose is agreed
 * upon by name: a process that runs the handler finds the name of each of its
 * counters there, or adds it, under the scoreboard's lock.  So a counter goes
 * on in its cell when a module is replaced by one with another table.
 *
 * A slot has a row of cells for each service, which its process and that one's
 * threads and children add to, and its successors after it.
 */

#define TALLY_LAYOUT	1
#define TALLY_MAX	64	/* counters of a service */
#define TALLY_NAME	32	/* bytes of a name, its NUL included */
#define TALLY_HELP	96

struct tally_name {
	char name[TALLY_NAME];
	char help[TALLY_HELP];
};

/* Those of a service in a process: where each of the handler's table is. */
struct tally {
	unsigned int count;
	uint64_t *cells[TALLY_MAX];
	uint64_t own[TALLY_MAX];	/* until it joins others */
};

struct tallies {
	struct segment segment;
	uint32_t slots;
	uint32_t services;
	bool *backed;		/* by service: its memory is there */
};

/* Whether a handler's table of counters is sound; NULL is. */
int tally_check(const struct prong_counter *);

/* One that counts for this process alone.  NULL with ENOMEM. */
struct tally *tally_new(const struct prong_counter *);

/* Room in address space only, until it is backed for a service. */
int tallies_create(struct tallies *, uint32_t slots, uint32_t services);
void tallies_close(struct tallies *);
int tallies_back(struct tallies *, uint32_t service);

/* Forgets those of a service that is gone. */
void tallies_clear(struct tallies *, uint32_t service);

/*
 * Has the tally count in a slot's row.  Nobody else may be at it.  ENOSPC: the
 * service has had too many counters of other names.
 */
int tallies_join(const struct tallies *, uint32_t slot, uint32_t service,
    const struct prong_counter *, struct tally *);

/* --- for readers, who believe nothing that stands there ------------------ */

/* Copies out the names that are good, and their cells: how many. */
size_t tallies_names(const struct tallies *, uint32_t service,
    struct tally_name names[TALLY_MAX], size_t cells[TALLY_MAX]);
/* A cell, of all slots together. */
uint64_t tallies_sum(const struct tallies *, uint32_t service, size_t cell);

#endif
