/* SPDX-License-Identifier: ISC */
#ifndef SERVER_EXPEL_H
#define SERVER_EXPEL_H

#include "server/generation.h"

/* Of connections that a former master has; in the master. */
struct expelling {
	struct timer timer;
	uint64_t asked;			/* the number of the question; or 0 */
	long long from;			/* where its list goes on */
	size_t found, total;		/* in this look; in all */
	unsigned int looks, vain;	/* all; those that found nobody */
};

/*
 * Ends the connections of all generations that drain, and of former masters,
 * which the access rules of the current one do not allow, as they are found in
 * the tables, until there are none.
 */
void expel(struct master *);

#endif
