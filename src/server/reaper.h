/* SPDX-License-Identifier: ISC */
#ifndef SERVER_REAPER_H
#define SERVER_REAPER_H

#include <sys/types.h>

#include "server/master.h"

/*
 * How the master learns that a child of its has ended: by SIGCHLD, or, where
 * signals are the program's, by a descriptor of each.  Then only our own are
 * waited for, since there may be others of the program's.
 */

/* Of a child that has just been made.  On -1 it has been killed, and is gone. */
int reaper_add(struct master *, pid_t);

/* Waits for those that have ended, as a signal says. */
void reaper_signalled(struct master *);

void reaper_close(struct master *);

#endif
