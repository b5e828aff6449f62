/* SPDX-License-Identifier: ISC */
/*
 * Memory that is there or ends the program.  Used while prongd sets itself
 * up, never while it serves.
 */
#include "prongd/memory.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
memory_must(void *p)
{
	if (p == NULL)
		err(1, "memory");
	return p;
}

void *
memory_get(size_t count, size_t size)
{
	return memory_must(calloc(count, size));
}

void *
memory_grow(void *p, size_t count, size_t size)
{
	return memory_must(reallocarray(p, count, size));
}

char *
memory_copy(const char *text)
{
	return memory_must(strdup(text));
}

char *
memory_format(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		text = NULL;
	va_end(ap);
	return memory_must(text);
}
