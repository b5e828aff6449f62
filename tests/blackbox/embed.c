/* SPDX-License-Identifier: ISC */
/*
 * A program with a server in it, for embed.test: handlers that do on demand
 * what the calls of <prong.h> promise, and answer with what came of it.
 *
 *	embed [KEY=VALUE]...
 *
 * sets a setting of the server, or as "probe.KEY=VALUE" of its only service.
 */
#include "embed.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"

#define PIECE	8192	/* bytes of a line that fills a queue */
#define CLOSER_AFTER	10	/* milliseconds */

int
embed_answer_error(struct prong_conn *c, int error)
{
	return prong_sendf(c, "%s", error == 0 ? "ok" :
	    strerrorname_np(error));
}

/* Shared by nobody: each worker has its own. */
static int
embed_static(struct prong_conn *c, const char *argument)
{
	static int count;

	return prong_sendf(c, "%d %d", (int)getpid(), ++count);
}

static int
embed_about(struct prong_conn *c, const char *argument)
{
	char peer[64], local[64];

	return prong_sendf(c, "%s %s %" PRIu64 " %s",
	    prong_peer(c, peer, sizeof(peer)),
	    prong_local(c, local, sizeof(local)), prong_conn_id(c),
	    prong_service_name(prong_conn_service(c)));
}

/* "N": a line of so many bytes, by a format. */
static int
embed_sendf(struct prong_conn *c, const char *argument)
{
	return prong_sendf(c, "%0*d", atoi(argument), 7);
}

static int
embed_sendv(struct prong_conn *c, const char *argument)
{
	static char words[] = "one two three";
	const struct iovec iov[] = {
		{ words + 8, 5 }, { words, 0 }, { words + 3, 1 },
		{ words, 3 }, { NULL, 0 },
	};

	return prong_sendv(c, iov, 5);
}

static int
embed_abort(struct prong_conn *c, const char *argument)
{
	prong_abort(c);
	return 0;
}

static int
embed_fail(struct prong_conn *c, const char *argument)
{
	return prong_set_error(EIO, "failed on purpose");
}

static int embed_last_error;

/* Nothing can be sent after a close, and that is no failure of the handler. */
static int
embed_close(struct prong_conn *c, const char *argument)
{
	int result = prong_sendf(c, "closing");

	prong_close(c);
	errno = 0;
	embed_last_error = prong_sendf(c, "too late") == -1 ? errno : 0;
	return result;
}

static int
embed_last(struct prong_conn *c, const char *argument)
{
	return embed_answer_error(c, embed_last_error);
}

static int
embed_timeout(struct prong_conn *c, const char *argument)
{
	return embed_answer_error(c, prong_set_timeout(c, atoll(argument)) ==
	    -1 ? errno : 0);
}

/* Sends until the queue is full; .writable tells when there is room again. */
static int
embed_fill(struct prong_conn *c, const char *argument)
{
	char piece[PIECE];

	memset(piece, 'x', sizeof(piece));
	while (!prong_is_full(c))
		if (prong_send(c, piece, sizeof(piece)) == -1)
			return -1;
	return prong_sendf(c, "queued %d", prong_queued(c) > 0);
}

static int
embed_writable(struct prong_conn *c)
{
	return prong_sendf(c, "writable %d", prong_is_full(c));
}

/* Lost on purpose; read by nobody, but the compiler must not know. */
static void *volatile embed_lost;

static int
embed_leak(struct prong_conn *c, const char *argument)
{
	embed_lost = malloc(1234);
	embed_lost = NULL;
	return embed_answer_error(c, 0);
}

static int
embed_die(struct prong_conn *c, const char *argument)
{
	abort();
}

static struct prong_array *
embed_array(struct prong_conn *c)
{
	return prong_service_data(prong_conn_service(c));
}

static int
embed_answer_value(struct prong_conn *c, int result, union prong_value v)
{
	if (result == -1)
		return embed_answer_error(c, errno);
	return prong_sendf(c, "%" PRId64, v.integer);
}

static int
embed_get(struct prong_conn *c, const char *argument)
{
	union prong_value v = { 0 };
	int result = prong_array_get(embed_array(c), (size_t)atoll(argument),
	    &v);

	return embed_answer_value(c, result, v);
}

/* "CELL VALUE" */
static int
embed_add(struct prong_conn *c, const char *argument)
{
	union prong_value v = { 0 };
	size_t cell;
	int result;

	sscanf(argument, "%zu %" SCNd64, &cell, &v.integer);
	result = prong_array_add(embed_array(c), cell, v, &v);
	return embed_answer_value(c, result, v);
}

/* Two cells together, under the lock taken twice. */
static int
embed_move(struct prong_conn *c, const char *argument)
{
	struct prong_array *a = embed_array(c);
	union prong_value from, to;

	if (prong_array_lock(a, 10000) == -1)
		return -1;
	if (prong_array_lock(a, 10000) == -1 ||
	    prong_array_get(a, 4, &from) == -1 ||
	    prong_array_get(a, 5, &to) == -1)
		return -1;
	from.integer--;
	to.integer++;
	if (prong_array_set(a, 4, from) == -1 ||
	    prong_array_set(a, 5, to) == -1 || prong_array_unlock(a) == -1 ||
	    prong_array_unlock(a) == -1)
		return -1;
	return embed_answer_error(c, 0);
}

static int
embed_sum(struct prong_conn *c, const char *argument)
{
	union prong_value v = { 0 };
	int result = prong_array_sum(embed_array(c), &v);

	return embed_answer_value(c, result, v);
}

