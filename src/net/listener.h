/* SPDX-License-Identifier: ISC */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/net.h"

/*
 * Accepting in a worker.  The master keeps every listening socket and hands
 * out copies, so a queue outlives any worker; a key tells them apart.
 */

/*
 * Begins to accept from fd, which is the listener's from now on.  shared: other
 * processes accept from the same queue.
 */
int listener_add(struct prong_service *, uint32_t key, bool shared, int fd);

/* Stops accepting and closes the copy; nothing when there is none. */
void listener_del(struct net *, uint32_t key);
void listener_del_all(struct net *);
/* In a child: closes its copies, and leaves the rest as it is. */
void listener_forget_all(struct net *);

/* Takes what waits in the queues of all, without waiting for more. */
void listener_accept_rest(struct net *);

/* A service that is full leaves what comes in its queues. */
void listener_hold(struct prong_service *, bool full);

/*
 * There was no descriptor or memory for one: tells so, and when it is over, so
 * that who handed it out does it again.
 */
void listener_fall_short(struct net *);
/* Goes on after a shortage of descriptors or memory. */
void listener_resume_all(struct net *);

#endif
