/* SPDX-License-Identifier: ISC */
/*
 * A server from a text, which is taken for anybody's.
 */
#include "server/transfer.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/escape.h"
#include "server/jsonmem.h"

#define TRANSFER_DEPTH	64		/* of sections in one another */
#define TRANSFER_NAMED	4		/* so many of them an error names */

/* To be freed by the caller; NULL with a text. */
static char *
transfer_text(json_t *string)
{
	size_t length;
	char *text;

	if (!json_is_string(string)) {
		error_set(EINVAL, "something else where a text should be");
		return NULL;
	}
	if (escape_parse(json_string_value(string), &text, &length) == -1)
		return NULL;
	/* There is room for it. */
	text[length] = '\0';
	if (strlen(text) == length)
		return text;
	free(text);
	error_set(EINVAL, "a text with a NUL in it");
	return NULL;
}

/* Takes one value; by is NULL unless a handler has declared it. */
typedef int transfer_take_fn(void *object, const char *name,
    const char *text, const char *by);

static int
transfer_read_value(json_t *value, transfer_take_fn *take, void *object)
{
	size_t i, count = json_array_size(value);
	char *texts[3] = { NULL };
	int r = 0;

	if (count < 2 || count > 3)
		return error_set(EINVAL, "a value that is none");
	for (i = 0; r == 0 && i < count; i++)
		if ((texts[i] = transfer_text(json_array_get(value, i))) ==
		    NULL)
			r = -1;
	if (r == 0)
		r = take(object, texts[0], texts[1], texts[2]);
	for (i = 0; i < count; i++)
		free(texts[i]);
	return r;
}

static int
transfer_read_values(json_t *list, transfer_take_fn *take, void *object)
{
	json_t *value;
	size_t i;

	if (!json_is_array(list))
		return error_set(EINVAL, "values that are no list");
	json_array_foreach(list, i, value)
		if (transfer_read_value(value, take, object) == -1)
			return -1;
	return 0;
}

static int
transfer_take_setting(void *server, const char *name, const char *text,
    const char *by)
{
	return prong_server_set(server, name, text);
}

static int
transfer_take_service_setting(void *service, const char *name,
    const char *text, const char *by)
{
	return prong_service_set(service, name, text);
}

static int
transfer_take_option(void *service, const char *name, const char *text,
    const char *by)
{
	return prong_service_option(service, name, text);
}

static int
transfer_take_address(void *service, const char *name, const char *text,
    const char *by)
{
	struct prong_service *s = service;

	if (address_check(text) == -1)
		return -1;
	if (address_is_name(text))
		return error_set(EINVAL, "\"%.128s\" is not a number", text);
	return strings_add(&s->found, text);
}

static int
transfer_read_service(struct prong_server *server, json_t *from)
{
	json_t *title, *settings, *options, *found;
	struct prong_service *s;
	json_error_t why;
	char *name;

	if (json_unpack_ex(from, &why, JSON_STRICT,
	    "{s:o,s:o,s:o,s:o}", "name", &title, "settings", &settings,
	    "options", &options, "found", &found) == -1)
		return error_set(EINVAL, "a service: %s", why.text);
	if ((name = transfer_text(title)) == NULL)
		return -1;
	s = prong_server_add(server, name);
	free(name);
	if (s == NULL)
		return -1;
	if (transfer_read_values(settings, transfer_take_service_setting,
	    s) == -1 || transfer_read_values(options, transfer_take_option,
	    s) == -1 || transfer_read_values(found, transfer_take_address,
	    s) == -1)
		return error_prefix("service \"%s\"", s->name);
	return 0;
}

/* A section and whose it is. */
struct transfer_section {
	struct prong_server *server;
	struct prong_section *section;
};

/* The name of a service, as long as the server is there; NULL: EINVAL. */
static const char *
transfer_by(const struct prong_server *server, const char *name)
{
	const struct prong_service *s = server_by_name(server, name);

	if (s != NULL)
		return s->name;
	error_set(EINVAL, "there is no service \"%.64s\" that could declare "
	    "something", name);
	return NULL;
}

static int
transfer_take_value(void *object, const char *name, const char *text,
    const char *by)
{
	struct transfer_section *to = object;
	const char *whose = NULL;

	if ((by != NULL && (whose = transfer_by(to->server, by)) == NULL) ||
	    prong_section_set(to->section, name, text) == -1)
		return -1;
	if (whose != NULL)
		section_set_by(to->section, name, whose);
	return 0;
}

/* objects_add() would take back what was declared until now. */
static struct prong_section *
transfer_add_top(struct prong_server *server, const char *name,
    const char *title)
{
	enum prong_scope kind = objects_kind(name);

	if (kind == 0)
		return prong_server_section(server, name, title);
	if (server_check_name(title) == -1)
		return NULL;
	return server_add_section(&server->objects[kind].sections, name, title,
	    object_kinds[kind]->members);
}

static int
transfer_set_by(const struct transfer_section *to, json_t *by)
{
	char *name;

	if ((name = transfer_text(by)) == NULL)
		return -1;
	to->section->by = transfer_by(to->server, name);
	free(name);
	return to->section->by == NULL ? -1 : 0;
}

