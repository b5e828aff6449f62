/* SPDX-License-Identifier: ISC */
/*
 * Shared objects as people read them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "prongctl/print.h"
#include "prongctl/table.h"

/* --- arrays -------------------------------------------------------------- */

static const struct table_column print_array_columns[] = {
	{ "NAME", cell_string, "name", SCOLS_FL_TRUNC },
	{ "TYPE", cell_string, "type", 0, .drop = 2 },
	{ "SLOTS", cell_integer, "slots", SCOLS_FL_RIGHT },
	{ "LOCKED BY", cell_integer, "holder", SCOLS_FL_RIGHT },
	{ "RECOVERED", cell_integer, "locks_recovered", SCOLS_FL_RIGHT,
	  .drop = 3 },
	{ NULL }
};

static const struct table_column print_cell_columns[] = {
	{ "INDEX", cell_integer, "index", SCOLS_FL_RIGHT },
	{ "VALUE", cell_number, "value", SCOLS_FL_RIGHT },
	{ NULL }
};

/* A table, or a line that says that there is none. */
static int
print_rows(const struct table_column *columns, const json_t *rows,
    const char *none)
{
	if (json_array_size(rows) > 0)
		return table_print(columns, rows, NULL);
	puts(none);
	return 0;
}

int
print_arrays(const json_t *result)
{
	return print_rows(print_array_columns, json_object_get(result,
	    "arrays"), "no arrays");
}

int
print_array(const json_t *result)
{
	if (print_text("array {name}: {slots} of {type}, sum {sum}",
	    result) == -1)
		return -1;
	return print_rows(print_cell_columns, json_object_get(result, "cells"),
	    "no cells");
}

/* --- dicts --------------------------------------------------------------- */

/* One that is to be saved, and has not been, says so. */
static char *
print_saved(const json_t *row, const char *key)
{
	if (json_is_string(json_object_get(row, "save")) &&
	    json_is_null(json_object_get(row, key)))
		return strdup("never");
	return cell_duration(row, key);
}

static const struct table_column print_dict_columns[] = {
	{ "NAME", cell_string, "name", SCOLS_FL_TRUNC },
	{ "MEMORY", cell_bytes, "memory", SCOLS_FL_RIGHT, .drop = 3 },
	{ "USED", cell_bytes, "used", SCOLS_FL_RIGHT, .drop = 1 },
	{ "KEYS", cell_integer, "keys", SCOLS_FL_RIGHT },
	{ "EVICT", cell_string, "evict", 0, .drop = 6 },
	{ "EVICTED", cell_integer, "evicted", SCOLS_FL_RIGHT, .drop = 5 },
	{ "EXPIRED", cell_integer, "expired", SCOLS_FL_RIGHT, .drop = 4 },
	{ "LOCKED BY", cell_integer, "holder", SCOLS_FL_RIGHT },
	{ "RECOVERED", cell_integer, "locks_recovered", SCOLS_FL_RIGHT,
	  .drop = 7 },
	{ "SAVED", print_saved, "saved", SCOLS_FL_RIGHT, true, .drop = 2 },
	{ NULL }
};

static const struct table_column print_item_columns[] = {
	{ "KEY", cell_bytes_text, "key", SCOLS_FL_WRAP },
	{ "EXPIRES", cell_duration, "ttl", SCOLS_FL_RIGHT, .drop = 1 },
	{ "LENGTH", cell_integer, "length", SCOLS_FL_RIGHT, .drop = 2 },
	{ "VALUE", cell_bytes_text, "value", SCOLS_FL_TRUNC },
	{ NULL }
};

int
print_dicts(const json_t *result)
{
	return print_rows(print_dict_columns, json_object_get(result, "dicts"),
	    "no dicts");
}

int
print_dict(const json_t *result)
{
	return print_rows(print_item_columns, json_object_get(result, "items"),
	    "no such keys");
}

/* A member in which bytes are escaped, behind a text. */
static int
print_bytes(const char *before, const json_t *result, const char *key)
{
	char *text = cell_bytes_text(result, key);

	if (text == NULL)
		return error_set(ENOMEM, "no memory");
	printf("%s%s\n", before, text);
	free(text);
	return 0;
}

