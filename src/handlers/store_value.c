/* SPDX-License-Identifier: ISC */
/*
 * The handler store: GET, GETDEL, STRLEN, APPEND.
 */
#include <errno.h>
#include <stdlib.h>

#include "handlers/store.h"

typedef ssize_t value_get_fn(struct prong_dict *, const void *, size_t, void *,
    size_t);

/* What cannot be an answer's value: an error, or that there is no such key. */
static void
value_failed(struct store_request *q)
{
	if (errno == ENOENT)
		store_reply_nil(&q->reply);
	else
		store_error_dict(q);
}

/* A value that is too long for the room in the reply; it may yet grow. */
static __attribute__((noinline)) void
value_reply_long(struct store_request *q, const struct store_bytes *key,
    value_get_fn *get)
{
	struct prong_dict *d = q->store->dict;
	char *data = NULL, *more;
	ssize_t n;

	for (;;) {
		n = prong_dict_get(d, key->data, key->length, NULL, 0);
		if (n == -1)
			break;
		/* One more, for a size of 0 only asks. */
		if ((more = realloc(data, (size_t)n + 1)) == NULL) {
			store_error_memory(q);
			free(data);
			return;
		}
		data = more;
		n = get(d, key->data, key->length, data, (size_t)n + 1);
		if (n != -1 || errno != ERANGE)
			break;
	}
	if (n == -1)
		value_failed(q);
	else
		store_reply_bulk(&q->reply, data, (size_t)n);
	free(data);
}

static inline void
value_reply(struct store_request *q, const struct store_bytes *key,
    value_get_fn *get)
{
	size_t size;
	char *to = store_reply_place(&q->reply, &size);
	ssize_t n;

	n = get(q->store->dict, key->data, key->length, to, size);
	if (n >= 0)
		store_reply_placed(&q->reply, (size_t)n);
	else if (errno == ERANGE)
		value_reply_long(q, key, get);
	else
		value_failed(q);
}

void
store_value_reply(struct store_request *q, const struct store_bytes *key)
{
	value_reply(q, key, prong_dict_get);
}

void
store_value_get(struct store_request *q)
{
	value_reply(q, &q->argv[1], prong_dict_get);
}

void
store_value_getdel(struct store_request *q)
{
	value_reply(q, &q->argv[1], prong_dict_take);
}

void
store_value_strlen(struct store_request *q)
{
	ssize_t n;

	n = prong_dict_get(q->store->dict, q->argv[1].data, q->argv[1].length,
	    NULL, 0);
	if (n == -1 && errno != ENOENT)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, n == -1 ? 0 : n);
}

void
store_value_append(struct store_request *q)
{
	ssize_t n;

	n = prong_dict_append(q->store->dict, q->argv[1].data,
	    q->argv[1].length, q->argv[2].data, q->argv[2].length);
	if (n == -1)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, n);
}
