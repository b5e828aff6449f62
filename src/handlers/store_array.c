/* SPDX-License-Identifier: ISC */
/*
 * The handler store: AGET, ASET, AINCRBY, ASUM, ALEN, for the arrays of the
 * configuration.
 *
 * A cell of int8 to int64 is answered as an integer, one of uint64 or double as
 * a bulk string, since RESP2 has no number that could hold it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "handlers/store.h"

/* A longer name is nobody's. */
#define ARRAY_NAME_MAX	256

/* The array that the first argument names; NULL when an answer is given. */
static struct prong_array *
array_open(struct store_request *q)
{
	const struct store_bytes *name = &q->argv[1];
	struct prong_array *a = NULL;
	char text[ARRAY_NAME_MAX];

	if (name->length < sizeof(text) &&
	    memchr(name->data, '\0', name->length) == NULL) {
		memcpy(text, name->data, name->length);
		text[name->length] = '\0';
		a = prong_array_open(q->store->service, text);
	}
	if (a != NULL)
		return a;
	/* A key is what somebody meant who takes one for the other. */
	if (prong_dict_get(q->store->dict, name->data, name->length, NULL,
	    0) >= 0)
		store_reply_error(&q->reply, "WRONGTYPE Operation against a "
		    "key holding the wrong kind of value");
	else
		store_reply_error(&q->reply, "ERR there is no array '%.*s' in "
		    "the configuration", STORE_WORD(name));
	return NULL;
}

/* The same and an index, of a cell that there is. */
static struct prong_array *
array_open_cell(struct store_request *q, size_t *index)
{
	struct prong_array *a = array_open(q);
	uint64_t n;

	if (a == NULL)
		return NULL;
	if (!store_parse_natural(&q->argv[2], &n) ||
	    n >= prong_array_length(a)) {
		store_reply_error(&q->reply, "ERR index out of range: the "
		    "array has %zu cells, counted from 0",
		    prong_array_length(a));
		return NULL;
	}
	*index = (size_t)n;
	return a;
}

/* A value of the array's type; false when an answer is given. */
static bool
array_parse(struct store_request *q, const struct prong_array *a,
    union prong_value *v)
{
	const struct store_bytes *b = &q->argv[3];
	bool good;

	switch (prong_array_type(a)) {
	case PRONG_UINT64:
		if (!(good = store_parse_natural(b, &v->natural)))
			store_error_integer(q);
		break;
	case PRONG_DOUBLE:
		if (!(good = store_parse_real(b, &v->real)))
			store_reply_error(&q->reply,
			    "ERR value is not a valid float");
		break;
	default:
		good = store_parse_number(q, 3, &v->integer);
		break;
	}
	return good;
}

static void
array_answer(struct store_request *q, const struct prong_array *a,
    union prong_value v)
{
	switch (prong_array_type(a)) {
	case PRONG_UINT64:
		store_reply_format(&q->reply, "%" PRIu64, v.natural);
		break;
	case PRONG_DOUBLE:
		store_reply_format(&q->reply, "%.17g", v.real);
		break;
	default:
		store_reply_integer(&q->reply, v.integer);
		break;
	}
}

/* What a call said that failed. */
static void
array_failed(struct store_request *q)
{
	if (errno == ERANGE)
		store_reply_error(&q->reply, "ERR value is out of range: %s",
		    prong_error());
	else
		store_reply_error(&q->reply, "ERR %s", prong_error());
}

void
store_array_get(struct store_request *q)
{
	struct prong_array *a;
	union prong_value v;
	size_t index;

	if ((a = array_open_cell(q, &index)) == NULL)
		return;
	if (prong_array_get(a, index, &v) == -1)
		array_failed(q);
	else
		array_answer(q, a, v);
}

void
store_array_set(struct store_request *q)
{
	struct prong_array *a;
	union prong_value v;
	size_t index;

	if ((a = array_open_cell(q, &index)) == NULL ||
	    !array_parse(q, a, &v))
		return;
	if (prong_array_set(a, index, v) == -1)
		array_failed(q);
	else
		store_reply_ok(&q->reply);
}

void
store_array_incrby(struct store_request *q)
{
	union prong_value v, sum;
	struct prong_array *a;
	size_t index;

	if ((a = array_open_cell(q, &index)) == NULL ||
	    !array_parse(q, a, &v))
		return;
	if (prong_array_add(a, index, v, &sum) == -1)
		array_failed(q);
	else
		array_answer(q, a, sum);
}

void
store_array_sum(struct store_request *q)
{
	struct prong_array *a = array_open(q);
	union prong_value v;

	if (a == NULL)
		return;
	if (prong_array_sum(a, &v) == -1)
		array_failed(q);
	else
		array_answer(q, a, v);
}

void
store_array_length(struct store_request *q)
{
	struct prong_array *a = array_open(q);

	if (a != NULL)
		store_reply_integer(&q->reply,
		    (int64_t)prong_array_length(a));
}
