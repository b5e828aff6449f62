/* SPDX-License-Identifier: ISC */
#ifndef SERVER_TRANSFER_H
#define SERVER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "server/server.h"

/*
 * A server as text, for another process to build its own from: all that was
 * configured, and what handlers have declared.  Who reads it believes none of
 * it: every value goes through the same calls as those of a configuration.
 */

/* The number of the text's form. */
#define TRANSFER_FORM	1

/* The longest text that is read, and so the longest that is written. */
#define TRANSFER_MAX	(64UL << 20)

/*
 * To be freed by the caller.  lookup: names that services listen on are looked
 * up, which may take long, and what they stand for goes along, so that whoever
 * reads it has nobody to ask.  NULL: ENOMEM; E2BIG, longer than TRANSFER_MAX; as
 * address_resolve().
 */
char *transfer_write(const struct prong_server *, bool lookup);

/*
 * A new server, with the handlers of like, its log, and its way with signals.
 * NULL: EINVAL, not what transfer_write() writes, or a value is not right;
 * ENOMEM; else as prong_server_new().
 */
struct prong_server *transfer_read(const char *text, size_t length,
    const struct prong_server *like);

#endif
