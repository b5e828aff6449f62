/* SPDX-License-Identifier: ISC */
/*
 * The command line of prongd.
 */
#include "prongd/options.h"

#include <confuse.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "prong.h"
#include "prongd/memory.h"
#include "prongd/problem.h"

#define OPTIONS_FILE	PRONG_SYSCONFDIR "/prongd/prongd.conf"

static int options_config(struct options *, const char *);
static int options_foreground(struct options *, const char *);
static int options_listen(struct options *, const char *);
static int options_test(struct options *, const char *);
static int options_dump(struct options *, const char *);
static int options_quiet(struct options *, const char *);
static int options_version(struct options *, const char *);
static int options_help(struct options *, const char *);

/* Each returns like options_parse(). */
static const struct options_entry {
	const char *name;
	char letter;
	const char *argument;
	int (*use)(struct options *, const char *);
	const char *help;
} options_table[] = {
	{ "config", 'c', "FILE", options_config,
	    "read this file instead of\n" OPTIONS_FILE },
	{ "foreground", 'f', NULL, options_foreground,
	    "stay in the foreground, log to standard error" },
	{ "listen", 'l', "ADDRESS=HANDLER[,key=value]...", options_listen,
	    "serve this without a configuration file" },
	{ "test", 't', NULL, options_test,
	    "check the configuration, say what is wrong, exit" },
	{ "dump", 'T', NULL, options_dump,
	    "the same, then print the whole configuration" },
	{ "quiet", 'q', NULL, options_quiet,
	    "with -t: say nothing of a good configuration" },
	{ "version", 'V', NULL, options_version,
	    "print version, build options and libraries" },
	{ "help", 'h', NULL, options_help, "print this" },
};

#define OPTIONS_COUNT	(sizeof(options_table) / sizeof(options_table[0]))

static int
options_usage(FILE *out)
{
	fprintf(out, "usage: prongd [-fhqtTV] [-c FILE] "
	    "[-l ADDRESS=HANDLER[,key=value]...]...\n");
	return OPTIONS_USAGE;
}

static int
options_config(struct options *o, const char *argument)
{
	o->file = argument;
	return -1;
}

static int
options_foreground(struct options *o, const char *argument)
{
	o->foreground = true;
	return -1;
}

static int
options_test(struct options *o, const char *argument)
{
	o->test = true;
	return -1;
}

static int
options_dump(struct options *o, const char *argument)
{
	o->dump = true;
	return -1;
}

static int
options_quiet(struct options *o, const char *argument)
{
	o->quiet = true;
	return -1;
}

static int
options_version(struct options *o, const char *argument)
{
	printf("prongd %s\n"
	    "build: sanitizers %s, line editing %s, libseccomp %s, "
	    "configuration %s\n"
	    "libraries: libprong %s, libconfuse %s, %s\n",
	    PACKAGE_VERSION, PRONG_SANITIZERS, PRONG_LIBEDIT,
	    PRONG_LIBSECCOMP, OPTIONS_FILE,
	    prong_version(), confuse_version, PRONG_LIBRARIES);
	return 0;
}

static int
options_help(struct options *o, const char *argument)
{
	const struct options_entry *it;
	const char *help, *newline;

	options_usage(stdout);
	putchar('\n');
	for (it = options_table; it < options_table + OPTIONS_COUNT; it++) {
		printf("  -%c, --%s%s%s\n", it->letter, it->name,
		    it->argument == NULL ? "" : " ",
		    it->argument == NULL ? "" : it->argument);
		help = it->help;
		while ((newline = strchr(help, '\n')) != NULL) {
			printf("\t%.*s\n", (int)(newline - help), help);
			help = newline + 1;
		}
		printf("\t%s\n", help);
	}
	return 0;
}

/*
 * Cuts the next piece off, up to a comma; a backslash before a comma or a
 * backslash makes it part of the piece.  NULL: no more pieces.
 */
static char *
options_piece(char **rest)
{
	char *piece = *rest, *in, *out;

	if (piece == NULL)
		return NULL;
	for (in = out = piece; *in != '\0' && *in != ','; in++) {
		if (in[0] == '\\' && (in[1] == ',' || in[1] == '\\'))
			in++;
		*out++ = *in;
	}
	*rest = *in == ',' ? in + 1 : NULL;
	*out = '\0';
	return piece;
}

