/* SPDX-License-Identifier: ISC */
/*
 * A connection to the control socket: lines, commands, answers.  One that sends
 * nonsense gets an answer and is closed; everything it may send is bounded.
 */
#include "server/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "net/output.h"
#include "server/jsonmem.h"

/* Not when it is to take what it has asked for first. */
static bool
control_may_go_on(const struct control_client *c)
{
	return !control_client_is_waiting(c) && output_bytes(c->output) < OUTPUT_HIGH;
}

void
control_client_drop(struct control_client *c)
{
	struct control_client **at = &c->control->clients;

	if (c->clerk != NULL)
		clerk_forget(c->clerk);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->control->count--;
	loop_del(c->control->master->loop, &c->watch);
	close(c->watch.fd);
	output_free(&c->output);
	json_decref(c->result);
	free(c);
}

/* A text that quotes the client, and may have cut a letter in two: ASCII. */
static const char *
control_plain(const char *text, char *buf, size_t size)
{
	size_t i;

	strlcpy(buf, text, size);
	for (i = 0; buf[i] != '\0'; i++)
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	return buf;
}

char *
control_client_text(json_t *result, json_t *errors)
{
	static const char shortage[] = "{\"ok\":false,\"error\":\"out of "
	    "memory: it may be done, or not\"}";
	char why[ERROR_MAX], *text;
	json_t *answer;

	if (result != NULL)
		answer = json_pack("{s:b,s:o}", "ok", 1, "result", result);
	else
		answer = json_pack("{s:b,s:s}", "ok", 0, "error",
		    control_plain(error_text()[0] != '\0' ? error_text() :
		    "out of memory", why, sizeof(why)));
	if (errors != NULL)
		json_object_set(answer, "errors", errors);
	text = json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(answer);
	if (text != NULL && !jsonmem_has_failed())
		return text;
	free(text);
	return strdup(shortage);
}

static int
control_put(struct control_client *c, const char *text, size_t length)
{
	if (output_append(&c->output, text, length) == -1)
		return -1;
	return output_append(&c->output, "\n", 1);
}

static int
control_answer_with(struct control_client *c, json_t *result, json_t *errors)
{
	char *text = control_client_text(result, errors);
	int r = text == NULL ? -1 : control_put(c, text, strlen(text));

	free(text);
	return r;
}

static int
control_answer(struct control_client *c, json_t *result)
{
	return control_answer_with(c, result, NULL);
}

/* --- answers of a clerk -------------------------------------------------- */

static char *
control_work(struct master *m, void *arg, int *status)
{
	const struct control_client *c = arg;

	return control_client_text(c->inspect->run(m->server, c->request), NULL);
}

static void
control_worked(struct master *m, void *arg, int status, const char *text,
    size_t length)
{
	struct control_client *c = arg;

	c->clerk = NULL;
	if ((text != NULL ? control_put(c, text, length) :
	    control_answer(c, NULL)) == -1)
		control_client_drop(c);
	else
		control_client_go_on(c);
}

static void
control_send_clerk(struct control_client *c, const char *name,
    json_t *request)
{
	const struct clerk_task task = {
		.name = name, .ms = INSPECT_MS, .answers = true,
		.work = control_work, .done = control_worked, .arg = c,
	};

	c->request = request;
	c->clerk = clerk_send(c->control->master, &task);
	/* He has a copy of it. */
	c->request = NULL;
}

/* --- commands ------------------------------------------------------------ */

