/* SPDX-License-Identifier: ISC */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Any bytes as text that is valid UTF-8 and has nothing that steers where it
 * is shown, neither control characters nor escape_is_steering() ones, and back: what is not is written as \xHH, and a backslash as two.
 */

/* To be freed by the caller; NULL: ENOMEM. */
char *escape_bytes(const void *data, size_t length);

/*
 * The bytes of a text, to be freed by the caller.  -1: EINVAL, a backslash is
 * followed by something else; ENOMEM.
 */
int escape_parse(const char *text, char **data, size_t *length);

/*
 * Whether a character ends a line or turns its direction without being a
 * control character: what follows could be shown as something else.
 */
bool escape_is_steering(uint32_t);

#endif
