/* SPDX-License-Identifier: ISC */
/*
 * Tables: the cells are made by cell.c, libsmartcols fits them to the
 * terminal.
 */
#include "prongctl/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Whether there is anything in a column.  No memory: there is. */
static bool
table_is_used(const struct table_column *column, const json_t *rows)
{
	bool used = false;
	json_t *row;
	char *cell;
	size_t i;

	if (!column->optional)
		return true;
	json_array_foreach(rows, i, row) {
		cell = column->cell(row, column->key);
		used |= cell == NULL || strcmp(cell, "-") != 0;
		free(cell);
	}
	return used;
}

/* The columns of the array that have a title in the table, in its order. */
static int
table_add_row(struct libscols_table *table, const struct table_column *columns,
    const bool *used, const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char *cell;
	size_t i, at = 0;

	if (line == NULL)
		return -1;
	for (i = 0; columns[i].title != NULL; i++) {
		if (!used[i])
			continue;
		cell = columns[i].cell(row, columns[i].key);
		if (cell == NULL ||
		    scols_line_refer_data(line, at++, cell) != 0) {
			free(cell);
			return -1;
		}
	}
	return 0;
}

int
table_print(const struct table_column *columns, const json_t *rows,
    const json_t *last)
{
	struct libscols_table *table = scols_new_table();
	const struct table_column *c;
	bool used[TABLE_COLUMNS];
	json_t *row;
	size_t i;
	int result = table == NULL ? -1 : 0;

	/* Cells are plain ASCII already; "\x" would be written as "\x5cx". */
	if (table != NULL)
		scols_table_enable_noencoding(table, 1);
	for (c = columns; result == 0 && c->title != NULL; c++) {
		used[c - columns] = table_is_used(c, rows);
		if (used[c - columns] && scols_table_new_column(table,
		    c->title, 0, c->flags) == NULL)
			result = -1;
	}
	json_array_foreach(rows, i, row)
		if (result == 0)
			result = table_add_row(table, columns, used, row);
	if (result == 0 && last != NULL)
		result = table_add_row(table, columns, used, last);
	if (result == 0 && scols_print_table(table) != 0)
		result = -1;
	scols_unref_table(table);
	return result == 0 ? 0 : error_set(ENOMEM, "no memory for a table");
}
