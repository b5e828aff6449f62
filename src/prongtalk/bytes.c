/* SPDX-License-Identifier: ISC */
/*
 * A queue of bytes in one piece of memory.
 */
#include "prongtalk/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define BYTES_LEAST	4096

int
bytes_reserve(struct bytes *b, size_t n)
{
	size_t length = bytes_length(b), size = b->size, wanted;
	char *data;

	if (b->size - b->end >= n)
		return 0;
	if (__builtin_add_overflow(length, n, &wanted)) {
		errno = ENOMEM;
		return error_errno("%zu more bytes", n);
	}
	if (length > 0 && b->start > 0)
		memmove(b->data, b->data + b->start, length);
	b->start = 0;
	b->end = length;
	if (wanted <= b->size)
		return 0;
	if (size < BYTES_LEAST)
		size = BYTES_LEAST;
	/* Twice as much each time: a long message is not copied often. */
	while (size < wanted)
		if (__builtin_mul_overflow(size, 2, &size))
			size = wanted;
	if ((data = realloc(b->data, size)) == NULL)
		return error_errno("%zu bytes", size);
	b->data = data;
	b->size = size;
	return 0;
}

int
bytes_append(struct bytes *b, const void *data, size_t n)
{
	if (n == 0)
		return 0;
	if (bytes_reserve(b, n) == -1)
		return -1;
	memcpy(b->data + b->end, data, n);
	b->end += n;
	return 0;
}

void
bytes_consume(struct bytes *b, size_t n)
{
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
bytes_free(struct bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
