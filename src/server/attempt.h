/* SPDX-License-Identifier: ISC */
#ifndef SERVER_ATTEMPT_H
#define SERVER_ATTEMPT_H

/*
 * Calls functions of somebody else's, who may crash, end the process or never
 * return, in a child that lives for nothing else.
 */

struct attempt_step {
	const char *what;	/* for errors: "loading it" */
	int (*call)(void *arg);	/* -1: errno and error_text() say why not */
};

struct attempt {
	const char *who;	/* for errors: "module x.so" */
	int ms;			/* how long all of them may take */
	const struct attempt_step *steps;	/* the last has a NULL */
};

/*
 * Calls one after the other until one fails.  -1 with its errno and its text;
 * with ENOEXEC and a text that names it, if it has ended the process or did not
 * come to an end in time.
 */
int attempt_call(const struct attempt *, void *arg);

#endif
