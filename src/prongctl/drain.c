/* SPDX-License-Identifier: ISC */
/*
 * prongctl drain: the server answers when the service is empty.  Until then
 * there is a line on the terminal that says what is left.
 */
#include "prongctl/drain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "prongctl/client.h"
#include "prongctl/print.h"

static volatile sig_atomic_t drain_stopped;

static void
drain_stop(int signo)
{
	drain_stopped = 1;
}

/* Waiting ends with it: it comes while we wait and at no other time. */
static void
drain_catch(struct client *c)
{
	static sigset_t before;
	struct sigaction sa = { .sa_handler = drain_stop };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	c->mask = &before;
	c->stop = &drain_stopped;
}

static int
drain_wait(struct client *c, const struct command_line *line)
{
	bool terminal = isatty(STDERR_FILENO);
	int n;

	do {
		if (terminal)
			command_show_wait(line, print_drain_progress,
			    line->arguments[0]);
		n = client_wait(c, terminal ? COMMAND_TICK : -1);
	} while (n == 0);
	if (terminal)
		fputc('\n', stderr);
	return n == -1 ? -1 : 0;
}

/* It goes on without us, and somebody has to end it. */
static int
drain_left(const char *service)
{
	error_prefix("still waiting for the connections of service %s",
	    service);
	command_fail(COMMAND_REFUSED, error_text());
	error_set(0, "it goes on draining and takes no connections: "
	    "\"prongctl resume %s\" has it take them again", service);
	return command_fail(COMMAND_REFUSED, error_text());
}

/* Whether all have ended as they should. */
static bool
drain_is_clean(const json_t *result)
{
	return json_integer_value(json_object_get(result, "open")) == 0 &&
	    json_integer_value(json_object_get(result, "cut")) == 0 &&
	    !json_is_true(json_object_get(result, "resumed"));
}

int
drain_run(const struct command *cmd, const struct command_line *line,
    json_t *request)
{
	json_t *result = NULL;
	struct client c;
	int code;

	code = command_open(&c, line);
	if (code == COMMAND_DONE) {
		/* The server has a limit of its own. */
		if (!line->has_limit)
			client_set_limit(&c, 0);
		drain_catch(&c);
		if (client_send(&c, request) == -1 && errno != EPIPE)
			code = COMMAND_REFUSED;
		else if (drain_wait(&c, line) == -1) {
			client_close(&c);
			return drain_left(line->arguments[0]);
		} else if (command_result(&c, &result) == -1)
			code = COMMAND_REFUSED;
	}
	client_close(&c);
	code = command_show(cmd, line, code, result);
	if (code == COMMAND_DONE && !drain_is_clean(result))
		code = COMMAND_REFUSED;
	json_decref(result);
	return code;
}
