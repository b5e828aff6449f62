/* SPDX-License-Identifier: ISC */
#ifndef NET_SPLICE_H
#define NET_SPLICE_H

#include <stdbool.h>

struct prong_conn;
struct splice;
struct watch;

/*
 * Two connections joined both ways: what comes from one goes to the other as
 * it is, and so does its end.  When both have ended, both are closed.
 */

/* Who waits for that; told when both have ended, once. */
struct splice_wait {
	void (*fn)(struct splice_wait *);
	struct splice *splice;		/* NULL: nobody will tell any more */
	bool over;
	int error;			/* how; 0: as both sides wanted */
};

/*
 * Joins two connections of one loop.  wait may be NULL.  EINVAL: they are the
 * same.  EBUSY: one is joined already.  EPIPE: one is closing.  ENOMEM.
 */
int splice_start(struct prong_conn *, struct prong_conn *,
    struct splice_wait *);

/* Who waits does so no longer: both are cut off. */
void splice_stop(struct splice *);

/* --- for conn.c -------------------------------------------------------------- */

void splice_event(struct watch *, unsigned int events);
/* What one of the two waits for may have changed. */
void splice_update(struct prong_conn *);
/* One of the two is being ended. */
void splice_cut(struct prong_conn *);

#endif
