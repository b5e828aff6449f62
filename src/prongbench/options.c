/* SPDX-License-Identifier: ISC */
/*
 * The command line: one table of options, from which getopt_long's tables and
 * the usage are made.
 */
#include "prongbench/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "net/frame.h"

#define OPTIONS_CONNECTIONS_MAX	1000000
#define OPTIONS_DEPTH_MAX	65536
/* All that may be in flight, for one connection and for all. */
#define OPTIONS_FLIGHT_MAX	(64LL << 20)

struct options_entry {
	const char *name;
	int letter;			/* 0: none */
	const char *argument;		/* NULL: takes none */
	int (*set)(struct options *, const char *);
	const char *help;
};

static int
options_set_connections(struct options *o, const char *text)
{
	int64_t n;

	if (units_integer(text, 1, OPTIONS_CONNECTIONS_MAX, &n) == -1)
		return -1;
	o->load.connections = (unsigned int)n;
	return 0;
}

static int
options_set_size(struct options *o, const char *text)
{
	int64_t n;

	if (units_size(text, &n) == -1)
		return -1;
	if (n < 1 || n > OPTIONS_FLIGHT_MAX)
		return error_set(ERANGE, "%s is not from 1 to 64M", text);
	o->load.payload.size = (size_t)n;
	return 0;
}

static int
options_set_pipeline(struct options *o, const char *text)
{
	int64_t n;

	if (units_integer(text, 1, OPTIONS_DEPTH_MAX, &n) == -1)
		return -1;
	o->load.payload.depth = (size_t)n;
	return 0;
}

static int
options_set_each(struct options *o, const char *text)
{
	o->load.each = true;
	return 0;
}

/* A duration that is not 0. */
static int
options_set_time(int64_t *us, const char *text)
{
	if (units_duration(text, us) == -1)
		return -1;
	if (*us == 0)
		return error_set(ERANGE, "it must be more than 0");
	return 0;
}

static int
options_set_duration(struct options *o, const char *text)
{
	return options_set_time(&o->duration, text);
}

static int
options_set_count(struct options *o, const char *text)
{
	return units_integer(text, 1, INT64_MAX, &o->messages);
}

static int
options_set_framing(struct options *o, const char *text)
{
	o->load.payload.framing = frame_by_name(text);
	/* What a handler calls a message, it alone knows. */
	if (o->load.payload.framing == PRONG_OWN)
		o->load.payload.framing = 0;
	if (o->load.payload.framing == 0)
		return error_set(EINVAL, "\"%.64s\" is none of raw, line, "
		    "netstring and length32", text);
	return 0;
}

static int
options_set_prefix(struct options *o, const char *text)
{
	o->load.payload.prefix = text;
	return 0;
}

static int
options_set_transform(struct options *o, const char *text)
{
	static const char *const names[] = {
		[PAYLOAD_NONE] = "none",
		[PAYLOAD_UPPER] = "upper",
		[PAYLOAD_LOWER] = "lower",
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], text) == 0) {
			o->load.payload.transform = i;
			return 0;
		}
	return error_set(EINVAL, "\"%.64s\" is none of none, upper and lower",
	    text);
}

/* "2000" or "2000/s". */
static int
options_set_connect_rate(struct options *o, const char *text)
{
	char number[32];
	int64_t n;

	strlcpy(number, text, sizeof(number));
	if (strlen(number) > 2 &&
	    strcmp(number + strlen(number) - 2, "/s") == 0)
		number[strlen(number) - 2] = '\0';
	if (units_integer(number, 1, 1000000, &n) == -1)
		return -1;
	o->load.connect_rate = (double)n;
	return 0;
}

static int
options_set_idle(struct options *o, const char *text)
{
	return options_set_time(&o->idle, text);
}

static int
options_set_timeout(struct options *o, const char *text)
{
	return options_set_time(&o->load.timeout, text);
}

static int
options_set_pid(struct options *o, const char *text)
{
	return cpu_parse(text, &o->servers[0].processes);
}

static int
options_set_json(struct options *o, const char *text)
{
	o->json = true;
	return 0;
}

static int
options_set_compare(struct options *o, const char *text)
{
	o->compare = true;
	return 0;
}

/* The interval of fewer than ten pairs would mean nothing. */
static int
options_set_pairs(struct options *o, const char *text)
{
	return units_integer(text, 10, 1000000, &o->pairs);
}

static int
options_set_max_pairs(struct options *o, const char *text)
{
	return units_integer(text, 10, 1000000, &o->max_pairs);
}

