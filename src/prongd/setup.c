/* SPDX-License-Identifier: ISC */
/*
 * Making a server from what the administrator wrote.
 */
#include "prongd/setup.h"

#include <err.h>

#include "handlers/builtin.h"
#include "prongd/apply.h"
#include "prongd/listen.h"
#include "prongd/parse.h"

static void
setup_handlers(struct prong_server *server)
{
	const struct prong_handler *const *it;

	for (it = builtin_handlers; *it != NULL; it++)
		if (prong_server_handler(server, *it) == -1)
			errx(1, "handler %s: %s", (*it)->name, prong_error());
}

/* What the command line says about settings that a file may have, too. */
static void
setup_overrides(struct setup *s, const struct options *o)
{
	static const struct {
		const char *key;
		const char *value;
	} without_file[] = {
		{ "control.socket", "" },
		{ "pidfile", "" },
	};
	size_t i;

	if (o->foreground &&
	    prong_server_set(s->server, "log.target", "stderr") == -1)
		errx(1, "log.target: %s", prong_error());
	for (i = 0; o->file == NULL &&
	    i < sizeof(without_file) / sizeof(without_file[0]); i++)
		if (prong_server_set(s->server, without_file[i].key,
		    without_file[i].value) == -1)
			errx(1, "%s: %s", without_file[i].key, prong_error());
}

static void
setup_read(struct setup *s, const struct options *o)
{
	struct place command = { "prongd", -1, 0 };

	s->root->place = command;
	if (o->file == NULL)
		return;
	s->root->place = (struct place){ o->file, 0, 0 };
	if (!s->sources.complete &&
	    source_add(&s->sources, o->file, -1, command, &s->problems) == -1)
		s->whole = false;
	else if (parse_sources(&s->sources, builtin_handlers, s->root,
	    &s->problems) == -1)
		s->whole = false;
}

void
setup_make(struct setup *s, const struct options *o)
{
	s->root = tree_new();
	s->whole = true;
	setup_read(s, o);
	listen_add(o, s->root, &s->problems);
	if ((s->server = prong_server_new()) == NULL)
		errx(1, "%s", prong_error());
	setup_handlers(s->server);
	apply_tree(s->server, builtin_handlers, s->root, &s->problems);
	setup_overrides(s, o);
}

void
setup_free(struct setup *s)
{
	if (s->server != NULL)
		prong_server_free(s->server);
	tree_free(s->root);
	problem_free(&s->problems);
	source_free(&s->sources);
	*s = (struct setup){ .server = NULL };
}
