/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_TABLE_H
#define PRONGCTL_TABLE_H

#include <jansson.h>
#include <libsmartcols.h>
#include <stdbool.h>

#include "prongctl/cell.h"

/*
 * Tables on standard output.  Where that is a terminal, texts that do not fit
 * are folded (SCOLS_FL_WRAP), then columns are left out, and at last those with
 * SCOLS_FL_TRUNC are cut: numbers never are.
 */

#define TABLE_COLUMNS	16	/* at most */

/* An array of them, which ends with a title of NULL, is a table. */
struct table_column {
	const char *title;
	cell_fn *cell;		/* makes a cell of it from each row */
	const char *key;
	int flags;		/* SCOLS_FL_* */
	bool optional;		/* left out where every cell is "-" */
	int drop;		/* the highest are the first to lack room */
	int least;		/* a text may be folded to this; 0: 24 */
	bool is_state;		/* red if it wants attention */
};

/*
 * Prints a row for each object of the array, and one more for last, which may
 * be NULL.  No rows: nothing but an end of line.  -1: no memory.
 */
int table_print(const struct table_column *, const json_t *rows,
    const json_t *last);

#endif
