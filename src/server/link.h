/* SPDX-License-Identifier: ISC */
#ifndef SERVER_LINK_H
#define SERVER_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "loop/loop.h"

/*
 * A link between a master and the one that is to follow it, or that asks it
 * (server/former): a pair of sockets, over which go lines of JSON.  Neither waits
 * for the other.
 */

#define LINK_LINE_MAX	(64 << 20)

struct link;

/*
 * A message has come: it is released afterwards.  NULL: the other side has
 * gone, or talks nonsense; that is the last call.
 */
typedef void link_fn(struct link *, json_t *message, void *arg);

/* Takes the descriptor, unless NULL: ENOMEM, or as loop_add(). */
struct link *link_open(struct loop *, int fd, link_fn *, void *arg);
/* May be called by the function, too; NULL is nothing. */
void link_close(struct link *);

/*
 * Takes over the message, which was made since a jsonmem_begin(): one in which
 * something is missing is not sent, ENOMEM.  What has no room now goes out
 * later.
 */
int link_send(struct link *, json_t *message);

/* Whether something is left that has found no room. */
bool link_is_busy(const struct link *);

/*
 * Calls sent, once, when all of that has gone; nothing, if the other side goes
 * before.
 */
void link_when_sent(struct link *, void (*sent)(void *arg));

#endif
