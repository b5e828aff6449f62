/* SPDX-License-Identifier: ISC */
/*
 * The services of the command line, as if a file had them.
 */
#include "prongd/listen.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prongd/memory.h"
#include "prongd/schema.h"

/* Behind every file. */
#define LISTEN_ORDER	1000000

#define LISTEN_NAME_MAX	48	/* bytes, without the number */

/*
 * "echo", "echo2", "echo3": the first that is free.  A handler that is a path
 * gives its last part, as far as it may be the name of a service.
 */
static char *
listen_name(const struct tree_section *root, const char *handler)
{
	const char *slash = strrchr(handler, '/');
	char base[LISTEN_NAME_MAX], *name, *p;
	int n;

	strlcpy(base, slash != NULL ? slash + 1 : handler, sizeof(base));
	if (base[0] == '\0')
		strlcpy(base, SCHEMA_SERVICE, sizeof(base));
	for (p = base; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.", *p) == NULL)
			*p = '-';
	name = memory_copy(base);
	for (n = 2; tree_find_section(root, SCHEMA_SERVICE, name) != NULL;
	    n++) {
		free(name);
		name = memory_format("%s%d", base, n);
	}
	return name;
}

static void
listen_set(struct tree_section *service, const char *key, const char *value,
    struct problems *problems)
{
	const struct prong_setting *setting = schema_find(PRONG_SERVICE, key);
	struct tree_value v = {
		.key = key,
		.value = value,
		.place = service->place,
		.option = setting == NULL,
		.list = setting != NULL && setting->list,
	};

	tree_set(service, &v, problems);
}

static void
listen_add_one(const struct options_listen *l, int index,
    struct tree_section *root, struct problems *problems)
{
	struct place place = { l->text, LISTEN_ORDER + index, 0 };
	struct tree_section *service;
	char *name = listen_name(root, l->handler);
	size_t i;

	service = tree_add(root, SCHEMA_SERVICE, name, place, problems);
	free(name);
	listen_set(service, "listen", l->address, problems);
	listen_set(service, "handler", l->handler, problems);
	for (i = 0; i < l->count; i++)
		listen_set(service, l->pairs[i].key, l->pairs[i].value,
		    problems);
}

void
listen_add(const struct options *o, struct tree_section *root,
    struct problems *problems)
{
	size_t i;

	for (i = 0; i < o->listen_count; i++)
		listen_add_one(&o->listens[i], (int)i, root, problems);
}
