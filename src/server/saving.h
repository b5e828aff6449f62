/* SPDX-License-Identifier: ISC */
#ifndef SERVER_SAVING_H
#define SERVER_SAVING_H

#include <stdbool.h>

#include <jansson.h>

#include "server/master.h"

/*
 * Dicts that are saved, by a clerk: from time to time, and when all who use them
 * have ended.  The master itself never opens such a file.
 */

/* Those of the current generation are saved from now on. */
void saving_follow(struct master *);

/*
 * Saves those that only this server has, whose users have gone, for the last
 * time; it need not be there any longer.
 */
void saving_drop(struct master *, const struct prong_server *);

/*
 * Over an upgrade: the names of those of the server before that the one that
 * follows does not save; and in the master before, which goes on with those
 * until its own end, and leaves the others to who comes.
 */
json_t *saving_unsaved(const struct prong_server *,
    const struct prong_server *before);
void saving_hand_on(struct master *, const json_t *unsaved);

/* All processes have ended: saves them; true while that goes on. */
bool saving_finish(struct master *);

void saving_close(struct master *);

#endif
