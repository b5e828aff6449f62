/* SPDX-License-Identifier: ISC */
/*
 * The handler store: DEL, EXISTS, TYPE, PERSIST, RANDOMKEY.
 */
#include <errno.h>
#include <stdlib.h>

#include "handlers/store.h"

/* The longest key of a dict. */
#define KEYS_LONGEST	65535

/* Whether a key is there: 1, 0, -1. */
static int
keys_has(struct prong_dict *d, const struct store_bytes *key)
{
	if (prong_dict_get(d, key->data, key->length, NULL, 0) >= 0)
		return 1;
	return errno == ENOENT ? 0 : -1;
}

static int
keys_delete(struct prong_dict *d, const struct store_bytes *key)
{
	return prong_dict_delete(d, key->data, key->length);
}

/* Counts for how many of the keys fn says 1, all of them at one moment. */
static void
keys_count(struct store_request *q,
    int (*fn)(struct prong_dict *, const struct store_bytes *))
{
	struct prong_dict *d = q->store->dict;
	bool locked = q->argc > 2;
	int64_t count = 0;
	size_t i;
	int r = 0;

	if (locked && prong_dict_lock(d, STORE_WAIT_MS) == -1) {
		store_error_dict(q);
		return;
	}
	for (i = 1; i < q->argc && r != -1; i++) {
		if ((r = fn(d, &q->argv[i])) == 1)
			count++;
	}
	if (r == -1)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, count);
	if (locked)
		prong_dict_unlock(d);
}

void
store_keys_delete(struct store_request *q)
{
	keys_count(q, keys_delete);
}

void
store_keys_exists(struct store_request *q)
{
	keys_count(q, keys_has);
}

void
store_keys_type(struct store_request *q)
{
	int r = keys_has(q->store->dict, &q->argv[1]);

	if (r == -1)
		store_error_dict(q);
	else
		store_reply_text(&q->reply, r == 1 ? "+string\r\n" :
		    "+none\r\n");
}

/* 1: it would have expired and does not; 0: it would not have; -1. */
static int
keys_persist(struct prong_dict *d, const struct store_bytes *key)
{
	int64_t ms;
	int r;

	if (prong_dict_lock(d, STORE_WAIT_MS) == -1)
		return -1;
	r = prong_dict_ttl(d, key->data, key->length, &ms);
	if (r == 1)
		r = ms == PRONG_DICT_FOREVER ? 0 : prong_dict_expire(d,
		    key->data, key->length, PRONG_DICT_FOREVER);
	prong_dict_unlock(d);
	return r;
}

void
store_keys_persist(struct store_request *q)
{
	int r = keys_persist(q->store->dict, &q->argv[1]);

	if (r == -1)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, r);
}

void
store_keys_random(struct store_request *q)
{
	char *key;
	ssize_t n;

	if ((key = malloc(KEYS_LONGEST)) == NULL) {
		store_error_memory(q);
		return;
	}
	n = prong_dict_random(q->store->dict, key, KEYS_LONGEST);
	if (n >= 0)
		store_reply_bulk(&q->reply, key, (size_t)n);
	else if (errno == ENOENT)
		store_reply_nil(&q->reply);
	else
		store_error_dict(q);
	free(key);
}
