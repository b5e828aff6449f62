/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_DIALING_H
#define DISPATCH_DIALING_H

#include "net/conn.h"

/*
 * Connections that a task has dialed, and receives from.
 */

/* Whether a task waits for something to receive. */
bool dialing_is_waited_for(struct prong_conn *);

/* As converse_may_receive() and converse_receive(). */
int dialing_may_receive(struct prong_conn *);
int dialing_receive(struct prong_conn *);

#endif
