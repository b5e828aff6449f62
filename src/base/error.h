/* SPDX-License-Identifier: ISC */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/*
 * The text that goes with the last failure of this thread.  Low layers fill
 * it and never log; whoever decides logs it once.
 */

#define ERROR_MAX	512

/* Sets errno and the text; returns -1, so that callers can return it. */
int error_set(int error, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, followed by ": " and what errno says; errno is kept. */
int error_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Puts "prefix: " before the text that is there; returns -1, keeps errno. */
int error_prefix(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

extern __thread char error_buffer[ERROR_MAX];

static inline void
error_clear(void)
{
	error_buffer[0] = '\0';
}

/* Never NULL; "" when nothing has failed yet. */
const char *error_text(void);

#endif
