/* SPDX-License-Identifier: ISC */
/*
 * The handler store: INCR, DECR, INCRBY, DECRBY.
 */
#include <errno.h>

#include "handlers/store.h"

static void
count_add(struct store_request *q, int64_t n)
{
	int64_t sum;

	if (prong_dict_add(q->store->dict, q->argv[1].data, q->argv[1].length,
	    n, &sum) == 0)
		store_reply_integer(&q->reply, sum);
	else if (errno == EINVAL)
		store_error_integer(q);
	else if (errno == ERANGE)
		store_reply_error(&q->reply,
		    "ERR increment or decrement would overflow");
	else
		store_error_dict(q);
}

void
store_count_incr(struct store_request *q)
{
	count_add(q, 1);
}

void
store_count_decr(struct store_request *q)
{
	count_add(q, -1);
}

void
store_count_incrby(struct store_request *q)
{
	int64_t n;

	if (store_parse_number(q, 2, &n))
		count_add(q, n);
}

void
store_count_decrby(struct store_request *q)
{
	int64_t n;

	if (!store_parse_number(q, 2, &n))
		return;
	if (n == INT64_MIN)
		store_reply_error(&q->reply, "ERR decrement would overflow");
	else
		count_add(q, -n);
}
