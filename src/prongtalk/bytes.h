/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_BYTES_H
#define PRONGTALK_BYTES_H

#include <stddef.h>

/*
 * A queue of bytes in one piece of memory: added at the end, taken from the
 * start.  All zero is an empty one.
 */
struct bytes {
	char *data;
	size_t size;		/* allocated */
	size_t start, end;	/* what is in it */
};

/*
 * Makes room for n more bytes behind .end; -1 with ENOMEM and error_text().
 * Moves the contents, so pointers into them end here.
 */
int bytes_reserve(struct bytes *, size_t n);
int bytes_append(struct bytes *, const void *data, size_t n);

/* Takes n bytes away; they stay readable until the next reserve. */
void bytes_consume(struct bytes *, size_t n);
void bytes_free(struct bytes *);

static inline size_t
bytes_length(const struct bytes *b)
{
	return b->end - b->start;
}

#endif
