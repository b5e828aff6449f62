/* SPDX-License-Identifier: ISC */
/*
 * The dicts of the configuration.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "server/server.h"

struct prong_section *
prong_server_dict(struct prong_server *s, const char *name)
{
	if (server_check_name(name) == -1)
		return NULL;
	return server_add_section(&s->dict_sections, "dict", name,
	    settings_dict_members);
}

int
dicts_check(const struct prong_section *section, const char **key)
{
	int64_t memory = section_number(section, "memory");

	*key = "memory";
	if (memory >= DICT_MEMORY_MIN && memory <= DICT_MEMORY_MAX)
		return 0;
	return error_set(EINVAL, "a dict has a memory of %lldK to %lldG",
	    DICT_MEMORY_MIN >> 10, DICT_MEMORY_MAX >> 30);
}

int
dicts_make(struct prong_server *s)
{
	struct prong_section *section;
	struct prong_dict *d;

	dicts_free(s);
	for (section = s->dict_sections; section != NULL;
	    section = section->next) {
		d = dict_new(section->title, section_number(section, "memory"),
		    strcmp(section_text(section, "evict"), "lru") == 0 ?
		    DICT_EVICT_LRU : DICT_EVICT_NONE, !s->is_checked);
		if (d == NULL)
			return -1;
		if (server_append(&s->dicts, &s->dict_count, d) == -1) {
			dict_free(d);
			return -1;
		}
	}
	return 0;
}

void
dicts_free(struct prong_server *s)
{
	while (s->dict_count > 0)
		dict_free(s->dicts[--s->dict_count]);
}

struct prong_dict *
prong_dict_open(struct prong_service *service, const char *name)
{
	struct prong_server *s = service->server;
	size_t i;

	for (i = 0; i < s->dict_count; i++)
		if (strcmp(s->dicts[i]->name, name) == 0)
			return s->dicts[i];
	error_set(ENOENT, "there is no dict \"%s\"", name);
	return NULL;
}
