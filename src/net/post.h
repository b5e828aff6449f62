/* SPDX-License-Identifier: ISC */
#ifndef NET_POST_H
#define NET_POST_H

#include "net/mailbox.h"
#include "net/net.h"
#include "shm/scoreboard.h"

/*
 * The post of a process: prong_post() and prong_broadcast().  One a process; it
 * has the process's own loop, and is used from all of its threads.
 */

/*
 * Of the net's process: boxes has the mailbox of each slot;
 * NULL: it is the only process of its server, and has one thread.  ENOMEM.
 */
int post_open(struct net *, const struct scoreboard *,
    const struct mailbox *boxes);

/* The mailbox of a slot that was added: the end to put into, taken over. */
void post_add(uint32_t slot, int in);

/*
 * In a child that was forked: what it posts goes by way of the process that it
 * was forked from; it keeps one descriptor for that, and closes the others.
 */
void post_in_child(struct loop *);

/* Sends what still waits, for as long as that takes but ms at most. */
void post_finish(uint64_t ms);
void post_close(void);

#endif
