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
	{ .name = NULL }
};

static int
dicts_check(const struct prong_section *section, const char **key)
{
	int64_t memory = section_number(section, "memory");

	*key = "memory";
	if (memory >= DICT_MEMORY_MIN && memory <= DICT_MEMORY_MAX)
		return 0;
	return error_set(EINVAL, "a dict has a memory of %lldK to %lldG",
	    DICT_MEMORY_MIN >> 10, DICT_MEMORY_MAX >> 30);
}

static void *
dicts_make(const struct prong_section *section, bool reserve)
{
	return dict_new(section->title, section_number(section, "memory"),
	    strcmp(section_text(section, "evict"), "lru") == 0 ?
	    DICT_EVICT_LRU : DICT_EVICT_NONE, reserve);
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

const struct object_kind object_dict = {
	.name = "dict",
	.members = dicts_members,
	.check = dicts_check,
	.make = dicts_make,
	.free = dicts_free,
	.recovered = dicts_recovered,
};

struct prong_dict *
prong_dict_open(struct prong_service *service, const char *name)
{
	return objects_find(service->server, PRONG_DICT, name);
}
