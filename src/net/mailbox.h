/* SPDX-License-Identifier: ISC */
#ifndef NET_MAILBOX_H
#define NET_MAILBOX_H

#include <sys/types.h>

#include <stddef.h>

/*
 * The mailbox of a slot: a pair of datagram sockets.  The process in the slot
 * takes out of it, all others put into it; the master has made it and does
 * neither.  A letter is in it whole or not at all, whoever is killed; it takes
 * as much as the kernel lets it, and never makes anybody wait.
 */
struct mailbox {
	int in;			/* to put into; -1: there is none */
	int out;		/* to take out of */
};

/* The largest letter: one message of the most that there may be, at least. */
#define MAILBOX_LETTER	(64 * 1024 + 64)

int mailbox_open(struct mailbox *);
void mailbox_close(struct mailbox *);

/* 0; -1 with EAGAIN: no room now.  Anything else: nobody can have it. */
int mailbox_put(int in, const void *letter, size_t len);

/* How long it is, which may be 0; -1: there is none, or it was too long. */
ssize_t mailbox_take(int out, void *letter, size_t size);

/*
 * Through one mailbox, hands over the end to put into another, in the name of a
 * process; and takes that out: 1, or 0 when there is none.
 */
int mailbox_hand(int in, pid_t, int other);
int mailbox_receive(int out, pid_t *, int *other);

#endif
