/* SPDX-License-Identifier: ISC */
/*
 * store: a dict and the arrays of the configuration for every program that
 * speaks the protocol of Redis, RESP2.
 *
 * A request is taken apart where it was read, a usual answer is one prong_send(),
 * and all answers to what one read brought leave with one write.  What is kept
 * in this process of a connection is its name, if it has given itself one, and
 * what is left of a long answer; everything else is in shared memory, so any
 * worker answers for any key.  The files store_NOUN.c have the commands.
 */
#include "handlers/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/builtin.h"

enum { STORE_ERRORS };		/* places in the table below */

static const struct prong_counter store_counters[] = {
	[STORE_ERRORS] = { "protocol_errors",
	    "requests that are not of the protocol of Redis" },
	{ .name = NULL }
};

static const struct prong_option store_options[] = {
	{ .name = "dict", .type = PRONG_STRING,
	  .help = "the dict that has the keys" },
	{ .name = "reply-max", .type = PRONG_SIZE, .value = "64M",
	  .help = "the longest answer to KEYS" },
	{ .name = NULL }
};

static int
store_init(struct prong_service *s)
{
	const char *name = prong_option_string(s, "dict");
	struct prong_dict *dict;
	struct store *store;

	if (name == NULL)
		return prong_set_error(EINVAL, "the handler store needs the "
		    "option dict, which names a section dict \"NAME\" { ... } "
		    "of the configuration");
	if ((dict = prong_dict_open(s, name)) == NULL)
		return -1;
	if ((store = calloc(1, sizeof(*store))) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	store->service = s;
	store->dict = dict;
	store->reply_max = (size_t)prong_option_size(s, "reply-max");
	store->started = store_time_monotonic();
	store_table_init();
	prong_service_set_data(s, store);
	return 0;
}

static void
store_exit(struct prong_service *s)
{
	free(prong_service_data(s));
	prong_service_set_data(s, NULL);
}

struct store_session *
store_session(struct prong_conn *c)
{
	struct store_session *session = prong_data(c);

	if (session == NULL &&
	    (session = calloc(1, sizeof(*session))) != NULL)
		prong_set_data(c, session);
	return session;
}

static void
store_closed(struct prong_conn *c)
{
	struct store_session *session = prong_data(c);

	if (session == NULL)
		return;
	prong_set_data(c, NULL);
	store_rest_free(session->rest);
	free(session->name);
	free(session);
}

/* The words of Redis: its clients look for them. */
static __attribute__((noinline)) void
store_unknown(struct store_request *q)
{
	char text[160];
	size_t i, n = 0;
	int part;

	for (i = 1; i < q->argc && n < STORE_WORD_MAX; i++) {
		part = (int)(q->argv[i].length < STORE_WORD_MAX - n ?
		    q->argv[i].length : STORE_WORD_MAX - n);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "'%.*s' ",
		    part, q->argv[i].data);
	}
	text[n] = '\0';
	store_reply_error(&q->reply, "ERR unknown command '%.*s', with args "
	    "beginning with: %s", STORE_WORD(&q->argv[0]), text);
}

/*
 * A web page can have a browser send what it likes behind a request's head: no
 * word of it is obeyed, nor answered.  Redis does the same.
 */
static __attribute__((noinline)) bool
store_is_http(const struct store_request *q)
{
	if (!store_parse_is(&q->argv[0], "post") &&
	    !store_parse_is(&q->argv[0], "host:"))
		return false;
	prong_counter_add(q->store->service, STORE_ERRORS, 1);
	return true;
}

static inline void
store_run(struct store_request *q)
{
	q->command = store_table_find(&q->argv[0]);
	if (q->command == NULL && store_is_http(q))
		q->closing = true;
	else if (q->command == NULL)
		store_unknown(q);
	else if (!store_table_is_arity(q->command, q->argc))
		store_error_arity(q, NULL);
	else
		q->command->run(q);
}

/* An answer, and the end: who has lost the thread cannot find it again. */
static __attribute__((noinline)) int
store_protocol_error(struct store_request *q, const char *text)
{
	prong_counter_add(q->store->service, STORE_ERRORS, 1);
	store_reply_error(&q->reply, "ERR Protocol error: %s", text);
	q->closing = true;
	return 0;
}

static int
store_message(struct prong_conn *c, const void *data, size_t length)
{
	struct store_request q;
	struct store_resp resp;

	q.store = prong_service_data(prong_conn_service(c));
	if (store_resp_parse(&resp, data, length) == -1)
		return -1;
	q.argv = resp.argv;
	q.argc = resp.argc;
	q.closing = false;
	store_reply_init(&q.reply, c);
	if (resp.argc > 0)
		store_run(&q);
	else if (resp.wrong[0] != '\0')
		store_protocol_error(&q, resp.wrong);
	store_reply_flush(&q.reply);
	store_resp_free(&resp);
	if (q.closing && !q.reply.failed)
		prong_close(c);
	return q.reply.failed ? -1 : 0;
}

static int
store_writable(struct prong_conn *c)
{
	return store_rest_resume(prong_service_data(prong_conn_service(c)), c);
}

/* What is longer than max-message; the rest is said by store_message(). */
static int
store_malformed(struct prong_conn *c, enum prong_malformed what)
{
	static const char text[] = "-ERR Protocol error: invalid bulk length, "
	    "the request is longer than the service's max-message\r\n";

	prong_counter_add(prong_conn_service(c), STORE_ERRORS, 1);
	/* Who has gone away in the middle of a request wants no answer. */
	if (what == PRONG_TRUNCATED)
		return 0;
	return prong_send(c, text, sizeof(text) - 1);
}

PRONG_HANDLER(store,
	.summary = "a dict and arrays in shared memory, over Redis's protocol",
	.flags = PRONG_THREAD_SAFE,
	.options = store_options,
	.counters = store_counters,
	.init = store_init,
	.exit = store_exit,
	.message = store_message,
	.writable = store_writable,
	.malformed = store_malformed,
	.closed = store_closed,
	.frame = store_resp_frame,
);
