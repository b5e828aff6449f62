/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_LINES_H
#define PRONGTALK_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "prongtalk/bytes.h"

/*
 * Where the lines to send come from: the messages on the command line, or
 * else standard input.  Reading never waits when the caller has seen that
 * the descriptor can be read.
 */
struct lines {
	char **messages;	/* what is left of them, or NULL */
	struct bytes buffer;
	size_t seen;		/* so many bytes have no newline */
	size_t taken;		/* bytes of the line that was given last */
	bool ended;
};

enum lines_result {
	LINES_LINE,		/* a line, without its newline */
	LINES_MORE,		/* call lines_fill() when there is input */
	LINES_END,
};

/* messages ends with NULL; an empty list stands for standard input. */
void lines_init(struct lines *, char **messages);
void lines_free(struct lines *);

/* The line is the caller's to read until the next call. */
enum lines_result lines_next(struct lines *, const char **line, size_t *len);

/* Reads once from standard input; -1 with error_text(). */
int lines_fill(struct lines *);

#endif
