/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_DAEMON_H
#define PRONGD_DAEMON_H

#include <stdbool.h>

/*
 * Leaves the terminal.  Returns in the daemon only; the process that the
 * caller started passes the daemon's messages on until the daemon is ready
 * (exit code 0) or has ended without it (exit code 1).
 */
struct daemon {
	int ready;		/* pipe to the process that was started */
};

/*
 * tell: the process that was started says what the daemon's process ID is,
 * where there is no file that has it.
 */
void daemon_start(struct daemon *, bool tell);

/* Lets that process go.  The argument is the daemon. */
void daemon_ready(void *);

#endif
