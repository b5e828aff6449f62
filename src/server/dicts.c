/* SPDX-License-Identifier: ISC */
/*
 * The dicts of the configuration.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "server/server.h"

static const char *const dicts_evict[] = { "none", "lru", NULL };

static const struct prong_option dicts_members[] = {
	{ "memory", PRONG_SIZE, "16M", NULL, NULL,
	    "for its keys and values, all of it from the start" },
	{ "evict", PRONG_CHOICE, "none", dicts_evict, NULL,
	    "what goes when it is full: nothing, or what was not used for "
	    "long" },
	{ "save", PRONG_STRING, "", NULL, NULL,
	    "the file that it is read from at the start and saved to; empty: "
	    "none" },
	{ "save-interval", PRONG_TIME, "60s", NULL, NULL,
	    "how often it is saved; 0: only when the server stops" },
	{ .name = NULL }
};

#define DICTS_SAVE_MIN	1000		/* ms */

static int
dicts_check_save(const struct prong_section *section, const char **key)
{
	const char *path = section_text(section, "save");
	int64_t interval = section_number(section, "save-interval");
	const struct prong_section *other;

	*key = "save";
	if (path[0] != '\0' && path[0] != '/')
		return error_set(EINVAL, "\"%.128s\" is not an absolute path",
		    path);
	for (other = section->next; path[0] != '\0' && other != NULL;
	    other = other->next)
		if (strcmp(section_text(other, "save"), path) == 0)
			return error_set(EINVAL, "dict \"%s\" is saved to "
			    "%.128s, too", other->title, path);
	*key = "save-interval";
	if (interval == 0 || interval >= DICTS_SAVE_MIN)
		return 0;
	return error_set(EINVAL, "a dict is saved each second at most");
}

static int
dicts_check(const struct prong_section *section, const char **key)
{
	int64_t memory = section_number(section, "memory");

	*key = "memory";
	if (memory >= DICT_MEMORY_MIN && memory <= DICT_MEMORY_MAX)
		return dicts_check_save(section, key);
	return error_set(EINVAL, "a dict has a memory of %lldK to %lldG",
	    DICT_MEMORY_MIN >> 10, DICT_MEMORY_MAX >> 30);
}

static enum dict_evict
dicts_eviction(const struct prong_section *section)
{
	return strcmp(section_text(section, "evict"), "lru") == 0 ?
	    DICT_EVICT_LRU : DICT_EVICT_NONE;
}

static void *
dicts_make(const struct prong_section *section, bool reserve)
{
	return dict_new(section->title, section_number(section, "memory"),
	    dicts_eviction(section), reserve);
}

static int
dicts_keep(const struct prong_section *section,
    const struct prong_section *before)
{
	if (section_number(section, "memory") ==
	    section_number(before, "memory"))
		return 0;
	return error_set(EINVAL, "its memory is %s and cannot become %s while "
	    "the server runs", section_text(before, "memory"),
	    section_text(section, "memory"));
}

/* Each process has its own idea of it: those that are forked from now on. */
static void
dicts_adjust(void *dict, const struct prong_section *section)
{
	((struct prong_dict *)dict)->evict = dicts_eviction(section);
}

static void
dicts_free(void *dict)
{
	dict_free(dict);
}

static uint64_t
dicts_recovered(const void *dict)
{
	return dict_recovered(dict);
}

/* Which files are written is the administrator's to say. */
static const char *const dicts_reserved[] = { "save", "save-interval", NULL };

static size_t
dicts_descriptors(const void *dict, int fds[OBJECT_DESCRIPTORS])
{
	fds[0] = ((const struct prong_dict *)dict)->segment.fd;
	return 1;
}

static void *
dicts_adopt(const struct prong_section *section, const int *fds)
{
	return dict_adopt(section->title, section_number(section, "memory"),
	    dicts_eviction(section), fds[0]);
}

const struct object_kind object_dict = {
	.name = "dict",
	.members = dicts_members,
	.reserved = dicts_reserved,
	.check = dicts_check,
	.make = dicts_make,
	.free = dicts_free,
	.recovered = dicts_recovered,
	.keep = dicts_keep,
	.descriptors = dicts_descriptors,
	.adopt = dicts_adopt,
	.layout = DICT_LAYOUT,
	.adjust = dicts_adjust,
};

struct prong_dict *
prong_dict_open(struct prong_service *service, const char *name)
{
	return objects_find(service->server, PRONG_DICT, name);
}
