/* SPDX-License-Identifier: ISC */
#ifndef EMBED_H
#define EMBED_H

#include <prong.h>

/* The names of the array of the program, and of its cells. */
#define EMBED_ARRAY	"cells"
#define EMBED_OPENED	0	/* calls of .opened */
#define EMBED_CLOSED	1	/* calls of .closed */

/*
 * A command of a client: the words after its name are the argument.  It
 * answers by itself, now or later.
 */
typedef int embed_fn(struct prong_conn *, const char *argument);
struct embed_command {
	const char *name;
	embed_fn *fn;
};

extern const struct embed_command embed_watch_commands[];

/* Sends the name of an error number, or "ok" for 0. */
int embed_answer_error(struct prong_conn *, int error);

/* The connection has gone: nothing is to be sent to it any more. */
void embed_watch_forget(const struct prong_conn *);

#endif
