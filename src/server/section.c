/* SPDX-License-Identifier: ISC */
/*
 * Sections of the configuration: kept as text, checked against a table of
 * options, read by handlers.
 */
#include "server/section.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

struct prong_section *
section_new(const char *name, const char *title,
    const struct prong_option *members)
{
	struct prong_section *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->name = strdup(name)) == NULL ||
	    (s->title = strdup(title)) == NULL) {
		error_errno("section");
		section_free(s);
		return NULL;
	}
	s->members = members;
	return s;
}

static void
section_value_free(struct section_value *v)
{
	free(v->name);
	free(v->text);
	free(v);
}

void
section_free(struct prong_section *s)
{
	struct section_value *v;
	struct prong_section *m;

	if (s == NULL)
		return;
	while ((v = s->values) != NULL) {
		s->values = v->next;
		section_value_free(v);
	}
	while ((m = s->sections) != NULL) {
		s->sections = m->next;
		section_free(m);
	}
	free(s->name);
	free(s->title);
	free(s);
}

struct prong_section *
section_find(struct prong_section *list, const char *name, const char *title)
{
	for (; list != NULL; list = list->next)
		if (strcmp(list->name, name) == 0 &&
		    strcmp(list->title, title) == 0)
			return list;
	return NULL;
}

int
section_append(struct prong_section **list, struct prong_section *s)
{
	if (section_find(*list, s->name, s->title) != NULL)
		return error_set(EEXIST, "there is a %s \"%s\" already",
		    s->name, s->title);
	while (*list != NULL)
		list = &(*list)->next;
	*list = s;
	return 0;
}

