/* SPDX-License-Identifier: ISC */
/*
 * The problems of a configuration: collected, put in order, printed.
 */
#include "prongd/problem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "prongd/memory.h"

#define PROBLEM_MAX	1024	/* bytes of one text; a value may be huge */

struct problem {
	struct place place;
	size_t serial;
	char *text;
};

void
problem_add(struct problems *p, struct place place, const char *fmt, ...)
{
	char text[PROBLEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->list = memory_grow(p->list, p->count + 1, sizeof(*p->list));
	p->list[p->count] = (struct problem){
		.place = place,
		.serial = p->count,
		.text = memory_copy(text),
	};
	p->count++;
}

static int
problem_compare(const void *first, const void *second)
{
	const struct problem *a = first, *b = second;

	if (a->place.order != b->place.order)
		return a->place.order < b->place.order ? -1 : 1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	return a->serial < b->serial ? -1 : 1;
}

/* What comes from a file must not steer the terminal. */
static void
problem_clean(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void
problem_print(struct problems *p, const char *what, FILE *out)
{
	struct problem *it;
	size_t i;

	if (p->count > 0)
		qsort(p->list, p->count, sizeof(*p->list), problem_compare);
	for (i = 0; i < p->count; i++) {
		it = &p->list[i];
		problem_clean(it->text);
		if (it->place.line > 0)
			fprintf(out, "%s:%d: %s%s\n", it->place.file,
			    it->place.line, what, it->text);
		else
			fprintf(out, "%s: %s%s\n", it->place.file, what,
			    it->text);
	}
}

void
problem_free(struct problems *p)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		free(p->list[i].text);
	free(p->list);
	*p = (struct problems){ NULL, 0 };
}
