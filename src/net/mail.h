/* SPDX-License-Identifier: ISC */
#ifndef NET_MAIL_H
#define NET_MAIL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What was posted to a connection and is not sent yet: since its peer does not
 * take what it has already, or since it is on its way to another thread.
 */

struct prong_conn;

/* More is not kept for a connection: it ends instead. */
#define MAILS_MAX	(1024 * 1024)

/* A queue of messages; a NULL pointer is an empty one. */
struct mails;

/* -1: ENOBUFS when it would be more than MAILS_MAX, ENOMEM. */
int mails_add(struct mails **, const void *data, size_t len);
/* Moves all of one behind what is in another, whatever it comes to. */
void mails_move(struct mails **to, struct mails **from);
/* The first message, valid until mails_drop(). */
const void *mails_first(const struct mails *, size_t *len);
void mails_drop(struct mails **);
size_t mails_bytes(const struct mails *);
void mails_free(struct mails **);

/*
 * In the thread that serves a connection, outside of its events: sends it a
 * message, framed as its service is, or keeps it until the peer has taken what
 * is queued.  One whose peer takes nothing ends.
 */
void mail_give(struct prong_conn *, const void *data, size_t len);
/* The same for all of a queue, which is empty then; NULL: what it holds. */
void mail_give_all(struct prong_conn *, struct mails **);

/*
 * The same in steps: an event of the connection begins, unless there is nobody
 * to send to, what is sent in it goes out together at its end.
 */
bool mail_begin(struct prong_conn *);
void mail_end(struct prong_conn *);
void mail_put(struct prong_conn *, const void *data, size_t len);
/* There is room again: sends what was kept. */
void mail_resume(struct prong_conn *);

/* Its peer does not take what is posted to it: it ends. */
void mail_overflow(struct prong_conn *);

#endif
