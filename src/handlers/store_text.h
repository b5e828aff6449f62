/* SPDX-License-Identifier: ISC */
#ifndef HANDLERS_STORE_TEXT_H
#define HANDLERS_STORE_TEXT_H

#include <stddef.h>

/*
 * Bytes that grow up to a limit.  What fails is remembered, and nothing is
 * added any more: who is done with adding looks at .error.
 */
struct store_text {
	char *data;
	size_t length, size;
	size_t most;		/* so many bytes; more is EFBIG */
	int error;		/* 0, EFBIG, ENOMEM */
};

void store_text_add(struct store_text *, const void *, size_t);
/* As a bulk string of RESP. */
void store_text_add_bulk(struct store_text *, const void *, size_t);
/* Room for so many bytes behind what there is; NULL: as above. */
char *store_text_room(struct store_text *, size_t);
void store_text_free(struct store_text *);

#endif
