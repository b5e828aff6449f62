/* SPDX-License-Identifier: ISC */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

/*
 * Any bytes as text that is valid UTF-8 and has no control characters, and
 * back: what is not is written as \xHH, and a backslash as two.
 */

/* To be freed by the caller; NULL: ENOMEM. */
char *escape_bytes(const void *data, size_t length);

/*
 * The bytes of a text, to be freed by the caller.  -1: EINVAL, a backslash is
 * followed by something else; ENOMEM.
 */
int escape_parse(const char *text, char **data, size_t *length);

#endif
