/* SPDX-License-Identifier: ISC */
/*
 * The whole configuration as text that reads back as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "server/server.h"

static int
dump_option(char **out, const char *name, const char *text)
{
	if (strings_append(out, "  set(\"%s\", ", name) == -1 ||
	    section_quote(out, text) == -1)
		return -1;
	return strings_append(out, ")\n");
}

/* As they were given: what they are is not known here. */
static int
dump_texts(char **out, const struct prong_service *s)
{
	const struct section_value *v;

	for (v = s->options->values; v != NULL; v = v->next)
		if (dump_option(out, v->name, v->text) == -1)
			return -1;
	return 0;
}

/* Options that were not given are shown with the value that they have. */
static int
dump_options(char **out, const struct prong_service *s)
{
	const struct prong_option *o;
	const char *text;
	size_t i;

	for (o = s->options->members; o != NULL && o->name != NULL; o++) {
		text = section_text(s->options, o->name);
		for (i = 0; text != NULL; ) {
			if (dump_option(out, o->name, text) == -1)
				return -1;
			text = section_list_text(s->options, o->name, ++i);
		}
	}
	return 0;
}

static int
dump_service(char **out, const struct prong_service *s)
{
	if (strings_append(out, "\nservice \"%s\" {\n", s->name) == -1 ||
	    settings_dump(PRONG_SERVICE, &s->settings, out, 2) == -1 ||
	    (s->handler == NULL ? dump_texts(out, s) :
	    dump_options(out, s)) == -1)
		return -1;
	return strings_append(out, "}\n");
}

static int
dump_sections(char **out, const struct prong_section *list)
{
	for (; list != NULL; list = list->next)
		if (strings_append(out, "\n") == -1 || (list->by != NULL &&
		    strings_append(out, "# of the handler of service \"%s\"\n",
		    list->by) == -1) || section_dump(out, list, 0) == -1)
			return -1;
	return 0;
}

static int
dump_objects(char **out, const struct prong_server *s)
{
	size_t i;

	for (i = 0; i < OBJECT_KINDS; i++)
		if (dump_sections(out, s->objects[i].sections) == -1)
			return -1;
	return 0;
}

/* What is wrong is for the check to say; here it is only shown. */
static void
dump_ignore(const struct prong_service *s, const char *key, void *arg)
{
}

char *
prong_server_dump(struct prong_server *s)
{
	char *out = NULL;
	size_t i;

	for (i = 0; i < s->service_count; i++)
		server_resolve(s->services[i], dump_ignore, NULL);

	if (settings_dump(PRONG_SERVER, &s->settings, &out, 0) == -1 ||
	    dump_objects(&out, s) == -1 ||
	    dump_sections(&out, s->sections) == -1)
		goto fail;
	for (i = 0; i < s->service_count; i++)
		if (dump_service(&out, s->services[i]) == -1)
			goto fail;
	return out;
fail:
	free(out);
	return NULL;
}
