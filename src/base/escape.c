/* SPDX-License-Identifier: ISC */
/*
 * Bytes as text, and text as bytes.
 */
#include "base/escape.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define ESCAPE_LENGTH	4	/* of "\xHH" */

/* How long characters of UTF-8 are, by the first byte, and what they may be. */
static const struct {
	unsigned char mask, first;
	size_t length;
	uint32_t least;
} escape_forms[] = {
	{ 0xe0, 0xc0, 2, 0xa0 },	/* below are more control characters */
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

/* Characters that turn the direction of a line, and such as end it. */
static const struct {
	uint32_t first, last;
} escape_steering[] = {
	{ 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x2028, 0x202e },
	{ 0x2066, 0x2069 },
};

#define ESCAPE_STEERING	(sizeof(escape_steering) / sizeof(escape_steering[0]))
#define ESCAPE_FORMS	(sizeof(escape_forms) / sizeof(escape_forms[0]))

bool
escape_is_steering(uint32_t c)
{
	size_t i;

	for (i = 0; i < ESCAPE_STEERING; i++)
		if (c >= escape_steering[i].first &&
		    c <= escape_steering[i].last)
			return true;
	return false;
}

/* The length of the printable character at p; 0: there is none. */
static size_t
escape_character(const unsigned char *p, size_t left)
{
	uint32_t c;
	size_t i, k;

	if (p[0] < 0x80)
		return p[0] >= ' ' && p[0] != 0x7f ? 1 : 0;
	for (i = 0; i < ESCAPE_FORMS; i++)
		if ((p[0] & escape_forms[i].mask) == escape_forms[i].first)
			break;
	if (i == ESCAPE_FORMS || escape_forms[i].length > left)
		return 0;
	c = p[0] & (unsigned char)~escape_forms[i].mask;
	for (k = 1; k < escape_forms[i].length; k++) {
		if ((p[k] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[k] & 0x3f);
	}
	if (c < escape_forms[i].least || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff) || escape_is_steering(c))
		return 0;
	return escape_forms[i].length;
}

char *
escape_bytes(const void *data, size_t length)
{
	const unsigned char *p = data, *end = p + length;
	char *text, *to;
	size_t n;

	if ((text = to = reallocarray(NULL, length + 1, ESCAPE_LENGTH)) == NULL)
		return NULL;
	while (p < end) {
		n = escape_character(p, (size_t)(end - p));
		if (n == 0) {
			to += sprintf(to, "\\x%02x", *p++);
			continue;
		}
		if (*p == '\\')
			*to++ = '\\';
		memcpy(to, p, n);
		to += n;
		p += n;
	}
	*to = '\0';
	return text;
}

static int
escape_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));
	return at == NULL ? -1 : (int)(at - digits);
}

/* What stands behind a backslash: its length, or 0 when it makes no sense. */
static size_t
escape_decode(const char *text, char *to)
{
	int high, low;

	if (text[0] == '\\') {
		*to = '\\';
		return 1;
	}
	if (text[0] != 'x' || (high = escape_digit(text[1])) == -1 ||
	    (low = escape_digit(text[2])) == -1)
		return 0;
	*to = (char)(high << 4 | low);
	return 3;
}

int
escape_parse(const char *text, char **data, size_t *length)
{
	char *to = malloc(strlen(text) + 1);
	size_t used;

	if (to == NULL)
		return error_errno("text");
	*data = to;
	while (*text != '\0') {
		if (*text != '\\') {
			*to++ = *text++;
			continue;
		}
		if ((used = escape_decode(++text, to++)) == 0) {
			free(*data);
			return error_set(EINVAL, "behind a backslash stands "
			    "another one, or x and two hexadecimal digits, "
			    "not \"%.3s\"", text);
		}
		text += used;
	}
	*length = (size_t)(to - *data);
	return 0;
}