/* The result; NULL: there is none, or a clerk is to bring it. */
static json_t *
control_command(struct control_client *c, const char *name, json_t *request)
{
	const struct control_command *command;
	const struct inspect_command *inspect;

	for (command = control_commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command->run(c->control->master, request,
			    &c->wait);
	for (inspect = inspect_commands; inspect->name != NULL; inspect++)
		if (strcmp(inspect->name, name) == 0) {
			c->inspect = inspect;
			control_send_clerk(c, inspect->name, request);
			return NULL;
		}
	error_set(EINVAL, "there is no command \"%.64s\"", name);
	control_warn(c->control, &c->who, error_text());
	return NULL;
}

static json_t *
control_run(struct control_client *c, const char *line, size_t length)
{
	json_error_t why;
	json_t *request, *result;
	const char *name;

	jsonmem_begin();
	request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (request == NULL) {
		error_set(EINVAL, "bad JSON: %s", why.text);
		control_warn(c->control, &c->who, error_text());
		return NULL;
	}
	name = json_string_value(json_object_get(request, "command"));
	c->has_asked = true;
	error_clear();
	c->wait = (struct control_wait){ .is_done = NULL };
	result = control_command(c, name == NULL ? "" : name, request);
	json_decref(request);
	return result;
}

/* The result is what has come of it. */
static int
control_answer_finish(struct control_client *c)
{
	json_t *errors = NULL, *result;
	int r;

	json_decref(c->result);
	c->result = NULL;
	result = c->wait.finish(c->control->master, c->wait.number, &errors);
	r = control_answer_with(c, result, errors);
	json_decref(errors);
	return r;
}

int
control_client_finish(struct control_client *c)
{
	struct master *m = c->control->master;
	json_t *result = c->result, *names, *who;
	size_t i;

	jsonmem_begin();
	if (c->wait.finish != NULL)
		return control_answer_finish(c);
	names = json_array();
	who = c->wait.who(m, c->wait.number);
	for (i = 0; i < json_array_size(who); i++)
		json_array_append_new(names, json_string(m->processes[
		    json_integer_value(json_array_get(who, i))].name));
	if (json_array_size(who) > 0) {
		json_object_set(result, "waiting", who);
		json_object_set(result, "waiting_names", names);
	}
	json_decref(who);
	json_decref(names);
	if (c->wait.add != NULL)
		c->wait.add(m, c->wait.number, result);
	c->result = NULL;
	return control_answer(c, result);
}

/* Runs one command and answers, unless it has to wait for something. */
static int
control_line(struct control_client *c, size_t length)
{
	struct control *control = c->control;
	json_t *result = control_run(c, c->line, length);
	uint64_t now;

	if (c->clerk != NULL)
		return 0;
	if (result == NULL || c->wait.is_done == NULL ||
	    jsonmem_has_failed())
		return control_answer(c, result);
	c->result = result;
	if (c->wait.is_done(control->master, c->wait.number))
		return control_client_finish(c);
	if (c->wait.limit == 0)
		c->wait.limit = CONTROL_WAIT_MS;
	now = process_milliseconds();
	c->wait.deadline = c->wait.limit > UINT64_MAX - now ? UINT64_MAX :
	    now + c->wait.limit;
	return loop_timer(control->master->loop, &control->glance,
	    CONTROL_GLANCE_MS);
}

/* Answers the whole lines that are there; false when the client is to go. */
static bool
control_lines(struct control_client *c)
{
	char *newline;
	size_t length;

	while (control_may_go_on(c) &&
	    (newline = memchr(c->line, '\n', c->length)) != NULL) {
		length = (size_t)(newline - c->line);
		if (control_line(c, length) == -1)
			return false;
		c->length -= length + 1;
		memmove(c->line, newline + 1, c->length);
	}
	if (!control_may_go_on(c) || c->length < sizeof(c->line))
		return true;
	error_set(EMSGSIZE, "a request has at most %d bytes",
	    CONTROL_LINE_MAX - 1);
	control_warn(c->control, &c->who, error_text());
	c->closing = true;
	return control_answer(c, NULL) == 0;
}

/*
 * Answers what it has sent and writes what it takes of that; false when it is
 * to go.  What one that does not read has asked for stays unanswered.
 */
static bool
control_serve(struct control_client *c)
{
	bool taken;

	do {
		taken = c->output != NULL;
		if ((!c->closing && !control_lines(c)) ||
		    output_write(&c->output, c->watch.fd) == -1)
			return false;
		taken = taken && c->output == NULL;
	} while (taken && !c->closing && control_may_go_on(c));
	return !c->closing || c->output != NULL;
}

static bool
control_read(struct control_client *c)
{
	ssize_t n;

	n = read(c->watch.fd, c->line + c->length,
	    sizeof(c->line) - c->length);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	c->length += (size_t)n;
	return true;
}

static void
control_watch(struct control_client *c)
{
	unsigned int events = control_client_is_waiting(c) ? 0 : PRONG_READ;

	loop_modify(c->control->master->loop, &c->watch,
	    c->output != NULL ? PRONG_WRITE : events);
}

void
control_client_go_on(struct control_client *c)
{
	if (control_serve(c))
		control_watch(c);
	else
		control_client_drop(c);
}

void
control_client_event(struct watch *w, unsigned int events)
{
	struct control_client *c = (struct control_client *)((char *)w -
	    offsetof(struct control_client, watch));

	c->seen = process_milliseconds();
	if ((events & ~(unsigned int)PRONG_WRITE) != 0 && !c->closing &&
	    !control_read(c))
		control_client_drop(c);
	else
		control_client_go_on(c);
}