/* Cuts "key=value" in two; NULL when either is missing. */
static char *
options_cut(char *piece)
{
	char *equal = strchr(piece, '=');

	if (equal == NULL || equal == piece)
		return NULL;
	*equal = '\0';
	return equal + 1;
}

static int
options_listen_bad(const char *text, const char *why)
{
	fprintf(stderr, "%s: %s\n", text, why);
	return options_usage(stderr);
}

static int
options_listen(struct options *o, const char *argument)
{
	struct options_listen *l;
	char *rest, *piece, *value;

	o->listens = memory_grow(o->listens, o->listen_count + 1,
	    sizeof(*o->listens));
	l = &o->listens[o->listen_count++];
	*l = (struct options_listen){ .text = memory_format("prongd: -l %s",
	    argument) };
	problem_clean(l->text);
	l->address = memory_copy(argument);
	if ((rest = options_cut(l->address)) == NULL)
		return options_listen_bad(l->text, "write ADDRESS=HANDLER");
	l->handler = options_piece(&rest);
	if (l->handler[0] == '\0')
		return options_listen_bad(l->text, "write ADDRESS=HANDLER");
	while ((piece = options_piece(&rest)) != NULL) {
		if ((value = options_cut(piece)) == NULL)
			return options_listen_bad(l->text, "after the handler "
			    "come key=value, with commas between them");
		l->pairs = memory_grow(l->pairs, l->count + 1,
		    sizeof(*l->pairs));
		l->pairs[l->count++] = (struct options_pair){ piece, value };
	}
	return -1;
}

static const struct options_entry *
options_find(int letter)
{
	size_t i;

	for (i = 0; i < OPTIONS_COUNT; i++)
		if (options_table[i].letter == letter)
			return &options_table[i];
	return NULL;
}

/* The same table as getopt_long(3) wants it. */
static void
options_for_getopt(char *letters, struct option *longs)
{
	const struct options_entry *it;

	for (it = options_table; it < options_table + OPTIONS_COUNT; it++) {
		*letters++ = it->letter;
		if (it->argument != NULL)
			*letters++ = ':';
		*longs++ = (struct option){
			.name = it->name,
			.has_arg = it->argument == NULL ? no_argument :
			    required_argument,
			.val = it->letter,
		};
	}
	*letters = '\0';
	*longs = (struct option){ 0 };
}

/* Whether all that is an option has nothing in it but ASCII. */
static bool
options_are_plain(char *const *argv)
{
	const char *p;

	for (; *argv != NULL; argv++)
		for (p = *argv; **argv == '-' && *p != '\0'; p++)
			if (*p < ' ' || *p > '~')
				return false;
	return true;
}

int
options_parse(struct options *o, int argc, char **argv)
{
	const struct options_entry *entry;
	struct option longs[OPTIONS_COUNT + 1];
	char letters[2 * OPTIONS_COUNT + 1];
	int letter, result = -1;

	*o = (struct options){ NULL };
	options_for_getopt(letters, longs);
	/* getopt_long(3) would show a word that is wrong as it is. */
	opterr = options_are_plain(argv);
	while (result == -1 &&
	    (letter = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if ((entry = options_find(letter)) == NULL)
			return options_usage(stderr);
		result = entry->use(o, optarg);
	}
	if (result != -1)
		return result;
	if (optind < argc) {
		problem_clean(argv[optind]);
		fprintf(stderr, "prongd: %s: there are no arguments but "
		    "options\n", argv[optind]);
		return options_usage(stderr);
	}
	if (o->quiet && !o->test && !o->dump) {
		fprintf(stderr, "prongd: -q goes with -t\n");
		return options_usage(stderr);
	}
	o->argv = argv;
	o->folder = getcwd(NULL, 0);
	if (o->file == NULL && o->listen_count == 0)
		o->file = OPTIONS_FILE;
	return -1;
}

void
options_free(struct options *o)
{
	size_t i;

	for (i = 0; i < o->listen_count; i++) {
		free(o->listens[i].text);
		free(o->listens[i].address);
		free(o->listens[i].pairs);
	}
	free(o->listens);
	free(o->folder);
	*o = (struct options){ NULL };
}
