/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_COMMAND_H
#define PRONGCTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What -t and -i are unless they are given. */
#define COMMAND_LIMIT	INT64_C(10000000)
#define COMMAND_INTERVAL	1000

#define COMMAND_SOCKET	PRONG_RUNSTATEDIR "/prongd/control.sock"

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
	COMMAND_DRY_RUN = 1 << 1,
	COMMAND_ONCE = 1 << 2,
	COMMAND_EVERY = 1 << 3,		/* -i was given */
};

enum command_kind {
	COMMAND_TEXT,
	COMMAND_NUMBER,
};

/* What may follow a command. */
struct command_argument {
	const char *name;		/* for people */
	const char *key;		/* in the request */
	bool optional;			/* and so is all that follows it */
	enum command_kind kind;
	int64_t min, max;		/* of a number */
	bool may_be_empty;		/* a text */
};

#define COMMAND_ARGUMENTS	5	/* the most that a command has, and 1 */

/* What the command line said. */
struct command_line {
	const char *socket;
	bool json;
	bool has_limit;			/* -t was given */
	int64_t limit;			/* microseconds; 0: none */
	int64_t interval;		/* milliseconds */
	unsigned int flags;		/* of enum command_flag */
	char *const *arguments;		/* those of the command */
	int argument_count;
};

struct command;
typedef int command_run_fn(const struct command *,
    const struct command_line *, json_t *request);

/*
 * A command is added here and nowhere else.  Its request is its name, each of
 * its arguments under the key of the argument, and true under the name of each
 * of its flags that was given (request.h).
 */
struct command {
	const char *name;		/* of one or two words */
	const char *help;		/* for people, one line */
	unsigned int flags;		/* those that it has */
	/* Ends with NULL. */
	const struct command_argument *arguments[COMMAND_ARGUMENTS];
	/*
	 * Returns an enum command_exit; has told what went wrong.  The request
	 * is its to change, not to release.
	 */
	command_run_fn *run;
	/* How the result is shown: by a function, or as a line (cell.h). */
	int (*print)(const json_t *result);
	const char *text;
	/* What is said of a worker that has not done it yet; or NULL. */
	const char *waiting;
	const char *list;		/* in a result that comes in parts */
};

/* Ends with a name of NULL. */
extern const struct command command_table[];

/* By a word and the first argument, which is taken then, or by the word. */
const struct command *command_find(const char *word, struct command_line *);

/* Checks the arguments and runs it; as its run(). */
int command_run(const struct command *, const struct command_line *);

/* --- command_ask.c -------------------------------------------------------- */

/* Sends the request and shows its result. */
command_run_fn command_ask;
/* The same for what takes its time: without a limit unless one is given. */
command_run_fn command_await;
/* The same for a list that comes in parts. */
command_run_fn command_list;
/* The same, and waits for the end of the server. */
command_run_fn command_stop;

/* --- for the commands that have a file of their own ----------------------- */

#define COMMAND_TICK	1000		/* ms between looks at what is left */

struct client;

/* Says what is wrong; returns code. */
int command_fail(enum command_exit code, const char *text);
/* Connects; an enum command_exit. */
int command_open(struct client *, const struct command_line *);
/*
 * Reads one answer and takes its result, which is to be released; -1 also when
 * the server has gone.
 */
int command_result(struct client *, json_t **result);
/* Shows the result; or says why there is none, when code says so. */
int command_show(const struct command *, const struct command_line *, int code,
    const json_t *result);
/* Shows on the terminal, over the line before, what is waited for. */
void command_show_wait(const struct command_line *,
    void (*print)(const json_t *status, const void *arg, char *, size_t),
    const void *arg);

/* Prints how prongctl is called. */
void command_usage(FILE *);

#endif
