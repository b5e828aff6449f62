/* SPDX-License-Identifier: ISC */
/*
 * prongctl: talks to a running prongd.  Here is the command line; what the
 * commands do is in command.c.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "prongctl/command.h"

#define MAIN_SOCKET	PRONG_RUNSTATEDIR "/prongd/control.sock"
#define MAIN_LIMIT	INT64_C(10000000)

enum { MAIN_FAST = 256 };

static const struct option main_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "limit", required_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'j' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ "fast", no_argument, NULL, MAIN_FAST },
	{ NULL }
};

static int __attribute__((format(printf, 1, 2)))
main_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("prongctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
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
main_version(void)
{
	puts("prongctl " PACKAGE_VERSION);
	return COMMAND_DONE;
}

static int
main_parse(int argc, char *argv[], struct command_line *line)
{
	int ch;

	while ((ch = getopt_long(argc, argv, "s:t:jVh", main_options,
	    NULL)) != -1)
		switch (ch) {
		case 's':
			line->socket = optarg;
			break;
		case 't':
			if (units_duration(optarg, &line->limit) == -1)
				return main_usage("-t: %s", error_text());
			line->has_limit = true;
			break;
		case 'j':
			line->json = true;
			break;
		case 'V':
			return main_version();
		case 'h':
			return main_run("help", line);
		case MAIN_FAST:
			line->flags |= COMMAND_FAST;
			break;
		default:
			/* getopt_long(3) has said what is wrong. */
			command_usage(stderr);
			return COMMAND_USAGE;
		}
	if (optind == argc)
		return main_usage("a command is missing (see prongctl help)");
	line->arguments = argv + optind + 1;
	line->argument_count = argc - optind - 1;
	return main_run(argv[optind], line);
}

int
main(int argc, char *argv[])
{
	struct command_line line = { .socket = MAIN_SOCKET,
	    .limit = MAIN_LIMIT };
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
