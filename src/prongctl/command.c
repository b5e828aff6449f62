/* SPDX-License-Identifier: ISC */
/*
 * The commands: what each is called with, by which function it runs, and what
 * it shows.
 */
#include "prongctl/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "prongctl/cell.h"
#include "prongctl/drain.h"
#include "prongctl/once.h"
#include "prongctl/print.h"
#include "prongctl/request.h"
#include "prongctl/top.h"

#define COMMAND_LEFT	80		/* room for a call of a command */

static command_run_fn command_top;
static command_run_fn command_help;

static const struct command_argument command_service =
    { "SERVICE", "service", .kind = COMMAND_TEXT };
static const struct command_argument command_any_service =
    { "SERVICE", "service", .kind = COMMAND_TEXT, .optional = true };
static const struct command_argument command_id =
    { "ID", "id", .kind = COMMAND_NUMBER, .max = INT64_MAX };
static const struct command_argument command_workers =
    { "N", "workers", .kind = COMMAND_NUMBER, .min = 1, .max = INT32_MAX };
static const struct command_argument command_name =
    { "NAME", "name", .kind = COMMAND_TEXT };
static const struct command_argument command_index =
    { "INDEX", "index", .kind = COMMAND_NUMBER, .max = INT64_MAX };
static const struct command_argument command_key =
    { "KEY", "key", .kind = COMMAND_TEXT, .may_be_empty = true };
static const struct command_argument command_value =
    { "VALUE", "value", .kind = COMMAND_TEXT, .may_be_empty = true };
static const struct command_argument command_time =
    { "TIME", "ttl", .kind = COMMAND_TEXT, .optional = true };
static const struct command_argument command_pattern =
    { "PATTERN", "pattern", .kind = COMMAND_TEXT, .optional = true };
static const struct command_argument command_level =
    { "LEVEL", "level", .kind = COMMAND_TEXT };

const struct command command_table[] = {
	{ "status", "one screen: server, services and workers", 0,
	  { NULL }, command_ask, print_status },
	{ "workers", "a table of the server's processes", 0,
	  { NULL }, command_ask, print_workers },
	{ "services", "a table of what it serves, how and where", 0,
	  { NULL }, command_ask, print_services },
	{ "conns", "a table of who is connected", 0,
	  { &command_any_service }, command_list, print_conns,
	  .list = "conns" },
	{ "counters", "what is counted, with what it means", 0,
	  { &command_any_service }, command_ask, print_counters },
	{ "close", "end a connection; conns has the IDs", 0,
	  { &command_id }, command_ask, .text = "closing connection {id} of "
	  "service {service} ({peer})" },
	{ "pause", "take no connections; those that come wait", 0,
	  { &command_service }, command_ask,
	  .text = "service {service} is paused" },
	{ "resume", "take connections again, those that wait first", 0,
	  { &command_service }, command_ask,
	  .text = "service {service} takes connections" },
	{ "drain", "take no connections; wait until there are none", 0,
	  { &command_service }, drain_run, print_drained },
	{ "scale", "run so many workers; wait until they are ready", 0,
	  { &command_workers }, command_ask,
	  .text = "number of workers: {workers}",
	  .waiting = "is not ready yet" },
	{ "log-level", "log error, warning, info or debug and above", 0,
	  { &command_level }, command_ask, .text = "log level: {level}" },
	{ "reload", "use the configuration that is there now; --dry-run: say "
	  "what would change", COMMAND_DRY_RUN,
	  { NULL }, command_await, print_reload },
	{ "upgrade", "run the program file that is there now, nothing lost", 0,
	  { NULL }, command_await, .text = "process {pid} serves" },
	{ "reopen", "open the log files again, once renamed", 0,
	  { NULL }, command_ask, print_reopened },
	{ "array", "a table of the arrays", 0,
	  { NULL }, command_ask, print_arrays },
	{ "array show", "its cells, and their sum", 0,
	  { &command_name }, command_list, print_array, .list = "cells" },
	{ "array set", "set a cell", 0,
	  { &command_name, &command_index, &command_value }, command_ask,
	  .text = "array {name}: cell {index} is {value}" },
	{ "dict", "a table of the dicts", 0,
	  { NULL }, command_ask, print_dicts },
	{ "dict show", "its keys, or those that match", 0,
	  { &command_name, &command_pattern }, command_list, print_dict,
	  .list = "items" },
	{ "dict get", "the value of a key", 0,
	  { &command_name, &command_key }, command_ask, print_value },
	{ "dict set", "set a key, perhaps for a time", 0,
	  { &command_name, &command_key, &command_value, &command_time },
	  command_ask, print_key_set },
	{ "dict del", "delete a key", 0,
	  { &command_name, &command_key }, command_ask, print_key_deleted },
	{ "event", "a table of the events", 0,
	  { NULL }, command_ask, print_events_table },
	{ "event show", "whether it is set", 0,
	  { &command_name }, command_ask, .text = "event {name} is {state}" },
	{ "event set", "set it: who waits goes on", 0,
	  { &command_name }, command_ask, .text = "event {name} is {state}" },
	{ "event clear", "clear it", 0,
	  { &command_name }, command_ask, .text = "event {name} is {state}" },
	{ "pool", "a table of the pools", 0,
	  { NULL }, command_ask, print_pools },
	{ "pool show", "its tasks that wait or run", 0,
	  { &command_name }, command_list, print_pool, .list = "tasks" },
	{ "stop", "drain (--fast: do not), wait until it is gone",
	  COMMAND_FAST, { NULL }, command_stop, NULL },
	{ "top", "what goes on, live; -1: print it once",
	  COMMAND_ONCE | COMMAND_EVERY, { &command_any_service }, command_top,
	  NULL },
	{ "help", "print this", 0,
	  { NULL }, command_help, NULL },
	{ NULL }
};

