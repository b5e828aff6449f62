/* SPDX-License-Identifier: ISC */
#ifndef SERVER_MODULE_H
#define SERVER_MODULE_H

#include <stdbool.h>

#include "prong.h"

/*
 * Handlers from shared objects.  A module is loaded in each process that runs
 * its handler, after the fork, and where a configuration is checked; never in
 * the master.  It is known by the handler's name as configured: a path, or
 * NAME.so in a folder.
 */
struct module;

/* Whether a handler's name, if no handler has it, means a module. */
bool module_is_name(const char *name);

/*
 * Loads a module and adds it to the list, unless it is there already.  -1: the
 * text names the file and says what is wrong; EPERM, others than root and the
 * owner can change the file (base/trust).
 */
int module_load(struct module **list, const char *name, const char *folder,
    uid_t owner);
void module_unload(struct module **list);

/* Whether there is a file to load for it; -1, with the same text, if not. */
int module_look(const char *name, const char *folder, uid_t owner);

/* The handler of a module that is in the list, or NULL. */
const struct prong_handler *module_find(const struct module *list,
    const char *name);

/*
 * Loads it in a child, for what it does to its process: -1 if it ends it, or
 * has not returned after so long.  What else is wrong module_load() says.
 */
int module_try(const char *name, const char *folder, uid_t owner, int ms);

/* Whether what a module of this path exports is a handler; -1 if not. */
int module_check(const char *path, const struct prong_handler *);

#endif
