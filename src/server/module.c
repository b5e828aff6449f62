/* SPDX-License-Identifier: ISC */
/*
 * Handlers from shared objects: finding, loading and checking them.
 *
 * What a module exports was written by others: it is looked at with care
 * before anything of it is used.  That its constructors end the process, or
 * never return, is found out in a child.
 */
#include "server/module.h"

#include <sys/stat.h>

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "base/trust.h"
#include "net/frame.h"
#include "server/attempt.h"
#include "server/section.h"
#include "shm/tally.h"
#include "task/runner.h"

#define MODULE_SYMBOL		"prong_module"
#define MODULE_OPTIONS_MAX	1000

struct module {
	struct module *next;
	char *name;			/* as configured */
	void *object;
	const struct prong_handler *handler;
};

bool
module_is_name(const char *name)
{
	size_t length = strlen(name);

	return strchr(name, '/') != NULL ||
	    (length > 3 && strcmp(name + length - 3, ".so") == 0);
}

const struct prong_handler *
module_find(const struct module *list, const char *name)
{
	for (; list != NULL; list = list->next)
		if (strcmp(list->name, name) == 0)
			return list->handler;
	return NULL;
}

/* --- what a module exports ----------------------------------------------- */

/* It is written as set("name", ...) and ,name=... */
static bool
module_is_word(const char *text)
{
	size_t length = 0;

	if (text == NULL)
		return false;
	while (isalnum((unsigned char)text[length]) ||
	    (text[length] != '\0' && strchr("-_.", text[length]) != NULL))
		length++;
	return length > 0 && text[length] == '\0';
}

static int
module_check_default(const char *path, const struct prong_option *o)
{
	if (o->value == NULL)
		return 0;
	if (o->type == PRONG_STRINGS)
		return error_set(EINVAL, "module %s: its option \"%s\" is a "
		    "list, which has no default", path, o->name);
	if (section_check(o, o->value) == -1)
		return error_prefix("module %s: the default of its option "
		    "\"%s\"", path, o->name);
	return 0;
}

static int
module_check_option(const char *path, const struct prong_option *table,
    size_t index)
{
	const struct prong_option *o = &table[index];

	if (!module_is_word(o->name))
		return error_set(EINVAL, "module %s: the name of its option "
		    "number %zu, \"%.64s\", is not one: letters, digits, "
		    "\"-\", \"_\" and \".\" only", path, index + 1, o->name);
	if (section_option(table, o->name) != o)
		return error_set(EINVAL, "module %s has two options \"%s\"",
		    path, o->name);
	if (o->type == PRONG_SECTION)
		return error_set(EINVAL, "module %s: its option \"%s\" is a "
		    "section, which only a handler that is built in can have",
		    path, o->name);
	if ((unsigned int)o->type > PRONG_SECTION)
		return error_set(EINVAL, "module %s: its option \"%s\" is of "
		    "type %d, which there is not", path, o->name,
		    (int)o->type);
	if (o->type == PRONG_CHOICE &&
	    (o->choices == NULL || o->choices[0] == NULL))
		return error_set(EINVAL, "module %s: its option \"%s\" is a "
		    "choice, but of nothing", path, o->name);
	return module_check_default(path, o);
}

static int
module_check_options(const char *path, const struct prong_option *table)
{
	size_t i;

	for (i = 0; table[i].name != NULL; i++) {
		if (i == MODULE_OPTIONS_MAX)
			return error_set(EINVAL, "module %s: its table of "
			    "options has no end within %d of them", path,
			    MODULE_OPTIONS_MAX);
		if (module_check_option(path, table, i) == -1)
			return -1;
	}
	return 0;
}

int
module_check(const char *path, const struct prong_handler *h)
{
	if (h == NULL)
		return error_set(EINVAL, "module %s: its " MODULE_SYMBOL
		    " is NULL", path);
	/* Of another interface, only the number is where it is here. */
	if (h->abi != PRONG_ABI)
		return error_set(EINVAL, "module %s was made for interface %u, "
		    "this is %u", path, h->abi, PRONG_ABI);
	if (h->name == NULL || h->name[0] == '\0')
		return error_set(EINVAL, "module %s: its handler has no name",
		    path);
	if (h->framing != 0 && frame_name(h->framing) == NULL)
		return error_set(EINVAL, "module %s: its framing %#x is none",
		    path, (unsigned int)h->framing);
	if (tally_check(h->counters) == -1 || runner_check_jobs(h->jobs) == -1)
		return error_prefix("module %s", path);
	return h->options == NULL ? 0 : module_check_options(path, h->options);
}

/* --- loading ------------------------------------------------------------- */

/*
 * From the folder of this process, which need not be that of whoever reads what
 * is wrong with it.
 */
