/* SPDX-License-Identifier: ISC */
/*
 * Tables: the cells are made by cell.c, libsmartcols fits them to the
 * terminal.
 */
#include "prongctl/table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/error.h"

static int
table_add_row(struct libscols_table *table, const struct table_column *columns,
    const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char *cell;
	size_t i;

	if (line == NULL)
		return -1;
	for (i = 0; columns[i].title != NULL; i++) {
		cell = columns[i].cell(row, columns[i].key);
		if (cell == NULL || scols_line_refer_data(line, i, cell) != 0) {
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
	json_t *row;
	size_t i;
	int result = table == NULL ? -1 : 0;

	for (c = columns; result == 0 && c->title != NULL; c++)
		if (scols_table_new_column(table, c->title, 0,
		    c->flags) == NULL)
			result = -1;
	json_array_foreach(rows, i, row)
		if (result == 0)
			result = table_add_row(table, columns, row);
	if (result == 0 && last != NULL)
		result = table_add_row(table, columns, last);
	if (result == 0 && scols_print_table(table) != 0)
		result = -1;
	scols_unref_table(table);
	return result == 0 ? 0 : error_set(ENOMEM, "no memory for a table");
}
