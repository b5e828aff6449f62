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

static int
objects_make_kind(struct prong_server *s, enum prong_scope kind)
{
	struct object_list *list = &s->objects[kind];
	const struct prong_section *section;
	void *item;

	for (section = list->sections; section != NULL;
	    section = section->next) {
		item = object_kinds[kind]->make(section, !s->is_checked);
		if (item == NULL)
			return -1;
		if (server_append(&list->items, &list->count, item) == -1) {
			object_kinds[kind]->free(item);
			return -1;
		}
	}
	return 0;
}

int
objects_make(struct prong_server *s)
{
	enum prong_scope kind;

	objects_free(s);
	rlock_set_calls(locking_pause, objects_report);
	if (locks_create(&s->locks) == -1)
		return -1;
	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		if (objects_make_kind(s, kind) == -1)
			return -1;
	return 0;
}

void
objects_free(struct prong_server *s)
{
	struct object_list *list;
	enum prong_scope kind;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		list = &s->objects[kind];
		while (list->count > 0)
			object_kinds[kind]->free(list->items[--list->count]);
		free(list->items);
		list->items = NULL;
	}
	locks_close(&s->locks);
}

void *
objects_find(const struct prong_server *s, enum prong_scope kind,
    const char *name)
{
	const struct object_list *list = &s->objects[kind];
	const struct prong_section *section = list->sections;
	size_t i;

	for (i = 0; i < list->count; i++, section = section->next)
		if (strcmp(section->title, name) == 0)
			return list->items[i];
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
	uint64_t sum = locks_recovered(&s->locks);
	enum prong_scope kind;
	size_t i;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		for (i = 0; i < s->objects[kind].count; i++)
			if (object_kinds[kind]->recovered != NULL)
				sum += object_kinds[kind]->recovered(
				    s->objects[kind].items[i]);
	return sum;
}
