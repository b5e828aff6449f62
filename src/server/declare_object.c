/* SPDX-License-Identifier: ISC */
/*
 * What a handler has declared of a shared object, as a section like those of
 * the configuration, or as what one of these leaves open.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "server/declare.h"

void
declare_undo(struct prong_server *s)
{
	struct prong_section **at, *section;
	enum prong_scope kind;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		at = &s->objects[kind].sections;
		while ((section = *at) != NULL) {
			if (section->by == NULL) {
				section_drop_declared(section);
				at = &section->next;
				continue;
			}
			*at = section->next;
			section_free(section);
		}
	}
}

/* Who has said what a section has of a setting already. */
static int
declare_differs(const struct prong_service *service,
    const struct prong_section *section, const struct section_value *has,
    const char *wanted)
{
	char who[96] = "the configuration";

	if (has->by != NULL)
		snprintf(who, sizeof(who), "that of service \"%s\"", has->by);
	return error_set(EEXIST, "%s \"%s\": the handler of service \"%s\" "
	    "declares %s = \"%.64s\", %s \"%.64s\"", section->name,
	    section->title, service->name, has->name, wanted, who, has->text);
}

/* Value number index of a setting in the pairs of key and value; or NULL. */
static const char *
declare_wanted(const char *const *pairs, const char *key, size_t index)
{
	for (; pairs[0] != NULL; pairs += 2)
		if (strcmp(pairs[0], key) == 0 && index-- == 0)
			return pairs[1];
	return NULL;
}

/* A setting that the section has: it must be the same, if it is a list wholly. */
static int
declare_compare(const struct prong_service *service,
    const struct prong_section *section, const struct prong_option *o,
    const char *const *pairs)
{
	const struct section_value *has = section_value(section, o->name);
	const char *one = has->text, *other;
	size_t i = 0;

	do {
		other = declare_wanted(pairs, o->name, i);
		if (one == NULL || other == NULL ||
		    !section_is_same(o, one, other))
			return declare_differs(service, section, has,
			    other == NULL ? "" : other);
		i++;
		one = section_list_text(section, o->name, i);
	} while (one != NULL || declare_wanted(pairs, o->name, i) != NULL);
	return 0;
}

/* What is declared more than once, and is no list, is once too often. */
static int
declare_set(struct prong_section *section, const struct prong_option *o,
    const char *const *pairs, const char *by)
{
	const char *text;
	size_t i;

	for (i = 0; (text = declare_wanted(pairs, o->name, i)) != NULL; i++) {
		if (i > 0 && o->type != PRONG_STRINGS)
			return error_set(EINVAL, "%s \"%s\": %s is declared "
			    "twice", section->name, section->title, o->name);
		if (prong_section_set(section, o->name, text) == -1)
			return error_prefix("%s \"%s\"", section->name,
			    section->title);
	}
	section_set_by(section, o->name, by);
	return 0;
}

/* Whether a handler may say anything of a setting. */
static int
declare_check_key(const struct prong_section *section, const char *key)
{
	const char *const *reserved =
	    object_kinds[objects_kind(section->name)]->reserved;

	if (section_option(section->members, key) == NULL)
		return error_set(EINVAL, "%s \"%s\" has no setting \"%.64s\"",
		    section->name, section->title, key);
	for (; reserved != NULL && *reserved != NULL; reserved++)
		if (strcmp(*reserved, key) == 0)
			return error_set(EINVAL, "%s \"%s\": %s is for the "
			    "configuration to say, and for no handler",
			    section->name, section->title, key);
	return 0;
}

static int
declare_merge(const struct prong_service *service,
    struct prong_section *section, const char *const *pairs)
{
	const struct prong_option *o;
	const char *const *p;

	for (p = pairs; p[0] != NULL; p += 2)
		if (declare_check_key(section, p[0]) == -1)
			return -1;
	for (o = section->members; o->name != NULL; o++) {
		if (declare_wanted(pairs, o->name, 0) == NULL)
			continue;
		if ((section_value(section, o->name) != NULL ?
		    declare_compare(service, section, o, pairs) :
		    declare_set(section, o, pairs, service->name)) == -1)
			return -1;
	}
	return 0;
}

/* A new one, or a copy of that which there is. */
static struct prong_section *
declare_draft(const struct prong_section *was, enum prong_scope kind,
    const struct prong_service *service, const char *name)
{
	struct prong_section *draft;

	if (was != NULL)
		return section_copy(was);
	if (server_check_name(name) == -1)
		return NULL;
	draft = section_new(object_kinds[kind]->name, name,
	    object_kinds[kind]->members);
	if (draft != NULL)
		draft->by = service->name;
	return draft;
}

int
declare_object(struct prong_service *service, const char *kind_name,
    const char *name, const char *const *pairs)
{
	enum prong_scope kind = objects_kind(kind_name);
	struct prong_section **list, *was, *draft;
	const char *key;

	if (kind == 0)
		return error_set(EINVAL, "there are no shared objects "
		    "\"%.64s\"", kind_name);
	list = &service->server->objects[kind].sections;
	was = section_find(*list, object_kinds[kind]->name, name);
	draft = declare_draft(was, kind, service, name);
	if (draft == NULL)
		return -1;
	if (declare_merge(service, draft, pairs) == -1) {
		section_free(draft);
		return -1;
	}
	if (object_kinds[kind]->check != NULL &&
	    object_kinds[kind]->check(draft, &key) == -1) {
		error_prefix("%s \"%s\"", draft->name, draft->title);
		section_free(draft);
		return -1;
	}
	if (was == NULL)
		return section_append(list, draft);
	/* Its place, and who knows it by its address, stay. */
	section_swap_values(was, draft);
	section_free(draft);
	return 0;
}
