/* SPDX-License-Identifier: ISC */
/*
 * Tables.  The cells are made by cell.c; what a narrow terminal shows of them
 * is decided here, since libsmartcols would cut numbers; then it prints them.
 */
#include "prongctl/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "prongctl/terminal.h"

#define TABLE_FOLDED	24	/* the least of texts that are folded, */
#define TABLE_CUT	16	/* and of those that are cut */

struct table {
	const struct table_column *columns;
	size_t column_count, row_count;
	char **cells;		/* row by row */
	int width[TABLE_COLUMNS];
	bool used[TABLE_COLUMNS];
};

/* --- cells -------------------------------------------------------------- */

static char **
table_cell(const struct table *t, size_t row, size_t column)
{
	return &t->cells[row * t->column_count + column];
}

static int
table_add(struct table *t, const json_t *row)
{
	size_t i, at = t->row_count++;

	for (i = 0; i < t->column_count; i++)
		if ((*table_cell(t, at, i) = t->columns[i].cell(row,
		    t->columns[i].key)) == NULL)
			return -1;
	return 0;
}

static int
table_fill(struct table *t, const struct table_column *columns,
    const json_t *rows, const json_t *last)
{
	json_t *row;
	size_t i;

	memset(t, 0, sizeof(*t));
	t->columns = columns;
	while (columns[t->column_count].title != NULL)
		t->column_count++;
	t->cells = calloc((json_array_size(rows) + 1) * t->column_count,
	    sizeof(*t->cells));
	if (t->cells == NULL)
		return -1;
	json_array_foreach(rows, i, row)
		if (table_add(t, row) == -1)
			return -1;
	return last != NULL ? table_add(t, last) : 0;
}

static void
table_free(struct table *t)
{
	size_t i;

	for (i = 0; i < t->row_count * t->column_count; i++)
		free(t->cells[i]);
	free(t->cells);
}

/* --- widths ------------------------------------------------------------- */

static void
table_measure(struct table *t, size_t column)
{
	const struct table_column *c = &t->columns[column];
	int width = (int)strlen(c->title), n;
	const char *cell;
	size_t i;

	t->used[column] = !c->optional;
	for (i = 0; i < t->row_count; i++) {
		cell = *table_cell(t, i, column);
		n = (int)strlen(cell);
		width = n > width ? n : width;
		t->used[column] |= strcmp(cell, "-") != 0;
	}
	t->width[column] = width;
}

static int
table_total(const struct table *t)
{
	int total = -1;
	size_t i;

	for (i = 0; i < t->column_count; i++)
		if (t->used[i])
			total += t->width[i] + 1;
	return total;
}

static int
table_least(const struct table_column *c)
{
	return c->least != 0 ? c->least :
	    (c->flags & SCOLS_FL_WRAP) != 0 ? TABLE_FOLDED : TABLE_CUT;
}

/* Takes what is too much of the columns that can do with less. */
static void
table_squeeze(struct table *t, int width)
{
	const struct table_column *c;
	int over, room;
	size_t i;

	for (i = t->column_count; i-- > 0;) {
		c = &t->columns[i];
		if (!t->used[i] ||
		    (c->flags & (SCOLS_FL_WRAP | SCOLS_FL_TRUNC)) == 0)
			continue;
		over = table_total(t) - width;
		room = t->width[i] - table_least(c);
		if (over > 0 && room > 0)
			t->width[i] -= over < room ? over : room;
	}
}

/* Leaves out the column that is missed least; false: there is none. */
static bool
table_drop(struct table *t)
{
	size_t i, drop = t->column_count;

	for (i = 0; i < t->column_count; i++)
		if (t->used[i] && t->columns[i].drop > 0 &&
		    (drop == t->column_count ||
		    t->columns[i].drop > t->columns[drop].drop))
			drop = i;
	if (drop < t->column_count)
		t->used[drop] = false;
	return drop < t->column_count;
}

static void
table_fit(struct table *t, int width)
{
	size_t i;

	for (i = 0; i < t->column_count; i++)
		table_measure(t, i);
	if (width == 0)
		return;
	table_squeeze(t, width);
	while (table_total(t) > width && table_drop(t))
		;
	/* What was left out may leave room to those that were squeezed. */
	for (i = 0; i < t->column_count; i++)
		if (t->used[i])
			table_measure(t, i);
	table_squeeze(t, width);
}

