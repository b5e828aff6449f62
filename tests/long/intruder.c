/* SPDX-License-Identifier: ISC */
/*
 * A server whose worker is hostile, for the campaign "hostile".
 *
 *	intruder [KEY=VALUE]...
 *
 * sets a setting of the server, or as "echo.KEY=VALUE" of its only service,
 * which sends back lines.  A line "intrude PORT PID..." makes the worker fork
 * a process that keeps the mappings and descriptors of shared memory, connects
 * to that port of 127.0.0.1, and does as it is told there (intruder_hostile.c).
 * It outlives the worker, as one that was broken into would see to.
 */
#include "intruder.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../blackbox/settings.h"

static int
intruder_start(struct prong_conn *c, const char *argument)
{
	pid_t pid = fork();

	if (pid == -1)
		return prong_set_error(EAGAIN, "cannot fork");
	if (pid == 0)
		intruder_hostile(argument);
	return prong_sendf(c, "%d", (int)pid);
}

static int
intruder_message(struct prong_conn *c, const void *data, size_t len)
{
	static const char command[] = "intrude ";
	const size_t length = sizeof(command) - 1;
	char line[256];

	if (len < length || memcmp(data, command, length) != 0)
		return prong_send(c, data, len);
	snprintf(line, sizeof(line), "%.*s", (int)(len - length),
	    (const char *)data + length);
	return intruder_start(c, line);
}

PRONG_HANDLER(intruder,
	.summary = "sends lines back, and harbours a hostile process",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.message = intruder_message,
);

int
main(int argc, char **argv)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *service;

	if (server == NULL ||
	    prong_server_handler(server, &intruder_handler) == -1 ||
	    (service = prong_server_add(server, "echo")) == NULL ||
	    prong_service_set(service, "handler", "intruder") == -1)
		errx(1, "%s", prong_error());
	while (*++argv != NULL)
		settings_set(server, service, "echo.", *argv);
	return settings_run(server);
}
