/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CONFINE_H
#define SERVER_CONFINE_H

#include "server/server.h"

/*
 * What the sandbox of a server's processes lets them do, by its settings.  Each
 * enters it for good; *word is what it has entered (base/sandbox).  -1 with a
 * text: something is lacking, and the setting "sandbox" says whether that
 * matters: confine_is_required().
 */

/* A worker, the forker and its children, a process of a pool. */
int confine_worker(const struct prong_server *, bool forks, uint32_t *word);

/*
 * A clerk.  The file is a dict's that it reads or writes, which may be one that
 * the server is yet to have, or has no more; or NULL.
 */
int confine_clerk(const struct prong_server *, const char *file,
    uint32_t *word);

bool confine_is_required(const struct prong_server *);

#endif
