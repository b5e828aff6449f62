/* SPDX-License-Identifier: ISC */
/*
 * A module for dial.test: a handler that dials as a line of its client says,
 * and tells what came of it.  Of an error it tells the name.  With the option
 * async it does so in the loop.
 */
#include <prong.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DIALS_DESCRIPTORS	128

/* Of each client. */
struct dials {
	struct prong_conn *client;	/* NULL: it has gone */
	struct prong_conn *dialed;	/* NULL: none */
	size_t bytes;
	bool opened, splice, gone;
	char text[256];			/* to be sent first */
};

static int
dials_failed(struct prong_conn *c)
{
	int error = errno;

	prong_log(PRONG_INFO, "failed: %s", prong_error());
	return prong_sendf(c, "%s", error == 0 ? "0" : strerrorname_np(error));
}

/*
 * "0": takes every descriptor that there is; "1": gives them back.  A limit
 * below those that are open would do more: poll(2) fails with it.
 */
static int
dials_limit(struct prong_conn *c, struct dials *s, const char *argument)
{
	static int taken[DIALS_DESCRIPTORS], count;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -1;
	limit.rlim_cur = DIALS_DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return dials_failed(c);
	if (atoi(argument) == 0)
		while (count < DIALS_DESCRIPTORS && (taken[count] =
		    open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1)
			count++;
	else
		while (count > 0)
			close(taken[--count]);
	return prong_sendf(c, "limited");
}

/* --- waiting --------------------------------------------------------------- */

/* "ADDRESS MS": from now on it is the one that others are about. */
static int
dials_dial(struct prong_conn *c, struct dials *s, const char *argument)
{
	char address[200], peer[200], local[200];
	int ms;

	if (sscanf(argument, "%199s %d", address, &ms) != 2)
		return -1;
	if (s->dialed != NULL)
		prong_close(s->dialed);
	prong_log(PRONG_INFO, "dialing");
	if ((s->dialed = prong_dial(address, ms)) == NULL)
		return dials_failed(c);
	return prong_sendf(c, "ok %s %s %llu",
	    prong_peer(s->dialed, peer, sizeof(peer)),
	    prong_local(s->dialed, local, sizeof(local)),
	    (unsigned long long)prong_conn_id(s->dialed));
}

static int
dials_framing(struct prong_conn *c, struct dials *s, const char *argument)
{
	if (prong_set_framing(s->dialed,
	    (enum prong_framing)atoi(argument), 100) == -1)
		return dials_failed(c);
	return prong_sendf(c, "framed");
}

static int
dials_send(struct prong_conn *c, struct dials *s, const char *argument)
{
	if (prong_send(s->dialed, argument, strlen(argument)) == -1)
		return dials_failed(c);
	return prong_sendf(c, "sent");
}

/* "BYTES": so many at once. */
static int
dials_flood(struct prong_conn *c, struct dials *s, const char *argument)
{
	size_t left = (size_t)atol(argument);
	static const char piece[4096];

	for (; left > 0; left -= left < sizeof(piece) ? left : sizeof(piece))
		if (prong_send(s->dialed, piece, left < sizeof(piece) ? left :
		    sizeof(piece)) == -1)
			return dials_failed(c);
	return prong_sendf(c, "flooded");
}

/* A message, or what there is. */
static int
dials_recv(struct prong_conn *c, struct dials *s, const char *argument)
{
	const void *data;
	size_t length;
	int r = prong_recv_message(s->dialed, &data, &length);

	if (r != 1)
		return r == 0 ? prong_sendf(c, "end") : dials_failed(c);
	/* It is still there when the task has waited. */
	if (prong_sleep(1) == -1)
		return -1;
	return prong_sendf(c, "got %.*s", (int)length, (const char *)data);
}

/* "BYTES": by no more than three at a time. */
static int
dials_take(struct prong_conn *c, struct dials *s, const char *argument)
{
	size_t wanted = (size_t)atoi(argument), got = 0;
	char buf[64];
	ssize_t n;

	while (got < wanted && got + 3 < sizeof(buf)) {
		n = prong_recv(s->dialed, buf + got, wanted - got < 3 ?
		    wanted - got : 3);
		if (n <= 0)
			return n == 0 ? prong_sendf(c, "end") :
			    dials_failed(c);
		got += (size_t)n;
	}
	return prong_sendf(c, "took %.*s", (int)got, buf);
}

static int
dials_timeout(struct prong_conn *c, struct dials *s, const char *argument)
{
	if (prong_set_timeout(s->dialed, atoi(argument)) == -1)
		return dials_failed(c);
	return prong_sendf(c, "set");
}

static int
dials_sleep(struct prong_conn *c, struct dials *s, const char *argument)
{
	return prong_sleep(atoi(argument)) == -1 ? -1 :
	    prong_sendf(c, "slept");
}

static int
dials_close(struct prong_conn *c, struct dials *s, const char *argument)
{
	prong_close(s->dialed);
	s->dialed = NULL;
	return prong_sendf(c, "closed");
}

static int
dials_abort(struct prong_conn *c, struct dials *s, const char *argument)
{
	prong_abort(s->dialed);
	s->dialed = NULL;
	return prong_sendf(c, "aborted");
}

/* Forgets it without closing it. */
static int
dials_forget(struct prong_conn *c, struct dials *s, const char *argument)
{
	s->dialed = NULL;
	return prong_sendf(c, "forgotten");
}

/* "TIMES ADDRESS": says a line each time and takes the answer. */
static int
dials_many(struct prong_conn *c, struct dials *s, const char *argument)
{
	struct prong_conn *d;
	const void *data;
	size_t length;
	char address[200];
	int times, i;

	if (sscanf(argument, "%d %199s", &times, address) != 2)
		return -1;
	for (i = 0; i < times; i++) {
		if ((d = prong_dial(address, 10000)) == NULL)
			return dials_failed(c);
		if (prong_send(d, "hello\n", 6) == -1 ||
		    prong_recv_message(d, &data, &length) != 1 ||
		    length != 6 || memcmp(data, "hello\n", 6) != 0)
			return dials_failed(c);
		prong_close(d);
	}
	return prong_sendf(c, "dialed %d", times);
}

/* In a task of its own: dials and leaves the rest to its end. */
static void *
dials_task(void *arg)
{
	struct prong_conn *d = prong_dial(arg, 10000);
	const void *data;
	size_t length;

	return d != NULL && prong_send(d, "hello\n", 6) == 0 &&
	    prong_recv_message(d, &data, &length) == 1 ? arg : NULL;
}

/* "TASKS ADDRESS" */
static int
dials_tasks(struct prong_conn *c, struct dials *s, const char *argument)
{
	struct prong_task *tasks[100];
	char address[200];
	int count, i, good = 0;
	void *result;

	if (sscanf(argument, "%d %199s", &count, address) != 2 || count > 100)
		return -1;
	for (i = 0; i < count; i++)
		if ((tasks[i] = prong_spawn(dials_task, address)) == NULL)
			return dials_failed(c);
	for (i = 0; i < count; i++) {
		if (prong_join(tasks[i], -1, &result) == -1)
			return dials_failed(c);
		good += result != NULL;
	}
	return prong_sendf(c, "%d of %d", good, count);
}

/* Another task sends, while this one receives. */
static void *
dials_sender(void *arg)
{
	static const char piece[4096];
	struct dials *s = arg;
	size_t left;

	for (left = s->bytes; left > 0; left -= sizeof(piece))
		if (prong_send(s->dialed, piece, sizeof(piece)) == -1)
			return NULL;
	return arg;
}

/* "BYTES": sends them and receives as many, at the same time. */
static int
dials_duplex(struct prong_conn *c, struct dials *s, const char *argument)
{
	struct prong_task *task;
	const void *data;
	size_t length, got = 0;
	void *result;

	s->bytes = (size_t)atol(argument);
	if ((task = prong_spawn(dials_sender, s)) == NULL)
		return -1;
	while (got < s->bytes &&
	    prong_recv_message(s->dialed, &data, &length) == 1)
		got += length;
	if (prong_join(task, -1, &result) == -1)
		return -1;
	return prong_sendf(c, "%s %zu", result == NULL ? "failed" : "duplex",
	    got);
}

/* Whoever is at the other end has the client from here. */
static int
dials_splice(struct prong_conn *c, struct dials *s, const char *argument)
{
	if (prong_splice(c, s->dialed) == 0) {
		prong_log(PRONG_INFO, "spliced");
		return 0;
	}
	prong_log(PRONG_INFO, "splice: %s", strerrorname_np(errno));
	return dials_failed(c);
}

/* What cannot be joined. */
static int
dials_wrong(struct prong_conn *c, struct dials *s, const char *argument)
{
	if (prong_splice(c, c) != -1)
		return -1;
	return dials_failed(c);
}

static const struct {
	const char *name;
	int (*fn)(struct prong_conn *, struct dials *, const char *);
} dials_commands[] = {
	{ "dial", dials_dial }, { "send", dials_send }, { "recv", dials_recv },
	{ "take", dials_take }, { "close", dials_close },
	{ "abort", dials_abort }, { "forget", dials_forget },
	{ "framing", dials_framing }, { "flood", dials_flood },
	{ "many", dials_many }, { "tasks", dials_tasks },
	{ "sleep", dials_sleep }, { "timeout", dials_timeout },
	{ "duplex", dials_duplex }, { "splice", dials_splice },
	{ "wrong", dials_wrong }, { "limit", dials_limit },
};

static int
dials_obey(struct prong_conn *c, const void *data, size_t len)
{
	char line[512], *argument = line;
	const char *name;
	size_t i;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	name = strsep(&argument, " ");
	for (i = 0; i < sizeof(dials_commands) / sizeof(dials_commands[0]); i++)
		if (strcmp(dials_commands[i].name, name) == 0)
			return dials_commands[i].fn(c, prong_data(c),
			    argument == NULL ? "" : argument);
	return prong_sendf(c, "what?");
}

static int
dials_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;

	if (prong_data(c) == NULL)
		prong_set_data(c, calloc(1, sizeof(struct dials)));
	while (prong_recv_message(c, &data, &len) == 1)
		if (dials_obey(c, data, len) == -1)
			return -1;
	return 0;
}