int
print_value(const json_t *result)
{
	return print_bytes("", result, "value");
}

int
print_key_set(const json_t *result)
{
	return print_bytes("set ", result, "key");
}

int
print_key_deleted(const json_t *result)
{
	return print_bytes("deleted ", result, "key");
}

/* --- events -------------------------------------------------------------- */

static char *
print_waited_for(const json_t *row, const char *key)
{
	return strdup(json_is_true(json_object_get(row, key)) ? "yes" : "-");
}

static const struct table_column print_event_columns[] = {
	{ "NAME", cell_string, "name", SCOLS_FL_TRUNC },
	{ "STATE", cell_string, "state", 0 },
	{ "TIMES SET", cell_integer, "times", SCOLS_FL_RIGHT, .drop = 1 },
	{ "WAITED FOR", print_waited_for, "waited_for", SCOLS_FL_RIGHT,
	  .drop = 2 },
	{ NULL }
};

int
print_events_table(const json_t *result)
{
	return print_rows(print_event_columns, json_object_get(result,
	    "events"), "no events");
}

/* --- pools --------------------------------------------------------------- */

static const struct table_column print_pool_columns[] = {
	{ "NAME", cell_string, "name", SCOLS_FL_TRUNC },
	{ "PROCS", cell_integer, "processes", SCOLS_FL_RIGHT, .drop = 5 },
	{ "RUNNING", cell_integer, "running", SCOLS_FL_RIGHT },
	{ "WAITING", cell_integer, "waiting", SCOLS_FL_RIGHT },
	{ "OVER", cell_integer, "over", SCOLS_FL_RIGHT, .drop = 6 },
	{ "QUEUE", cell_integer, "queue", SCOLS_FL_RIGHT, .drop = 4 },
	{ "DONE", cell_integer, "done", SCOLS_FL_RIGHT, .drop = 2 },
	{ "FAILED", cell_integer, "failed", SCOLS_FL_RIGHT, .drop = 3 },
	{ "DIED", cell_integer, "died", SCOLS_FL_RIGHT, .drop = 1 },
	{ "TIMED OUT", cell_integer, "timed_out", SCOLS_FL_RIGHT, .drop = 7 },
	{ "CANCELLED", cell_integer, "cancelled", SCOLS_FL_RIGHT, .drop = 8 },
	{ "SIZE", cell_bytes, "size", SCOLS_FL_RIGHT, .drop = 10 },
	{ "TIMEOUT", cell_duration, "task_timeout", SCOLS_FL_RIGHT, .drop = 9 },
	{ NULL }
};

static const struct table_column print_task_columns[] = {
	{ "ID", cell_integer, "id", SCOLS_FL_RIGHT },
	{ "JOB", cell_bytes_text, "job", SCOLS_FL_TRUNC },
	{ "SERVICE", cell_string, "service", SCOLS_FL_TRUNC, .drop = 2 },
	{ "STATE", cell_string, "state", 0 },
	{ "PID", cell_integer, "pid", SCOLS_FL_RIGHT, .drop = 1 },
	{ "CALLER", cell_integer, "caller_pid", SCOLS_FL_RIGHT, .drop = 4 },
	{ "SLOT", cell_integer, "caller_slot", SCOLS_FL_RIGHT, .drop = 5 },
	{ "LENGTH", cell_integer, "length", SCOLS_FL_RIGHT, .drop = 3 },
	{ NULL }
};

int
print_pools(const json_t *result)
{
	return print_rows(print_pool_columns, json_object_get(result, "pools"),
	    "no pools");
}

/* The same of one, and its tasks. */
int
print_pool(const json_t *result)
{
	json_t *row = json_pack("[O]", result);
	int n = print_rows(print_pool_columns, row, "");

	json_decref(row);
	if (n == -1)
		return -1;
	putchar('\n');
	return print_rows(print_task_columns, json_object_get(result, "tasks"),
	    "no tasks");
}
