/* SPDX-License-Identifier: ISC */
/*
 * The option tables for libconfuse.
 *
 * libconfuse tells of a value and of the end of a section, but not of its
 * beginning.  So each section has one option more, whose name is empty and so
 * cannot be written, with a default that libconfuse parses when it makes the
 * section: its callback is the news.
 */
#include "prongd/schema.h"

#include <stdlib.h>
#include <string.h>

#include "prongd/memory.h"

#define SCHEMA_DEPTH_MAX	8	/* of the sections of a handler */

struct schema {
	struct schema_calls calls;
	cfg_opt_t *root;
	void **owned;			/* every table and every made-up name */
	size_t count;
};

/* A table while it is filled; a last entry of zeros stays. */
struct schema_table {
	cfg_opt_t *options;
	size_t count;
};

static void *
schema_own(struct schema *s, void *p)
{
	s->owned = memory_grow(s->owned, s->count + 1, sizeof(*s->owned));
	return s->owned[s->count++] = p;
}

static struct schema_table
schema_table(struct schema *s, size_t room)
{
	struct schema_table t = { NULL, 0 };

	t.options = schema_own(s, memory_get(room + 1, sizeof(cfg_opt_t)));
	return t;
}

static bool
schema_has(const struct schema_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (strcmp(t->options[i].name, name) == 0)
			return true;
	return false;
}

static void
schema_value(struct schema *s, struct schema_table *t, const char *name,
    bool list)
{
	t->options[t->count++] = (cfg_opt_t){
		.name = name,
		.type = CFGT_STR,
		.flags = CFGF_NODEFAULT | (list ? CFGF_LIST : 0),
		.parsecb = s->calls.value,
	};
}

static void
schema_begin(struct schema *s, struct schema_table *t)
{
	t->options[t->count++] = (cfg_opt_t){
		.name = "",
		.type = CFGT_STR,
		.def.parsed = schema_own(s, memory_copy("begin")),
		.parsecb = s->calls.begin,
	};
}

static void
schema_section(struct schema *s, struct schema_table *t, const char *name,
    bool title, cfg_opt_t *members)
{
	t->options[t->count++] = (cfg_opt_t){
		.name = name,
		.type = CFGT_SEC,
		.flags = CFGF_MULTI | (title ? CFGF_TITLE : 0),
		.subopts = members,
		.validcb = s->calls.end,
	};
}

static void
schema_function(struct schema_table *t, const char *name, cfg_func_t call)
{
	t->options[t->count++] = (cfg_opt_t){
		.name = name,
		.type = CFGT_FUNC,
		.func = call,
	};
}

static size_t
schema_count(const struct prong_setting *settings)
{
	size_t n = 0;

	while (settings[n].key != NULL)
		n++;
	return n;
}

/* The section for the settings whose keys begin with "name.". */
static cfg_opt_t *
schema_group(struct schema *s, const struct prong_setting *settings,
    const char *name)
{
	struct schema_table t = schema_table(s, schema_count(settings) + 1);
	size_t length = strlen(name);

	schema_begin(s, &t);
	for (; settings->key != NULL; settings++)
		if (strncmp(settings->key, name, length) == 0 &&
		    settings->key[length] == '.')
			schema_value(s, &t, settings->key + length + 1,
			    settings->list);
	return t.options;
}

/* Has room for as many entries more as asked for. */
static struct schema_table
schema_settings(struct schema *s, enum prong_scope scope, size_t room)
{
	const struct prong_setting *settings = prong_settings(scope), *it;
	struct schema_table t = schema_table(s, schema_count(settings) + room);
	const char *dot;
	char *name;

	for (it = settings; it->key != NULL; it++) {
		if ((dot = strchr(it->key, '.')) == NULL) {
			schema_value(s, &t, it->key, it->list);
			continue;
		}
		name = schema_own(s, memory_format("%.*s",
		    (int)(dot - it->key), it->key));
		if (!schema_has(&t, name))
			schema_section(s, &t, name, false,
			    schema_group(s, settings, name));
	}
	return t;
}

