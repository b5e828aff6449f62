/* SPDX-License-Identifier: ISC */
/*
 * The handler store: MGET, MSET, MSETNX.
 *
 * With more than one key the whole dict is locked, so nobody sees some of the
 * values and not the others.  When one of them cannot be set, those before it
 * are taken back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/store.h"
#include "handlers/store_text.h"

/* What a key had before, to be put back. */
struct many_old {
	bool is_none;
	int64_t ms;
	size_t at, length;	/* its value, in the text of all */
};

struct many {
	struct prong_dict *dict;
	struct many_old *olds;
	size_t count;		/* how many are set */
	struct store_text text;
};

void
store_many_mget(struct store_request *q)
{
	bool locked = q->argc > 2;

	if (locked && prong_dict_lock(q->store->dict, STORE_WAIT_MS) == -1) {
		store_error_dict(q);
		return;
	}
	store_reply_array(&q->reply, q->argc - 1);
	store_rest_values(q, 1);
	if (locked)
		prong_dict_unlock(q->store->dict);
}

/* Notes what there is of a key; -1: error. */
static int
many_note(struct many *m, const struct store_bytes *key)
{
	struct many_old *old = &m->olds[m->count];
	ssize_t n;
	int r;

	old->is_none = false;
	old->at = m->text.length;
	if ((r = prong_dict_ttl(m->dict, key->data, key->length,
	    &old->ms)) != 1) {
		old->is_none = true;
		return r;
	}
	if ((n = prong_dict_get(m->dict, key->data, key->length, NULL,
	    0)) == -1)
		return -1;
	old->length = (size_t)n;
	if (store_text_room(&m->text, (size_t)n + 1) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	if (prong_dict_get(m->dict, key->data, key->length,
	    m->text.data + old->at, (size_t)n + 1) == -1)
		return -1;
	m->text.length += (size_t)n;
	return 0;
}

/* In reverse, for a key may come twice.  There was room for it before. */
static void
many_undo(struct many *m, const struct store_bytes *pairs)
{
	const struct many_old *old;
	const struct store_bytes *key;

	while (m->count-- > 0) {
		old = &m->olds[m->count];
		key = &pairs[2 * m->count];
		if (old->is_none)
			prong_dict_delete(m->dict, key->data, key->length);
		else
			prong_dict_set(m->dict, key->data, key->length,
			    m->text.data + old->at, old->length, 0,
			    old->ms == 0 ? 1 : old->ms);
	}
}

static int
many_set_all(struct many *m, const struct store_bytes *pairs, size_t count)
{
	const struct store_bytes *pair;

	for (; m->count < count; m->count++) {
		pair = &pairs[2 * m->count];
		if (many_note(m, &pair[0]) == -1 ||
		    prong_dict_set(m->dict, pair[0].data, pair[0].length,
		    pair[1].data, pair[1].length, 0, PRONG_DICT_FOREVER) == -1)
			return -1;
	}
	return 0;
}

/* With the lock: true when all are set, else an answer is given. */
static bool
many_set_locked(struct store_request *q, size_t count)
{
	struct many m = { .dict = q->store->dict,
	    .text = { .most = SIZE_MAX } };
	bool done;

	if ((m.olds = calloc(count, sizeof(*m.olds))) == NULL) {
		store_error_memory(q);
		return false;
	}
	done = many_set_all(&m, &q->argv[1], count) == 0;
	if (!done) {
		store_error_dict(q);
		many_undo(&m, &q->argv[1]);
	}
	store_text_free(&m.text);
	free(m.olds);
	return done;
}

/* Whether one of the keys is there: 1, 0, or -1 when an answer is given. */
static int
many_any(struct store_request *q, size_t count)
{
	const struct store_bytes *key;
	size_t i;

	for (i = 0; i < count; i++) {
		key = &q->argv[1 + 2 * i];
		if (prong_dict_get(q->store->dict, key->data, key->length,
		    NULL, 0) >= 0)
			return 1;
		if (errno != ENOENT) {
			store_error_dict(q);
			return -1;
		}
	}
	return 0;
}

/* Calls fn with the number of pairs, and with the lock. */
static void
many_set(struct store_request *q, void (*fn)(struct store_request *, size_t))
{
	if (q->argc % 2 == 0) {
		store_error_arity(q, NULL);
		return;
	}
	if (prong_dict_lock(q->store->dict, STORE_WAIT_MS) == -1) {
		store_error_dict(q);
		return;
	}
	fn(q, q->argc / 2);
	prong_dict_unlock(q->store->dict);
}

static void
many_set_ok(struct store_request *q, size_t count)
{
	if (many_set_locked(q, count))
		store_reply_ok(&q->reply);
}

static void
many_set_if_none(struct store_request *q, size_t count)
{
	int r = many_any(q, count);

	if (r == 1)
		store_reply_integer(&q->reply, 0);
	else if (r == 0 && many_set_locked(q, count))
		store_reply_integer(&q->reply, 1);
}

void
store_many_mset(struct store_request *q)
{
	many_set(q, many_set_ok);
}

void
store_many_msetnx(struct store_request *q)
{
	many_set(q, many_set_if_none);
}