static int
options_set_slice(struct options *o, const char *text)
{
	return options_set_time(&o->slice, text);
}

static int
options_set_bound(double *bound, const char *text)
{
	char *end;

	*bound = strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(*bound) || *bound <= 0)
		return error_set(EINVAL, "\"%.64s\" is not a ratio (write it "
		    "like 0.97)", text);
	return 0;
}

static int
options_set_min_rate(struct options *o, const char *text)
{
	return options_set_bound(&o->min_rate, text);
}

static int
options_set_max_cpu(struct options *o, const char *text)
{
	return options_set_bound(&o->max_cpu, text);
}

static int
options_set_help(struct options *o, const char *text)
{
	o->help = true;
	return 0;
}

static int
options_set_version(struct options *o, const char *text)
{
	o->version = true;
	return 0;
}

static const struct options_entry options_entries[] = {
	{ "connections", 'c', "N", options_set_connections,
	    "connections at once (50)" },
	{ "size", 's', "SIZE", options_set_size, "bytes of a message (64)" },
	{ "pipeline", 'p', "N", options_set_pipeline,
	    "messages in flight on each connection (1)" },
	{ "connect-each", 'x', NULL, options_set_each,
	    "a connection for each message" },
	{ "duration", 'd', "TIME", options_set_duration, "run so long (10s)" },
	{ "count", 'n', "N", options_set_count, "end after so many messages" },
	{ "framing", 'f', "NAME", options_set_framing,
	    "raw, line, netstring or length32 (raw)" },
	{ "prefix", 0, "TEXT", options_set_prefix,
	    "the server puts this before each reply" },
	{ "transform", 0, "NAME", options_set_transform,
	    "the server replies in upper or lower case" },
	{ "connect-rate", 0, "N/s", options_set_connect_rate,
	    "open so many connections a second" },
	{ "idle", 0, "TIME", options_set_idle,
	    "then hold the connections idle" },
	{ "timeout", 0, "TIME", options_set_timeout,
	    "give up when nothing comes for so long (10s)" },
	{ "pid", 0, "PID[,PID...]", options_set_pid,
	    "the server's processes, for its CPU time" },
	{ "json", 'j', NULL, options_set_json, "print one JSON object" },
	{ "compare", 0, NULL, options_set_compare,
	    "two servers in alternating slices of time" },
	{ "pairs", 0, "N", options_set_pairs,
	    "pairs of slices at least (100)" },
	{ "max-pairs", 0, "N", options_set_max_pairs,
	    "pairs at most, for a narrow interval (1000)" },
	{ "slice", 0, "TIME", options_set_slice, "length of a slice (150ms)" },
	{ "min-rate", 0, "RATIO", options_set_min_rate,
	    "fail when A/B of the rate is less" },
	{ "max-cpu", 0, "RATIO", options_set_max_cpu,
	    "fail when A/B of the server's CPU is more" },
	{ "help", 'h', NULL, options_set_help, "print this" },
	{ "version", 'V', NULL, options_set_version, "print the version" },
};

#define OPTIONS_ENTRIES	\
	(sizeof(options_entries) / sizeof(options_entries[0]))

void
options_usage(void)
{
	const struct options_entry *e;
	char head[64];

	printf("usage: prongbench [options] ADDRESS\n"
	    "       prongbench [options] --compare A[@PID,...] B[@PID,...]\n"
	    "\nLoads a server that sends back what it gets, checks every "
	    "byte, and measures.\n\n");
	for (e = options_entries; e < options_entries + OPTIONS_ENTRIES; e++) {
		snprintf(head, sizeof(head), "%c%c%s --%s %s",
		    e->letter == 0 ? ' ' : '-',
		    e->letter == 0 ? ' ' : e->letter,
		    e->letter == 0 ? " " : ",", e->name,
		    e->argument == NULL ? "" : e->argument);
		printf("  %-26s  %s\n", head, e->help);
	}
}

/* "ADDRESS@123,456": the processes are what follows the last "@". */
static int
options_server(struct options_server *server, char *text)
{
	char *at = strrchr(text, '@');

	server->address = text;
	if (at == NULL || at[1] == '\0' ||
	    at[1 + strspn(at + 1, "0123456789,")] != '\0')
		return 0;
	*at = '\0';
	return cpu_parse(at + 1, &server->processes);
}

