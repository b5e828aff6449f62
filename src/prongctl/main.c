/* SPDX-License-Identifier: ISC */
/*
 * prongctl: talks to a running prongd.  Here is the command line; what the
 * commands do is in command.c.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "prongctl/cell.h"
#include "prongctl/command.h"
#include "prongctl/top.h"

#ifdef HAVE_NCURSES
#define MAIN_SCREEN	"yes"
#else
#define MAIN_SCREEN	"no"
#endif

enum { MAIN_FAST = 256, MAIN_DRY_RUN };

static const struct option main_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "limit", required_argument, NULL, 't' },
	{ "interval", required_argument, NULL, 'i' },
	{ "once", no_argument, NULL, '1' },
	{ "json", no_argument, NULL, 'j' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ "fast", no_argument, NULL, MAIN_FAST },
	{ "dry-run", no_argument, NULL, MAIN_DRY_RUN },
	{ NULL }
};

static int __attribute__((format(printf, 1, 2)))
main_usage(const char *fmt, ...)
{
	char text[ERROR_MAX], safe[4 * ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "prongctl: %s\n", cell_safe(text, safe,
	    sizeof(safe)));
	command_usage(stderr);
	return COMMAND_USAGE;
}

static int
main_run(const char *name, struct command_line *line)
{
	const struct command *cmd = command_find(name, line);

	if (cmd == NULL)
		return main_usage("there is no command %s (see prongctl help)",
		    name);
	return command_run(cmd, line);
}

static int
main_interval(struct command_line *line)
{
	if (units_decimal(optarg, &line->interval) == -1)
		return main_usage("-i: %s", error_text());
	if (line->interval < TOP_INTERVAL_MIN ||
	    line->interval > TOP_INTERVAL_MAX)
		return main_usage("-i: %s is not from %.1f to %d seconds",
		    optarg, TOP_INTERVAL_MIN / 1000.0,
		    TOP_INTERVAL_MAX / 1000);
	line->flags |= COMMAND_EVERY;
	return -1;
}

static int
main_version(void)
{
	puts("prongctl " PACKAGE_VERSION ", live screen: " MAIN_SCREEN);
	return COMMAND_DONE;
}

/* One option; -1: there may be more. */
static int
main_option(int ch, struct command_line *line)
{
	switch (ch) {
	case 's':
		line->socket = optarg;
		return -1;
	case 't':
		if (units_duration(optarg, &line->limit) == -1)
			return main_usage("-t: %s", error_text());
		line->has_limit = true;
		return -1;
	case 'i':
		return main_interval(line);
	case '1':
		line->flags |= COMMAND_ONCE;
		/* -1j */
		line->json |= optarg != NULL;
		return -1;
	case 'j':
		line->json = true;
		return -1;
	case 'V':
		return main_version();
	case 'h':
		return main_run("help", line);
	case MAIN_FAST:
		line->flags |= COMMAND_FAST;
		return -1;
	case MAIN_DRY_RUN:
		line->flags |= COMMAND_DRY_RUN;
		return -1;
	default:
		/* getopt_long(3) has said what else is wrong. */
		if (isdigit(ch))
			return main_usage("invalid option -- '%c'", ch);
		command_usage(stderr);
		return COMMAND_USAGE;
	}
}

/* In the order of the command line, so that numbers keep their place. */
#define MAIN_OPTIONS	"-s:t:i:jVh" "0::1::2::3::4::5::6::7::8::9::"

/* -1 before a command, none of which is a number, or after one that has it. */
static bool
main_is_once(const char *word, int words, char *argv[])
{
	struct command_line none = { .argument_count = 0 };
	const struct command *cmd;

	if (strcmp(word, "-1") != 0 && strcmp(word, "-1j") != 0)
		return false;
	cmd = words > 1 ? command_find(argv[1], &none) : NULL;
	return words == 1 || (cmd != NULL && (cmd->flags & COMMAND_ONCE) != 0);
}

/* A negative number is no option; the word that it is, or NULL. */
static char *
main_word(int ch, int words, char *argv[])
{
	char *word = argv[optind - 1];

	if (ch == 1)
		return optarg;
	return isdigit(ch) && word[0] == '-' && word[1] == ch &&
	    !main_is_once(word, words, argv) ? word : NULL;
}

/* Whether all that may be an option has nothing in it but ASCII. */
static bool
main_are_plain(char *const *argv)
{
	const char *p;

	for (; *argv != NULL; argv++)
		for (p = *argv; **argv == '-' && *p != '\0'; p++)
			if (*p < ' ' || *p > '~')
				return false;
	return true;
}

/* The words are moved together behind argv[0]. */
static int
main_parse(int argc, char *argv[], struct command_line *line)
{
	int ch, code, words = 1;
	char *word;

	/* getopt_long(3) would show a word that is wrong as it is. */
	opterr = main_are_plain(argv);
	while ((ch = getopt_long(argc, argv, MAIN_OPTIONS, main_options,
	    NULL)) != -1)
		if ((word = main_word(ch, words, argv)) != NULL)
			argv[words++] = word;
		else if ((code = main_option(ch, line)) != -1)
			return code;
	while (optind < argc)
		argv[words++] = argv[optind++];
	if (words == 1)
		return main_usage("a command is missing (see prongctl help)");
	line->arguments = argv + 2;
	line->argument_count = words - 2;
	return main_run(argv[1], line);
}

int
main(int argc, char *argv[])
{
	struct command_line line = { .socket = COMMAND_SOCKET,
	    .limit = COMMAND_LIMIT, .interval = COMMAND_INTERVAL };
	int code = main_parse(argc, argv, &line);

	/* A full disk or a closed pipe must not pass for an answer. */
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "prongctl: cannot write the result: %s\n",
		    strerror(errno));
		if (code == COMMAND_DONE)
			code = COMMAND_REFUSED;
	}
	return code;
}
