/* SPDX-License-Identifier: ISC */
#ifndef SERVER_EXPEL_H
#define SERVER_EXPEL_H

#include "server/generation.h"

/*
 * Ends the connections of all generations that drain which the access rules of
 * the current one do not allow, as they are found in the tables, until there
 * are none.
 */
void expel(struct master *);

#endif