/* --- in the loop ------------------------------------------------------------- */

/* The last of the two frees what both know. */
static void
dials_part(struct dials *s)
{
	if (s->client == NULL && s->dialed == NULL)
		free(s);
}

static int
dials_is_open(struct prong_conn *d)
{
	struct dials *s = prong_data(d);

	s->opened = true;
	if (s->client == NULL)
		return 0;
	if (s->splice) {
		prong_sendf(s->client, "joined");
		return prong_splice(s->client, d);
	}
	return prong_send(d, s->text, strlen(s->text));
}

static int
dials_heard(struct prong_conn *d, const void *data, size_t length)
{
	struct dials *s = prong_data(d);

	s->bytes += length;
	return 0;
}

static void
dials_ended(struct prong_conn *d)
{
	struct dials *s = prong_data(d);
	int error = errno;

	s->dialed = NULL;
	if (s->client != NULL)
		prong_sendf(s->client, "%s %zu %s %s",
		    s->opened ? "opened" : "never", s->bytes,
		    error == 0 ? "0" : strerrorname_np(error),
		    prong_error()[0] != '\0' ? "told" : "silent");
	dials_part(s);
}

static PRONG_HANDLER(dials_upstream,
	.summary = "what is dialed in the loop",
	.opened = dials_is_open,
	.message = dials_heard,
	.closed = dials_ended,
);

