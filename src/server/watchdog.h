/* SPDX-License-Identifier: ISC */
#ifndef SERVER_WATCHDOG_H
#define SERVER_WATCHDOG_H

#include <stdint.h>

#include "server/server.h"

/*
 * The watchdog.  Turning its loop is the beat of a process, and a timer makes
 * it turn when there is nothing to do.  One that misses a beat is late: a
 * neighbour accepts for it.  One that has not turned for stuck-timeout is
 * reported, aborted, replaced.
 */

/* Milliseconds from beat to beat at the most. */
uint64_t watchdog_beat(const struct server_settings *);

struct master;

/* Begins to look, for as long as the loop runs. */
void watchdog_start(struct master *);
void watchdog_stop(struct master *);

#endif
