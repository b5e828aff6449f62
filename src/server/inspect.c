/* SPDX-License-Identifier: ISC */
/*
 * The table of commands about shared objects, and what they share.
 */
#include "server/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "server/server.h"

const struct inspect_command inspect_commands[] = {
	{ "array", inspect_array_list },
	{ "array show", inspect_array_show },
	{ "array set", inspect_array_set },
	{ "dict", inspect_dict_list },
	{ "dict show", inspect_dict_show },
	{ "dict get", inspect_dict_get },
	{ "dict set", inspect_dict_set },
	{ "dict del", inspect_dict_del },
	{ "event", inspect_event_list },
	{ "event show", inspect_event_show },
	{ "event set", inspect_event_set },
	{ "event clear", inspect_event_clear },
	{ "pool", inspect_pool_list },
	{ "pool show", inspect_pool_show },
	{ NULL }
};

const char *
inspect_text(const json_t *request, const char *key)
{
	const char *text = json_string_value(json_object_get(request, key));

	return text == NULL ? "" : text;
}

/* "there is no dict "x"; there are: a, b" */
static void
inspect_name_others(const struct object_list *list, const char *kind,
    const char *name)
{
	const struct prong_section *s;
	char *names = NULL;

	for (s = list->sections; s != NULL; s = s->next)
		strings_append(&names, "%s%s", s == list->sections ? "" : ", ",
		    s->title);
	error_set(ENOENT, "there is no %s \"%.64s\"; %s%.300s", kind, name,
	    names == NULL ? "the configuration has none" : "there are: ",
	    names == NULL ? "" : names);
	free(names);
}

void *
inspect_object(const struct prong_server *s, enum prong_scope kind,
    const json_t *request)
{
	const char *name = inspect_text(request, "name");
	void *object = objects_find(s, kind, name);

	if (object == NULL)
		inspect_name_others(&s->objects[kind], object_kinds[kind]->name,
		    name);
	return object;
}

json_t *
inspect_list(const struct prong_server *s, enum prong_scope kind,
    const char *key, json_t *(*row)(const struct prong_section *, void *))
{
	const struct object_list *list = &s->objects[kind];
	const struct prong_section *section = list->sections;
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < list->count; i++, section = section->next)
		json_array_append_new(rows, row(section, list->items[i]));
	return json_pack("{s:o}", key, rows);
}

json_t *
inspect_bytes(const void *data, size_t length)
{
	char *text = escape_bytes(data, length);
	json_t *value = json_string(text);

	free(text);
	return value != NULL ? value : json_null();
}
