/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_TABLE_H
#define PRONGCTL_TABLE_H

#include <jansson.h>
#include <libsmartcols.h>
#include <stdbool.h>

#include "prongctl/cell.h"

/* Tables that fit the terminal, on standard output. */

#define TABLE_COLUMNS	16	/* at most */

/* An array of them, which ends with a title of NULL, is a table. */
struct table_column {
	const char *title;
	cell_fn *cell;		/* makes a cell of it from each row */
	const char *key;
	int flags;		/* SCOLS_FL_* */
	bool optional;		/* left out where every cell is "-" */
};

/*
 * Prints a row for each object of the array, and one more for last, which may
 * be NULL.  No rows: nothing but an end of line.  -1: no memory.
 */
int table_print(const struct table_column *, const json_t *rows,
    const json_t *last);

#endif
