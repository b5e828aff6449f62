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

/* Half of it would start something else. */
static int
server_program_forget(struct prong_server *s)
{
	int r = error_errno("program");

	free(s->path);
	s->path = NULL;
	return r;
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
		return server_program_forget(s);
	for (i = 0; i < count; i++)
		if ((s->argv[i] = strdup(argv[i])) == NULL)
			return server_program_forget(s);
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
