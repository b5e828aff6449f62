/* SPDX-License-Identifier: ISC */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sandbox.h"
#include "net/service.h"
#include "prong.h"
#include "server/module.h"
#include "server/objects.h"
#include "server/section.h"
#include "server/settings.h"
#include "shm/array.h"
#include "shm/dict.h"
#include "shm/locks.h"
#include "shm/scoreboard.h"

/*
 * A server as configured: settings, services, objects, and the handlers that
 * it knows.  What runs it is struct master.
 */
struct prong_server {
	struct server_settings settings;
	int stop;				/* an eventfd */
	prong_log_fn *log;			/* the program's; NULL: none */
	void *log_arg;
	uid_t owner;				/* who starts it */
	bool leaves_signals;			/* to the program */
	prong_load_fn *load;			/* the program's; NULL: none */
	void *load_arg;
	char *path;				/* of the program; NULL: not told */
	char **argv;
	char *folder;				/* where it was started */
	struct prong_service **services;
	size_t service_count;
	const struct prong_handler **handlers;
	size_t handler_count;
	struct module *modules;			/* loaded in this process */
	struct prong_section *sections;		/* menu "hotline" and such */
	struct object_list objects[OBJECT_KINDS];
	struct locks locks;			/* made with them */
	bool shares_locks;			/* another generation has them */
	bool has_given_objects;			/* a new master counts for them */
	struct sandbox sandbox;			/* of those that serve */
	bool is_checked;			/* and not to be served */
};

/* The service of a name, or of a row of the scoreboard; NULL: there is none. */
struct prong_service *server_by_name(const struct prong_server *,
    const char *name);
struct prong_service *server_by_row(const struct prong_server *, uint32_t row);

/* In a process of its own: what stands before what handlers log. */
void server_set_log_name(const char *);

/* One that the server was given, or of a module that is loaded here. */
const struct prong_handler *server_handler(const struct prong_server *,
    const char *name);

/*
 * Sets what follows from the settings of a service: its handler, framing and
 * options.  Calls fn for each fault, with the text in error_text() and the key
 * of the setting; returns how many there were.  Of a module that is not loaded
 * here the handler is NULL, and options are text.
 */
typedef void server_fault_fn(const struct prong_service *, const char *key,
    void *arg);
int server_resolve(struct prong_service *, server_fault_fn *, void *arg);

/*
 * A service has a handler only in a process that runs it: server_attach(), in
 * each of them, loads its module if it is one and sets what follows from the
 * handler; -1 with a text.  The master has none for any service, be it built
 * in: server_detach() ends what server_resolve() had to look at, and unloads
 * the modules of an earlier check.
 */
int server_attach(struct prong_service *);
void server_detach(struct prong_server *);

/* Whether the handler is a module; loads it.  -1 with a text. */
bool server_has_module(const struct prong_service *);
int server_load(struct prong_service *);

/*
 * settings_next() of a service as configured: its framing is "" where that of
 * its handler was taken.  NULL: of a server.
 */
bool server_next_setting(const struct prong_service *, struct settings_walk *);

/* Names stand in logs, process titles and JSON: -1 for what is not plain. */
int server_check_name(const char *name);
/* Adds a section of these members to a list; NULL: EEXIST, ENOMEM. */
struct prong_section *server_add_section(struct prong_section **list,
    const char *name, const char *title, const struct prong_option *members);
/* Appends a pointer to a growing array of them. */
int server_append(void *list, size_t *count, const void *item);

/* serve.c: "key", "value", ..., NULL, each by one of the calls of <prong.h>. */
int serve_pairs(struct prong_service *, const char *const *pairs,
    int (*)(struct prong_service *, const char *, const char *));

/* What is written into it to stop at once, beside 1 to drain. */
#define SERVER_STOP_FAST	(1ULL << 32)

/* How many workers the settings ask for on this machine. */
int server_workers(const struct prong_server *);
/* And how many processes that is with the forker, if need be, and pools'. */
int server_processes(const struct prong_server *);

#endif
