/* SPDX-License-Identifier: ISC */
/*
 * A server as configured: the calls of <prong.h> that put it together.
 */
#include "server/server.h"

#include "config.h"

#include <sys/eventfd.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/logline.h"
#include "base/process.h"
#include "dispatch/dispatch.h"
#include "net/admission.h"
#include "net/frame.h"
#include "server/heritage.h"
#include "server/activation.h"
#include "server/announce.h"
#include "server/pools.h"
#include "task/runner.h"

const char *
prong_version(void)
{
	return PACKAGE_VERSION;
}

void
prong_title_init(int argc, char **argv, char **envp)
{
	process_title_init(argc, argv, envp);
}

int
prong_manager_init(void)
{
	int r = activation_init();

	return announce_init() == -1 ? -1 : r;
}

const char *
prong_error(void)
{
	return error_text();
}

int
prong_set_error(int error, const char *format, ...)
{
	char text[ERROR_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return error_set(error, "%s", text);
}

/* Of the process of handlers; NULL: this is none. */
static const char *server_log_name;

void
server_set_log_name(const char *name)
{
	server_log_name = name;
}

/*
 * What a handler says may begin with what a client has sent, and must not look
 * like a line of the server's own: who says it stands before it.
 */
void
prong_log(enum prong_level level, const char *format, ...)
{
	char text[LOGLINE_MESSAGE_MAX];
	int error = errno;
	va_list ap;

	if (level > log_level())
		return;
	va_start(ap, format);
	if (server_log_name == NULL)
		log_vwrite(level, format, ap);
	else {
		vsnprintf(text, sizeof(text), format, ap);
		log_write(level, "%s: %s", server_log_name, text);
	}
	va_end(ap);
	errno = error;
}

struct prong_server *
prong_server_new(void)
{
	struct prong_server *s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		error_errno("server");
		return NULL;
	}
	s->owner = geteuid();
	s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->stop == -1 ||
	    settings_init(PRONG_SERVER, &s->settings) == -1) {
		error_errno("server");
		prong_server_free(s);
		return NULL;
	}
	return s;
}

static void
server_free_service(struct prong_service *s)
{
	if (s == NULL)
		return;
	admission_free(s->admission);
	settings_free(PRONG_SERVICE, &s->settings);
	strings_free(&s->found);
	section_free(s->options);
	free(s->tally);
	free(s->name);
	free(s);
}

static void
server_free_sections(struct prong_section *list)
{
	struct prong_section *s;

	while ((s = list) != NULL) {
		list = s->next;
		section_free(s);
	}
}

void
prong_server_free(struct prong_server *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->service_count; i++)
		server_free_service(s->services[i]);
	objects_free(s);
	for (i = 0; i < OBJECT_KINDS; i++)
		server_free_sections(s->objects[i].sections);
	server_free_sections(s->sections);
	settings_free(PRONG_SERVER, &s->settings);
	sandbox_close(&s->sandbox);
	module_unload(&s->modules);
	free(s->services);
	free(s->handlers);
	if (s->stop != -1)
		close(s->stop);
	for (i = 0; s->argv != NULL && s->argv[i] != NULL; i++)
		free(s->argv[i]);
	free(s->argv);
	free(s->path);
	free(s->folder);
	free(s);
}

int
server_append(void *list, size_t *count, const void *item)
{
	const void **items;

	items = reallocarray(*(void **)list, *count + 1, sizeof(*items));
	if (items == NULL)
		return error_errno("server");
	items[(*count)++] = item;
	*(void **)list = items;
	return 0;
}

const struct prong_handler *
server_handler(const struct prong_server *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->handler_count; i++)
		if (strcmp(s->handlers[i]->name, name) == 0)
			return s->handlers[i];
	return module_find(s->modules, name);
}

int
prong_server_handler(struct prong_server *s, const struct prong_handler *h)
{
	if (h->abi != PRONG_ABI)
		return error_set(EINVAL, "handler \"%s\" was made for interface "
		    "%u, this is %u", h->name, h->abi, PRONG_ABI);
	if (tally_check(h->counters) == -1 || runner_check_jobs(h->jobs) == -1)
		return error_prefix("handler \"%s\"", h->name);
	if (server_handler(s, h->name) != NULL)
		return error_set(EEXIST, "there is a handler \"%s\" already",
		    h->name);
	return server_append(&s->handlers, &s->handler_count, h);
}

int
prong_server_set(struct prong_server *s, const char *key, const char *value)
{
	return settings_set(PRONG_SERVER, &s->settings, key, value);
}

void
prong_server_log(struct prong_server *s, prong_log_fn *fn, void *arg)
{
	s->log = fn;
	s->log_arg = arg;
}

void
prong_server_signals(struct prong_server *s, bool take)
{
	s->leaves_signals = !take;
}