static cfg_opt_t *
schema_members(struct schema *s, const struct prong_option *members, int depth)
{
	struct schema_table t;
	size_t n = 0;

	while (members[n].name != NULL)
		n++;
	t = schema_table(s, n + 1);
	schema_begin(s, &t);
	for (; members->name != NULL; members++)
		if (members->type != PRONG_SECTION)
			schema_value(s, &t, members->name,
			    members->type == PRONG_STRINGS);
		else if (depth < SCHEMA_DEPTH_MAX)
			schema_section(s, &t, members->name, true,
			    schema_members(s, members->members, depth + 1));
	return t.options;
}

/* The sections that options of handlers refer to by their titles. */
static void
schema_handlers(struct schema *s, struct schema_table *t,
    const struct prong_handler *const *handlers)
{
	const struct prong_option *option;

	for (; *handlers != NULL; handlers++)
		for (option = (*handlers)->options; option != NULL &&
		    option->name != NULL; option++)
			if (option->type == PRONG_SECTION &&
			    !schema_has(t, option->name))
				schema_section(s, t, option->name, true,
				    schema_members(s, option->members, 0));
}

static size_t
schema_count_sections(const struct prong_handler *const *handlers)
{
	const struct prong_option *option;
	size_t n = 0;

	for (; *handlers != NULL; handlers++)
		for (option = (*handlers)->options; option != NULL &&
		    option->name != NULL; option++)
			n += option->type == PRONG_SECTION;
	return n;
}

static size_t
schema_count_objects(void)
{
	enum prong_scope kind = PRONG_ARRAY;

	while (prong_scope_name(kind) != NULL)
		kind++;
	return (size_t)(kind - PRONG_ARRAY);
}

/* The sections of shared objects. */
static void
schema_objects(struct schema *s, struct schema_table *root)
{
	struct schema_table t;
	enum prong_scope kind;
	const char *name;

	for (kind = PRONG_ARRAY; (name = prong_scope_name(kind)) != NULL;
	    kind++) {
		t = schema_settings(s, kind, 1);
		schema_begin(s, &t);
		schema_section(s, root, name, true, t.options);
	}
}

struct schema *
schema_new(const struct prong_handler *const *handlers,
    const struct schema_calls *calls)
{
	struct schema *s = memory_get(1, sizeof(*s));
	struct schema_table root, service;

	s->calls = *calls;
	service = schema_settings(s, PRONG_SERVICE, 2);
	schema_begin(s, &service);
	schema_function(&service, "set", calls->set);
	root = schema_settings(s, PRONG_SERVER, 2 + schema_count_objects() +
	    schema_count_sections(handlers));
	schema_section(s, &root, SCHEMA_SERVICE, true, service.options);
	schema_objects(s, &root);
	schema_function(&root, "include", calls->include);
	schema_handlers(s, &root, handlers);
	s->root = root.options;
	return s;
}

void
schema_free(struct schema *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		free(s->owned[i]);
	free(s->owned);
	free(s);
}

cfg_opt_t *
schema_root(struct schema *s)
{
	return s->root;
}

bool
schema_is_list(const struct prong_handler *const *handlers,
    const char *handler, const char *option)
{
	const struct prong_option *it;

	while (*handlers != NULL && strcmp((*handlers)->name, handler) != 0)
		handlers++;
	if (*handlers == NULL)
		return true;
	for (it = (*handlers)->options; it != NULL && it->name != NULL; it++)
		if (strcmp(it->name, option) == 0)
			return it->type == PRONG_STRINGS;
	return false;
}

const struct prong_setting *
schema_find(enum prong_scope scope, const char *key)
{
	const struct prong_setting *it;

	for (it = prong_settings(scope); it->key != NULL; it++)
		if (strcmp(it->key, key) == 0)
			return it;
	return NULL;
}
