/* SPDX-License-Identifier: ISC */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <sys/queue.h>

#include "net/conn.h"
#include "net/connect.h"

/*
 * Connections of ours to others.  They are connections like those that were
 * accepted, in the loop where they were dialed, with a service of their own,
 * which says what happens with what comes.  Nobody was let in and nothing is
 * booked: they stand in no table and are counted nowhere.
 *
 * One that is held (is_held) is its owner's: it is there until that lets go
 * of it, even when it has ended.
 */
struct dialed {
	struct prong_service service;
	struct conn_entry entry;
	struct connect connect;
	bool connecting;
	bool buried;			/* its last turn is over */
	int error;			/* why it never came about */
	void (*forget)(struct prong_conn *);	/* before it is freed */
	LIST_ENTRY(dialed) of_net;
	bool owned;
	LIST_ENTRY(dialed) of_owner;
	char peer[ADDRESS_MAX];
	struct prong_conn conn;		/* the last one: more is behind it */
};

/*
 * One that is not connected yet; its ops hear of it as opened, or as closed
 * with dial_error().  extra: bytes behind the connection.  It is in nobody's
 * service unless for_whom is given.  ENOMEM.
 */
struct dialed *dial_new(struct net *, const struct prong_service *for_whom,
    size_t extra);
/* Begins to connect.  -1: as connect_start(), and it is freed. */
int dial_start(struct dialed *, const char *address, int64_t ms);

struct dialed *dial_of(struct prong_conn *);
bool dial_is_connecting(const struct prong_conn *);
/* Why it never came about or has ended: an errno, 0. */
int dial_error(const struct prong_conn *);
const char *dial_peer(const struct prong_conn *, char *buf, size_t size);

/* Makes it its owner's: the owner's end is its end. */
void dial_hold(struct prong_conn *, struct dialed_list *owner);
/* Its owner lets go of it; it is closed when what it has to say has gone. */
void dial_close(struct prong_conn *);
/* What an owner that ends has not closed. */
void dial_let_go_all(struct dialed_list *);

/* Whether one has something to say yet before it is closed. */
bool dial_is_any_closing(const struct net *);
/* The end of a loop, or of what it was for. */
void dial_end_all(struct net *);

/* --- for conn.c and net.c -------------------------------------------------- */

/* It has ended: leaves its loop. */
void dial_leave(struct prong_conn *);
/* The turn in which it ended is over. */
void dial_bury(struct prong_conn *);

#endif
