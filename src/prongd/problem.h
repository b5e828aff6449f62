/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_PROBLEM_H
#define PRONGD_PROBLEM_H

#include <stddef.h>
#include <stdio.h>

/*
 * What is wrong, and where.  All of it is collected and printed at the end,
 * in the order of the files and their lines.
 */

/* Where something was said: its file must outlive the place. */
struct place {
	const char *file;	/* or what else to name before the text */
	int order;		/* of the file among the files */
	int line;		/* 0: none, or the file as a whole */
};

struct problem;
struct problems {
	struct problem *list;
	size_t count;
};

void problem_add(struct problems *, struct place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * What comes from a file or the command line must not steer the terminal that
 * it is shown on: all that is not plainly printable becomes "?".
 */
void problem_clean(char *text);

/* One that is no file's: "prongd: text". */
void problem_say(const char *text);

/* One line each: "FILE:LINE: text". */
/* The text comes behind what: "warning: " or nothing. */
void problem_print(struct problems *, const char *what, FILE *);
void problem_free(struct problems *);

#endif
