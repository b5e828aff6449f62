/* SPDX-License-Identifier: ISC */
/*
 * The handler store: KEYS and SCAN.
 *
 * An answer says first how many keys it has, so it is made in memory, up to the
 * option reply-max, and sent as the client takes it.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/store.h"
#include "handlers/store_text.h"

#define SCAN_COUNT	10	/* unless the client says otherwise */
#define SCAN_COUNT_MAX	1000	/* for one request: the next one goes on */

struct scan {
	const struct store_bytes *pattern;	/* NULL: any */
	int64_t count;
	bool is_string;		/* TYPE string, or none asked for */
	size_t found;
	struct store_text text;
};

static int
scan_item(const struct prong_dict_item *item, void *arg)
{
	const struct store_bytes key = { item->key, item->key_length };
	struct scan *s = arg;

	if (!s->is_string || (s->pattern != NULL &&
	    !store_glob(s->pattern, &key)))
		return 0;
	store_text_add_bulk(&s->text, key.data, key.length);
	s->found++;
	return s->text.error != 0;
}

/* Answers when there is no answer; true then. */
static bool
scan_failed(struct store_request *q, struct scan *s, int result)
{
	if (s->text.error == EFBIG)
		store_reply_error(&q->reply, "ERR the answer has more than "
		    "%zu bytes, which is the service's reply-max: use SCAN",
		    q->store->reply_max);
	else if (s->text.error != 0)
		store_error_memory(q);
	else if (result == -1)
		store_error_dict(q);
	else
		return false;
	store_text_free(&s->text);
	return true;
}

void
store_scan_keys(struct store_request *q)
{
	struct scan s = { .pattern = &q->argv[1], .is_string = true,
	    .text = { .most = q->store->reply_max } };
	int r = prong_dict_each(q->store->dict, scan_item, &s);

	if (scan_failed(q, &s, r))
		return;
	store_reply_array(&q->reply, s.found);
	store_rest_send(q, &s.text);
}

/* One option of SCAN, whose value follows. */
static bool
scan_option(struct store_request *q, struct scan *s, size_t i)
{
	const struct store_bytes *name = &q->argv[i], *value = name + 1;

	if (i + 1 == q->argc) {
		store_error_syntax(q);
		return false;
	}
	if (store_parse_is(name, "match"))
		s->pattern = value;
	else if (store_parse_is(name, "type"))
		s->is_string = store_parse_is(value, "string");
	else if (!store_parse_is(name, "count")) {
		store_error_syntax(q);
		return false;
	} else if (!store_parse_number(q, i + 1, &s->count))
		return false;
	else if (s->count < 1) {
		store_error_syntax(q);
		return false;
	}
	return true;
}

/* As Redis reads it, so "00" is one, and "-1", and so is nothing at all. */
static bool
scan_cursor(const struct store_bytes *b, uint64_t *cursor)
{
	char text[32], *end;

	if (b->length >= sizeof(text) || memchr(b->data, '\0', b->length) != NULL)
		return false;
	memcpy(text, b->data, b->length);
	text[b->length] = '\0';
	errno = 0;
	*cursor = strtoull(text, &end, 10);
	return !isspace((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

void
store_scan_scan(struct store_request *q)
{
	struct scan s = { .count = SCAN_COUNT, .is_string = true,
	    .text = { .most = SIZE_MAX } };
	uint64_t cursor;
	char next[24];
	size_t i;
	int r;

	if (!scan_cursor(&q->argv[1], &cursor)) {
		store_reply_error(&q->reply, "ERR invalid cursor");
		return;
	}
	for (i = 2; i < q->argc; i += 2)
		if (!scan_option(q, &s, i))
			return;
	if (s.count > SCAN_COUNT_MAX)
		s.count = SCAN_COUNT_MAX;
	r = prong_dict_scan(q->store->dict, &cursor, (size_t)s.count,
	    scan_item, &s);
	/* No scan has ever given it: behind it there is nothing. */
	if (r == -1 && errno == EINVAL) {
		r = 0;
		cursor = 0;
	}
	if (scan_failed(q, &s, r))
		return;
	store_reply_array(&q->reply, 2);
	snprintf(next, sizeof(next), "%" PRIu64, cursor);
	store_reply_string(&q->reply, next);
	store_reply_array(&q->reply, s.found);
	store_rest_send(q, &s.text);
}
