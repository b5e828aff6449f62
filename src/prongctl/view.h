/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_VIEW_H
#define PRONGCTL_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "prongctl/cell.h"
#include "prongctl/rates.h"

/*
 * What top shows: its views, and the columns of each.  A view and a column are
 * added here and nowhere else.
 */

enum view_id {
	VIEW_SERVICES,
	VIEW_WORKERS,
	VIEW_CONNS,
	VIEW_COUNTERS,
	VIEWS,
};

enum view_kind {
	VIEW_TEXT,		/* goes up, what follows too */
	VIEW_NUMBER,		/* a name rather than an amount: a pid */
	VIEW_COUNT,		/* an amount: the largest first */
	VIEW_BYTES,
	VIEW_TIME,
	VIEW_RATE,
	VIEW_BYTE_RATE,
};

/* What is known of a server. */
struct view_data {
	json_t *status;		/* with the rates of trend.h */
	json_t *conns;		/* a list of them with their rates, or NULL */
	json_t *counters;	/* a list of names with their "help", or NULL */
	bool all_conns;		/* those are all that there are */
	const char *service;	/* whose counters; NULL: of all */
};

struct view_column {
	const char *title;
	enum view_kind kind;
	/*
	 * Members of the row, or of an object in it, that are added up; with
	 * '*' at its end a word is all that begin so.
	 */
	const char *keys;
	/* Where there is no room, the highest are left out first; 0: never. */
	int drop;
	const char *help;	/* NULL: that of the counter with this key */
	/* Of a rate: that of the span that is looked at, unless it is named. */
	const char *object;
	cell_fn *cell;		/* of a text, if it is not a member as it is */
	bool alarm;		/* what is more than 0 is bad */
	int least;		/* a text may be cut to this; 0: not at all */
};

#define VIEW_COLUMNS	16	/* at most */

struct view {
	const char *name;
	/* A list of rows, to be released; the last is the sum if is_sum. */
	json_t *(*rows)(const struct view_data *, bool *is_sum);
	struct view_column columns[VIEW_COLUMNS];	/* ends with no title */
	int sort;		/* the column that it is sorted by at first */
	const char *nothing;	/* what is said without any row */
	bool in_order;		/* by the first means: as the server says */
};

extern const struct view view_table[VIEWS];

size_t view_column_count(const struct view *);

/* A cell as a number, NAN if it is none, and as a text, to be freed. */
double view_number(const struct view_column *, const json_t *row,
    enum rates_span);
char *view_text(const struct view_column *, const json_t *row,
    enum rates_span, bool exact);

/* The widest that its numbers get; 0: it depends on them. */
int view_width(const struct view_column *, bool exact);

/* Whether a row has what a column shows, even if it is not known yet. */
bool view_has(const struct view_column *, const json_t *row, enum rates_span);

/* Whether something is wrong with a row. */
bool view_is_alarm(const struct view *, const json_t *row, enum rates_span);
/* Whether nothing is counted in it. */
bool view_is_zero(const struct view *, const json_t *row, enum rates_span);

/*
 * What a column, or a row of the counters, is about; to be freed.  NULL: no
 * memory.
 */
char *view_describe(const struct view_data *, const struct view *,
    const struct view_column *, const json_t *row);

#endif
