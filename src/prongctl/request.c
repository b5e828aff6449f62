/* SPDX-License-Identifier: ISC */
/*
 * From the command line to a request, by what the table of commands says of
 * each.  Nothing is sent before all of it has been checked.
 */
#include "prongctl/request.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

/* The names that flags have in a request, and what people call them. */
static const struct {
	enum command_flag flag;
	const char *name, *usage;
} request_flags[] = {
	{ COMMAND_FAST, "fast", "--fast" },
	{ COMMAND_DRY_RUN, "dry-run", "--dry-run" },
	{ COMMAND_ONCE, "once", "-1" },
	{ COMMAND_EVERY, "interval", "-i SECS" },
};

#define REQUEST_FLAGS	(sizeof(request_flags) / sizeof(request_flags[0]))

static int
request_set(json_t *request, const char *key, json_t *value)
{
	if (json_object_set_new(request, key, value) == -1)
		return error_set(ENOMEM, "no memory");
	return 0;
}

static int
request_add_flags(json_t *request, const struct command *cmd,
    unsigned int flags)
{
	size_t i;

	for (i = 0; i < REQUEST_FLAGS; i++) {
		if ((flags & request_flags[i].flag) == 0)
			continue;
		if ((cmd->flags & request_flags[i].flag) == 0)
			return error_set(EINVAL, "the command %s has no "
			    "option --%s", cmd->name, request_flags[i].name);
		if (request_set(request, request_flags[i].name,
		    json_true()) == -1)
			return -1;
	}
	return 0;
}

static int
request_add_argument(json_t *request, const struct command_argument *a,
    const char *text)
{
	int64_t n;

	if (a->kind == COMMAND_NUMBER) {
		if (units_integer(text, a->min, a->max, &n) == 0)
			return request_set(request, a->key, json_integer(n));
		error_prefix("%s", a->name);
		errno = EINVAL;
		return -1;
	}
	if (*text == '\0' && !a->may_be_empty)
		return error_set(EINVAL, "%s is empty", a->name);
	if (json_object_set_new(request, a->key, json_string(text)) == -1)
		return error_set(EINVAL, "%s is not valid UTF-8", a->name);
	return 0;
}

/* A command of one word, which may be the first of others' two. */
static int
request_refuse(const struct command *cmd, const char *text)
{
	size_t length = strlen(cmd->name);
	const struct command *c;
	char list[128] = "";

	for (c = command_table; c->name != NULL; c++) {
		if (strncmp(c->name, cmd->name, length) != 0 ||
		    c->name[length] != ' ')
			continue;
		if (list[0] != '\0')
			strlcat(list, ", ", sizeof(list));
		strlcat(list, c->name + length + 1, sizeof(list));
	}
	if (list[0] == '\0')
		return error_set(EINVAL, "the command %s takes no argument",
		    cmd->name);
	return error_set(EINVAL, "the command %s has no \"%.64s\": there is "
	    "%s", cmd->name, text, list);
}

static int
request_add_arguments(json_t *request, const struct command *cmd,
    const struct command_line *line)
{
	const struct command_argument *const *a = cmd->arguments;
	int i;

	for (i = 0; i < line->argument_count; i++) {
		if (a[i] == NULL && i == 0)
			return request_refuse(cmd, line->arguments[i]);
		if (a[i] == NULL)
			return error_set(EINVAL, "the command %s takes "
			    "nothing after %s", cmd->name, a[i - 1]->name);
		if (request_add_argument(request, a[i],
		    line->arguments[i]) == -1)
			return -1;
	}
	if (a[i] != NULL && !a[i]->optional)
		return error_set(EINVAL, "the command %s needs %s", cmd->name,
		    a[i]->name);
	return 0;
}

json_t *
request_make(const struct command *cmd, const struct command_line *line)
{
	json_t *request = json_pack("{s:s}", "command", cmd->name);

	if (request == NULL) {
		error_set(ENOMEM, "no memory");
		return NULL;
	}
	if (request_add_flags(request, cmd, line->flags) == -1 ||
	    request_add_arguments(request, cmd, line) == -1) {
		json_decref(request);
		return NULL;
	}
	return request;
}

const char *
request_usage(const struct command *cmd, char *buf, size_t size)
{
	const struct command_argument *const *a;
	size_t i, used;

	strlcpy(buf, cmd->name, size);
	for (i = 0; i < REQUEST_FLAGS; i++) {
		used = strlen(buf);
		if ((cmd->flags & request_flags[i].flag) != 0)
			snprintf(buf + used, size - used, " [%s]",
			    request_flags[i].usage);
	}
	for (a = cmd->arguments; *a != NULL; a++) {
		used = strlen(buf);
		snprintf(buf + used, size - used,
		    (*a)->optional ? " [%s]" : " %s", (*a)->name);
	}
	return buf;
}
