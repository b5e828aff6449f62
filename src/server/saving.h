/* SPDX-License-Identifier: ISC */
#ifndef SERVER_SAVING_H
#define SERVER_SAVING_H

#include <stdbool.h>

#include "server/master.h"

/*
 * Dicts that are saved: read by a clerk before there is any other process,
 * written by one from time to time and when all others have ended.  The master
 * itself never opens such a file.
 */

/* Reads them; -1: one is there but cannot be used, the text says why. */
int saving_load(struct master *);

/* The server runs: they are saved from now on. */
void saving_start(struct master *);

/* All processes have ended: saves them; true while that goes on. */
bool saving_finish(struct master *);

void saving_close(struct master *);

#endif
