/* SPDX-License-Identifier: ISC */
/*
 * What top asks a server each time.
 */
#include "prongctl/look.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/error.h"

enum { LOOK_IDLE, LOOK_COUNTERS, LOOK_CONNS, LOOK_STATUS, LOOK_OVER };

double
look_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
look_init(struct look *l, const char *socket, int64_t limit)
{
	memset(l, 0, sizeof(*l));
	l->socket = socket;
	l->limit = limit;
	l->client.fd = -1;
}

void
look_cancel(struct look *l)
{
	client_close(&l->client);
	l->step = LOOK_IDLE;
}

void
look_fini(struct look *l)
{
	look_cancel(l);
	json_decref(l->status);
	json_decref(l->conns);
	json_decref(l->counters);
	l->status = l->conns = l->counters = NULL;
}

bool
look_is_on(const struct look *l)
{
	return l->step != LOOK_IDLE;
}

int
look_fd(const struct look *l)
{
	return l->client.fd;
}

/* Asks for the next thing that is wanted; the status is the last. */
static int
look_ask(struct look *l)
{
	json_t *request;
	int n;

	if (l->step == LOOK_COUNTERS && !l->wants_counters)
		l->step++;
	if (l->step == LOOK_CONNS && !l->wants_conns)
		l->step++;
	if (l->step == LOOK_COUNTERS)
		request = json_pack("{s:s}", "command", "counters");
	else if (l->step == LOOK_CONNS)
		request = json_pack("{s:s, s:I}", "command", "conns",
		    "from", l->from);
	else
		request = json_pack("{s:s}", "command", "status");
	if (request == NULL)
		return error_set(ENOMEM, "no memory");
	n = client_send(&l->client, request);
	json_decref(request);
	/* A server that refuses before it reads has answered all the same. */
	return n == -1 && errno == EPIPE ? 0 : n;
}

int
look_begin(struct look *l)
{
	int n;

	look_cancel(l);
	l->from = 0;
	l->step = LOOK_COUNTERS;
	if (client_open(&l->client, l->socket, l->limit) == 0) {
		if (look_ask(l) == 0)
			return 0;
	} else if (errno != ETIMEDOUT) {
		errno = ENOTCONN;
	}
	n = errno;
	look_cancel(l);
	errno = n;
	return -1;
}

static void
look_keep(json_t **place, json_t *result)
{
	json_decref(*place);
	*place = json_incref(result);
}

/* One more part of the list of connections; 1 if there is another. */
static int
look_take_conns(struct look *l, json_t *part)
{
	json_t *rows = json_object_get(part, "conns");
	bool first = l->from == 0;

	if (!json_is_array(rows))
		return error_set(EPROTO, "the answer has no list \"conns\"");
	if (client_next(part, &l->from) == -1)
		return -1;
	if (first)
		look_keep(&l->conns, rows);
	else if (json_array_extend(l->conns, rows) == -1)
		return error_set(ENOMEM, "no memory");
	l->all_conns = l->from == 0;
	return l->from != 0 && json_array_size(l->conns) < LOOK_CONNS_MAX;
}

/* What has come; 1: it is to be asked for more of it. */
static int
look_take(struct look *l, json_t *result)
{
	json_t *list;

	if (l->step == LOOK_CONNS)
		return look_take_conns(l, result);
	if (l->step == LOOK_STATUS) {
		look_keep(&l->status, result);
		l->at = look_now();
		return 0;
	}
	list = json_object_get(result, "counters");
	if (!json_is_array(list))
		return error_set(EPROTO,
		    "the answer has no list \"counters\"");
	look_keep(&l->counters, list);
	return 0;
}

static int
look_receive(struct look *l)
{
	json_t *answer = NULL, *result = NULL;
	int n = client_receive(&l->client, &answer);

	if (n == 0)
		return error_set(ECONNRESET, "the server closed the "
		    "connection without an answer");
	if (n == 1)
		n = client_judge(answer, &result);
	json_decref(answer);
	if (n == -1)
		return -1;
	n = look_take(l, result);
	json_decref(result);
	if (n == 0)
		l->step++;
	if (n == -1 || l->step == LOOK_OVER)
		return n;
	return look_ask(l);
}

int
look_go_on(struct look *l, bool wait)
{
	int n, error;

	while ((n = client_wait(&l->client, wait ? -1 : 0)) == 1 &&
	    (n = look_receive(l)) == 0 && l->step != LOOK_OVER)
		;
	if (n == 0 && l->step != LOOK_OVER)
		return 0;
	error = errno;
	look_cancel(l);
	errno = error;
	return n == 0 ? 1 : -1;
}

bool
look_has_service(const json_t *status, const char *name)
{
	const char *text;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "services"), i, row) {
		text = json_string_value(json_object_get(row, "name"));
		if (text != NULL && strcmp(text, name) == 0)
			return true;
	}
	error_set(EINVAL, "there is no service \"%.64s\"", name);
	return false;
}
