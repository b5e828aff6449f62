/* SPDX-License-Identifier: ISC */
#ifndef SERVER_RETIRE_H
#define SERVER_RETIRE_H

#include "server/generation.h"

/*
 * The end of listening sockets that a new generation does not have.  Who has
 * connected is served by the old one; who comes from now on is refused.  When
 * nobody waits in their queues any more they are closed, and fn is called: at
 * once when there are none.
 */
typedef void retire_fn(struct master *, struct generation *before);
void retire(struct master *, struct generation *before, retire_fn *);

/* Closes them now, and calls nothing. */
void retire_cancel(struct generation *);

#endif
