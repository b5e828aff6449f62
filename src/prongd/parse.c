/* SPDX-License-Identifier: ISC */
/*
 * From the text of the files to the tree, through libconfuse.
 *
 * libconfuse knows the syntax and what may stand where; its values are not
 * used.  Its callbacks tell of each section and value while its count of the
 * lines is right, and the tree grows with them.  One file is one run, so that
 * nothing of a file that failed is left in its scanner.
 *
 * libconfuse's callbacks have no argument of ours, and its scanner is one for
 * the whole process: hence the only variable of this file.
 */
#include "prongd/parse.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prongd/guard.h"
#include "prongd/memory.h"
#include "prongd/scan.h"
#include "prongd/schema.h"

static struct parse {
	struct sources *sources;
	size_t index;			/* of the file that is read */
	int lines;			/* that it has */
	struct tree_section *section;	/* the innermost that is open */
	cfg_t *cfg;			/* what libconfuse has for it */
	struct problems *problems;
	bool failed;			/* a file or a part of it is missing */
} parse;

static struct place
parse_place(const cfg_t *cfg)
{
	struct place place = {
		.file = parse.sources->list[parse.index].path,
		.order = (int)parse.index,
		.line = cfg->line < parse.lines ? cfg->line : parse.lines,
	};

	return place;
}

/*
 * A name such as "log|target" finds an option in another section: libconfuse
 * takes it for a path.
 */
static bool
parse_is_own(cfg_t *cfg, const cfg_opt_t *option)
{
	return option >= cfg->opts && option < cfg->opts + cfg_num(cfg);
}

static void
parse_unknown(const cfg_t *cfg, const char *name)
{
	const struct tree_section *t = parse.section;

	if (t->title == NULL)
		problem_add(parse.problems, parse_place(cfg),
		    "no such setting in %s: %.128s", t->name, name);
	else if (t->parent != NULL)
		problem_add(parse.problems, parse_place(cfg),
		    "no such setting in %s \"%.128s\": %.128s", t->name,
		    t->title, name);
	else
		problem_add(parse.problems, parse_place(cfg),
		    "no such setting: %.128s", name);
	parse.failed = true;
}

static int
parse_begin(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	*(const char **)result = value;
	if (!parse_is_own(cfg, option))
		return -1;
	parse.section = tree_add(parse.section, cfg->name, cfg->title,
	    parse_place(cfg), parse.problems);
	parse.cfg = cfg;
	return 0;
}

/* Called with the section around the one that ends. */
static int
parse_end(cfg_t *cfg, cfg_opt_t *option)
{
	parse.section = parse.section->parent;
	parse.cfg = cfg;
	return 0;
}

static int
parse_value(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	struct tree_value v = {
		.key = option->name,
		.value = value,
		.place = parse_place(cfg),
		.list = (option->flags & CFGF_LIST) != 0,
		/* The value has its room already: after "=", the first. */
		.again = option->nvalues == 1,
	};

	*(const char **)result = value;
	if (!parse_is_own(cfg, option)) {
		parse_unknown(cfg, option->name);
		return -1;
	}
	tree_set(parse.section, &v, parse.problems);
	return 0;
}

static int
parse_set(cfg_t *cfg, cfg_opt_t *option, int argc, const char **argv)
{
	struct tree_value v = {
		.place = parse_place(cfg),
		.option = true,
	};

	if (!parse_is_own(cfg, option)) {
		parse_unknown(cfg, option->name);
		return 0;
	}
	if (argc != 2) {
		problem_add(parse.problems, v.place, "write set(\"OPTION\", "
		    "\"VALUE\")");
		return 0;
	}
	v.key = argv[0];
	v.value = argv[1];
	tree_set(parse.section, &v, parse.problems);
	return 0;
}

static int
parse_include(cfg_t *cfg, cfg_opt_t *option, int argc, const char **argv)
{
	if (argc != 1) {
		problem_add(parse.problems, parse_place(cfg),
		    "write include(\"FILE\")");
		parse.failed = true;
	} else if (!parse.sources->complete &&
	    source_include(parse.sources, (int)parse.index, argv[0],
	    parse_place(cfg), parse.problems) == -1)
		parse.failed = true;
	return 0;
}

#define PARSE_COUNT(table)	(sizeof(table) / sizeof((table)[0]))

