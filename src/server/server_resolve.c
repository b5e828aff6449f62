/* SPDX-License-Identifier: ISC */
/*
 * What follows from the settings of a service: its handler, the handler's
 * module, its framing, its options.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dispatch/dispatch.h"
#include "net/admission.h"
#include "net/frame.h"
#include "server/server.h"

/* What a handler allows, which is everything else when it does not say. */
static unsigned int
server_framings(const struct prong_handler *h)
{
	if (h->frame == NULL)
		return (h->framings != 0 ? h->framings : ~0U) &
		    ~(unsigned int)PRONG_OWN;
	return h->framings != 0 ? h->framings : (unsigned int)PRONG_OWN;
}

static int
server_resolve_framing(struct prong_service *s)
{
	const struct prong_handler *h = s->handler;
	enum prong_framing preferred = h->framing != 0 ? h->framing :
	    h->frame != NULL ? PRONG_OWN : PRONG_RAW;

	if (s->settings.framing[0] == '\0') {
		if (prong_service_set(s, "framing", frame_name(preferred)) ==
		    -1)
			return -1;
		s->prefers_framing = true;
	}
	s->framing = frame_by_name(s->settings.framing);
	if ((server_framings(h) & s->framing) == 0)
		return error_set(EINVAL, "handler \"%s\" cannot be used with "
		    "framing %s", h->name, s->settings.framing);
	return 0;
}

static int
server_resolve_option(const struct prong_service *s,
    const struct section_value *v)
{
	const struct prong_option *o;

	if ((o = section_option(s->handler->options, v->name)) == NULL)
		return error_set(EINVAL, "handler \"%s\" has no option "
		    "\"%.64s\"", s->handler->name, v->name);
	if (o->type != PRONG_STRINGS &&
	    section_list_text(s->options, v->name, 1) == v->text)
		return error_set(EINVAL, "%s is set twice, the second time to "
		    "\"%.64s\"", v->name, v->text);
	if (o->type == PRONG_SECTION &&
	    section_find(s->server->sections, v->name, v->text) == NULL)
		return error_set(EINVAL, "there is no %s \"%.64s\"", v->name,
		    v->text);
	if (section_check(o, v->text) == -1)
		return error_prefix("%s", v->name);
	return 0;
}

/* It counts for this process alone, until a worker has it join the others. */
static int
server_resolve_counters(struct prong_service *s)
{
	/* Of a module that is not loaded here nothing is known. */
	s->may_count = s->handler == NULL || s->handler->counters != NULL;
	free(s->tally);
	s->tally = NULL;
	if (s->handler == NULL || s->handler->counters == NULL)
		return 0;
	s->tally = tally_new(s->handler->counters);
	return s->tally == NULL ? -1 : 0;
}

/* There is no such handler: which there are, and where modules would be. */
static int
server_name_handlers(const struct prong_service *s)
{
	const struct prong_server *server = s->server;
	const char *folder = server->settings.module_path;
	char *names = NULL;
	size_t i;

	for (i = 0; i < server->handler_count; i++)
		strings_append(&names, "%s%s", i > 0 ? ", " : "",
		    server->handlers[i]->name);
	error_set(EINVAL, "there is no handler \"%.64s\"; there are: %.200s%s"
	    "%.128s", s->settings.handler, names == NULL ? "none" : names,
	    folder[0] == '\0' ? "" : "; and modules, as NAME.so, in ", folder);
	free(names);
	return -1;
}

static int
server_resolve_handler(struct prong_service *s)
{
	if (s->settings.handler[0] == '\0')
		return error_set(EINVAL, "service \"%s\" has no handler",
		    s->name);
	s->handler = server_handler(s->server, s->settings.handler);
	s->options->members = s->handler == NULL ? NULL : s->handler->options;
	if (s->handler == NULL && !server_has_module(s))
		return server_name_handlers(s);
	return server_resolve_counters(s);
}

static int
server_resolve_listen(const struct prong_service *s)
{
	const struct strings *listen = &s->settings.listen;
	size_t i;

	if (listen->count == 0)
		return error_set(EINVAL, "service \"%s\" listens nowhere",
		    s->name);
	for (i = 0; i < listen->count; i++)
		if (s->settings.accept == ACCEPT_REUSEPORT &&
		    strncmp(listen->items[i], "unix:", 5) == 0)
			return error_set(EINVAL, "%s cannot have accept = "
			    "\"reuseport\"", listen->items[i]);
	return 0;
}

