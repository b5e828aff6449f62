/* SPDX-License-Identifier: ISC */
/*
 * The text of the last failure, one per thread.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__thread char error_buffer[ERROR_MAX];

static void
error_vset(int with_errno, const char *fmt, va_list ap)
{
	char text[ERROR_MAX];
	int error = errno;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (with_errno)
		snprintf(error_buffer, sizeof(error_buffer), "%.*s: %s",
		    (int)sizeof(text) - 80, text, strerror(error));
	else
		strlcpy(error_buffer, text, sizeof(error_buffer));
	errno = error;
}

int
error_set(int error, const char *fmt, ...)
{
	va_list ap;

	errno = error;
	va_start(ap, fmt);
	error_vset(0, fmt, ap);
	va_end(ap);
	return -1;
}

int
error_errno(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_vset(1, fmt, ap);
	va_end(ap);
	return -1;
}

int
error_prefix(const char *fmt, ...)
{
	char old[ERROR_MAX], prefix[ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	strlcpy(old, error_buffer, sizeof(old));
	snprintf(error_buffer, sizeof(error_buffer), "%.*s: %.*s",
	    ERROR_MAX / 2 - 2, prefix, ERROR_MAX / 2 - 2, old);
	return -1;
}

const char *
error_text(void)
{
	return error_buffer;
}
