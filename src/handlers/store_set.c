/* SPDX-License-Identifier: ISC */
/*
 * The handler store: SET and its relatives.
 */
#include <errno.h>
#include <stdlib.h>

#include "handlers/store.h"

/* What SET is asked to do besides. */
struct set_options {
	unsigned int flags;	/* of prong_dict_set() */
	bool get;		/* the old value is the answer */
	bool expires;
	int64_t ms;
	bool is_over;		/* it has expired already */
};

static const struct set_word {
	const char *name;
	unsigned int flag;
	bool get;
	int64_t unit;		/* of the time that follows, in ms; 0: none */
	bool absolute;
} set_words[] = {
	{ "nx", .flag = PRONG_DICT_ABSENT },
	{ "xx", .flag = PRONG_DICT_PRESENT },
	{ "keepttl", .flag = PRONG_DICT_KEEP },
	{ "get", .get = true },
	{ "ex", .unit = 1000 },
	{ "px", .unit = 1 },
	{ "exat", .unit = 1000, .absolute = true },
	{ "pxat", .unit = 1, .absolute = true },
};

static const struct set_word *
set_find(const struct store_bytes *b)
{
	size_t i;

	for (i = 0; i < sizeof(set_words) / sizeof(set_words[0]); i++)
		if (store_parse_is(b, set_words[i].name))
			return &set_words[i];
	return NULL;
}

/* Whether a word goes with those before it, and has what it wants. */
static bool
set_fits(const struct store_request *q, const struct set_options *o,
    const struct set_word *w, size_t at)
{
	const unsigned int both = PRONG_DICT_ABSENT | PRONG_DICT_PRESENT;

	if (w == NULL || ((o->flags | w->flag) & both) == both)
		return false;
	if (w->unit != 0)
		return !o->expires && (o->flags & PRONG_DICT_KEEP) == 0 &&
		    at + 1 < q->argc;
	return w->flag != PRONG_DICT_KEEP || !o->expires;
}

/* How long a key is to live; false when an answer is given. */
static bool
set_time(struct store_request *q, size_t argument, int64_t unit, bool absolute,
    int64_t *ms)
{
	int64_t given;

	if (store_parse_integer(&q->argv[argument], &given) && given <= 0) {
		store_reply_error(&q->reply, "ERR invalid expire time in "
		    "'%s' command", q->command->name);
		return false;
	}
	return store_time_expiry(q, argument, unit, absolute, ms);
}

static bool
set_parse(struct store_request *q, struct set_options *o)
{
	const struct set_word *w, *timed = NULL;
	size_t i, time = 0;

	*o = (struct set_options){ .ms = PRONG_DICT_FOREVER };
	for (i = 3; i < q->argc; i++) {
		w = set_find(&q->argv[i]);
		if (!set_fits(q, o, w, i)) {
			store_error_syntax(q);
			return false;
		}
		o->flags |= w->flag;
		o->get = o->get || w->get;
		if (w->unit != 0) {
			o->expires = true;
			timed = w;
			time = ++i;
		}
	}
	if (timed == NULL)
		return true;
	if (!set_time(q, time, timed->unit, timed->absolute, &o->ms))
		return false;
	o->is_over = o->ms < 1;
	return true;
}

static int
set_value(struct store_request *q, const struct store_bytes *value,
    unsigned int flags, int64_t ms)
{
	return prong_dict_set(q->store->dict, q->argv[1].data,
	    q->argv[1].length, value->data, value->length, flags, ms);
}

/* As above, with the old value as the answer. */
static void
set_swap(struct store_request *q, const struct store_bytes *value,
    unsigned int flags, int64_t ms)
{
	struct prong_dict_value old = { .size = 0 };
	const struct store_bytes *key = &q->argv[1];
	char *memory = NULL, *more;
	int r;

	old.data = store_reply_place(&q->reply, &old.size);
	while ((r = prong_dict_swap(q->store->dict, key->data, key->length,
	    value->data, value->length, flags, ms, &old)) == -1 &&
	    errno == ERANGE) {
		old.size = (size_t)old.length;
		if ((more = realloc(memory, old.size)) == NULL) {
			store_error_memory(q);
			free(memory);
			return;
		}
		old.data = memory = more;
	}
	if (r == -1)
		store_error_dict(q);
	else if (old.length == -1)
		store_reply_nil(&q->reply);
	else if (memory == NULL)
		store_reply_placed(&q->reply, (size_t)old.length);
	else
		store_reply_bulk(&q->reply, memory, (size_t)old.length);
	free(memory);
}

/* A time that is over: what would be set is deleted, and was never there. */
static void
set_over(struct store_request *q, const struct set_options *o)
{
	const struct store_bytes *key = &q->argv[1];
	struct prong_dict *d = q->store->dict;
	bool is_there, sets;
	ssize_t n;

	if (prong_dict_lock(d, STORE_WAIT_MS) == -1) {
		store_error_dict(q);
		return;
	}
	n = prong_dict_get(d, key->data, key->length, NULL, 0);
	is_there = n != -1;
	sets = (o->flags & (is_there ? PRONG_DICT_ABSENT :
	    PRONG_DICT_PRESENT)) == 0;
	if (n == -1 && errno != ENOENT)
		store_error_dict(q);
	else if (o->get)
		store_value_reply(q, key);
	else if (sets)
		store_reply_ok(&q->reply);
	else
		store_reply_nil(&q->reply);
	if (is_there && sets)
		prong_dict_delete(d, key->data, key->length);
	prong_dict_unlock(d);
}

void
store_set_set(struct store_request *q)
{
	struct set_options o = { .ms = PRONG_DICT_FOREVER };
	int r;

	if (q->argc > 3 && !set_parse(q, &o))
		return;
	if (o.is_over) {
		set_over(q, &o);
		return;
	}
	if (o.get) {
		set_swap(q, &q->argv[2], o.flags, o.ms);
		return;
	}
	r = set_value(q, &q->argv[2], o.flags, o.ms);
	if (r == 1)
		store_reply_ok(&q->reply);
	else if (r == 0)
		store_reply_nil(&q->reply);
	else
		store_error_dict(q);
}

void
store_set_getset(struct store_request *q)
{
	set_swap(q, &q->argv[2], 0, PRONG_DICT_FOREVER);
}

void
store_set_setnx(struct store_request *q)
{
	int r = set_value(q, &q->argv[2], PRONG_DICT_ABSENT,
	    PRONG_DICT_FOREVER);

	if (r == -1)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, r);
}

static void
set_expiring(struct store_request *q, int64_t unit)
{
	int64_t ms;

	if (!set_time(q, 2, unit, false, &ms))
		return;
	if (set_value(q, &q->argv[3], 0, ms) == -1)
		store_error_dict(q);
	else
		store_reply_ok(&q->reply);
}

void
store_set_setex(struct store_request *q)
{
	set_expiring(q, 1000);
}

void
store_set_psetex(struct store_request *q)
{
	set_expiring(q, 1);
}