/* "dial ADDRESS MS TEXT", "splice ADDRESS", "close", "wait", "limit N" */
static int
dials_start(struct prong_conn *c, const void *data, size_t len)
{
	struct dials *s = prong_data(c);
	char line[512], name[16], address[200];
	int ms = 10000;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	s->text[0] = '\0';
	if (sscanf(line, "%15s %199s %d %199[^\n]", name, address, &ms,
	    s->text) < 2 || strcmp(name, "limit") == 0) {
		if (strcmp(line, "close") == 0 && s->dialed != NULL)
			prong_close(s->dialed);
		else if (strcmp(name, "limit") == 0)
			return dials_limit(c, s, address);
		else if (strcmp(line, "wait") == 0)
			/* Which the loop cannot. */
			return prong_dial("127.0.0.1:9", 0) == NULL ?
			    dials_failed(c) : -1;
		return 0;
	}
	prong_log(PRONG_INFO, "dialing");
	if (s->dialed != NULL)
		prong_close(s->dialed);
	s->bytes = 0;
	s->opened = false;
	s->splice = strcmp(name, "splice") == 0;
	s->dialed = prong_dial_async(address, ms, &dials_upstream_handler, s);
	return s->dialed == NULL ? dials_failed(c) : 0;
}

/* --- both ---------------------------------------------------------------------- */

static int
dials_opened(struct prong_conn *c)
{
	struct dials *s = calloc(1, sizeof(*s));

	prong_set_data(c, s);
	if (s == NULL)
		return -1;
	s->client = c;
	return 0;
}

static int
dials_message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_option_bool(prong_conn_service(c), "async") ?
	    dials_start(c, data, len) : dials_obey(c, data, len);
}

static void
dials_closed(struct prong_conn *c)
{
	struct dials *s = prong_data(c);

	if (s == NULL)
		return;
	s->client = NULL;
	if (!prong_option_bool(prong_conn_service(c), "async")) {
		if (s->dialed != NULL)
			prong_close(s->dialed);
		free(s);
	} else if (s->dialed != NULL)
		/* Its own end frees the rest. */
		prong_close(s->dialed);
	else
		dials_part(s);
}

static const struct prong_option dials_options[] = {
	{ "async", PRONG_BOOL, .value = "false", .help = "in the loop" },
	{ 0 }
};

PRONG_HANDLER(dials,
	.summary = "dials as its lines say",
	.options = dials_options,
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.opened = dials_opened,
	.message = dials_message,
	.closed = dials_closed,
	.converse = dials_converse,
);
PRONG_MODULE(dials);