void
prong_server_load(struct prong_server *s, prong_load_fn *fn, void *arg)
{
	s->load = fn;
	s->load_arg = arg;
}

/* The file that this process runs, as it was called when it was started. */
static char *
server_program_path(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n == -1)
		return NULL;
	path[n] = '\0';
	return strdup(path);
}

int
prong_server_program(struct prong_server *s, char *const *argv,
    const char *folder)
{
	size_t i, count = 0;

	while (argv[count] != NULL)
		count++;
	s->path = server_program_path();
	s->folder = folder == NULL ? getcwd(NULL, 0) : strdup(folder);
	s->argv = calloc(count + 1, sizeof(*s->argv));
	if (s->path == NULL || s->argv == NULL)
		return error_errno("program");
	for (i = 0; i < count; i++)
		if ((s->argv[i] = strdup(argv[i])) == NULL)
			return error_errno("program");
	return 0;
}

bool
prong_server_follows(void)
{
	if (getenv(HERITAGE_VARIABLE) == NULL)
		return false;
	if (heritage_get() != NULL)
		heritage_stage("configuration");
	return true;
}

int
server_check_name(const char *name)
{
	const char *p;

	if (name[0] == '\0' || strlen(name) > 64)
		return error_set(EINVAL, "a name has 1 to 64 characters");
	for (p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.", *p) == NULL)
			return error_set(EINVAL, "\"%s\" is not a name: letters,"
			    " digits, \"-\", \"_\" and \".\" only", name);
	return 0;
}

struct prong_service *
server_by_name(const struct prong_server *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->service_count; i++)
		if (strcmp(s->services[i]->name, name) == 0)
			return s->services[i];
	return NULL;
}

struct prong_service *
server_by_row(const struct prong_server *s, uint32_t row)
{
	size_t i;

	for (i = 0; i < s->service_count; i++)
		if (s->services[i]->index == row)
			return s->services[i];
	return NULL;
}

struct prong_service *
prong_server_add(struct prong_server *s, const char *name)
{
	struct prong_service *service;

	if (server_check_name(name) == -1)
		return NULL;
	if (server_by_name(s, name) != NULL) {
		error_set(EEXIST, "there is a service \"%s\" already", name);
		return NULL;
	}
	if ((service = calloc(1, sizeof(*service))) == NULL ||
	    (service->name = strdup(name)) == NULL ||
	    settings_init(PRONG_SERVICE, &service->settings) == -1 ||
	    (service->options = section_new("service", name, NULL)) == NULL ||
	    server_append(&s->services, &s->service_count, service) == -1) {
		error_errno("service \"%s\"", name);
		server_free_service(service);
		return NULL;
	}
	service->server = s;
	service->index = (uint32_t)(s->service_count - 1);
	return service;
}

int
prong_service_set(struct prong_service *s, const char *key, const char *value)
{
	if (strcmp(key, "framing") == 0)
		s->prefers_framing = false;
	return settings_set(PRONG_SERVICE, &s->settings, key, value);
}

bool
server_next_setting(const struct prong_service *s, struct settings_walk *w)
{
	if (!settings_next(w))
		return false;
	if (s != NULL && s->prefers_framing && strcmp(w->key, "framing") == 0)
		w->one = "";
	return true;
}

/* The handler may not be known yet: what it accepts is checked later. */
int
prong_service_option(struct prong_service *s, const char *name,
    const char *value)
{
	return section_store(s->options, name, value);
}

struct prong_section *
server_add_section(struct prong_section **list, const char *name,
    const char *title, const struct prong_option *members)
{
	struct prong_section *section;

	if ((section = section_new(name, title, members)) == NULL)
		return NULL;
	if (section_append(list, section) == -1) {
		section_free(section);
		return NULL;
	}
	return section;
}

struct prong_section *
prong_server_section(struct prong_server *s, const char *option,
    const char *title)
{
	enum prong_scope kind = objects_kind(option);
	const struct prong_option *o;
	size_t i;

	if (kind != 0)
		return objects_add(s, kind, title);
	for (i = 0; i < s->handler_count; i++) {
		o = section_option(s->handlers[i]->options, option);
		if (o != NULL && o->type == PRONG_SECTION)
			return server_add_section(&s->sections, option, title,
			    o->members);
	}
	error_set(ENOENT, "no handler knows a section \"%.64s\"", option);
	return NULL;
}

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

struct prong_rlock *
prong_rlock_open(struct prong_service *service, const char *name)
{
	return locks_open(&service->server->locks, name);
}

int
server_workers(const struct prong_server *s)
{
	return s->settings.workers > 0 ? (int)s->settings.workers :
	    process_cpus();
}

int
server_processes(const struct prong_server *server)
{
	int processes = server_workers(server) + (int)pools_processes(server);
	size_t i;

	for (i = 0; i < server->service_count; i++)
		if (dispatch_is_forked(server->services[i]))
			return processes + 1;
	return processes;
}

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
