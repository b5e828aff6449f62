/* SPDX-License-Identifier: ISC */
/*
 * Requests that are merged, and how they end.
 */
#include "server/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"

void
requests_begin(struct requests *r)
{
	r->begun = r->asked;
}

void
requests_end(struct requests *r, json_t *result, const char *why)
{
	json_decref(r->result);
	r->result = result;
	strlcpy(r->why, why == NULL ? "" : why, sizeof(r->why));
	r->done = r->begun;
}

bool
requests_are_more(const struct requests *r)
{
	return r->asked > r->done;
}

/* Calls fn for each line, escaped. */
static void
requests_each(const char *text, void (*fn)(const char *line, void *), void *arg)
{
	size_t length;
	char *line;

	while (*text != '\0') {
		length = strcspn(text, "\n");
		if ((line = escape_bytes(text, length)) != NULL)
			fn(line, arg);
		free(line);
		text += length + (text[length] == '\n');
	}
}

static void
requests_add_line(const char *line, void *lines)
{
	json_array_append_new(lines, json_string(line));
}

json_t *
requests_result(const struct requests *r, json_t **errors)
{
	if (r->result != NULL)
		return json_incref(r->result);
	if (r->why[0] == '\0') {
		error_set(ENOMEM, "it is done, but there was no memory to say "
		    "what has come of it");
		return NULL;
	}
	*errors = json_array();
	requests_each(r->why, requests_add_line, *errors);
	error_set(ECANCELED, "%s", r->why);
	return NULL;
}

static void
requests_log_line(const char *line, void *what)
{
	log_error("%s: %s", (const char *)what, line);
}

void
requests_log(const struct requests *r, const char *what)
{
	char name[32];

	strlcpy(name, what, sizeof(name));
	requests_each(r->why, requests_log_line, name);
}

void
requests_free(struct requests *r)
{
	json_decref(r->result);
	r->result = NULL;
}