/* --- texts -------------------------------------------------------------- */

/* How much of a text goes into a line: up to the end of a word, if it can. */
static size_t
table_break(const char *text, size_t width)
{
	size_t n = strlen(text), at;

	if (n <= width)
		return n;
	for (at = width; at > 0; at--)
		if (text[at] == ' ' || text[at - 1] == ',')
			return at;
	/* One address may be longer than the line. */
	for (at = width; at > 0; at--)
		if (text[at - 1] == ':')
			return at;
	return width;
}

/* The text in lines of that width; NULL: no memory. */
static char *
table_fold(const char *text, size_t width)
{
	char *lines = malloc(2 * strlen(text) + 1), *to = lines;
	size_t n;

	if (lines == NULL)
		return NULL;
	while (*text != '\0') {
		n = table_break(text, width);
		memcpy(to, text, n);
		to += n;
		text += n;
		text += strspn(text, " ");
		if (*text != '\0')
			*to++ = '\n';
	}
	*to = '\0';
	return lines;
}

/* Makes the texts of a column fit. */
static int
table_fit_column(struct table *t, size_t column)
{
	size_t width = (size_t)t->width[column], i;
	char **cell, *lines;

	for (i = 0; i < t->row_count; i++) {
		cell = table_cell(t, i, column);
		if (strlen(*cell) <= width)
			continue;
		if ((t->columns[column].flags & SCOLS_FL_WRAP) == 0) {
			strlcpy(*cell + width - 1, "~", 2);
			continue;
		}
		if ((lines = table_fold(*cell, width)) == NULL)
			return -1;
		free(*cell);
		*cell = lines;
	}
	return 0;
}

/* --- printing ----------------------------------------------------------- */

/* Whether a state wants somebody's attention. */
static bool
table_is_alarm(const char *state)
{
	static const char *const states[] = { "dead", "late", "full",
	    "paused" };
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state, states[i]) == 0)
			return true;
	return false;
}

static int
table_new_column(struct table *t, struct libscols_table *table, size_t column)
{
	const struct table_column *c = &t->columns[column];
	struct libscols_column *cl;

	if (!t->used[column])
		return 0;
	cl = scols_table_new_column(table, c->title, 0, c->flags);
	if (cl == NULL)
		return -1;
	if ((c->flags & SCOLS_FL_WRAP) != 0 &&
	    scols_column_set_wrapfunc(cl, scols_wrapnl_chunksize,
	    scols_wrapnl_nextchunk, NULL) != 0)
		return -1;
	return table_fit_column(t, column);
}

static int
table_new_line(struct table *t, struct libscols_table *table, size_t row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char **cell;
	size_t i, at = 0;

	for (i = 0; line != NULL && i < t->column_count; i++) {
		if (!t->used[i])
			continue;
		cell = table_cell(t, row, i);
		if (t->columns[i].is_state && table_is_alarm(*cell) &&
		    scols_cell_set_color(scols_line_get_cell(line, at),
		    "red") != 0)
			return -1;
		if (scols_line_refer_data(line, at++, *cell) != 0)
			return -1;
		*cell = NULL;		/* the line's now */
	}
	return line == NULL ? -1 : 0;
}

static int
table_show(struct table *t)
{
	struct libscols_table *table = scols_new_table();
	int result = table == NULL ? -1 : 0;
	size_t i;

	/* Cells are plain ASCII already; "\x" would be written as "\x5cx". */
	if (table != NULL)
		scols_table_enable_noencoding(table, 1);
	if (table != NULL && terminal_has_colour(STDOUT_FILENO))
		scols_table_enable_colors(table, 1);
	for (i = 0; result == 0 && i < t->column_count; i++)
		result = table_new_column(t, table, i);
	for (i = 0; result == 0 && i < t->row_count; i++)
		result = table_new_line(t, table, i);
	if (result == 0 && scols_print_table(table) != 0)
		result = -1;
	scols_unref_table(table);
	return result;
}

int
table_print(const struct table_column *columns, const json_t *rows,
    const json_t *last)
{
	struct table t;
	int result;

	result = table_fill(&t, columns, rows, last);
	if (result == 0) {
		table_fit(&t, terminal_width(STDOUT_FILENO));
		result = table_show(&t);
	}
	table_free(&t);
	return result == 0 ? 0 : error_set(ENOMEM, "no memory for a table");
}
