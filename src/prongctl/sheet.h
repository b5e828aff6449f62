/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_SHEET_H
#define PRONGCTL_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "prongctl/view.h"

/*
 * A view as lines of text: its rows in their order, its columns as far as there
 * is room.
 */

#define SHEET_LINE	1024	/* room for a line; none is wider */

/* How somebody wants to see it. */
struct sheet_choice {
	enum rates_span span;
	int sort;		/* by which column */
	bool reverse;		/* the other way round */
	bool hide_zeros;
};

struct sheet_row {
	const json_t *json;
	double number;		/* what it is sorted by: this, */
	char *text;		/* or this; NULL: by the number */
	size_t at;		/* its place in the server's list */
};

struct sheet {
	const struct view *view;
	struct sheet_choice choice;
	json_t *list;
	const json_t *sum;	/* the last row, which is not sorted; or NULL */
	struct sheet_row *rows;
	size_t count;
	size_t hidden;		/* rows that are zero */
	bool exact;		/* amounts have all their digits */
	bool shown[VIEW_COLUMNS];
	int width[VIEW_COLUMNS];
};

/* -1: no memory; there is nothing to release then. */
int sheet_make(struct sheet *, const struct view_data *, const struct view *,
    const struct sheet_choice *);
void sheet_free(struct sheet *);

/*
 * Chooses the columns for lines of that width; 0: all of them.  A number is
 * never cut: a column that has no room is not there.
 */
void sheet_fit(struct sheet *, int width);

/* The titles, and a row; what they return is buf. */
const char *sheet_heading(const struct sheet *, char buf[SHEET_LINE]);
const char *sheet_line(const struct sheet *, const json_t *row,
    char buf[SHEET_LINE]);

/* Where in the lines a column is, and how wide; 0: it is not there. */
int sheet_place(const struct sheet *, int column, int *at);

/* Where the row is that has this in its first column; or -1. */
long sheet_find(const struct sheet *, const char *name);
/* What that is, to be freed; NULL: no memory. */
char *sheet_name(const struct sheet *, size_t row);

#endif
