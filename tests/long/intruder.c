/* SPDX-License-Identifier: ISC */
/*
 * A module whose worker is hostile, for the campaign "hostile".  It sends back
 * lines, and has each that begins with "task " sent back by the pool "work".  A
 * line "intrude PORT PID..." makes the worker fork
 * a process that keeps the mappings and descriptors of shared memory, connects
 * to that port of 127.0.0.1, and does as it is told there (intruder_hostile.c).
 * It outlives the worker, as one that was broken into would see to.
 */
#include "intruder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* --- tasks, so that there are some to be overwritten ---------------------- */

static struct prong_pool *intruder_pool;

static ssize_t
intruder_job(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	if (length > size)
		return prong_set_error(EMSGSIZE, "too long");
	memcpy(result, argument, length);
	return (ssize_t)length;
}

static void
intruder_done(const struct prong_pool_result *result, void *arg)
{
}

static int
intruder_init(struct prong_service *s)
{
	intruder_pool = prong_pool_open(s, "work");
	return intruder_pool == NULL ? -1 : 0;
}

static int
intruder_message(struct prong_conn *c, const void *data, size_t len)
{
	static const char command[] = "intrude ";
	const size_t length = sizeof(command) - 1;
	char line[256];

	if (len >= 4 && memcmp(data, "task", 4) == 0)
		prong_pool_apply_async(intruder_pool, "echo", data, len,
		    intruder_done, NULL, NULL);
	if (len < length || memcmp(data, command, length) != 0)
		return prong_send(c, data, len);
	snprintf(line, sizeof(line), "%.*s", (int)(len - length),
	    (const char *)data + length);
	return intruder_start(c, line);
}

static const struct prong_job intruder_jobs[] = {
	{ "echo", intruder_job },
	{ NULL }
};

static const struct prong_counter intruder_counters[] = {
	{ "intrusions", "hostile processes that were asked for" },
	{ NULL }
};

PRONG_HANDLER(intruder,
	.summary = "sends lines back, and harbours a hostile process",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.counters = intruder_counters,
	.jobs = intruder_jobs,
	.init = intruder_init,
	.message = intruder_message,
);

PRONG_MODULE(intruder);
