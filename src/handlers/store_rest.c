/* SPDX-License-Identifier: ISC */
/*
 * The handler store: answers that are longer than what a connection may have
 * queued.  What is left waits with the connection, either as a text or as keys
 * whose values are still to be looked up, until there is room: the engine hands
 * out no further request before that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/store.h"
#include "handlers/store_text.h"

/* One piece of a text. */
#define REST_PIECE	(16 * 1024)

struct store_rest {
	bool is_keys;			/* lengths and bytes, alternating */
	size_t at;
	struct store_text text;
};

void
store_rest_free(struct store_rest *rest)
{
	if (rest == NULL)
		return;
	store_text_free(&rest->text);
	free(rest);
}

/* Takes the text over.  Without memory for that the connection has failed. */
static void
rest_keep(struct store_request *q, bool is_keys, size_t at,
    struct store_text *text)
{
	struct store_session *session = store_session(q->reply.conn);
	struct store_rest *rest = session == NULL ? NULL :
	    calloc(1, sizeof(*rest));

	if (rest == NULL || text->error != 0) {
		free(rest);
		store_text_free(text);
		prong_set_error(ENOMEM, "no memory for the rest of an answer");
		q->reply.failed = true;
		return;
	}
	*rest = (struct store_rest){ is_keys, at, *text };
	session->rest = rest;
}

/* Sends of a text from a place on; returns where it came to. */
static size_t
rest_send_text(struct store_reply *r, const struct store_text *text, size_t at)
{
	size_t n;

	while (at < text->length && !r->failed && !prong_is_full(r->conn)) {
		n = text->length - at < REST_PIECE ? text->length - at :
		    REST_PIECE;
		if (prong_send(r->conn, text->data + at, n) == -1)
			r->failed = true;
		at += n;
	}
	return at;
}

void
store_rest_send(struct store_request *q, struct store_text *text)
{
	size_t at;

	store_reply_flush(&q->reply);
	at = rest_send_text(&q->reply, text, 0);
	if (!q->reply.failed && at < text->length)
		rest_keep(q, false, at, text);
	else
		store_text_free(text);
}

/* The values of the arguments from one on. */
void
store_rest_values(struct store_request *q, size_t from)
{
	struct store_text text = { .most = SIZE_MAX };
	size_t i;

	for (i = from; i < q->argc && !q->reply.failed; i++) {
		if (prong_is_full(q->reply.conn))
			break;
		store_value_reply(q, &q->argv[i]);
	}
	if (q->reply.failed || i == q->argc)
		return;
	for (; i < q->argc; i++) {
		store_text_add(&text, &q->argv[i].length,
		    sizeof(q->argv[i].length));
		store_text_add(&text, q->argv[i].data, q->argv[i].length);
	}
	rest_keep(q, true, 0, &text);
}

static size_t
rest_send_values(struct store_request *q, const struct store_text *text,
    size_t at)
{
	struct store_bytes key;

	while (at < text->length && !q->reply.failed &&
	    !prong_is_full(q->reply.conn)) {
		memcpy(&key.length, text->data + at, sizeof(key.length));
		key.data = text->data + at + sizeof(key.length);
		store_value_reply(q, &key);
		at += sizeof(key.length) + key.length;
	}
	return at;
}

/*
 * Goes on where it was left.  The rest is taken from the connection before: a
 * send that fails may end that, and free what is there.
 */
int
store_rest_resume(struct store *store, struct prong_conn *c)
{
	struct store_session *session = prong_data(c);
	struct store_rest *rest = session == NULL ? NULL : session->rest;
	struct store_request q = { .store = store };

	if (rest == NULL)
		return 0;
	session->rest = NULL;
	store_reply_init(&q.reply, c);
	rest->at = rest->is_keys ?
	    rest_send_values(&q, &rest->text, rest->at) :
	    rest_send_text(&q.reply, &rest->text, rest->at);
	store_reply_flush(&q.reply);
	if (!q.reply.failed && rest->at < rest->text.length)
		session->rest = rest;
	else
		store_rest_free(rest);
	return q.reply.failed ? -1 : 0;
}
