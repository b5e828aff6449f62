/* SPDX-License-Identifier: ISC */
/*
 * The handler store: arguments as numbers and words.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "handlers/store.h"

/* The longest text of a number of the kind that has the longest. */
#define PARSE_REAL_MAX	128

/* Digits without a zero in front that says nothing. */
bool
store_parse_natural(const struct store_bytes *b, uint64_t *n)
{
	uint64_t value = 0;
	size_t i;

	if (b->length == 0 || (b->length > 1 && b->data[0] == '0'))
		return false;
	for (i = 0; i < b->length; i++) {
		if (b->data[i] < '0' || b->data[i] > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value,
		    (uint64_t)(b->data[i] - '0'), &value))
			return false;
	}
	*n = value;
	return true;
}

/* As it would be written and in no other way: "+1", "01" and "-0" are none. */
bool
store_parse_integer(const struct store_bytes *b, int64_t *n)
{
	bool negative = b->length > 0 && b->data[0] == '-';
	struct store_bytes digits = { b->data + negative,
	    b->length - negative };
	uint64_t value;

	if (!store_parse_natural(&digits, &value) ||
	    value > (uint64_t)INT64_MAX + negative ||
	    (negative && value == 0))
		return false;
	*n = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool
store_parse_real(const struct store_bytes *b, double *n)
{
	char text[PARSE_REAL_MAX], *end;

	if (b->length == 0 || b->length >= sizeof(text) ||
	    strchr(" \t\n\v\f\r", b->data[0]) != NULL)
		return false;
	memcpy(text, b->data, b->length);
	text[b->length] = '\0';
	*n = strtod(text, &end);
	return end == text + b->length && isfinite(*n);
}

bool
store_parse_is(const struct store_bytes *b, const char *word)
{
	return strlen(word) == b->length &&
	    strncasecmp(b->data, word, b->length) == 0;
}

bool
store_parse_number(struct store_request *q, size_t argument, int64_t *n)
{
	if (store_parse_integer(&q->argv[argument], n))
		return true;
	store_error_integer(q);
	return false;
}
