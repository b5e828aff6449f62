/* SPDX-License-Identifier: ISC */
/*
 * The problems of a configuration: collected, put in order, printed.
 */
#include "prongd/problem.h"

#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

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

/* Letters that turn the direction of a line, and such as end it. */
static const struct {
	wchar_t first, last;
} problem_steering[] = {
	{ 0x061c, 0x061c }, { 0x200e, 0x200f }, { 0x2028, 0x202e },
	{ 0x2066, 0x2069 },
};

static bool
problem_is_harmless(wchar_t c)
{
	size_t i;

	for (i = 0; i < sizeof(problem_steering) / sizeof(problem_steering[0]);
	    i++)
		if (c >= problem_steering[i].first &&
		    c <= problem_steering[i].last)
			return false;
	return iswprint((wint_t)c);
}

void
problem_clean(char *text)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), old;
	mbstate_t state = { 0 };
	wchar_t c;
	char *to = text;
	size_t n;

	/* Without it, all but ASCII is replaced. */
	old = uselocale(utf8);
	for (; *text != '\0'; text += n) {
		n = mbrtowc(&c, text, strlen(text), &state);
		if (n == (size_t)-1 || n == (size_t)-2) {
			state = (mbstate_t){ 0 };
			n = 1;
			c = L'\0';
		}
		if (problem_is_harmless(c)) {
			memmove(to, text, n);
			to += n;
		} else
			*to++ = '?';
	}
	*to = '\0';
	uselocale(old);
	if (utf8 != (locale_t)0)
		freelocale(utf8);
}

void
problem_say(const char *text)
{
	char *clean = memory_copy(text);

	problem_clean(clean);
	fprintf(stderr, "prongd: %s\n", clean);
	free(clean);
}

void
problem_print(struct problems *p, const char *what, FILE *out)
{
	struct problem *it;
	char *file;
	size_t i;

	if (p->count > 0)
		qsort(p->list, p->count, sizeof(*p->list), problem_compare);
	for (i = 0; i < p->count; i++) {
		it = &p->list[i];
		file = memory_copy(it->place.file);
		problem_clean(file);
		problem_clean(it->text);
		if (it->place.line > 0)
			fprintf(out, "%s:%d: %s%s\n", file, it->place.line,
			    what, it->text);
		else
			fprintf(out, "%s: %s%s\n", file, what, it->text);
		free(file);
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
