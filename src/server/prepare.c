/* SPDX-License-Identifier: ISC */
/*
 * What comes before serving.
 */
#include "server/prepare.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "dispatch/dispatch.h"
#include "net/admission.h"
#include "server/declare.h"

int
prepare_log(const struct prong_server *s)
{
	const struct server_settings *set = &s->settings;
	bool json = set->log_format != 0;

	log_set_function(s->log, s->log_arg);
	if (s->log != NULL)
		log_set_level((enum prong_level)set->log_level);
	else if (log_open(set->log_target, (enum prong_level)set->log_level,
	    json) == -1)
		return -1;
	return log_open_access(set->log_access, json);
}

bool
prepare_has_other_log(const struct prong_server *s,
    const struct prong_server *t)
{
	const struct server_settings *a = &s->settings, *b = &t->settings;

	return s != t && (strcmp(a->log_target, b->log_target) != 0 ||
	    strcmp(a->log_access, b->log_access) != 0 ||
	    a->log_level != b->log_level || a->log_format != b->log_format);
}

/* The program may free what its function wants as soon as this is over. */
void
prepare_log_end(void)
{
	log_set_function(NULL, NULL);
}

/* The first one is the caller's to tell; the others are told here. */
static void
prepare_fault(const struct prong_service *s, const char *key, void *arg)
{
	char *first = arg;

	if (first[0] == '\0')
		strlcpy(first, error_text(), ERROR_MAX);
	else
		log_error("service=%s: %s", s->name, error_text());
}

static void
prepare_idle(const struct prong_service *s, const char *key, void *arg)
{
	log_warning("service=%s: %s", s->name, error_text());
}

/* One that is not there is told once, and not by each worker. */
static int
prepare_modules(const struct prong_server *s)
{
	const struct server_settings *set = &s->settings;
	size_t i;

	for (i = 0; set->chroot[0] == '\0' && i < s->service_count; i++)
		if (server_has_module(s->services[i]) && module_look(
		    s->services[i]->settings.handler, set->module_path,
		    s->owner) == -1)
			return error_prefix("service \"%s\"",
			    s->services[i]->name);
	return 0;
}

int
prepare_services(struct prong_server *s)
{
	char first[ERROR_MAX] = "";
	size_t i;

	s->owner = geteuid();
	for (i = 0; i < s->service_count; i++)
		if (server_resolve(s->services[i], prepare_fault, first) > 0)
			return error_set(EINVAL, "service \"%s\": %s",
			    s->services[i]->name, first);
	if (s->service_count == 0)
		return error_set(EINVAL, "there is no service");
	if (prepare_modules(s) == -1)
		return -1;
	for (i = 0; i < s->service_count; i++)
		dispatch_find_idle(s->services[i], prepare_idle, NULL);
	/* Handlers are for those that run them. */
	server_detach(s);
	return 0;
}

static void
prepare_declare_fault(const struct prong_service *s, const char *key,
    void *arg)
{
	char *first = arg;

	error_prefix("service \"%s\"", s->name);
	if (first[0] == '\0')
		strlcpy(first, error_text(), ERROR_MAX);
	else
		log_error("%s", error_text());
}

int
prepare_declared(struct prong_server *s, const struct privilege *privilege)
{
	char first[ERROR_MAX] = "";

	if (declare_all(s, privilege, prepare_declare_fault, first) == 0)
		return 0;
	return error_set(EINVAL, "%s", first);
}

int
prepare_sandbox(struct prong_server *s)
{
	int r = sandbox_open(&s->sandbox,
	    (enum sandbox_mode)s->settings.sandbox);

	if (r == -1)
		return error_prefix("sandbox = \"%s\"",
		    s->settings.sandbox == SANDBOX_REQUIRED ? "required" :
		    "auto");
	if (r == 1)
		log_info("the sandbox is not complete: %s", error_text());
	return 0;
}

static bool
prepare_needs_sources(const struct prong_server *s)
{
	size_t i;

	for (i = 0; i < s->service_count; i++)
		if (s->services[i]->admission != NULL &&
		    s->services[i]->admission->needs_source)
			return true;
	return false;
}

/* It is taken before there is anybody who could touch it. */
int
prepare_counters(struct prong_server *s, struct scoreboard *sb)
{
	const struct prong_service *service;
	size_t i;

	for (i = 0; i < s->service_count; i++) {
		service = s->services[i];
		ledger_name(&sb->ledger, service->index, service->name);
		if (service->may_count &&
		    tallies_back(&sb->tallies, service->index) == -1)
			return -1;
	}
	return prepare_needs_sources(s) ? ledger_back_sources(&sb->ledger) : 0;
}

int
prepare_memory(struct prong_server *s, struct scoreboard *sb, uint32_t slots,
    uint32_t capacity)
{
	return scoreboard_create(sb, slots, (uint32_t)s->settings.max_services,
	    capacity, (uint32_t)s->settings.max_sources);
}