static const struct command *
command_by_name(const char *name)
{
	const struct command *cmd;

	for (cmd = command_table; cmd->name != NULL; cmd++)
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	return NULL;
}

const struct command *
command_find(const char *word, struct command_line *line)
{
	const struct command *cmd;
	char name[64];

	if (line->argument_count > 0) {
		snprintf(name, sizeof(name), "%.30s %.30s", word,
		    line->arguments[0]);
		if ((cmd = command_by_name(name)) != NULL) {
			line->arguments++;
			line->argument_count--;
			return cmd;
		}
	}
	return command_by_name(word);
}

void
command_usage(FILE *out)
{
	fprintf(out, "usage: prongctl [-jhV] [-s SOCKET] [-t LIMIT] COMMAND\n"
	    "       prongctl help\n");
}

/* The line of one command alone. */
static void
command_usage_of(const struct command *cmd)
{
	char left[COMMAND_LEFT];

	fprintf(stderr, "usage: prongctl [-j] [-s SOCKET] [-t LIMIT] %s\n",
	    request_usage(cmd, left, sizeof(left)));
}

/* What the server says is made harmless too. */
int
command_fail(enum command_exit code, const char *text)
{
	char safe[4 * ERROR_MAX + 8];

	fprintf(stderr, "prongctl: %s\n", cell_safe(text, safe,
	    sizeof(safe)));
	return code;
}

/* --- top ---------------------------------------------------------------- */

/* Why there is nothing to see, by errno. */
static int
command_top_fail(void)
{
	switch (errno) {
	case ENOTCONN:
		return command_fail(COMMAND_NO_SERVER, error_text());
	case ENOTTY:
		return command_fail(COMMAND_USAGE, error_text());
	default:
		return command_fail(COMMAND_REFUSED, error_text());
	}
}

static int
command_top(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	const struct top_options o = {
		.socket = line->socket,
		.limit = line->limit,
		.interval = line->interval,
		.service = line->argument_count > 0 ? line->arguments[0] :
		    NULL,
	};
	json_t *status, *counters;
	int n;

	if ((line->flags & COMMAND_ONCE) == 0) {
		if (line->json)
			return command_fail(COMMAND_USAGE, "top prints JSON "
			    "only once: with -1");
		return top_run(&o) == 0 ? COMMAND_DONE : command_top_fail();
	}
	if (once_look(&o, &status, &counters) == -1)
		return command_top_fail();
	n = line->json ? print_json(status) :
	    once_print(&o, status, counters);
	json_decref(status);
	json_decref(counters);
	return n == 0 ? COMMAND_DONE : command_top_fail();
}

/* --- help --------------------------------------------------------------- */

static int
command_help(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	char left[COMMAND_LEFT];

	command_usage(stdout);
	printf("\nTalks to a running prongd.\n\n"
	    "  -s, --socket SOCKET  its control socket\n"
	    "                       (default %s)\n"
	    "  -t, --limit LIMIT    how long to wait for an answer, 0 for "
	    "ever (default 10s)\n"
	    "  -j, --json           print the result as JSON\n"
	    "  -i, --interval SECONDS\n"
	    "                       between two looks of top (default 1)\n"
	    "  -1, --once           print what top shows, once\n"
	    "  -V, --version        print the version\n"
	    "  -h, --help           print this\n\ncommands:\n", COMMAND_SOCKET);
	for (cmd = command_table; cmd->name != NULL; cmd++)
		printf("  %-30s  %s\n", request_usage(cmd, left,
		    sizeof(left)), cmd->help);
	return COMMAND_DONE;
}

/* --- running ------------------------------------------------------------ */

int
command_run(const struct command *cmd, const struct command_line *line)
{
	json_t *request = request_make(cmd, line);
	int code;

	if (request == NULL && errno != EINVAL)
		return command_fail(COMMAND_REFUSED, error_text());
	if (request == NULL) {
		command_fail(COMMAND_USAGE, error_text());
		command_usage_of(cmd);
		return COMMAND_USAGE;
	}
	code = cmd->run(cmd, line, request);
	json_decref(request);
	return code;
}
