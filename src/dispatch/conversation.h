/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_CONVERSATION_H
#define DISPATCH_CONVERSATION_H

#include <stdbool.h>

#include "net/service.h"

/*
 * Running a handler on a stack of its own, so that it can wait: what all modes
 * but inline have in common.
 */

/* Sets the ops of a service, and the room that its connections need. */
void conversation_bind(struct prong_service *);

/* Whether the handler is in the midst of something for the connection. */
bool conversation_is_on(const struct prong_conn *);

/*
 * Before and after the task that runs waits for anything but input: what its
 * connection has sent goes out.  -1 with ECANCELED: the connection has ended.
 * Nothing happens in a task that no connection owns.
 */
int conversation_pause(void);
void conversation_go_on(void);

/* Whether the task that runs may receive: -1 with EPERM, ECANCELED, EPIPE. */
int conversation_may_receive(struct prong_conn *);
/* Waits for a message, which is in the inbox then: 1, 0 at the end, -1. */
int conversation_receive(struct prong_conn *);

#endif