/* Adds one without what is in it, at the top if in is NULL. */
static struct prong_section *
transfer_add_section(struct prong_server *server, struct prong_section *in,
    json_t *name_string, json_t *title_string)
{
	char *name = transfer_text(name_string), *title;
	struct prong_section *s = NULL;

	if (name == NULL)
		return NULL;
	if ((title = transfer_text(title_string)) != NULL)
		s = in == NULL ? transfer_add_top(server, name, title) :
		    prong_section_add(in, name, title);
	free(title);
	free(name);
	return s;
}

static int transfer_read_sections(struct prong_server *,
    struct prong_section *, json_t *, int);

static int
transfer_read_section(struct prong_server *server, struct prong_section *in,
    json_t *from, int depth)
{
	json_t *name, *title, *values, *sections, *by = NULL;
	struct transfer_section to = { .server = server };
	const struct object_kind *kind;
	json_error_t why;
	const char *key;

	if (json_unpack_ex(from, &why, JSON_STRICT, "{s:o,s:o,s:o,s:o,s?:o}",
	    "name", &name, "title", &title, "values", &values,
	    "sections", &sections, "by", &by) == -1)
		return error_set(EINVAL, "a section: %s", why.text);
	to.section = transfer_add_section(server, in, name, title);
	if (to.section == NULL)
		return -1;
	kind = in != NULL ? NULL : object_kinds[objects_kind(to.section->name)];
	if (transfer_read_values(values, transfer_take_value, &to) == -1 ||
	    (by != NULL && transfer_set_by(&to, by) == -1) ||
	    transfer_read_sections(server, to.section, sections, depth + 1) ==
	    -1 || (kind != NULL && kind->check != NULL &&
	    kind->check(to.section, &key) == -1))
		return depth >= TRANSFER_NAMED ? -1 : error_prefix("%s "
		    "\"%.64s\"", to.section->name, to.section->title);
	return 0;
}

/* in: NULL, at the top. */
static int
transfer_read_sections(struct prong_server *server, struct prong_section *in,
    json_t *list, int depth)
{
	json_t *from;
	size_t i;

	if (!json_is_array(list))
		return error_set(EINVAL, "sections that are no list");
	if (depth > TRANSFER_DEPTH)
		return error_set(EINVAL, "sections in one another, more than "
		    "%d", TRANSFER_DEPTH);
	json_array_foreach(list, i, from)
		if (transfer_read_section(server, in, from, depth) == -1)
			return -1;
	return 0;
}

static int
transfer_read_root(struct prong_server *server, json_t *root)
{
	json_t *settings, *services, *sections, *service;
	json_error_t why;
	int form;
	size_t i;

	if (json_unpack_ex(root, &why, JSON_STRICT,
	    "{s:i,s:o,s:o,s:o}", "transfer", &form, "settings", &settings,
	    "services", &services, "sections", &sections) == -1)
		return error_set(EINVAL, "%s", why.text);
	if (form != TRANSFER_FORM)
		return error_set(EINVAL, "its form is %d, this is %d", form,
		    TRANSFER_FORM);
	if (transfer_read_values(settings, transfer_take_setting, server) ==
	    -1)
		return -1;
	if (!json_is_array(services))
		return error_set(EINVAL, "services that are no list");
	json_array_foreach(services, i, service)
		if (transfer_read_service(server, service) == -1)
			return -1;
	return transfer_read_sections(server, NULL, sections, 0);
}

static json_t *
transfer_parse(const char *text, size_t length)
{
	json_error_t why;
	json_t *root;

	if (length > TRANSFER_MAX) {
		error_set(EINVAL, "%zu bytes, and %lu at most", length,
		    TRANSFER_MAX);
		return NULL;
	}
	root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
	if (root == NULL && jsonmem_has_failed())
		error_set(ENOMEM, "out of memory");
	else if (root == NULL)
		error_set(EINVAL, "%s", why.text);
	return root;
}

static int
transfer_prepare(struct prong_server *server, const struct prong_server *like)
{
	size_t i;

	prong_server_log(server, like->log, like->log_arg);
	prong_server_signals(server, !like->leaves_signals);
	for (i = 0; i < like->handler_count; i++)
		if (prong_server_handler(server, like->handlers[i]) == -1)
			return -1;
	return 0;
}

struct prong_server *
transfer_read(const char *text, size_t length,
    const struct prong_server *like)
{
	struct prong_server *server;
	json_t *root;

	if ((server = prong_server_new()) == NULL)
		return NULL;
	jsonmem_watch();
	jsonmem_begin();
	root = transfer_parse(text, length);
	if (root == NULL || transfer_prepare(server, like) == -1 ||
	    transfer_read_root(server, root) == -1) {
		error_set(errno == ENOMEM ? ENOMEM : EINVAL, "%s",
		    error_text());
		error_prefix("the configuration that was handed on");
		prong_server_free(server);
		server = NULL;
	}
	json_decref(root);
	jsonmem_forget();
	return server;
}
