/* SPDX-License-Identifier: ISC */
#ifndef SERVER_ROWS_H
#define SERVER_ROWS_H

#include <stdint.h>

#include "server/server.h"

/*
 * Which row of the scoreboard is which service's, for as long as the server
 * lives: a service goes on in the row of its name, whatever generation it is
 * of.  So its counters go on, limits count connections of all generations, and
 * a broadcast reaches them.
 */

struct master;

struct rows {
	char (*names)[72];		/* "": nobody's */
	uint32_t count;
	uint64_t retired[COUNTERS];	/* of names whose rows others have now */
};

int rows_open(struct rows *, uint32_t count);
void rows_close(struct rows *);

/* The name of a row; "?" for none. */
const char *rows_name(const struct rows *, uint32_t row);

/*
 * Gives each service the row of its name (its index), a free one, or one of a
 * name that no generation has any more, whose numbers are added to retired.
 * -1 with ENOSPC: max-services names are in use.
 */
int rows_assign(struct master *, struct prong_server *);

#endif