static const struct embed_command embed_commands[] = {
	{ "static", embed_static }, { "about", embed_about },
	{ "sendf", embed_sendf }, { "sendv", embed_sendv },
	{ "abort", embed_abort }, { "fail", embed_fail },
	{ "close", embed_close }, { "last", embed_last },
	{ "timeout", embed_timeout }, { "fill", embed_fill },
	{ "leak", embed_leak }, { "die", embed_die }, { "get", embed_get },
	{ "add", embed_add }, { "move", embed_move }, { "sum", embed_sum },
	{ NULL, NULL }
};

static embed_fn *
embed_find(const struct embed_command *commands, const char *name)
{
	for (; commands->name != NULL; commands++)
		if (strcmp(commands->name, name) == 0)
			return commands->fn;
	return NULL;
}

static int
embed_message(struct prong_conn *c, const void *data, size_t len)
{
	char line[256], *argument = line;
	const char *name;
	embed_fn *fn;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	name = strsep(&argument, " ");
	if ((fn = embed_find(embed_commands, name)) == NULL)
		fn = embed_find(embed_watch_commands, name);
	if (fn == NULL)
		return prong_sendf(c, "no such command: %s", name);
	return fn(c, argument == NULL ? "" : argument);
}

static int
embed_init(struct prong_service *s)
{
	struct prong_array *a = prong_array_open(s, EMBED_ARRAY);

	if (a == NULL || prong_array_open(s, "none") != NULL ||
	    errno != ENOENT)
		return -1;
	prong_service_set_data(s, a);
	return 0;
}

static void
embed_count(struct prong_conn *c, size_t cell)
{
	const union prong_value one = { .integer = 1 };

	prong_array_add(embed_array(c), cell, one, NULL);
}

static int
embed_opened(struct prong_conn *c)
{
	embed_count(c, EMBED_OPENED);
	return 0;
}

static void
embed_closed(struct prong_conn *c)
{
	embed_count(c, EMBED_CLOSED);
	embed_watch_forget(c);
}

static int
embed_malformed(struct prong_conn *c, enum prong_malformed what)
{
	return prong_sendf(c, "malformed %d", what == PRONG_OVERSIZE);
}

static int
embed_draining(struct prong_conn *c)
{
	int result = prong_sendf(c, "bye");

	prong_close(c);
	return result;
}

PRONG_HANDLER(probe,
	.summary = "does what a line says",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.init = embed_init,
	.opened = embed_opened,
	.message = embed_message,
	.writable = embed_writable,
	.malformed = embed_malformed,
	.draining = embed_draining,
	.closed = embed_closed,
);

static int
refuser_opened(struct prong_conn *c)
{
	return prong_set_error(EACCES, "refused on purpose");
}

PRONG_HANDLER(refuser,
	.summary = "fails as soon as somebody comes",
	.opened = refuser_opened,
);

struct closer {
	struct prong_conn *conn;
	struct prong_timer *timer;
	bool closed;
};

static void
closer_timer(void *arg)
{
	struct closer *k = arg;

	k->timer = NULL;
	k->closed = true;
	prong_close(k->conn);
}

static int
closer_opened(struct prong_conn *c)
{
	struct closer *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return -1;
	prong_set_data(c, k);
	k->conn = c;
	return 0;
}

/*
 * Answers until the peer takes no more: what is queued then makes the close
 * wait, while input comes.  After the close there must be no message.
 */
static int
closer_message(struct prong_conn *c, const void *data, size_t len)
{
	struct closer *k = prong_data(c);

	if (k->closed)
		abort();
	if (prong_queued(c) == 0)
		return prong_send(c, data, len);
	if (k->timer == NULL)
		k->timer = prong_timer(CLOSER_AFTER, closer_timer, k);
	return k->timer == NULL ? -1 : 0;
}

static void
closer_closed(struct prong_conn *c)
{
	struct closer *k = prong_data(c);

	if (k == NULL)
		return;
	if (k->timer != NULL)
		prong_timer_cancel(k->timer);
	free(k);
}

PRONG_HANDLER(closer,
	.summary = "closes from a timer, whatever comes",
	.framings = PRONG_RAW,
	.framing = PRONG_RAW,
	.opened = closer_opened,
	.message = closer_message,
	.closed = closer_closed,
);

static int
unable_init(struct prong_service *s)
{
	return prong_set_error(ENOENT, "unable on purpose");
}

PRONG_HANDLER(unable,
	.summary = "cannot start",
	.init = unable_init,
);

static struct prong_server *
embed_server(char **settings)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *service;
	struct prong_section *array;

	if (server == NULL ||
	    prong_server_handler(server, &probe_handler) == -1 ||
	    prong_server_handler(server, &refuser_handler) == -1 ||
	    prong_server_handler(server, &closer_handler) == -1 ||
	    prong_server_handler(server, &unable_handler) == -1 ||
	    (service = prong_server_add(server, "probe")) == NULL ||
	    (array = prong_server_section(server, "array", EMBED_ARRAY)) == NULL ||
	    prong_section_set(array, "type", "int32") == -1 ||
	    prong_section_set(array, "slots", "8") == -1 ||
	    prong_section_set(array, "values", "0") == -1 ||
	    prong_section_set(array, "values", "0") == -1 ||
	    prong_section_set(array, "values", "2147483646") == -1)
		errx(1, "%s", prong_error());
	for (; *settings != NULL; settings++)
		settings_set(server, service, "probe.", *settings);
	return server;
}

int
main(int argc, char **argv)
{
	struct prong_server *server = embed_server(argv + 1);

	return settings_run(server);
}
