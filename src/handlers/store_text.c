/* SPDX-License-Identifier: ISC */
/*
 * The handler store: answers that are made in memory before they are sent.
 */
#include "handlers/store_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MIN	4096

/* Room for so many more; its contents stay. */
static int
text_grow(struct store_text *t, size_t more)
{
	size_t size = t->size == 0 ? TEXT_MIN : t->size;
	char *data;

	while (size - t->length < more)
		if (__builtin_mul_overflow(size, 2, &size))
			return ENOMEM;
	if ((data = realloc(t->data, size)) == NULL)
		return ENOMEM;
	t->data = data;
	t->size = size;
	return 0;
}

char *
store_text_room(struct store_text *t, size_t length)
{
	if (t->error != 0)
		return NULL;
	if (length > t->most - t->length) {
		t->error = EFBIG;
		return NULL;
	}
	if (length > t->size - t->length &&
	    (t->error = text_grow(t, length)) != 0)
		return NULL;
	return t->data + t->length;
}

void
store_text_add(struct store_text *t, const void *data, size_t length)
{
	char *to = store_text_room(t, length);

	if (to == NULL)
		return;
	memcpy(to, data, length);
	t->length += length;
}

void
store_text_add_bulk(struct store_text *t, const void *data, size_t length)
{
	char header[32];
	size_t n;

	n = (size_t)snprintf(header, sizeof(header), "$%zu\r\n", length);
	store_text_add(t, header, n);
	store_text_add(t, data, length);
	store_text_add(t, "\r\n", 2);
}

void
store_text_free(struct store_text *t)
{
	free(t->data);
	t->data = NULL;
	t->length = t->size = 0;
}
