/* SPDX-License-Identifier: ISC */
#ifndef BASE_STRINGS_H
#define BASE_STRINGS_H

#include <stddef.h>

/* A growing list of strings, and a growing string.  Zeroed memory is empty. */

struct strings {
	char **items;
	size_t count;
};

/* Appends a copy; -1 with ENOMEM. */
int strings_add(struct strings *, const char *);
void strings_free(struct strings *);

/* Appends formatted text to *text, which may be NULL; -1 with ENOMEM. */
int strings_append(char **text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
