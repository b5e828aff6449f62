/* SPDX-License-Identifier: ISC */
/*
 * Answers in RESP2.
 */
#include "handlers/store_reply.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Less room than this is not worth trying for a value. */
#define REPLY_PLACE_MIN	1024
/* An error is a line, and says what it has to at its beginning. */
#define REPLY_ERROR_MAX	512

int
store_reply_flush(struct store_reply *r)
{
	size_t length = r->length;

	r->length = 0;
	if (!r->failed && length > 0 &&
	    prong_send(r->conn, r->data, length) == -1)
		r->failed = true;
	return r->failed ? -1 : 0;
}

/* What does not fit beside what there is. */
static __attribute__((noinline)) void
reply_overflow(struct store_reply *r, const void *data, size_t length)
{
	if (store_reply_flush(r) == -1)
		return;
	if (length <= sizeof(r->data)) {
		memcpy(r->data, data, length);
		r->length = length;
	} else if (prong_send(r->conn, data, length) == -1)
		r->failed = true;
}

void
store_reply_bytes(struct store_reply *r, const void *data, size_t length)
{
	if (length > sizeof(r->data) - r->length) {
		reply_overflow(r, data, length);
		return;
	}
	memcpy(r->data + r->length, data, length);
	r->length += length;
}

void
store_reply_text(struct store_reply *r, const char *text)
{
	store_reply_bytes(r, text, strlen(text));
}

void
store_reply_ok(struct store_reply *r)
{
	store_reply_bytes(r, "+OK\r\n", 5);
}

void
store_reply_nil(struct store_reply *r)
{
	store_reply_bytes(r, "$-1\r\n", 5);
}

/* A type, a number and "\r\n", at to; returns how long that is. */
static size_t
reply_header(char *to, char type, int64_t n)
{
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char digits[20], *p = digits + sizeof(digits);
	char *at = to;
	size_t count;

	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	*at++ = type;
	if (n < 0)
		*at++ = '-';
	count = (size_t)(digits + sizeof(digits) - p);
	memcpy(at, p, count);
	at += count;
	*at++ = '\r';
	*at++ = '\n';
	return (size_t)(at - to);
}

static void
reply_number(struct store_reply *r, char type, int64_t n)
{
	char header[STORE_REPLY_HEADER];
	size_t length = reply_header(header, type, n);

	store_reply_bytes(r, header, length);
}

void
store_reply_integer(struct store_reply *r, int64_t n)
{
	reply_number(r, ':', n);
}

void
store_reply_array(struct store_reply *r, size_t count)
{
	reply_number(r, '*', (int64_t)count);
}

void
store_reply_bulk(struct store_reply *r, const void *data, size_t length)
{
	reply_number(r, '$', (int64_t)length);
	store_reply_bytes(r, data, length);
	store_reply_bytes(r, "\r\n", 2);
}

void
store_reply_string(struct store_reply *r, const char *text)
{
	store_reply_bulk(r, text, strlen(text));
}

void
store_reply_format(struct store_reply *r, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n == -1) {
		store_reply_error(r, "ERR no memory");
		return;
	}
	store_reply_bulk(r, text, (size_t)n);
	free(text);
}

void
store_reply_error(struct store_reply *r, const char *format, ...)
{
	char text[REPLY_ERROR_MAX], *p;
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (p = text; (p = strpbrk(p, "\r\n")) != NULL; p++)
		*p = ' ';
	store_reply_bytes(r, "-", 1);
	store_reply_text(r, text);
	store_reply_bytes(r, "\r\n", 2);
}

char *
store_reply_place(struct store_reply *r, size_t *size)
{
	size_t room = sizeof(r->data) - r->length;

	if (room < STORE_REPLY_HEADER + REPLY_PLACE_MIN) {
		store_reply_flush(r);
		room = sizeof(r->data);
	}
	*size = room - STORE_REPLY_HEADER;
	return r->data + r->length + STORE_REPLY_HEADER - 2;
}

void
store_reply_placed(struct store_reply *r, size_t length)
{
	char *header = r->data + r->length;
	char *value = header + STORE_REPLY_HEADER - 2;
	size_t n = reply_header(header, '$', (int64_t)length);

	memmove(header + n, value, length);
	header[n + length] = '\r';
	header[n + length + 1] = '\n';
	r->length += n + length + 2;
}
