/* SPDX-License-Identifier: ISC */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include <jansson.h>

#include "server/master.h"

/*
 * A reload: a new configuration is loaded in a child, a generation is made for
 * it, its first worker is the canary, then all others are started, and when
 * they are ready the generation before it drains.  Whatever goes wrong before
 * that, the generation that serves goes on, and the reason is told.
 *
 * One at a time.  What is asked for meanwhile is one more, afterwards, whoever
 * asks and how often.
 */

struct reload;

int reload_open(struct master *);
void reload_close(struct master *);

/* Asks for one: its number, for reload_is_done(); 0 with a text. */
uint64_t reload_ask(struct master *);
/* Asks what one would change, and does nothing; 0 with a text. */
uint64_t reload_ask_changes(struct master *);

/* Whether what has this number is over, and how: the result of its command. */
bool reload_is_done(const struct master *, uint64_t number);
/* NULL: it has failed, as the lines in *errors say. */
json_t *reload_result(const struct master *, uint64_t number,
    json_t **errors);

/* A process of the new generation is ready; or has died of it. */
void reload_process_ready(struct process *);
void reload_process_died(struct process *, const char *how);

/* How many have been asked for: what is asked now comes after that one. */
uint64_t reload_asked(const struct master *);

/* Whether one is under way. */
bool reload_is_busy(const struct master *);

/* The server stops: there is nothing to be tried any more. */
void reload_cancel(struct master *);

#endif
