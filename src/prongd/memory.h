/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_MEMORY_H
#define PRONGD_MEMORY_H

#include <stddef.h>

/*
 * Memory for what is needed before the server runs.  There is nothing to go
 * on with without it, so none of these returns NULL: prongd says that memory
 * is short and exits 1.
 */

/* What another call returned, unless that was NULL. */
void *memory_must(void *);

/* All zero. */
void *memory_get(size_t count, size_t size);
void *memory_grow(void *, size_t count, size_t size);
char *memory_copy(const char *);
char *memory_format(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
