/* SPDX-License-Identifier: ISC */
#ifndef NET_ADMISSION_H
#define NET_ADMISSION_H

#include "base/address.h"
#include "net/net.h"
#include "shm/rate.h"

/*
 * Who is let in: the access rules and the limits of a service.  A limit
 * refuses one client, never the service.  Nothing here takes a lock.
 */

enum admission_answer { ANSWER_CLOSE, ANSWER_RESET, ANSWER_BANNER };

struct access;

/* How often one reason of refusing is told of; and how many were untold. */
struct admission_refusals {
	uint64_t told;
	uint64_t untold;
};

/* The rules and limits of a service, made ready from its settings. */
struct admission {
	bool is_open;			/* nothing is asked of anybody */
	struct access *access;		/* NULL: no rules */
	uint32_t connections;		/* UINT32_MAX: no limit */
	uint32_t per_source;		/* UINT32_MAX: no limit */
	struct rate rate;
	struct rate source_rate;
	int64_t load;			/* thousandths; 0: no limit */
	bool needs_source;		/* an account for each source */
	bool full_told;			/* the table of sources was full */
	struct admission_refusals refusals[COUNTER_REFUSED_LAST -
	    COUNTER_REFUSED_FIRST + 1];
};

/* Replaces service->admission. */
int admission_prepare(struct prong_service *);
void admission_free(struct admission *);

/* What is known of a peer, for its entry in the table. */
void admission_describe(struct conn_entry *, const struct prong_service *,
    int fd, const struct address *peer);

/*
 * Whether a peer may come in at all, before anything is made for it: 0, or
 * the reason as a COUNTER_REFUSED.
 */
enum counter admission_gate(struct prong_service *, int fd,
    const struct address *peer);

/*
 * Whether one who is connected would be let in by the rules now.  Of peers of
 * unix sockets the groups are not known any more: where rules ask for users or
 * groups, they stay.
 */
bool admission_allows_entry(const struct prong_service *,
    const struct conn_entry *);

/*
 * Takes its share of the limits for an entry of the table: 0, or the reason.
 * The entry holds nothing then.
 */
enum counter admission_enter(struct prong_service *, struct conn_entry *);

/*
 * Refuses: counts, tells, answers as configured, closes.  why: a text, or NULL
 * for the reason's own.
 */
void admission_refuse(struct prong_service *, int fd,
    const struct conn_entry *who, enum counter reason, const char *why);

#endif
