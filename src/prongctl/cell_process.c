/* SPDX-License-Identifier: ISC */
/*
 * What is shown of a process, in tables and by top.
 */
#include "prongctl/cell_process.h"

#include <stdio.h>
#include <string.h>

bool
cell_process_is_dead(const json_t *row)
{
	const char *state;

	state = json_string_value(json_object_get(row, "state"));
	return state != NULL && strcmp(state, "dead") == 0;
}

bool
cell_process_is_worker(const json_t *row)
{
	const char *role = json_string_value(json_object_get(row, "role"));

	return role != NULL && strcmp(role, "worker") == 0;
}

/* What is wrong with one that lives; NULL: nothing. */
static const char *
cell_process_trouble(const json_t *row)
{
	static const char *const wrong[] = { "late", "full" };
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (json_is_true(json_object_get(row, wrong[i])))
			return wrong[i];
	return NULL;
}

bool
cell_process_is_wrong(const json_t *row)
{
	return cell_process_is_dead(row) || cell_process_trouble(row) != NULL;
}

char *
cell_process_state(const json_t *row, const char *key)
{
	const char *trouble = cell_process_trouble(row);

	return trouble != NULL && !cell_process_is_dead(row) ?
	    strdup(trouble) : cell_string(row, key);
}

char *
cell_process_role(const json_t *row, const char *key)
{
	const char *role = json_string_value(json_object_get(row, key));
	const char *pool = json_string_value(json_object_get(row, "pool"));
	json_t *both;
	char *cell;

	if (role == NULL || pool == NULL)
		return cell_string(row, key);
	both = json_pack("{s:s++}", key, role, " ", pool);
	cell = cell_string(both, key);
	json_decref(both);
	return cell;
}

char *
cell_process_threads(const json_t *row, const char *key)
{
	char *text;

	if (cell_amount(row, key) == 0 ||
	    !json_is_integer(json_object_get(row, "threads_busy")))
		return strdup("-");
	return asprintf(&text, "%" JSON_INTEGER_FORMAT "/%"
	    JSON_INTEGER_FORMAT, cell_amount(row, "threads_busy"),
	    cell_amount(row, key)) == -1 ? NULL : text;
}

json_int_t
cell_process_waiting(const json_t *service)
{
	return cell_amount(service, "waiting") +
	    cell_amount(service, "queued");
}