/* What libconfuse says about a name, and what is said instead. */
static const struct {
	const char *format;
	const char *before;
	const char *after;
} parse_messages[] = {
	{ "missing equal sign after option '%s'",
	    "\"=\" is missing after ", "" },
	{ "attempt to append to non-list option '%s'",
	    "", " takes one value: += is for lists" },
	{ "missing opening brace for section '%s'",
	    "", " is a section: its \"{\" is missing" },
	{ "missing title for section '%s'",
	    "", " is a section with a title: the title is missing" },
	{ "missing parenthesis for function '%s'",
	    "", " is a call: its \"(\" is missing" },
	{ "premature end of file",
	    "the file ends in the middle of a setting", "" },
};

/* The same for a token where none of its kind may stand. */
static const struct {
	const char *token;
	const char *text;
} parse_tokens[] = {
	{ "{", "one value, or the name of a setting, belongs here" },
	{ "}", "a value is missing" },
	{ "=", "a name or a value is missing" },
	{ "+=", "a name or a value is missing" },
	{ ",", "a value is missing, or the braces of a list" },
	{ "(", "a name or a value belongs here" },
	{ ")", "a name or a value belongs here" },
};

static void
parse_token(const cfg_t *cfg, const char *token)
{
	size_t i;

	for (i = 0; i < PARSE_COUNT(parse_tokens); i++)
		if (strcmp(parse_tokens[i].token, token) == 0) {
			problem_add(parse.problems, parse_place(cfg),
			    "unexpected \"%s\": %s", token,
			    parse_tokens[i].text);
			return;
		}
	/* A value, which is wrong only after another one of a list. */
	problem_add(parse.problems, parse_place(cfg),
	    "a comma is missing before \"%.128s\"", token);
}

static void parse_error(cfg_t *, const char *, va_list)
    __attribute__((format(printf, 2, 0)));

static void
parse_error(cfg_t *cfg, const char *format, va_list ap)
{
	const char *name = "";
	char text[256];
	va_list copy;
	size_t i = 0;

	parse.failed = true;
	va_copy(copy, ap);
	if (strstr(format, "'%s'") != NULL)
		name = va_arg(copy, const char *);
	va_end(copy);
	while (i < PARSE_COUNT(parse_messages) &&
	    strcmp(parse_messages[i].format, format) != 0)
		i++;
	if (i < PARSE_COUNT(parse_messages))
		problem_add(parse.problems, parse_place(cfg), "%s%.128s%s",
		    parse_messages[i].before, name, parse_messages[i].after);
	else if (strcmp(format, "no such option '%s'") == 0)
		parse_unknown(cfg, name);
	else if (strcmp(format, "unexpected token '%s'") == 0)
		parse_token(cfg, name);
	else {
		vsnprintf(text, sizeof(text), format, ap);
		problem_add(parse.problems, parse_place(cfg), "%s", text);
	}
}

static const struct schema_calls parse_calls = {
	.begin = parse_begin,
	.end = parse_end,
	.value = parse_value,
	.set = parse_set,
	.include = parse_include,
};

/* A text that scan_text() has passed, so that it is not empty. */
static void
parse_text(struct schema *schema, char *text, size_t length)
{
	size_t before = parse.problems->count;
	cfg_t *root;
	FILE *file;

	file = memory_must(fmemopen(text, length, "r"));
	root = memory_must(cfg_init(schema_root(schema), CFGF_NONE));
	parse.cfg = root;
	cfg_set_error_function(root, parse_error);
	if (cfg_parse_fp(root, file) != CFG_SUCCESS) {
		parse.failed = true;
		/* A name that is empty, for one, gets no word of libconfuse. */
		if (parse.problems->count == before)
			problem_add(parse.problems, parse_place(parse.cfg),
			    "syntax error");
	}
	cfg_free(root);
	fclose(file);
}

static void
parse_source(struct schema *schema, size_t index)
{
	struct source *source = &parse.sources->list[index];
	struct place place = { source->path, (int)index, 0 };

	parse.index = index;
	parse.lines = scan_text(source->text, &source->length, place,
	    parse.problems);
	if (parse.lines == -1)
		parse.failed = true;
	else if (source->length > 0)
		parse_text(schema, source->text, source->length);
}

int
parse_sources(struct sources *sources,
    const struct prong_handler *const *handlers, struct tree_section *root,
    struct problems *problems)
{
	struct schema *schema = schema_new(handlers, &parse_calls);
	struct guard guard;
	size_t i;

	parse = (struct parse){
		.sources = sources,
		.problems = problems,
	};
	guard_set(&guard);
	/* The list grows while it is walked. */
	for (i = 0; i < sources->count; i++) {
		parse.section = root;
		parse_source(schema, i);
	}
	guard_unset(&guard);
	schema_free(schema);
	return parse.failed ? -1 : 0;
}
