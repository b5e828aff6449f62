/* SPDX-License-Identifier: ISC */
/*
 * Checking a configuration as a start would, changing nothing.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/logfile.h"
#include "base/pidlock.h"
#include "base/privilege.h"
#include "base/rlimits.h"
#include "dispatch/dispatch.h"
#include "loop/task.h"
#include "server/attempt.h"
#include "server/check_state.h"
#include "server/declare.h"
#include "server/heritage.h"
#include "server/pools.h"
#include "server/savefile.h"
#include "task/caller.h"

/* How long a module may take to load. */
#define CHECK_LOAD_MS	10000
/* It may read much, and ask name servers: less than a start waits. */
#define CHECK_INIT_MS	50000

void
check_problem(struct check *c, const void *object, const char *key)
{
	c->problems++;
	c->fn(object, key, error_text(), c->arg);
}

void
check_environment(struct check *c, const void *object, const char *key)
{
	c->environment++;
	check_problem(c, object, key);
}

int
check_folder(const struct check *c, const char *path)
{
	char copy[PATH_MAX], control[PATH_MAX], *folder;

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy))
		return error_set(ENAMETOOLONG, "%.64s...: path too long", path);
	strlcpy(control, c->server->settings.control_socket, sizeof(control));
	folder = dirname(copy);
	if (access(folder, F_OK) == -1 && errno == ENOENT &&
	    strcmp(folder, dirname(control)) == 0)
		folder = dirname(folder);
	if (access(folder, F_OK) == -1 && errno == ENOENT)
		return error_set(ENOENT, "%s: there is no folder %s", path,
		    folder);
	if (access(path, F_OK) == 0 ? access(path, W_OK) == 0 :
	    access(folder, W_OK | X_OK) == 0)
		return 0;
	return error_errno("%s", path);
}

static void
check_log(struct check *c, const char *key, const char *what,
    const char *target)
{
	if (target[0] == '/' && (check_folder(c, target) == -1 ||
	    logfile_try(what, target) == -1))
		check_environment(c, NULL, key);
}

bool
check_is_no_socket(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1 || S_ISSOCK(st.st_mode))
		return false;
	error_set(EEXIST, "%s is there and is no socket", path);
	return true;
}

static void
check_fault(const struct prong_service *s, const char *key, void *arg)
{
	check_problem(arg, s, key);
}

/* Root, who reads the message, can read the file: so whom it means is said. */
static void
check_handler_problem(struct check *c, const struct prong_service *s)
{
	char why[ERROR_MAX];

	if (errno == EACCES && c->privilege.drops) {
		strlcpy(why, error_text(), sizeof(why));
		error_set(EACCES, "%s, for user %.64s", why, c->privilege.user);
	}
	check_problem(c, s, "handler");
}

static int
check_call_init(void *arg)
{
	struct prong_service *s = arg;

	return s->handler->init(s);
}

static int
check_call_exit(void *arg)
{
	struct prong_service *s = arg;

	if (s->handler->exit != NULL)
		s->handler->exit(s);
	return 0;
}

static int
check_call_tasks(void *arg)
{
	tasks_end(tasks_here());
	return 0;
}

static const struct attempt_step check_init_steps[] = {
	{ "its .init", check_call_init },
	{ "its .exit", check_call_exit },
	{ "what its .init has begun", check_call_tasks },
	{ NULL, NULL }
};

/*
 * A handler's init reads what it needs: what it refuses, a start refuses.  It
 * sees what it will see in a worker, and with that one's rights.
 */
static void
check_init(struct check *c, struct prong_service *s)
{
	struct privilege_saved saved;
	char who[ERROR_MAX];

	if (s->handler->init == NULL)
		return;
	if (privilege_assume(&c->privilege, c->server->settings.chroot,
	    &saved) == -1) {
		check_environment(c, NULL, "user");
		return;
	}
	snprintf(who, sizeof(who), "%s %s", server_has_module(s) ? "module" :
	    "handler", s->settings.handler);
	if (attempt_call(&(const struct attempt){ who, CHECK_INIT_MS,
	    check_init_steps }, s) == -1)
		check_handler_problem(c, s);
	privilege_resume(&saved);
}

