/* SPDX-License-Identifier: ISC */
/*
 * The commands: what each asks the server, how long it waits and what it
 * shows.
 */
#include "prongctl/command.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "prongctl/client.h"
#include "prongctl/print.h"

#define COMMAND_TICK	1000		/* ms between looks at a drain */
#define COMMAND_GLANCE	1000000		/* us for such a look */

static int command_ask(const struct command *, const struct command_line *);
static int command_stop(const struct command *, const struct command_line *);
static int command_help(const struct command *, const struct command_line *);

const struct command command_table[] = {
	{ "status", "", "one screen: the server, its services and workers", 0,
	  command_ask, print_status },
	{ "workers", "", "a table of the server's processes", 0,
	  command_ask, print_workers },
	{ "services", "", "a table of what it serves, how and where", 0,
	  command_ask, print_services },
	{ "stop", "[--fast]", "drain (--fast: do not), wait until it is gone",
	  COMMAND_FAST, command_stop, NULL },
	{ "help", "", "print this", 0,
	  command_help, NULL },
	{ NULL }
};

/* The names that flags have in a request. */
static const struct {
	enum command_flag flag;
	const char *name;
} command_flags[] = {
	{ COMMAND_FAST, "fast" },
};

const struct command *
command_find(const char *name)
{
	const struct command *cmd;

	for (cmd = command_table; cmd->name != NULL; cmd++)
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	return NULL;
}

void
command_usage(FILE *out)
{
	fprintf(out, "usage: prongctl [-jhV] [-s SOCKET] [-t LIMIT] COMMAND\n"
	    "       prongctl help\n");
}

/* What went wrong may quote the server: it is made harmless too. */
static int
command_fail(enum command_exit code, const char *text)
{
	char safe[4 * ERROR_MAX + 8];

	fprintf(stderr, "prongctl: %s\n", print_safe(text, safe,
	    sizeof(safe)));
	return code;
}

static json_t *
command_request(const struct command *cmd, unsigned int flags)
{
	json_t *request = json_pack("{s:s}", "command", cmd->name);
	size_t i;

	for (i = 0; i < sizeof(command_flags) / sizeof(command_flags[0]); i++)
		if ((flags & command_flags[i].flag) != 0 &&
		    json_object_set_new(request, command_flags[i].name,
		    json_true()) == -1) {
			json_decref(request);
			return NULL;
		}
	return request;
}

/*
 * Takes the result out of an answer: *result is to be released; or says why
 * there is none.
 */
static int
command_judge(json_t *answer, json_t **result)
{
	const json_t *ok = json_object_get(answer, "ok");
	const char *reason;

	if (json_is_true(ok)) {
		*result = json_incref(json_object_get(answer, "result"));
		if (json_is_object(*result))
			return 0;
		json_decref(*result);
		*result = NULL;
	} else if (json_is_false(ok)) {
		reason = json_string_value(json_object_get(answer, "error"));
		return error_set(EPERM, "%s", reason != NULL ? reason :
		    "the server refused without a reason");
	}
	return error_set(EPROTO, "what answers is no prongd: an answer "
	    "without ok and result");
}

/* Reads one answer and takes its result; -1 also when the server is gone. */
static int
command_result(struct client *c, json_t **result)
{
	json_t *answer = NULL;
	int n;

	*result = NULL;
	if ((n = client_receive(c, &answer)) == -1)
		return -1;
	if (n == 0)
		return error_set(ECONNRESET, "the server closed the "
		    "connection without an answer");
	n = command_judge(answer, result);
	json_decref(answer);
	return n;
}

/* Asks over a new connection, which stays open; an enum command_exit. */
static int
command_call(struct client *c, const struct command *cmd,
    const struct command_line *line, json_t **result)
{
	json_t *request = command_request(cmd, line->flags);
	int n = -1;

	*result = NULL;
	if (client_open(c, line->socket, line->limit) == -1) {
		json_decref(request);
		return errno == ETIMEDOUT ? COMMAND_REFUSED :
		    COMMAND_NO_SERVER;
	}
	if (request == NULL)
		error_set(ENOMEM, "no memory");
	/* A server that refuses before it reads has answered all the same. */
	else if (client_send(c, request) == 0 || errno == EPIPE)
		n = command_result(c, result);
	json_decref(request);
	return n == 0 ? COMMAND_DONE : COMMAND_REFUSED;
}

