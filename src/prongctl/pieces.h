/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_PIECES_H
#define PRONGCTL_PIECES_H

#include <jansson.h>
#include <stddef.h>

/* A line of pieces, of which as many are there as have room. */

#define PIECES_TEXT	80

struct piece {
	char text[PIECES_TEXT];
	char brief[PIECES_TEXT];	/* instead, where room is scarce */
	int drop;			/* the highest are left out first */
};

/*
 * Joins them with spaces: in full, or else in brief, or else without some.
 * Width 0 is no limit.  Returns buf.
 */
const char *pieces_join(const struct piece *, size_t count, int width,
    char *buf, size_t size);

#define PIECES_HEAD	6

/* What a status says of the server, for its first line. */
void pieces_head(const json_t *status, struct piece[PIECES_HEAD]);

#endif