/* A module, too, is loaded with a worker's rights and from where it looks. */
static void
check_load(struct check *c, struct prong_service *s)
{
	const struct server_settings *set = &c->server->settings;
	struct privilege_saved saved;
	int result = 0, error;

	if (!c->has_privilege || !server_has_module(s))
		return;
	if (privilege_assume(&c->privilege, set->chroot, &saved) == -1) {
		check_environment(c, NULL, "user");
		return;
	}
	/* Another service may have it already. */
	if (server_handler(c->server, s->settings.handler) == NULL)
		result = module_try(s->settings.handler, set->module_path,
		    c->server->owner, CHECK_LOAD_MS) == -1 ? -1 : server_load(s);
	error = errno;
	privilege_resume(&saved);
	errno = error;
	if (result == -1)
		check_handler_problem(c, s);
}

static void
check_service(struct check *c, struct prong_service *s)
{
	check_listen(c, s);
	check_load(c, s);
	/* Of a module that was not loaded all is said. */
	if (server_resolve(s, check_fault, c) == 0 && c->has_privilege &&
	    !c->lacks_objects && s->handler != NULL)
		check_init(c, s);
}

static void
check_chroot(struct check *c)
{
	struct privilege_saved saved;

	if (privilege_assume(&c->privilege, c->server->settings.chroot,
	    &saved) == 0) {
		privilege_resume(&saved);
		return;
	}
	c->has_privilege = false;
	check_environment(c, NULL, "chroot");
}

/* One limit at a time, so that the line of each is told. */
static void
check_rlimit(struct check *c, const char *key, struct rlimits limits)
{
	if (rlimits_try(&limits) == -1)
		check_environment(c, NULL, key);
}

/* Whom the workers run as, and what they may use. */
static void
check_privilege(struct check *c)
{
	const struct server_settings *set = &c->server->settings;
	const char *key = "user";

	if (set->group[0] != '\0' &&
	    privilege_find(&c->privilege, set->user, "") == 0)
		key = "group";
	if (privilege_find(&c->privilege, set->user, set->group) == 0)
		c->has_privilege = true;
	else if (errno == EPERM)
		check_environment(c, NULL, key);
	else
		check_problem(c, NULL, key);
	if (c->has_privilege)
		check_chroot(c);
	check_rlimit(c, "rlimit.nofile", (struct rlimits){
	    set->rlimit_nofile, "", "" });
	check_rlimit(c, "rlimit.core", (struct rlimits){
	    "", set->rlimit_core, "" });
	check_rlimit(c, "rlimit.as", (struct rlimits){
	    "", "", set->rlimit_as });
}

/* One of the two may be there in a chroot only, or for the workers' user. */
static void
check_sandbox_path(struct check *c, const char *key, const struct strings *list)
{
	const char *chroot = c->server->settings.chroot;
	struct privilege_saved saved;
	struct stat st;
	size_t i;
	int r;

	for (i = 0; c->has_privilege && i < list->count; i++) {
		if (privilege_assume(&c->privilege, chroot, &saved) == -1)
			return;
		r = stat(list->items[i], &st) == -1 ?
		    error_errno("%s", list->items[i]) : 0;
		privilege_resume(&saved);
		if (r == -1)
			check_environment(c, NULL, key);
	}
}

static void
check_sandbox(struct check *c)
{
	const struct server_settings *set = &c->server->settings;
	struct sandbox sandbox = { 0 };

	if (set->sandbox == SANDBOX_REQUIRED) {
		if (sandbox_open(&sandbox, SANDBOX_REQUIRED) == -1)
			check_environment(c, NULL, "sandbox");
		else
			sandbox_close(&sandbox);
	}
	check_sandbox_path(c, "sandbox-read", &set->sandbox_read);
	check_sandbox_path(c, "sandbox-write", &set->sandbox_write);
}

static void
check_too_many(const struct prong_server *s)
{
	int workers = server_workers(s), pools = (int)pools_processes(s);
	char of_pools[64] = "";

	if (pools > 0)
		snprintf(of_pools, sizeof(of_pools), ", pools have %d "
		    "processes", pools);
	error_set(EINVAL, "workers is %d%s%s, but max-processes only %lld",
	    workers, server_processes(s) > workers + pools ?
	    " and there is a forker" : "", of_pools,
	    (long long)s->settings.max_processes);
}