static int
command_show(const struct command *cmd, const struct command_line *line,
    const json_t *result)
{
	int n = 0;

	if (line->json)
		n = print_json(result);
	else if (cmd->print != NULL)
		n = cmd->print(result);
	return n == 0 ? COMMAND_DONE :
	    command_fail(COMMAND_REFUSED, error_text());
}

static int
command_ask(const struct command *cmd, const struct command_line *line)
{
	struct client c;
	json_t *result;
	int code;

	code = command_call(&c, cmd, line, &result);
	client_close(&c);
	if (code != COMMAND_DONE)
		command_fail(code, error_text());
	else
		code = command_show(cmd, line, result);
	json_decref(result);
	return code;
}

/* --- stop --------------------------------------------------------------- */

/* Shows on the terminal what the server still waits for. */
static void
command_show_wait(const struct command_line *line)
{
	const struct command_line glance = { .socket = line->socket,
	    .limit = COMMAND_GLANCE };
	struct winsize window;
	struct client c;
	json_t *status;
	char text[256];
	int width = 79;

	/* Whatever hinders the look does not hinder the stop. */
	command_call(&c, command_find("status"), &glance, &status);
	client_close(&c);
	print_progress(status, text, sizeof(text));
	json_decref(status);
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 &&
	    window.ws_col > 1)
		width = window.ws_col - 1;
	fprintf(stderr, "\r%-*.*s", width, width, text);
}

/* Waits for the end of the connection, which is the server's end. */
static int
command_wait_gone(struct client *c, const struct command_line *line)
{
	bool terminal = isatty(STDERR_FILENO);
	json_t *answer = NULL, *result = NULL;
	int n;

	do {
		if (terminal)
			command_show_wait(line);
		n = client_wait(c, terminal ? COMMAND_TICK : -1);
	} while (n == 0);
	if (terminal)
		fputc('\n', stderr);
	if (n == -1 || (n = client_receive(c, &answer)) == -1)
		return error_prefix("still waiting for the server to end");
	if (n == 0)
		return 0;
	/* It has thought better of it. */
	n = command_judge(answer, &result);
	json_decref(answer);
	json_decref(result);
	return n == -1 ? -1 : error_set(EPROTO, "the server answered twice");
}

static int
command_stop(const struct command *cmd, const struct command_line *line)
{
	struct client c;
	json_t *result;
	int code;

	code = command_call(&c, cmd, line, &result);
	if (code == COMMAND_DONE) {
		if (!line->has_limit)
			client_set_limit(&c, 0);
		if (command_wait_gone(&c, line) == -1)
			code = COMMAND_REFUSED;
	}
	if (code != COMMAND_DONE)
		command_fail(code, error_text());
	else
		code = command_show(cmd, line, result);
	client_close(&c);
	json_decref(result);
	return code;
}

/* --- help --------------------------------------------------------------- */

static int
command_help(const struct command *cmd, const struct command_line *line)
{
	char left[40];

	command_usage(stdout);
	printf("\nTalks to a running prongd.\n\n"
	    "  -s, --socket SOCKET  its control socket\n"
	    "                       (default %s)\n"
	    "  -t, --limit LIMIT    how long to wait for an answer, 0 for "
	    "ever (default 10s)\n"
	    "  -j, --json           print the result as JSON\n"
	    "  -V, --version        print the version\n"
	    "  -h, --help           print this\n\ncommands:\n", line->socket);
	for (cmd = command_table; cmd->name != NULL; cmd++) {
		snprintf(left, sizeof(left), "%s %s", cmd->name,
		    cmd->arguments);
		printf("  %-19s  %s\n", left, cmd->help);
	}
	return COMMAND_DONE;
}
