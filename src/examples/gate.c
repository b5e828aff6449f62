/* SPDX-License-Identifier: ISC */
/*
 * A gate that clients wait at until somebody opens it, whichever worker serves
 * whom: an event in shared memory.  Each client has a coroutine, so thousands
 * that wait hold up nobody.
 *
 *	gate ADDRESS:PORT
 *	prongtalk -f line 127.0.0.1:7017
 *
 *	pass			waits until the gate is open
 *	pass MS			so long at most
 *	open			lets everybody through who waits, and who comes
 *	pulse			only those who wait now
 *	shut
 */
#include <prong.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
gate_pass(struct prong_conn *c, struct prong_event *gate, int64_t ms)
{
	if (!prong_event_is_set(gate) && ms != 0 &&
	    prong_sendf(c, "it is shut, wait") == -1)
		return -1;
	if (prong_event_wait(gate, ms) == -1)
		return prong_sendf(c, "error: %s", prong_error());
	return prong_sendf(c, "through");
}

static int
gate_line(struct prong_conn *c, struct prong_event *gate, const char *line)
{
	if (strncmp(line, "pass", 4) == 0)
		return gate_pass(c, gate, line[4] == ' ' ? atoll(line + 5) : -1);
	if (strcmp(line, "open") == 0) {
		prong_event_set(gate);
		return prong_sendf(c, "it is open");
	}
	if (strcmp(line, "pulse") == 0)
		prong_event_set(gate);
	else if (strcmp(line, "shut") != 0)
		return prong_sendf(c, "error: pass, open, pulse or shut?");
	prong_event_clear(gate);
	return prong_sendf(c, "it is shut");
}

static int
gate_converse(struct prong_conn *c)
{
	struct prong_event *gate;
	const void *data;
	char line[64];
	size_t len;
	int r;

	gate = prong_event_open(prong_conn_service(c), "gate");
	if (gate == NULL)
		return -1;
	while ((r = prong_recv_message(c, &data, &len)) == 1) {
		snprintf(line, sizeof(line), "%.*s", (int)len,
		    (const char *)data);
		if (gate_line(c, gate, line) == -1)
			return -1;
	}
	return r;
}

/* It is made before there are any workers. */
static int
gate_declare(struct prong_service *s)
{
	return prong_declare(s, "event", "gate", NULL);
}

static PRONG_HANDLER(gate,
	.summary = "a gate to wait at",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.declare = gate_declare,
	.converse = gate_converse,
);

int
main(int argc, char **argv)
{
	struct prong_server *server;
	struct prong_service *service;
	int result;

	if (argc != 2)
		errx(64, "usage: gate ADDRESS:PORT");
	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &gate_handler) == -1 ||
	    prong_server_set(server, "workers", "2") == -1 ||
	    prong_server_set(server, "log.target", "stderr") == -1 ||
	    prong_server_set(server, "pidfile", "") == -1 ||
	    prong_server_set(server, "control.socket", "") == -1 ||
	    (service = prong_server_add(server, "gate")) == NULL ||
	    prong_service_set(service, "handler", "gate") == -1 ||
	    prong_service_set(service, "dispatch", "coroutine") == -1 ||
	    prong_service_set(service, "listen", argv[1]) == -1)
		errx(2, "%s", prong_error());
	result = prong_server_run(server, NULL, NULL);
	if (result == -1)
		warnx("%s", prong_error());
	prong_server_free(server);
	return result == -1 ? 1 : 0;
}