/* A connection must be able to hold the start of the longest message. */
static int
server_resolve_memory(const struct prong_service *s)
{
	const struct service_settings *set = &s->settings;
	int64_t least = 2 * (set->read_size + set->max_message);

	if (set->limit_memory == 0 || set->limit_memory >= least ||
	    s->framing == PRONG_RAW)
		return 0;
	return error_set(EINVAL, "limits.memory is less than twice read-size "
	    "and max-message together, %lld bytes", (long long)least);
}

/* What the handler has a say in. */
static int
server_resolve_handled(struct prong_service *s, server_fault_fn *fn, void *arg)
{
	const struct section_value *v;
	const char *key;
	int faults = 0;

	/* Without a handler nothing can be said of the rest. */
	if (server_resolve_handler(s) == -1) {
		fn(s, "handler", arg);
		return 1;
	}
	if (s->handler == NULL)
		return 0;
	if (server_resolve_framing(s) == -1)
		fn(s, "framing", arg), faults++;
	if (dispatch_check(s, &key) == -1)
		fn(s, key, arg), faults++;
	if (server_resolve_memory(s) == -1)
		fn(s, "limits.memory", arg), faults++;
	for (v = s->options->values; v != NULL; v = v->next)
		if (server_resolve_option(s, v) == -1)
			fn(s, v->name, arg), faults++;
	return faults;
}

int
server_resolve(struct prong_service *s, server_fault_fn *fn, void *arg)
{
	int faults = 0;

	if (server_resolve_listen(s) == -1)
		fn(s, "listen", arg), faults++;
	faults += server_resolve_handled(s, fn, arg);
	if (s->settings.refuse == ANSWER_BANNER &&
	    s->settings.banner[0] == '\0') {
		error_set(EINVAL, "refuse is \"banner\", but there is no "
		    "banner");
		fn(s, "refuse", arg), faults++;
	}
	if (admission_prepare(s) == -1)
		fn(s, "access", arg), faults++;
	return faults;
}

bool
server_has_module(const struct prong_service *s)
{
	const char *name = s->settings.handler;

	/* One that the server was given may have any name. */
	return module_is_name(name) && (server_handler(s->server, name) ==
	    NULL || module_find(s->server->modules, name) != NULL);
}

int
server_load(struct prong_service *s)
{
	return module_load(&s->server->modules, s->settings.handler,
	    s->server->settings.module_path, s->server->owner);
}

/* The text stays where it is. */
static void
server_note_fault(const struct prong_service *s, const char *key, void *arg)
{
}

int
server_attach(struct prong_service *s)
{
	if (server_has_module(s) && server_load(s) == -1)
		return -1;
	return server_resolve_handled(s, server_note_fault, NULL) == 0 ? 0 : -1;
}

void
server_detach(struct prong_server *s)
{
	size_t i;

	for (i = 0; i < s->service_count; i++) {
		s->services[i]->handler = NULL;
		s->services[i]->options->members = NULL;
	}
	module_unload(&s->modules);
}

/* --- what a handler asks of its options ----------------------------------- */

const char *
prong_option_string(const struct prong_service *s, const char *name)
{
	return section_text(s->options, name);
}

const char *
prong_option_strings(const struct prong_service *s, const char *name,
    size_t index)
{
	return section_list_text(s->options, name, index);
}

int64_t
prong_option_int(const struct prong_service *s, const char *name)
{
	return section_number(s->options, name);
}

bool
prong_option_bool(const struct prong_service *s, const char *name)
{
	return section_number(s->options, name) != 0;
}

int64_t
prong_option_size(const struct prong_service *s, const char *name)
{
	return section_number(s->options, name);
}

int64_t
prong_option_time(const struct prong_service *s, const char *name)
{
	return section_number(s->options, name);
}

const struct prong_section *
prong_option_section(const struct prong_service *s, const char *name)
{
	const char *title = section_text(s->options, name);

	return title == NULL ? NULL :
	    section_find(s->server->sections, name, title);
}
