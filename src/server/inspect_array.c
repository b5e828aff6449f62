/* SPDX-License-Identifier: ISC */
/*
 * What prongctl array asks for.  In a clerk.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "server/inspect.h"
#include "shm/array.h"

#define INSPECT_CELLS	2000		/* of one answer, under one lock */

/* Who holds a lock: a number, or null.  It takes none. */
static json_t *
inspect_holder(const struct prong_array *a)
{
	pid_t pid = rlock_holder(a->guard.lock);

	return pid == 0 ? json_null() : json_integer(pid);
}

static json_t *
inspect_array_row(const struct prong_section *section, void *item)
{
	const struct prong_array *a = item;

	return json_pack("{s:s,s:s,s:I,s:o,s:I}", "name", section->title,
	    "type", array_type_name(a->type), "slots", (json_int_t)a->length,
	    "holder", inspect_holder(a),
	    "locks_recovered", (json_int_t)array_recovered(a));
}

json_t *
inspect_array_list(struct prong_server *s, const json_t *request)
{
	return inspect_list(s, PRONG_ARRAY, "arrays", inspect_array_row);
}

/* JSON has no number for what is not finite, and none that is so large. */
static json_t *
inspect_value(const struct prong_array *a, union prong_value v)
{
	char text[32];

	if (a->type == PRONG_UINT64)
		snprintf(text, sizeof(text), "%" PRIu64, v.natural);
	else if (a->type == PRONG_DOUBLE && !isfinite(v.real))
		snprintf(text, sizeof(text), "%f", v.real);
	else
		return a->type == PRONG_DOUBLE ? json_real(v.real) :
		    json_integer(v.integer);
	return json_string(text);
}

/* Waits for the lock, and says who keeps us waiting. */
static int
inspect_lock(struct prong_array *a)
{
	const char *why = "it does too much under prong_array_lock()";
	pid_t pid;

	if (prong_array_lock(a, INSPECT_LOCK_MS) == 0)
		return 0;
	if (errno != ETIMEDOUT)
		return -1;
	if ((pid = rlock_holder(a->guard.lock)) == 0)
		return error_set(ETIMEDOUT, "array \"%s\": others held the "
		    "lock for %d s", a->name, INSPECT_LOCK_MS / 1000);
	if (process_state(pid) == 'T')
		why = "somebody has stopped it";
	return error_set(ETIMEDOUT, "array \"%s\": process %d has held the "
	    "lock for %d s: %s", a->name, (int)pid, INSPECT_LOCK_MS / 1000,
	    why);
}

/* What is missing is the first one, where that makes sense. */
static int
inspect_index(const struct prong_array *a, const json_t *request,
    const char *key, size_t *index)
{
	const json_t *given = json_object_get(request, key);
	json_int_t n = json_integer_value(given);

	if (given == NULL ? strcmp(key, "from") != 0 : !json_is_integer(given))
		return error_set(EINVAL, "%s is missing, or no integer", key);
	*index = (size_t)n;
	if (n >= 0 && *index < a->length)
		return 0;
	return error_set(ERANGE, "array \"%s\" has no cell %" JSON_INTEGER_FORMAT
	    ": its %zu cells are 0 to %zu", a->name, n, a->length,
	    a->length - 1);
}

/* With the lock held. */
static json_t *
inspect_cells(struct prong_array *a, size_t from, size_t end)
{
	json_t *cells = json_array();
	union prong_value v;
	size_t i;

	for (i = from; i < end && prong_array_get(a, i, &v) == 0; i++)
		json_array_append_new(cells, json_pack("{s:I,s:o}", "index",
		    (json_int_t)i, "value", inspect_value(a, v)));
	return cells;
}

json_t *
inspect_array_show(struct prong_server *s, const json_t *request)
{
	struct prong_array *a = inspect_object(s, PRONG_ARRAY, request);
	union prong_value sum;
	size_t from, end;
	json_t *result;

	if (a == NULL || inspect_index(a, request, "from", &from) == -1 ||
	    inspect_lock(a) == -1)
		return NULL;
	end = a->length - from < INSPECT_CELLS ? a->length :
	    from + INSPECT_CELLS;
	result = json_pack("{s:s,s:s,s:I,s:o,s:o}", "name", a->name,
	    "type", array_type_name(a->type), "slots", (json_int_t)a->length,
	    /* It may be more than the type can hold. */
	    "sum", prong_array_sum(a, &sum) == 0 ? inspect_value(a, sum) :
	    json_null(), "cells", inspect_cells(a, from, end));
	prong_array_unlock(a);
	json_object_set_new(result, "next", end == a->length ? json_null() :
	    json_integer((json_int_t)end));
	return result;
}

/* With the lock, so that it does not come between another's changes. */
json_t *
inspect_array_set(struct prong_server *s, const json_t *request)
{
	struct prong_array *a = inspect_object(s, PRONG_ARRAY, request);
	union prong_value v;
	size_t index;

	if (a == NULL || inspect_index(a, request, "index", &index) == -1)
		return NULL;
	if (array_parse(a->type, inspect_text(request, "value"), &v) == -1) {
		error_prefix("array \"%s\", whose cells are %s", a->name,
		    array_type_name(a->type));
		return NULL;
	}
	if (inspect_lock(a) == -1)
		return NULL;
	prong_array_set(a, index, v);
	prong_array_unlock(a);
	log_info("array \"%s\": cell %zu set to %s, as asked", a->name, index,
	    inspect_text(request, "value"));
	return json_pack("{s:s,s:I,s:o}", "name", a->name, "index",
	    (json_int_t)index, "value", inspect_value(a, v));
}
