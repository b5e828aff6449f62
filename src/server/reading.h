/* SPDX-License-Identifier: ISC */
#ifndef SERVER_READING_H
#define SERVER_READING_H

#include "server/master.h"

/*
 * Dicts with a file are read by clerks before anybody uses them: those of a
 * generation that no other has.  The master itself never opens such a file.
 */

/* Waits for that: at the start.  -1: a file cannot be used, with a text. */
int reading_wait(struct master *, struct generation *);

struct reading;

/* All have been read; or one could not be, and the text says why. */
typedef void reading_fn(struct master *, const char *why, void *arg);

/*
 * The same while the server goes on: 1, fn will be called; 0, there is nothing
 * to read, and it is not.  -1 with a text.
 */
int reading_begin(struct generation *, reading_fn *, void *arg,
    struct reading **);
/* Nobody wants to hear of it any more, and whoever reads is killed. */
void reading_cancel(struct reading *);

#endif