static int
options_check_compare(const struct options *o)
{
	if (o->messages != 0 || o->duration != 0 || o->idle != 0)
		return error_set(EINVAL, "--compare runs in slices: not with "
		    "-d, -n or --idle");
	if ((o->servers[0].processes.count == 0) !=
	    (o->servers[1].processes.count == 0))
		return error_set(EINVAL, "the processes of one server are "
		    "given (@PID), those of the other are not");
	if (o->max_cpu != 0 && o->servers[0].processes.count == 0)
		return error_set(EINVAL, "--max-cpu needs the processes of "
		    "both servers (ADDRESS@PID)");
	if (o->max_pairs < o->pairs)
		return error_set(EINVAL, "--max-pairs is less than --pairs");
	return 0;
}

/* What each option alone cannot know. */
static int
options_check(const struct options *o)
{
	const struct payload_options *p = &o->load.payload;
	size_t reply = p->size + strlen(p->prefix);

	if ((int64_t)(reply * p->depth) > OPTIONS_FLIGHT_MAX)
		return error_set(EINVAL, "%zu messages of %zu bytes are more "
		    "than the 64M that may be in flight on a connection",
		    p->depth, reply);
	if ((int64_t)(p->depth * o->load.connections) > OPTIONS_FLIGHT_MAX)
		return error_set(EINVAL, "%zu messages on each of %u "
		    "connections are too many", p->depth, o->load.connections);
	if (o->load.each && (p->depth > 1 || o->idle != 0 ||
	    o->load.connect_rate != 0))
		return error_set(EINVAL, "-x keeps no connection: not with "
		    "-p, --idle or --connect-rate");
	if (o->compare)
		return options_check_compare(o);
	if (o->min_rate != 0 || o->max_cpu != 0)
		return error_set(EINVAL, "--min-rate and --max-cpu need "
		    "--compare");
	return 0;
}

/* The servers that follow the options. */
static int
options_operands(struct options *o, int count, char **words)
{
	int i, wanted = o->compare ? 2 : 1;

	if (count < wanted)
		return error_set(EINVAL, o->compare ?
		    "two addresses are needed" : "an address is needed");
	if (count > wanted)
		return error_set(EINVAL, "\"%.64s\" is too much",
		    words[wanted]);
	if (o->compare && o->servers[0].processes.count > 0)
		return error_set(EINVAL, "with --compare the processes are "
		    "written ADDRESS@PID");
	for (i = 0; i < wanted; i++)
		if (options_server(&o->servers[i], words[i]) == -1 ||
		    address_check(o->servers[i].address) == -1)
			return -1;
	return options_check(o);
}

static int
options_getopt(struct options *o, int argc, char **argv)
{
	struct option longs[OPTIONS_ENTRIES + 1];
	char shorts[2 * OPTIONS_ENTRIES + 1], *s = shorts;
	int letter;
	size_t i;

	memset(longs, 0, sizeof(longs));
	for (i = 0; i < OPTIONS_ENTRIES; i++) {
		longs[i].name = options_entries[i].name;
		longs[i].has_arg = options_entries[i].argument != NULL;
		longs[i].val = 256 + (int)i;
		if (options_entries[i].letter == 0)
			continue;
		*s++ = (char)options_entries[i].letter;
		if (options_entries[i].argument != NULL)
			*s++ = ':';
	}
	*s = '\0';
	for (;;) {
		letter = getopt_long(argc, argv, shorts, longs, NULL);
		if (letter == -1)
			return 0;
		if (letter == '?')
			return -1;
		i = letter < 256 ? 0 : (size_t)letter - 256;
		while (letter < 256 && options_entries[i].letter != letter)
			i++;
		if (options_entries[i].set(o, optarg) == -1) {
			fprintf(stderr, "prongbench: --%s: %s\n",
			    options_entries[i].name, error_text());
			return -1;
		}
	}
}

int
options_parse(struct options *o, int argc, char **argv)
{
	*o = (struct options) {
		.load = {
			.connections = 50,
			.timeout = 10000000,
			.payload = {
				.framing = PRONG_RAW,
				.size = 64,
				.depth = 1,
				.prefix = "",
			},
		},
		.pairs = 100,
		.max_pairs = 1000,
		.slice = 150000,
	};
	if (options_getopt(o, argc, argv) == -1)
		goto usage;
	if (o->help || o->version)
		return 0;
	if (options_operands(o, argc - optind, argv + optind) == -1) {
		fprintf(stderr, "prongbench: %s\n", error_text());
		goto usage;
	}
	if (o->duration == 0 && o->messages == 0 && o->idle == 0)
		o->duration = 10000000;
	return 0;
usage:
	fprintf(stderr, "Try \"prongbench --help\".\n");
	return -1;
}