static int
module_path_from_here(const char *name, char **path)
{
	char here[PATH_MAX];

	if (name[0] == '/' || getcwd(here, sizeof(here)) == NULL ||
	    here[0] != '/')
		return strings_append(path, "%s", name);
	while (strncmp(name, "./", 2) == 0)
		name += 1 + strspn(name + 1, "/");
	return strings_append(path, "%s/%s", strcmp(here, "/") == 0 ? "" : here,
	    name);
}

static char *
module_path(const char *name, const char *folder)
{
	char *path = NULL;

	if (strchr(name, '/') != NULL)
		module_path_from_here(name, &path);
	else if (folder[0] == '\0')
		error_set(ENOENT, "module %s is looked for nowhere: "
		    "module-path is empty", name);
	else
		strings_append(&path, "%s/%s", folder, name);
	return path;
}

/* The linker's text names the file that it is about, mostly this one. */
static int
module_dlerror(const char *path)
{
	const char *text = dlerror();
	size_t length = strlen(path);

	if (text == NULL)
		text = "it cannot be loaded";
	if (strncmp(text, path, length) == 0 &&
	    strncmp(text + length, ": ", 2) == 0)
		text += length + 2;
	return error_set(ENOEXEC, "module %s: %s", path, text);
}

/* Opening what is not a file could wait for ever. */
static int
module_check_file(const char *path, uid_t owner)
{
	char why[ERROR_MAX];
	struct stat st;

	if (stat(path, &st) == -1)
		return error_errno("module %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(ENOEXEC, "module %s is not a file", path);
	if (trust_check(path, owner) == 0)
		return 0;
	strlcpy(why, error_text(), sizeof(why));
	return error_set(errno, "module %s", why);
}

int
module_look(const char *name, const char *folder, uid_t owner)
{
	char *path = module_path(name, folder);
	int r, error;

	r = path == NULL ? -1 : module_check_file(path, owner);
	error = errno;
	free(path);
	errno = error;
	return r;
}

static void *
module_open(const char *path, uid_t owner)
{
	void *object;

	if (module_check_file(path, owner) == -1)
		return NULL;
	if ((object = dlopen(path, RTLD_NOW | RTLD_LOCAL)) == NULL)
		module_dlerror(path);
	return object;
}

static const struct prong_handler *
module_handler(const char *path, void *object)
{
	const struct prong_handler *const *symbol;

	if ((symbol = dlsym(object, MODULE_SYMBOL)) == NULL) {
		error_set(ENOEXEC, "module %s has no symbol " MODULE_SYMBOL
		    ": it takes a PRONG_MODULE()", path);
		return NULL;
	}
	return module_check(path, *symbol) == -1 ? NULL : *symbol;
}

static void
module_free(struct module *m)
{
	if (m == NULL)
		return;
	if (m->object != NULL)
		dlclose(m->object);
	free(m->name);
	free(m);
}

static struct module *
module_new(const char *name, const char *path, uid_t owner)
{
	struct module *m;

	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->name = strdup(name)) == NULL) {
		error_errno("module %s", path);
		module_free(m);
		return NULL;
	}
	if ((m->object = module_open(path, owner)) == NULL ||
	    (m->handler = module_handler(path, m->object)) == NULL) {
		module_free(m);
		return NULL;
	}
	return m;
}

int
module_load(struct module **list, const char *name, const char *folder,
    uid_t owner)
{
	struct module *m;
	char *path;

	if (module_find(*list, name) != NULL)
		return 0;
	if ((path = module_path(name, folder)) == NULL)
		return -1;
	if ((m = module_new(name, path, owner)) != NULL) {
		m->next = *list;
		*list = m;
	}
	free(path);
	return m == NULL ? -1 : 0;
}

void
module_unload(struct module **list)
{
	struct module *m;

	while ((m = *list) != NULL) {
		*list = m->next;
		module_free(m);
	}
}

/* --- loading in a child -------------------------------------------------- */

struct module_trial {
	const char *name;
	const char *folder;
	uid_t owner;
};

/* That it cannot be loaded is said by who loads it for good. */
static int
module_try_load(void *arg)
{
	const struct module_trial *trial = arg;
	struct module *list = NULL;

	module_load(&list, trial->name, trial->folder, trial->owner);
	module_unload(&list);
	return 0;
}

static const struct attempt_step module_try_steps[] = {
	{ "loading it", module_try_load },
	{ NULL, NULL }
};

int
module_try(const char *name, const char *folder, uid_t owner, int ms)
{
	struct module_trial trial = { name, folder, owner };
	char who[ERROR_MAX];

	snprintf(who, sizeof(who), "module %s", name);
	return attempt_call(&(const struct attempt){ who, ms,
	    module_try_steps }, &trial);
}
