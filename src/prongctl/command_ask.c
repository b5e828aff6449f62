/* SPDX-License-Identifier: ISC */
/*
 * How a command asks the server, how long it waits, and that it shows what has
 * come of it.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "prongctl/client.h"
#include "prongctl/command.h"
#include "prongctl/print.h"
#include "prongctl/terminal.h"

#define COMMAND_GLANCE	1000000		/* us for a look at what is left */
#define COMMAND_WAITING	"does not answer: it will do so when it turns"

/* The server has said it in several lines: each is one here. */
static int
command_fail_lines(enum command_exit code, const json_t *lines)
{
	const char *line;
	size_t i;

	for (i = 0; i < json_array_size(lines); i++)
		if ((line = json_string_value(json_array_get(lines, i))) !=
		    NULL)
			command_fail(code, line);
	return code;
}

/* Those of the last refusal, or NULL. */
static json_t *command_errors;

/* As client_judge(); keeps the lines of a refusal. */
static int
command_judge(json_t *answer, json_t **result)
{
	int n = client_judge(answer, result);

	if (n == -1) {
		json_decref(command_errors);
		command_errors = json_incref(json_object_get(answer,
		    "errors"));
	}
	return n;
}

int
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

int
command_open(struct client *c, const struct command_line *line)
{
	if (client_open(c, line->socket, line->limit) == 0)
		return COMMAND_DONE;
	return errno == ETIMEDOUT ? COMMAND_REFUSED : COMMAND_NO_SERVER;
}

/* Sends a request and takes the result of its answer. */
static int
command_exchange(struct client *c, const json_t *request, json_t **result)
{
	*result = NULL;
	/* A server that refuses before it reads has answered all the same. */
	if (client_send(c, request) == -1 && errno != EPIPE)
		return -1;
	return command_result(c, result);
}

/* Asks over a new connection, which stays open; an enum command_exit. */
static int
command_call(struct client *c, const struct command_line *line,
    const json_t *request, json_t **result)
{
	int code = command_open(c, line);

	*result = NULL;
	if (code == COMMAND_DONE &&
	    command_exchange(c, request, result) == -1)
		code = COMMAND_REFUSED;
	return code;
}

int
command_show(const struct command *cmd, const struct command_line *line,
    int code, const json_t *result)
{
	int n = 0;

	if (code != COMMAND_DONE && json_array_size(command_errors) > 0)
		return command_fail_lines(code, command_errors);
	if (code != COMMAND_DONE)
		return command_fail(code, error_text());
	if (line->json)
		n = print_json(result);
	else if (cmd->print != NULL)
		n = cmd->print(result);
	else if (cmd->text != NULL)
		n = print_text(cmd->text, result);
	print_waiting(result, cmd->waiting != NULL ? cmd->waiting :
	    COMMAND_WAITING);
	return n == 0 ? COMMAND_DONE :
	    command_fail(COMMAND_REFUSED, error_text());
}

/* Shows the result, or why there is none, and lets go of both. */
static int
command_finish(const struct command *cmd, const struct command_line *line,
    struct client *c, int code, json_t *result)
{
	client_close(c);
	code = command_show(cmd, line, code, result);
	json_decref(result);
	return code;
}

int
command_ask(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	struct client c;
	json_t *result;
	int code;

	code = command_call(&c, line, request, &result);
	return command_finish(cmd, line, &c, code, result);
}

int
command_await(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	struct client c;
	json_t *result = NULL;
	int code = command_open(&c, line);

	if (code == COMMAND_DONE && !line->has_limit)
		client_set_limit(&c, 0);
	if (code == COMMAND_DONE &&
	    command_exchange(&c, request, &result) == -1)
		code = COMMAND_REFUSED;
	return command_finish(cmd, line, &c, code, result);
}

/* --- lists that come in parts ------------------------------------------- */

/* Asks for all parts; *whole is the first with the others' rows added. */
static int
command_gather(struct client *c, const char *list, json_t *request,
    json_t **whole)
{
	json_int_t from = 0;
	json_t *part, *rows;
	int n;

	do {
		if (json_object_set_new(request, "from",
		    json_integer(from)) == -1)
			return error_set(ENOMEM, "no memory");
		n = command_exchange(c, request, &part);
		rows = json_object_get(part, list);
		if (n == 0 && !json_is_array(rows))
			n = error_set(EPROTO, "the answer has no list \"%s\"",
			    list);
		if (n == 0)
			n = client_next(part, &from);
		if (n == 0 && *whole == NULL)
			*whole = json_incref(part);
		else if (n == 0 && json_array_extend(json_object_get(*whole,
		    list), rows) == -1)
			n = error_set(ENOMEM, "no memory");
		else if (n == 0)
			json_object_set(*whole, "silent", json_object_get(part,
			    "silent"));
		json_decref(part);
	} while (n == 0 && from != 0);
	return n;
}

int
command_list(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	struct client c;
	json_t *whole = NULL;
	int code;

	code = command_open(&c, line);
	if (code == COMMAND_DONE &&
	    command_gather(&c, cmd->list, request, &whole) == -1)
		code = COMMAND_REFUSED;
	/* It tells where to go on, and that is over. */
	json_object_del(whole, "next");
	return command_finish(cmd, line, &c, code, whole);
}

/* --- stop --------------------------------------------------------------- */

void
command_show_wait(const struct command_line *line,
    void (*print)(const json_t *, const void *, char *, size_t),
    const void *arg)
{
	const struct command_line glance = { .socket = line->socket,
	    .limit = COMMAND_GLANCE };
	json_t *request = json_pack("{s:s}", "command", "status"), *status;
	struct client c;
	char text[256];
	int width = terminal_width(STDERR_FILENO);

	/* Whatever hinders the look does not hinder the stop. */
	command_call(&c, &glance, request, &status);
	client_close(&c);
	json_decref(request);
	print(status, arg, text, sizeof(text));
	json_decref(status);
	width = width > 1 ? width - 1 : 79;
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
			command_show_wait(line, print_progress, NULL);
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

int
command_stop(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	struct client c;
	json_t *result;
	int code;

	code = command_call(&c, line, request, &result);
	if (code == COMMAND_DONE) {
		if (!line->has_limit)
			client_set_limit(&c, 0);
		if (command_wait_gone(&c, line) == -1)
			code = COMMAND_REFUSED;
	}
	return command_finish(cmd, line, &c, code, result);
}
