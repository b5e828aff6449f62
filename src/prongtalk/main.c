/* SPDX-License-Identifier: ISC */
/*
 * prongtalk: talks to a server a line at a time, in any of prong's framings.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"
#include "prongtalk/batch.h"
#include "prongtalk/dialogue.h"
#include "prongtalk/lines.h"
#include "prongtalk/talk.h"

#define MAIN_TIMEOUT	30000		/* milliseconds */
#define MAIN_PAUSE	200		/* milliseconds */
#define MAIN_MAX	(64 << 20)	/* bytes */

static void main_usage(FILE *);

static int
main_framing(struct talk_options *o, const char *value)
{
	o->framing = frame_by_name(value);
	if (o->framing == 0 || o->framing == PRONG_OWN)
		return error_set(EINVAL, "\"%.64s\" is none of raw, line, "
		    "netstring and length32", value);
	return 0;
}

/* Microseconds are more than enough: rounded up to milliseconds. */
static int
main_time(const char *value, int64_t *ms)
{
	if (units_duration(value, ms) == -1)
		return -1;
	*ms = *ms / 1000 + (*ms % 1000 != 0);
	return 0;
}

static int
main_timeout(struct talk_options *o, const char *value)
{
	return main_time(value, &o->timeout);
}

static int
main_pause(struct talk_options *o, const char *value)
{
	return main_time(value, &o->pause);
}

static int
main_max(struct talk_options *o, const char *value)
{
	int64_t n;

	if (units_size(value, &n) == -1)
		return -1;
	if (n == 0)
		return error_set(EINVAL, "it must be at least 1");
	o->max = (size_t)n;
	return 0;
}

static int
main_bare(struct talk_options *o, const char *value)
{
	o->bare = true;
	return 0;
}

static int
main_crlf(struct talk_options *o, const char *value)
{
	o->crlf = true;
	return 0;
}

static int
main_greeting(struct talk_options *o, const char *value)
{
	o->greeting = true;
	return 0;
}

static int
main_no_reply(struct talk_options *o, const char *value)
{
	o->no_reply = true;
	return 0;
}

static int
main_quiet(struct talk_options *o, const char *value)
{
	o->quiet = true;
	return 0;
}

static int
main_version(struct talk_options *o, const char *value)
{
	printf("prongtalk %s, line editing: %s\n", PACKAGE_VERSION,
	    PRONG_LIBEDIT);
	exit(EXIT_SUCCESS);
}

static int
main_help(struct talk_options *o, const char *value)
{
	main_usage(stdout);
	exit(EXIT_SUCCESS);
}

static const struct {
	char letter;
	const char *name;
	const char *value;		/* what it is called, or NULL */
	int (*set)(struct talk_options *, const char *value);
	const char *help;
} main_options[] = {
	{ 'f', "framing", "FRAMING", main_framing,
	    "raw, line (the default), netstring or length32" },
	{ 't', "timeout", "TIME", main_timeout,
	    "give up on a silent server after TIME (30s; 0: never)" },
	{ 'g', "greeting", NULL, main_greeting,
	    "wait for a greeting before the first line is sent" },
	{ 'n', "no-reply", NULL, main_no_reply,
	    "send without waiting for replies" },
	{ 'b', "bare", NULL, main_bare,
	    "raw: send lines without their newline" },
	{ 'C', "crlf", NULL, main_crlf,
	    "raw, line: end lines in CR LF" },
	{ 'p', "pause", "TIME", main_pause,
	    "raw: what ends a reply that has no newline (200ms)" },
	{ 'm', "max-message", "SIZE", main_max,
	    "the longest message to receive (64M)" },
	{ 'q', "quiet", NULL, main_quiet, "say nothing but errors" },
	{ 'V', "version", NULL, main_version, "print the version" },
	{ 'h', "help", NULL, main_help, "print this" },
};

#define MAIN_OPTIONS	(sizeof(main_options) / sizeof(main_options[0]))

static void
main_usage(FILE *out)
{
	char left[40];
	size_t i;

	fprintf(out, "usage: prongtalk [-bCghnqV] [-f FRAMING] [-m SIZE] "
	    "[-p TIME] [-t TIME]\n"
	    "                 ADDRESS [MESSAGE ...]\n");
	if (out != stdout) {
		fprintf(out, "       prongtalk -h says more\n");
		return;
	}
	fprintf(out, "ADDRESS is written like 127.0.0.1:7007, [::1]:7007 or "
	    "unix:/path.\n");
	for (i = 0; i < MAIN_OPTIONS; i++) {
		snprintf(left, sizeof(left), "-%c, --%s%s%s",
		    main_options[i].letter, main_options[i].name,
		    main_options[i].value != NULL ? " " : "",
		    main_options[i].value != NULL ? main_options[i].value :
		    "");
		fprintf(out, "  %-24s %s\n", left, main_options[i].help);
	}
}

static void
main_bad_usage(const char *text)
{
	warnx("%s", text);
	main_usage(stderr);
	exit(EX_USAGE);
}

static void
main_set(struct talk_options *o, int letter, const char *value)
{
	size_t i;

	for (i = 0; i < MAIN_OPTIONS; i++)
		if (main_options[i].letter == letter)
			break;
	if (i == MAIN_OPTIONS) {
		/* getopt has said what is wrong. */
		main_usage(stderr);
		exit(EX_USAGE);
	}
	if (main_options[i].set(o, value) == -1) {
		error_prefix("--%s", main_options[i].name);
		main_bad_usage(error_text());
	}
}

static void
main_parse(int argc, char **argv, struct talk_options *o)
{
	struct option longs[MAIN_OPTIONS + 1] = { { 0 } };
	char shorts[3 * MAIN_OPTIONS + 2] = "+";
	size_t i, n = 1;
	int c;

	for (i = 0; i < MAIN_OPTIONS; i++) {
		longs[i].name = main_options[i].name;
		longs[i].has_arg = main_options[i].value != NULL;
		longs[i].val = main_options[i].letter;
		shorts[n++] = main_options[i].letter;
		if (main_options[i].value != NULL)
			shorts[n++] = ':';
	}
	argv[0] = program_invocation_short_name;	/* for getopt's texts */
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		main_set(o, c, optarg);
	if (o->bare && o->framing != PRONG_RAW)
		main_bad_usage("--bare goes with raw framing only");
	if (o->crlf && o->framing != PRONG_RAW && o->framing != PRONG_LINE)
		main_bad_usage("--crlf goes with raw and line framing only");
	if (o->bare && o->crlf)
		main_bad_usage("--bare and --crlf exclude each other");
	if (optind == argc)
		main_bad_usage("no address given");
	o->address = argv[optind];
	if (address_check(o->address) == -1)
		main_bad_usage(error_text());
}

int
main(int argc, char **argv)
{
	struct talk_options options = {
		.framing = PRONG_LINE,
		.timeout = MAIN_TIMEOUT,
		.pause = MAIN_PAUSE,
		.max = MAIN_MAX,
	};
	struct lines lines;
	struct talk talk;
	int status;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	main_parse(argc, argv, &options);
	if (talk_open(&talk, &options) == -1)
		errx(EXIT_FAILURE, "%s", error_text());
	lines_init(&lines, argv + optind + 1);
	if (lines.messages == NULL && isatty(STDIN_FILENO) == 1)
		status = dialogue_run(&talk);
	else
		status = batch_run(&talk, &lines);
	lines_free(&lines);
	talk_close(&talk);
	return status;
}
