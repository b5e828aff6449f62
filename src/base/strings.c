/* SPDX-License-Identifier: ISC */
/*
 * Lists of strings, and strings put together piece by piece.
 */
#include "base/strings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int
strings_add(struct strings *s, const char *item)
{
	char **items;

	items = reallocarray(s->items, s->count + 1, sizeof(*items));
	if (items == NULL)
		return error_errno("strings");
	s->items = items;
	if ((items[s->count] = strdup(item)) == NULL)
		return error_errno("strings");
	s->count++;
	return 0;
}

void
strings_free(struct strings *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct strings){ 0 };
}

int
strings_append(char **text, const char *fmt, ...)
{
	char *piece, *whole;
	size_t old = *text == NULL ? 0 : strlen(*text);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&piece, fmt, ap);
	va_end(ap);
	if (n == -1)
		return error_errno("text");
	if ((whole = realloc(*text, old + (size_t)n + 1)) == NULL) {
		free(piece);
		return error_errno("text");
	}
	memcpy(whole + old, piece, (size_t)n + 1);
	free(piece);
	*text = whole;
	return 0;
}