static void
check_server(struct check *c)
{
	const struct server_settings *set = &c->server->settings;

	if (c->server->service_count == 0) {
		error_set(EINVAL, "there is no service");
		check_problem(c, NULL, NULL);
	}
	if ((int64_t)c->server->service_count > set->max_services) {
		error_set(EINVAL, "there are %zu services, but max-services is "
		    "%lld", c->server->service_count,
		    (long long)set->max_services);
		check_problem(c, NULL, "max-services");
	}
	if (server_processes(c->server) > set->max_processes) {
		check_too_many(c->server);
		check_problem(c, NULL, "workers");
	}
	check_log(c, "log.target", "log", set->log_target);
	check_log(c, "log.access", "access log", set->log_access);
	if (set->pidfile[0] != '\0' && (check_folder(c, set->pidfile) == -1 ||
	    pidlock_try(set->pidfile) == -1))
		check_environment(c, NULL, "pidfile");
	if (check_is_no_socket(set->control_socket))
		check_environment(c, NULL, "control.socket");
	if (strlen(set->control_socket) >=
	    sizeof(((struct sockaddr_un *)0)->sun_path)) {
		error_set(ENAMETOOLONG, "control.socket: the path is longer "
		    "than a socket's can be");
		check_problem(c, NULL, "control.socket");
	}
}

static void
check_objects(struct check *c)
{
	const struct prong_section *section;
	enum prong_scope kind;
	const char *key;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		for (section = c->server->objects[kind].sections;
		    section != NULL; section = section->next)
			if (object_kinds[kind]->check != NULL &&
			    object_kinds[kind]->check(section, &key) == -1) {
				c->lacks_objects = true;
				check_problem(c, section, key);
			}
}

/* A dict's file is read and written with the rights of the workers. */
static void
check_saves(struct check *c)
{
	const struct prong_section *section =
	    c->server->objects[PRONG_DICT].sections;
	struct privilege_saved saved;
	const char *path;
	int r;

	for (; c->has_privilege && section != NULL; section = section->next) {
		path = section_text(section, "save");
		if (path[0] != '/')
			continue;
		if ((r = privilege_assume(&c->privilege, "", &saved)) == 0) {
			r = savefile_try(path);
			privilege_resume(&saved);
		}
		if (r == -1)
			check_environment(c, section, "save");
	}
}

int
prong_server_check(struct prong_server *server, prong_problem_fn *fn,
    void *arg, int *environment)
{
	struct check c = { .server = server, .fn = fn, .arg = arg };
	struct tasks tasks;
	struct loop *loop;
	size_t i;

	if (heritage_get() != NULL)
		heritage_stage("configuration");
	server->owner = geteuid();
	/* A module may have been replaced since an earlier check. */
	server_detach(server);
	check_server(&c);
	check_privilege(&c);
	check_sandbox(&c);
	if (c.has_privilege)
		c.lacks_objects = declare_all(server, &c.privilege,
		    check_fault, &c) > 0;
	check_objects(&c);
	/*
	 * What a handler's init may use is there, for as long as the check; but
	 * not the memory of dicts, which a server that runs may have already.
	 */
	server->is_checked = true;
	if (!c.lacks_objects && objects_make(server) == -1) {
		c.lacks_objects = true;
		check_environment(&c, NULL, NULL);
	}
	check_saves(&c);
	if ((loop = loop_new(LOOP_AUTO, 0)) == NULL)
		check_environment(&c, NULL, NULL);
	tasks_init(&tasks, loop, 0);
	tasks_set_here(&tasks);
	for (i = 0; i < server->service_count; i++)
		check_service(&c, server->services[i]);
	tasks_end(&tasks);
	callers_close();
	tasks_set_here(NULL);
	tasks_fini(&tasks);
	loop_free(loop);
	objects_free(server);
	server->is_checked = false;
	check_twice(&c);
	strings_free(&c.held);
	if (environment != NULL)
		*environment = c.environment;
	return c.problems;
}

static void
check_idle(const struct prong_service *s, const char *key, void *arg)
{
	check_problem(arg, s, key);
}

int
prong_server_warnings(struct prong_server *server, prong_problem_fn *fn,
    void *arg)
{
	struct check c = { .server = server, .fn = fn, .arg = arg };
	size_t i;

	for (i = 0; i < server->service_count; i++)
		dispatch_find_idle(server->services[i], check_idle, &c);
	return c.problems;
}
