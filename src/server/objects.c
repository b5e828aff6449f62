/* SPDX-License-Identifier: ISC */
/*
 * The shared objects of the configuration, and the locks: made by the master
 * before any fork, found by their names afterwards.
 */
#include "server/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "dispatch/locking.h"
#include "server/declare.h"
#include "server/pools.h"

const struct object_kind *const object_kinds[OBJECT_KINDS] = {
	[PRONG_ARRAY] = &object_array,
	[PRONG_DICT] = &object_dict,
	[PRONG_EVENT] = &object_event,
	[PRONG_TASK_POOL] = &object_pool,
};

enum prong_scope
objects_kind(const char *name)
{
	enum prong_scope kind;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		if (strcmp(object_kinds[kind]->name, name) == 0)
			return kind;
	return 0;
}

const char *
prong_scope_name(enum prong_scope scope)
{
	return scope < OBJECT_FIRST || scope >= OBJECT_KINDS ? NULL :
	    object_kinds[scope]->name;
}

struct prong_section *
objects_add(struct prong_server *s, enum prong_scope kind, const char *name)
{
	if (server_check_name(name) == -1)
		return NULL;
	/* Of an earlier check, and declared again by the start. */
	if (s->locks.guards == NULL)
		declare_undo(s);
	return server_add_section(&s->objects[kind].sections,
	    object_kinds[kind]->name, name, object_kinds[kind]->members);
}

/* A lock has been taken over from one that is gone: in whoever found it so. */
static void
objects_report(const char *text)
{
	log_warning("%s", text);
}

/* The number of a section by its name; -1: there is none, or no object. */
static int64_t
objects_number(const struct object_list *list, const char *name)
{
	const struct prong_section *section = list->sections;
	int64_t i;

	for (i = 0; i < (int64_t)list->count; i++, section = section->next)
		if (strcmp(section->title, name) == 0)
			return i;
	return -1;
}

static struct prong_section *
objects_section(const struct object_list *list, int64_t number)
{
	struct prong_section *section = list->sections;

	while (number-- > 0)
		section = section->next;
	return section;
}

static int
objects_append(struct object_list *list, void *item, bool is_shared)
{
	bool *shared = reallocarray(list->shared, list->count + 1,
	    sizeof(*shared));

	if (shared == NULL)
		return error_errno("shared objects");
	list->shared = shared;
	shared[list->count] = is_shared;
	return server_append(&list->items, &list->count, item);
}

/* Whether before has it, as the section wants it: its number, or -1. */
static int64_t
objects_kept(const struct object_kind *kind, const struct object_list *before,
    const struct prong_section *section)
{
	int64_t number;

	errno = 0;
	if (before == NULL || kind->keep == NULL ||
	    (number = objects_number(before, section->title)) == -1)
		return -1;
	errno = 0;
	if (kind->keep(section, objects_section(before, number)) == 0)
		return number;
	error_prefix("%s \"%s\"", kind->name, section->title);
	return -1;
}

static int
objects_make_one(struct prong_server *s, enum prong_scope number,
    struct object_list *before, const struct prong_section *section)
{
	const struct object_kind *kind = object_kinds[number];
	int64_t kept = objects_kept(kind, before, section);
	bool is_kept = kept != -1;
	void *item;

	if (!is_kept && errno != 0)
		return -1;
	item = is_kept ? before->items[kept] :
	    kind->make(section, !s->is_checked);
	if (item == NULL)
		return -1;
	if (is_kept && kind->adjust != NULL)
		kind->adjust(item, section);
	if (objects_append(&s->objects[number], item, is_kept) == 0)
		return 0;
	if (!is_kept)
		kind->free(item);
	return -1;
}

int
objects_follow(struct prong_server *s, struct prong_server *before)
{
	const struct prong_section *section;
	enum prong_scope kind;

	objects_free(s);
	rlock_set_calls(locking_pause, objects_report);
	if (before == NULL && locks_create(&s->locks) == -1)
		return -1;
	if (before != NULL) {
		s->locks = before->locks;
		s->shares_locks = true;
	}
	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		for (section = s->objects[kind].sections; section != NULL;
		    section = section->next)
			if (objects_make_one(s, kind, before == NULL ? NULL :
			    &before->objects[kind], section) == -1)
				return -1;
	return 0;
}

int
objects_check_follow(const struct prong_server *s,
    const struct prong_server *before)
{
	const struct prong_section *section;
	enum prong_scope kind;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		for (section = s->objects[kind].sections; section != NULL;
		    section = section->next)
			if (objects_kept(object_kinds[kind],
			    &before->objects[kind], section) == -1 &&
			    errno != 0)
				return -1;
	return 0;
}

