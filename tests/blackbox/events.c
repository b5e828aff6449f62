/* SPDX-License-Identifier: ISC */
/*
 * A module for events.test: what a line says is done with an event.
 */
#include <prong.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
events_wait(struct prong_conn *c, struct prong_event *e, const char *ms)
{
	if (prong_event_wait(e, atoll(ms)) == 0)
		return prong_sendf(c, "through");
	return prong_sendf(c, "%s: %s", errno == ETIMEDOUT ? "ETIMEDOUT" :
	    errno == EDEADLK ? "EDEADLK" : errno == ECANCELED ? "ECANCELED" :
	    "?", prong_error());
}

/* Tells the log how it ended, since nobody else is there to be told. */
static void
events_wait_to_the_end(struct prong_event *e)
{
	int error = prong_event_wait(e, -1) == 0 ? 0 : errno;

	prong_log(PRONG_INFO, "the wait has ended with %s",
	    error == ECANCELED ? "ECANCELED" : "something else");
}

/* Another task of the connection goes on while this one waits. */
struct events_other {
	int count;
	bool stop;
};

static void *
events_count(void *arg)
{
	struct events_other *other = arg;

	while (!other->stop && prong_sleep(1) == 0)
		other->count++;
	return NULL;
}

static int
events_beside(struct prong_conn *c, struct prong_event *e)
{
	struct prong_task *t;
	struct events_other other = { 0, false };
	int result;

	if ((t = prong_spawn(events_count, &other)) == NULL)
		return -1;
	result = prong_event_wait(e, -1);
	other.stop = true;
	if (prong_join(t, -1, NULL) == -1 || result == -1)
		return -1;
	return prong_sendf(c, "%s", other.count > 1 ? "beside" : "alone");
}

static int
events_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_event *e;
	char line[64];

	if ((e = prong_event_open(prong_conn_service(c), "gate")) == NULL)
		return -1;
	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	if (strncmp(line, "wait ", 5) == 0)
		return events_wait(c, e, line + 5);
	if (strcmp(line, "end") == 0)
		events_wait_to_the_end(e);
	else if (strcmp(line, "beside") == 0)
		return events_beside(c, e);
	else if (strcmp(line, "set") == 0)
		prong_event_set(e);
	else if (strcmp(line, "clear") == 0)
		prong_event_clear(e);
	else if (strcmp(line, "pulse") == 0) {
		prong_event_set(e);
		prong_event_clear(e);
	} else if (strcmp(line, "die") == 0) {
		prong_event_set(e);
		kill(getpid(), SIGKILL);
	} else if (strcmp(line, "open") == 0) {
		e = prong_event_open(prong_conn_service(c), "other");
		return prong_sendf(c, "%s", e == NULL && errno == ENOENT ?
		    prong_error() : "?");
	}
	return prong_sendf(c, "%d %s", (int)getpid(),
	    prong_event_is_set(e) ? "set" : "clear");
}

static int
events_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (events_message(c, data, len) == -1)
			return -1;
	return r;
}

static PRONG_HANDLER(events,
	.summary = "sets and waits",
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.message = events_message,
	.converse = events_converse,
);

PRONG_MODULE(events);
