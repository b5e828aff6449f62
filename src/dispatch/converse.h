/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_CONVERSE_H
#define DISPATCH_CONVERSE_H

#include "net/service.h"

/* The conversation style of a handler that can wait (dispatch/conversation). */
extern const struct service_ops converse_ops;

/* Whether the task that runs may receive: -1 with EPERM, ECANCELED, EPIPE. */
int converse_may_receive(struct prong_conn *);
/* Waits for a message, which is in the inbox then: 1, 0 at the end, -1. */
int converse_receive(struct prong_conn *);

#endif