int
objects_make(struct prong_server *s)
{
	return objects_follow(s, NULL);
}

static void
objects_drop(struct object_list *list, const void *item)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->items[i] == item)
			list->shared[i] = true;
}

void
objects_keep(struct prong_server *s, struct prong_server *before)
{
	struct object_list *list;
	enum prong_scope kind;
	size_t i;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		list = &s->objects[kind];
		for (i = 0; i < list->count; i++)
			if (list->shared[i]) {
				list->shared[i] = false;
				objects_drop(&before->objects[kind],
				    list->items[i]);
			}
	}
	s->shares_locks = false;
	before->shares_locks = true;
}

void
objects_pass_on(struct prong_server *s, struct prong_server *to)
{
	struct object_list *list, *other;
	enum prong_scope kind;
	size_t i, k;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		list = &s->objects[kind];
		other = &to->objects[kind];
		for (i = 0; i < list->count; i++)
			for (k = 0; k < other->count; k++)
				if (!list->shared[i] &&
				    other->items[k] == list->items[i]) {
					list->shared[i] = true;
					other->shared[k] = false;
				}
	}
}

void
objects_adjust(struct prong_server *s)
{
	const struct prong_section *section;
	struct object_list *list;
	enum prong_scope kind;
	size_t i;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		list = &s->objects[kind];
		section = list->sections;
		for (i = 0; i < list->count; i++, section = section->next)
			if (object_kinds[kind]->adjust != NULL)
				object_kinds[kind]->adjust(list->items[i],
				    section);
	}
}

int
objects_adopt(struct prong_server *s, enum prong_scope number,
    const struct prong_section *section, uint32_t layout, const int *fds,
    size_t count)
{
	const struct object_kind *kind = object_kinds[number];
	int own[OBJECT_DESCRIPTORS];
	size_t i;
	void *item;

	if (segment_check_layout(kind->name, section->title, layout,
	    kind->layout) == -1)
		return -1;
	for (i = 0; i < OBJECT_DESCRIPTORS; i++)
		own[i] = i < count ? fds[i] : -1;
	if ((item = kind->adopt(section, own)) == NULL)
		return error_prefix("%s \"%s\"", kind->name, section->title);
	if (objects_append(&s->objects[number], item, false) == 0)
		return 0;
	kind->free(item);
	return -1;
}

void
objects_give_away(struct prong_server *s)
{
	s->has_given_objects = true;
}

void
objects_free(struct prong_server *s)
{
	struct object_list *list;
	enum prong_scope kind;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		list = &s->objects[kind];
		while (list->count-- > 0)
			if (!list->shared[list->count])
				object_kinds[kind]->free(
				    list->items[list->count]);
		free(list->items);
		free(list->shared);
		list->items = NULL;
		list->shared = NULL;
		list->count = 0;
	}
	if (s->shares_locks)
		s->locks = (struct locks){ .guards = NULL };
	s->shares_locks = false;
	locks_close(&s->locks);
}

void *
objects_find(const struct prong_server *s, enum prong_scope kind,
    const char *name)
{
	const struct object_list *list = &s->objects[kind];
	int64_t number = objects_number(list, name);

	if (number != -1)
		return list->items[number];
	error_set(ENOENT, "there is no %s \"%s\"", object_kinds[kind]->name,
	    name);
	return NULL;
}

size_t
objects_descriptors(const struct prong_server *s, int *fds)
{
	const struct object_list *list;
	enum prong_scope kind;
	size_t i, n = 0;
	int bell;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		list = &s->objects[kind];
		if (object_kinds[kind]->descriptor == NULL)
			continue;
		for (i = 0; i < list->count; i++, n++)
			if (fds != NULL)
				fds[n] = object_kinds[kind]->descriptor(
				    list->items[i]);
	}
	/* Pools have theirs together. */
	for (i = 0; (bell = pools_bell(s, (uint32_t)i)) != -1; i++, n++)
		if (fds != NULL)
			fds[n] = bell;
	return n;
}

uint64_t
objects_recovered(const struct prong_server *s)
{
	uint64_t sum = s->shares_locks || s->has_given_objects ? 0 :
	    locks_recovered(&s->locks);
	enum prong_scope kind;
	size_t i;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		for (i = 0; i < s->objects[kind].count; i++)
			if (object_kinds[kind]->recovered != NULL &&
			    !s->objects[kind].shared[i] &&
			    (!s->has_given_objects ||
			    object_kinds[kind]->adopt == NULL))
				sum += object_kinds[kind]->recovered(
				    s->objects[kind].items[i]);
	return sum;
}
