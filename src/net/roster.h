/* SPDX-License-Identifier: ISC */
#ifndef NET_ROSTER_H
#define NET_ROSTER_H

#include <stddef.h>
#include <stdint.h>

/*
 * The connections of a process by their numbers: every one that it has booked
 * and not yet seen end, wherever it is served.  Used by the process's own
 * thread alone.
 */

struct prong_conn;

#define ROSTER_FIRST	16		/* chains, to begin with */

struct roster {
	struct prong_conn **chains;	/* NULL: first */
	uint32_t bits;			/* 2^bits of them; 0: ROSTER_FIRST */
	uint32_t count;
	struct prong_conn *first[ROSTER_FIRST];
};

void roster_add(struct roster *, struct prong_conn *);
void roster_del(struct roster *, struct prong_conn *);

/* NULL: there is none with this number. */
struct prong_conn *roster_find(const struct roster *, uint64_t id);

/* Calls fn for each; fn may end any of them, but open none. */
void roster_each(const struct roster *,
    void (*fn)(struct prong_conn *, void *), void *arg);

void roster_free(struct roster *);

#endif
