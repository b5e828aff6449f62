/* SPDX-License-Identifier: ISC */
/*
 * A server as text.
 *
 * The text is one JSON object: "transfer", the number of this form; "settings";
 * "services" and "sections", shared objects among them, in their order.  Values
 * are lists [name, text], of what a handler has declared [name, text, service],
 * since some names stand more than once and their order counts.  Texts may be
 * any bytes, which JSON's are not: they are written as escape_bytes() does.
 */
#include "server/transfer.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/escape.h"
#include "server/jsonmem.h"

static json_t *
transfer_string(const char *text)
{
	char *escaped = escape_bytes(text, strlen(text));
	json_t *string = escaped == NULL ? NULL : json_string(escaped);

	free(escaped);
	return string;
}

/* by may be NULL; a list that could not be made stays so. */
static void
transfer_add(json_t **list, const char *name, const char *text,
    const char *by)
{
	json_t *value = json_pack("[o,o]", transfer_string(name),
	    transfer_string(text));

	if ((by != NULL && json_array_append_new(value,
	    transfer_string(by)) == -1) ||
	    json_array_append(*list, value) == -1) {
		json_decref(*list);
		*list = NULL;
	}
	json_decref(value);
}

/* s: the service whose they are, or NULL. */
static json_t *
transfer_settings(enum prong_scope scope, const void *settings,
    const struct prong_service *s)
{
	struct settings_walk w = { .scope = scope, .settings = settings };
	json_t *list = json_array();
	size_t i;

	while (server_next_setting(s, &w))
		for (i = 0; i < w.count; i++)
			transfer_add(&list, w.key, w.values[i], NULL);
	return list;
}

static json_t *
transfer_values(const struct prong_section *s)
{
	const struct section_value *v;
	json_t *list = json_array();

	for (v = s->values; v != NULL; v = v->next)
		transfer_add(&list, v->name, v->text, v->by);
	return list;
}

/* Appends those of a list; -1: ENOMEM. */
static int
transfer_sections(json_t *to, const struct prong_section *s)
{
	json_t *one, *members;

	for (; s != NULL; s = s->next) {
		members = json_array();
		one = json_pack("{s:o,s:o,s:o,s:O}",
		    "name", transfer_string(s->name),
		    "title", transfer_string(s->title),
		    "values", transfer_values(s),
		    "sections", members);
		if ((s->by != NULL && json_object_set_new(one, "by",
		    transfer_string(s->by)) == -1) ||
		    transfer_sections(members, s->sections) == -1 ||
		    json_array_append(to, one) == -1) {
			json_decref(one);
			json_decref(members);
			return -1;
		}
		json_decref(one);
		json_decref(members);
	}
	return 0;
}

/* A link-local address says nothing without its interface. */
static int
transfer_add_address(struct strings *found, const struct address *a)
{
	char text[ADDRESS_MAX], scoped[ADDRESS_MAX + 16], *end;

	address_format(a, text, sizeof(text));
	if (a->sa.sa_family != AF_INET6 || a->in6.sin6_scope_id == 0)
		return strings_add(found, text);
	end = strrchr(text, ']');
	*end = '\0';
	snprintf(scoped, sizeof(scoped), "%s%%%u]%s", text,
	    a->in6.sin6_scope_id, end + 1);
	return strings_add(found, scoped);
}

static int
transfer_lookup(const char *text, struct strings *found)
{
	struct address *list;
	size_t i, count;
	int r = 0;

	if (!address_is_name(text))
		return strings_add(found, text);
	if (address_resolve(text, true, &list, &count) == -1)
		return -1;
	for (i = 0; r == 0 && i < count; i++)
		r = transfer_add_address(found, &list[i]);
	free(list);
	return r;
}

/* Whether somebody must be asked what a service listens on. */
static bool
transfer_has_names(const struct prong_service *s)
{
	const struct strings *listen = &s->settings.listen;
	size_t i;

	for (i = 0; i < listen->count && !address_is_name(listen->items[i]);
	    i++)
		continue;
	return i < listen->count;
}

/* What is written under "found": what was looked up now, or earlier. */
static int
transfer_find(const struct prong_service *s, bool lookup,
    struct strings *found)
{
	const struct strings *from = lookup && transfer_has_names(s) ?
	    &s->settings.listen : &s->found;
	size_t i;

	for (i = 0; i < from->count; i++)
		if ((from == &s->found ? strings_add(found, from->items[i]) :
		    transfer_lookup(from->items[i], found)) == -1)
			return -1;
	return 0;
}

static json_t *
transfer_service(const struct prong_service *s, const struct strings *found)
{
	json_t *addresses = json_array();
	size_t i;

	for (i = 0; i < found->count; i++)
		transfer_add(&addresses, "address", found->items[i], NULL);
	return json_pack("{s:o,s:o,s:o,s:o}",
	    "name", transfer_string(s->name),
	    "settings", transfer_settings(PRONG_SERVICE, &s->settings, s),
	    "options", transfer_values(s->options),
	    "found", addresses);
}

/* -1 with a text. */
static int
transfer_services(json_t *to, const struct prong_server *server, bool lookup)
{
	const struct prong_service *s;
	struct strings found;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < server->service_count; i++) {
		s = server->services[i];
		found = (struct strings){ .count = 0 };
		if (transfer_find(s, lookup, &found) == -1)
			r = error_prefix("service \"%s\": listen", s->name);
		else if (json_array_append_new(to, transfer_service(s,
		    &found)) == -1)
			r = error_set(ENOMEM, "no memory for service \"%s\"",
			    s->name);
		strings_free(&found);
	}
	return r;
}

static int
transfer_all_sections(json_t *to, const struct prong_server *s)
{
	enum prong_scope kind;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		if (transfer_sections(to, s->objects[kind].sections) == -1)
			return -1;
	return transfer_sections(to, s->sections);
}

static char *
transfer_print(const json_t *root)
{
	char *text;

	text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
	/* What is missing would be something else: the default. */
	if (text == NULL || jsonmem_has_failed()) {
		free(text);
		error_set(ENOMEM, "no memory to hand the configuration on");
		return NULL;
	}
	if (strlen(text) <= TRANSFER_MAX)
		return text;
	error_set(E2BIG, "the configuration is too large to be handed on: %zu "
	    "bytes, and %lu at most", strlen(text), TRANSFER_MAX);
	free(text);
	return NULL;
}

char *
transfer_write(const struct prong_server *s, bool lookup)
{
	json_t *services, *sections, *root;
	char *text = NULL;

	jsonmem_watch();
	jsonmem_begin();
	services = json_array();
	sections = json_array();
	if (transfer_services(services, s, lookup) == 0) {
		if (transfer_all_sections(sections, s) == -1) {
			json_decref(sections);
			sections = NULL;
		}
		root = json_pack("{s:i,s:o,s:O,s:O}",
		    "transfer", TRANSFER_FORM,
		    "settings", transfer_settings(PRONG_SERVER, &s->settings,
		    NULL),
		    "services", services,
		    "sections", sections);
		text = transfer_print(root);
		json_decref(root);
	}
	json_decref(services);
	json_decref(sections);
	jsonmem_forget();
	return text;
}
