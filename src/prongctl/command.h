/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_COMMAND_H
#define PRONGCTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What prongctl exits with. */
enum command_exit {
	COMMAND_DONE = 0,
	COMMAND_REFUSED = 1,	/* the server said no, or nothing in time */
	COMMAND_NO_SERVER = 2,
	COMMAND_USAGE = 64,
};

/* Options that only some commands have. */
enum command_flag {
	COMMAND_FAST = 1 << 0,
};

/* What the command line said. */
struct command_line {
	const char *socket;
	bool json;
	bool has_limit;			/* -t was given */
	int64_t limit;			/* microseconds; 0: none */
	unsigned int flags;		/* of enum command_flag */
};

/*
 * A command is added here and nowhere else.  Its request is its name, and
 * true under the name of each of its flags that was given.
 */
struct command {
	const char *name;
	const char *arguments;		/* for people */
	const char *help;		/* for people, one line */
	unsigned int flags;		/* those that it has */
	/* Returns an enum command_exit; has told what went wrong. */
	int (*run)(const struct command *, const struct command_line *);
	int (*print)(const json_t *result);	/* NULL: nothing to show */
};

/* Ends with a name of NULL. */
extern const struct command command_table[];

const struct command *command_find(const char *name);

/* Prints how prongctl is called. */
void command_usage(FILE *);

#endif