const struct prong_option *
section_option(const struct prong_option *members, const char *name)
{
	const struct prong_option *o;

	for (o = members; o != NULL && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static int
section_check_choice(const struct prong_option *o, const char *text)
{
	char *list = NULL;
	int i;

	for (i = 0; o->choices[i] != NULL; i++)
		if (strcmp(o->choices[i], text) == 0)
			return 0;
	for (i = 0; o->choices[i] != NULL; i++)
		strings_append(&list, "%s%s", i == 0 ? "" : ", ",
		    o->choices[i]);
	error_set(EINVAL, "\"%.64s\" is none of: %s", text, list);
	free(list);
	return -1;
}

/* Parses by type; *n is set for those that are numbers. */
static int
section_parse(const struct prong_option *o, const char *text, int64_t *n)
{
	int truth;

	switch (o->type) {
	case PRONG_INT:
		return units_integer(text, INT64_MIN, INT64_MAX, n);
	case PRONG_SIZE:
		return units_size(text, n);
	case PRONG_TIME:
		if (units_duration(text, n) == -1)
			return -1;
		*n /= 1000;
		return 0;
	case PRONG_BOOL:
		if (units_bool(text, &truth) == -1)
			return -1;
		*n = truth;
		return 0;
	case PRONG_CHOICE:
		return section_check_choice(o, text);
	case PRONG_STRING:
	case PRONG_STRINGS:
	case PRONG_SECTION:
		break;
	}
	return 0;
}

int
section_check(const struct prong_option *o, const char *text)
{
	int64_t n;

	return section_parse(o, text, &n);
}

bool
section_is_same(const struct prong_option *o, const char *a, const char *b)
{
	int64_t m = 0, n = 0;

	if (strcmp(a, b) == 0)
		return true;
	return o->type >= PRONG_INT && o->type <= PRONG_TIME &&
	    section_parse(o, a, &m) == 0 && section_parse(o, b, &n) == 0 &&
	    m == n;
}

struct section_value *
section_value(const struct prong_section *s, const char *name)
{
	struct section_value *v;

	for (v = s->values; v != NULL && strcmp(v->name, name) != 0;
	    v = v->next)
		continue;
	return v;
}

/* Lists may be long, and are stored value by value. */
static void
section_append_value(struct prong_section *s, struct section_value *v)
{
	if (s->end == NULL)
		for (s->end = &s->values; *s->end != NULL;
		    s->end = &(*s->end)->next)
			continue;
	*s->end = v;
	s->end = &v->next;
}

int
section_store(struct prong_section *s, const char *name, const char *text)
{
	const struct prong_option *o = section_option(s->members, name);
	struct section_value *v = section_value(s, name);
	char *copy;

	if ((copy = strdup(text)) == NULL)
		return error_errno("%s", name);
	if (v != NULL && o != NULL && o->type != PRONG_STRINGS) {
		free(v->text);
		v->text = copy;
		return 0;
	}
	if ((v = calloc(1, sizeof(*v))) == NULL ||
	    (v->name = strdup(name)) == NULL) {
		free(v);
		free(copy);
		return error_errno("%s", name);
	}
	v->text = copy;
	section_append_value(s, v);
	return 0;
}

void
section_set_by(struct prong_section *s, const char *name, const char *by)
{
	struct section_value *v;

	for (v = s->values; v != NULL; v = v->next)
		if (strcmp(v->name, name) == 0)
			v->by = by;
}

/* Stored as they are: a value that is no list is there once. */
struct prong_section *
section_copy(const struct prong_section *s)
{
	struct prong_section *copy = section_new(s->name, s->title, NULL);
	const struct section_value *v;

	if (copy == NULL)
		return NULL;
	for (v = s->values; v != NULL; v = v->next) {
		if (section_store(copy, v->name, v->text) == -1) {
			section_free(copy);
			return NULL;
		}
		section_set_by(copy, v->name, v->by);
	}
	copy->members = s->members;
	copy->by = s->by;
	return copy;
}

void
section_swap_values(struct prong_section *a, struct prong_section *b)
{
	struct section_value *values = a->values;

	a->values = b->values;
	b->values = values;
	a->end = b->end = NULL;
}

void
section_drop_declared(struct prong_section *s)
{
	struct section_value **at = &s->values, *v;

	while ((v = *at) != NULL)
		if (v->by != NULL) {
			*at = v->next;
			section_value_free(v);
		} else
			at = &v->next;
	s->end = at;
}

const char *
section_text(const struct prong_section *s, const char *name)
{
	const struct section_value *v = section_value(s, name);
	const struct prong_option *o;

	if (v != NULL)
		return v->text;
	o = section_option(s->members, name);
	return o == NULL ? NULL : o->value;
}

const char *
section_list_text(const struct prong_section *s, const char *name, size_t index)
{
	const struct section_value *v;

	for (v = s->values; v != NULL; v = v->next)
		if (strcmp(v->name, name) == 0 && index-- == 0)
			return v->text;
	return NULL;
}

int64_t
section_number(const struct prong_section *s, const char *name)
{
	const struct prong_option *o = section_option(s->members, name);
	const char *text = section_text(s, name);
	int64_t n = 0;

	/* It was checked before anything was started. */
	if (o != NULL && text != NULL && section_parse(o, text, &n) == -1)
		return 0;
	return n;
}

static int
section_quote_byte(char **out, const unsigned char *p)
{
	if (*p == '\n')
		return strings_append(out, "\\n");
	if (*p < ' ' || *p == 0x7f)
		return strings_append(out, "\\x%02x", *p);
	/* In double quotes ${X} would be expanded. */
	if (*p == '"' || *p == '\\' || (*p == '$' && p[1] == '{'))
		return strings_append(out, "\\%c", *p);
	return strings_append(out, "%c", *p);
}

int
section_quote(char **out, const char *text)
{
	const unsigned char *p;

	if (strings_append(out, "\"") == -1)
		return -1;
	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (section_quote_byte(out, p) == -1)
			return -1;
	return strings_append(out, "\"");
}

/* A list is written at its first value. */
static int
section_dump_value(char **out, const struct prong_section *s,
    const struct section_value *v, int indent)
{
	const struct prong_option *o = section_option(s->members, v->name);
	const struct section_value *w;
	const char *separator = "";

	if (o == NULL || o->type != PRONG_STRINGS) {
		if (strings_append(out, "%*s%s = ", indent, "", v->name) == -1 ||
		    section_quote(out, v->text) == -1)
			return -1;
		return strings_append(out, "\n");
	}
	if (section_value(s, v->name) != v)
		return 0;
	if (strings_append(out, "%*s%s = {", indent, "", v->name) == -1)
		return -1;
	for (w = v; w != NULL; w = w->next) {
		if (strcmp(w->name, v->name) != 0)
			continue;
		if (strings_append(out, "%s", separator) == -1 ||
		    section_quote(out, w->text) == -1)
			return -1;
		separator = ", ";
	}
	return strings_append(out, "}\n");
}

/* What was not given, as far as there is a default; lists have none. */
static int
section_dump_defaults(char **out, const struct prong_section *s, int indent)
{
	const struct prong_option *o;

	for (o = s->members; o != NULL && o->name != NULL; o++) {
		if (o->value == NULL || o->type == PRONG_STRINGS ||
		    section_value(s, o->name) != NULL)
			continue;
		if (strings_append(out, "%*s%s = ", indent, "", o->name) ==
		    -1 || section_quote(out, o->value) == -1 ||
		    strings_append(out, "\n") == -1)
			return -1;
	}
	return 0;
}

int
section_dump(char **out, const struct prong_section *s, int indent)
{
	const struct section_value *v;
	const struct prong_section *m;

	if (strings_append(out, "%*s%s ", indent, "", s->name) == -1 ||
	    section_quote(out, s->title) == -1 ||
	    strings_append(out, " {\n") == -1)
		return -1;
	for (v = s->values; v != NULL; v = v->next)
		if (section_dump_value(out, s, v, indent + 2) == -1)
			return -1;
	if (section_dump_defaults(out, s, indent + 2) == -1)
		return -1;
	for (m = s->sections; m != NULL; m = m->next)
		if (section_dump(out, m, indent + 2) == -1)
			return -1;
	return strings_append(out, "%*s}\n", indent, "");
}

int
prong_section_set(struct prong_section *s, const char *name, const char *value)
{
	const struct prong_option *o = section_option(s->members, name);

	if (o == NULL || o->type == PRONG_SECTION)
		return error_set(ENOENT, "%s \"%s\" has no \"%.64s\"", s->name,
		    s->title, name);
	if (section_check(o, value) == -1)
		return error_prefix("%s", name);
	return section_store(s, name, value);
}

struct prong_section *
prong_section_add(struct prong_section *s, const char *name, const char *title)
{
	const struct prong_option *o = section_option(s->members, name);
	struct prong_section *m;

	if (o == NULL || o->type != PRONG_SECTION) {
		error_set(ENOENT, "%s \"%s\" has no sections \"%.64s\"",
		    s->name, s->title, name);
		return NULL;
	}
	if ((m = section_new(name, title, o->members)) == NULL)
		return NULL;
	if (section_append(&s->sections, m) == -1) {
		section_free(m);
		return NULL;
	}
	return m;
}

const char *
prong_section_title(const struct prong_section *s)
{
	return s->title;
}

const char *
prong_section_string(const struct prong_section *s, const char *name)
{
	return section_text(s, name);
}

const char *
prong_section_strings(const struct prong_section *s, const char *name,
    size_t index)
{
	return section_list_text(s, name, index);
}

bool
prong_section_bool(const struct prong_section *s, const char *name)
{
	return section_number(s, name) != 0;
}

int64_t
prong_section_number(const struct prong_section *s, const char *name)
{
	return section_number(s, name);
}

const struct prong_section *
prong_section_next(const struct prong_section *s, const char *name,
    const struct prong_section *previous)
{
	const struct prong_section *m;

	m = previous == NULL ? s->sections : previous->next;
	while (m != NULL && strcmp(m->name, name) != 0)
		m = m->next;
	return m;
}
