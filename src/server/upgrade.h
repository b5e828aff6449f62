/* SPDX-License-Identifier: ISC */
#ifndef SERVER_UPGRADE_H
#define SERVER_UPGRADE_H

#include <jansson.h>

#include "server/master.h"

/*
 * An upgrade: the program file that is on disk now is started as a new master,
 * with the listening sockets and objects of this one.  When it says that all its
 * processes are ready, this one lets go of them, drains, and ends.  Whatever
 * goes wrong before, the new one is killed, and this one goes on.
 */

struct upgrade;

int upgrade_open(struct master *);
void upgrade_close(struct master *);

/* Asks for one: its number, for upgrade_is_done(); 0 with a text. */
uint64_t upgrade_ask(struct master *);
bool upgrade_is_done(const struct master *, uint64_t number);
json_t *upgrade_result(const struct master *, uint64_t number,
    json_t **errors);

/* Whether one is under way, and not over. */
bool upgrade_is_busy(const struct master *);
/* Whether another process is the server, and this one only drains. */
bool upgrade_is_over(const struct master *);

/* Whether a child that has ended was the new master. */
bool upgrade_ended(struct master *, pid_t, int status);
/* The server stops. */
void upgrade_cancel(struct master *);
/*
 * The last word: what all has been counted.  True while it is on its way: until
 * there is memory for it and the new master has room for it, or has gone.
 */
bool upgrade_finish(struct master *);

#endif
