/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_OPTIONS_H
#define PRONGD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* The command line. */

#define OPTIONS_USAGE	64	/* the exit code for bad usage */

struct options_pair {
	char *key;
	char *value;
};

/* -l ADDRESS=HANDLER[,key=value]... */
struct options_listen {
	char *text;		/* "prongd: -l ..." as messages have it */
	char *address;
	char *handler;
	struct options_pair *pairs;
	size_t count;
};

struct options {
	const char *file;	/* NULL: no configuration file */
	char *const *argv;
	char *folder;		/* where we were started, if it is known */
	bool foreground;
	bool test;
	bool dump;
	bool quiet;
	struct options_listen *listens;
	size_t listen_count;
};

/* Returns -1 to go on, else the exit code. */
int options_parse(struct options *, int argc, char **argv);
void options_free(struct options *);

#endif
