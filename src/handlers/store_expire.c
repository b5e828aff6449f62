/* SPDX-License-Identifier: ISC */
/*
 * The handler store: when keys expire.
 */
#include "handlers/store.h"

#define EXPIRE_FOREVER	INT64_MAX	/* as a time from now */

/* On what condition. */
enum expire_flags {
	EXPIRE_NX = 1 << 0,	/* only a key that would not expire */
	EXPIRE_XX = 1 << 1,	/* only one that would */
	EXPIRE_GT = 1 << 2,	/* only later */
	EXPIRE_LT = 1 << 3,	/* only sooner */
};

static const struct {
	const char *name;
	unsigned int flag;
} expire_words[] = {
	{ "nx", EXPIRE_NX }, { "xx", EXPIRE_XX },
	{ "gt", EXPIRE_GT }, { "lt", EXPIRE_LT },
};

static unsigned int
expire_word(const struct store_bytes *b)
{
	size_t i;

	for (i = 0; i < sizeof(expire_words) / sizeof(expire_words[0]); i++)
		if (store_parse_is(b, expire_words[i].name))
			return expire_words[i].flag;
	return 0;
}

static bool
expire_parse(struct store_request *q, unsigned int *flags)
{
	unsigned int flag;
	size_t i;

	for (i = 3; i < q->argc; i++) {
		if ((flag = expire_word(&q->argv[i])) == 0) {
			store_reply_error(&q->reply,
			    "ERR Unsupported option %.*s",
			    STORE_WORD(&q->argv[i]));
			return false;
		}
		*flags |= flag;
	}
	if ((*flags & EXPIRE_NX) != 0 && *flags != EXPIRE_NX) {
		store_reply_error(&q->reply, "ERR NX and XX, GT or LT options "
		    "at the same time are not compatible");
		return false;
	}
	if ((*flags & EXPIRE_GT) != 0 && (*flags & EXPIRE_LT) != 0) {
		store_reply_error(&q->reply, "ERR GT and LT options at the "
		    "same time are not compatible");
		return false;
	}
	return true;
}

/* Whether a key that expires in so many ms is one that is meant. */
static bool
expire_applies(unsigned int flags, int64_t old, int64_t ms)
{
	if ((flags & EXPIRE_NX) != 0 && old != EXPIRE_FOREVER)
		return false;
	if ((flags & EXPIRE_XX) != 0 && old == EXPIRE_FOREVER)
		return false;
	if ((flags & EXPIRE_GT) != 0 && ms <= old)
		return false;
	return (flags & EXPIRE_LT) == 0 || ms < old;
}

static int
expire_set(struct prong_dict *d, const struct store_bytes *key, int64_t ms)
{
	/* What is over is gone. */
	return ms < 1 ? prong_dict_delete(d, key->data, key->length) :
	    prong_dict_expire(d, key->data, key->length, ms);
}

static int
expire_set_if(struct prong_dict *d, const struct store_bytes *key, int64_t ms,
    unsigned int flags)
{
	int64_t old;
	int r;

	if (prong_dict_lock(d, STORE_WAIT_MS) == -1)
		return -1;
	r = prong_dict_ttl(d, key->data, key->length, &old);
	if (r == 1)
		r = expire_applies(flags, old == PRONG_DICT_FOREVER ?
		    EXPIRE_FOREVER : old, ms) ? expire_set(d, key, ms) : 0;
	prong_dict_unlock(d);
	return r;
}

static void
expire_run(struct store_request *q, int64_t unit, bool absolute)
{
	unsigned int flags = 0;
	int64_t ms;
	int r;

	if (!expire_parse(q, &flags) ||
	    !store_time_expiry(q, 2, unit, absolute, &ms))
		return;
	r = flags == 0 ? expire_set(q->store->dict, &q->argv[1], ms) :
	    expire_set_if(q->store->dict, &q->argv[1], ms, flags);
	if (r == -1)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, r);
}

void
store_expire_in(struct store_request *q)
{
	expire_run(q, 1000, false);
}

void
store_expire_pin(struct store_request *q)
{
	expire_run(q, 1, false);
}

void
store_expire_at(struct store_request *q)
{
	expire_run(q, 1000, true);
}

void
store_expire_pat(struct store_request *q)
{
	expire_run(q, 1, true);
}

/* In units of so many ms, rounded; -2: no such key, -1: it never does. */
static void
expire_left(struct store_request *q, int64_t unit)
{
	int64_t ms;
	int r;

	r = prong_dict_ttl(q->store->dict, q->argv[1].data, q->argv[1].length,
	    &ms);
	if (r == -1)
		store_error_dict(q);
	else if (r == 0)
		store_reply_integer(&q->reply, -2);
	else
		store_reply_integer(&q->reply, ms == PRONG_DICT_FOREVER ? -1 :
		    ms / unit + (ms % unit >= (unit + 1) / 2 && unit > 1));
}

void
store_expire_ttl(struct store_request *q)
{
	expire_left(q, 1000);
}

void
store_expire_pttl(struct store_request *q)
{
	expire_left(q, 1);
}
