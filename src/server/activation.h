/* SPDX-License-Identifier: ISC */
#ifndef SERVER_ACTIVATION_H
#define SERVER_ACTIVATION_H

#include <stdbool.h>

#include "server/listening.h"

/*
 * Listening sockets that a service manager has bound before it started us, by
 * the protocol of sd_listen_fds(3): descriptors from 3 on.  A service gets the
 * one that is bound to an address it listens on.
 */

/*
 * Takes LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES out of the environment, and
 * the sockets into a list; what is no listening socket is closed, and told by
 * activation_settle().  -1: EINVAL, the environment says what cannot be; ENOMEM.
 */
int activation_init(void);

/* Those that are there: what listening_open() takes over from. */
struct listening *activation_sockets(void);
bool activation_has(const struct address *);

/* Once services have theirs: closes the others, and logs which and why. */
void activation_settle(void);

#endif
