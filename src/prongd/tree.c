/* SPDX-License-Identifier: ISC */
/*
 * The tree of what a configuration says.
 */
#include "prongd/tree.h"

#include <stdlib.h>
#include <string.h>

#include "prongd/memory.h"

#define TREE_PLACE_MAX	512

static struct tree_section *
tree_make(const char *name, const char *title, struct place place)
{
	struct tree_section *t = memory_get(1, sizeof(*t));

	t->name = memory_copy(name);
	t->title = title == NULL ? NULL : memory_copy(title);
	t->place = place;
	TAILQ_INIT(&t->settings);
	TAILQ_INIT(&t->sections);
	return t;
}

struct tree_section *
tree_new(void)
{
	return tree_make("", "", (struct place){ "", 0, 0 });
}

void
tree_free(struct tree_section *t)
{
	struct tree_setting *setting;
	struct tree_section *section;

	if (t == NULL)
		return;
	while ((setting = TAILQ_FIRST(&t->settings)) != NULL) {
		TAILQ_REMOVE(&t->settings, setting, next);
		free(setting->key);
		free(setting->value);
		free(setting);
	}
	while ((section = TAILQ_FIRST(&t->sections)) != NULL) {
		TAILQ_REMOVE(&t->sections, section, next);
		tree_free(section);
	}
	free(t->name);
	free(t->title);
	free(t);
}

/* " (first on line 3)", or at "other.conf:3" when it is in another file. */
static const char *
tree_first(struct place first, struct place now, char buf[TREE_PLACE_MAX])
{
	buf[0] = '\0';
	if (first.line > 0 && first.order == now.order)
		snprintf(buf, TREE_PLACE_MAX, " (first on line %d)",
		    first.line);
	else if (first.line > 0)
		snprintf(buf, TREE_PLACE_MAX, " (first at %s:%d)", first.file,
		    first.line);
	return buf;
}

struct tree_section *
tree_add(struct tree_section *parent, const char *name, const char *title,
    struct place place, struct problems *problems)
{
	struct tree_section *t, *first = NULL;
	char buf[TREE_PLACE_MAX];

	if (title != NULL)
		first = tree_find_section(parent, name, title);
	t = tree_make(name, title, place);
	t->parent = parent;
	if (first != NULL) {
		t->repeated = true;
		problem_add(problems, place, "%s \"%.128s\" is there twice%s",
		    name, title, tree_first(first->place, place, buf));
	}
	TAILQ_INSERT_TAIL(&parent->sections, t, next);
	return t;
}

static void
tree_twice(const struct tree_setting *first, const char *key,
    struct place place, bool list, struct problems *problems)
{
	char buf[TREE_PLACE_MAX];

	problem_add(problems, place, "%.128s is set twice%s%s", key,
	    tree_first(first->place, place, buf),
	    list ? "; += adds to a list" : "");
}

void
tree_set(struct tree_section *section, const struct tree_value *value,
    struct problems *problems)
{
	struct tree_setting *t, *first;
	struct tree_value v = *value;
	char *key = NULL;

	if (section->title == NULL) {
		v.key = key = memory_format("%s.%s", section->name, v.key);
		section = section->parent;
	}
	first = tree_find(section, v.key, v.option);
	if (first != NULL && !v.option && (!v.list ||
	    (v.again && first->place.order == v.place.order))) {
		tree_twice(first, v.key, v.place, v.list, problems);
		free(key);
		return;
	}
	t = memory_get(1, sizeof(*t));
	t->key = key != NULL ? key : memory_copy(v.key);
	t->value = memory_copy(v.value);
	t->place = v.place;
	t->option = v.option;
	t->list = v.list || v.option;
	TAILQ_INSERT_TAIL(&section->settings, t, next);
}

void
tree_settle(struct tree_section *section, struct tree_setting *t, bool list,
    struct problems *problems)
{
	const struct tree_setting *first = tree_find(section, t->key, true);

	t->list = list;
	if (list || first == t)
		return;
	tree_twice(first, t->key, t->place, false, problems);
	t->repeated = true;
}

struct tree_setting *
tree_find(const struct tree_section *section, const char *key, bool option)
{
	struct tree_setting *t;

	TAILQ_FOREACH(t, &section->settings, next)
		if (t->option == option && strcmp(t->key, key) == 0)
			return t;
	return NULL;
}

struct tree_section *
tree_find_section(const struct tree_section *parent, const char *name,
    const char *title)
{
	struct tree_section *t;

	TAILQ_FOREACH(t, &parent->sections, next)
		if (t->title != NULL && strcmp(t->name, name) == 0 &&
		    strcmp(t->title, title) == 0)
			return t;
	return NULL;
}

struct tree_section *
tree_find_object(struct tree_section *t, const void *object)
{
	struct tree_section *section, *found;

	if (t->object == object)
		return t;
	TAILQ_FOREACH(section, &t->sections, next)
		if ((found = tree_find_object(section, object)) != NULL)
			return found;
	return NULL;
}
