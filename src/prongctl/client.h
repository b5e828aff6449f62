/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_CLIENT_H
#define PRONGCTL_CLIENT_H

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A conversation with a server over its control socket: one JSON object per
 * line each way.  On -1 error_text() says why.
 */

/* The longest answer that is read. */
#define CLIENT_ANSWER_MAX	(16 * 1024 * 1024)

struct client {
	int fd;
	int64_t limit;		/* microseconds for an answer; 0: none */
	int64_t deadline;	/* on the monotonic clock; 0: none */
	char *buffer;		/* what was read and not yet used */
	size_t length, size;
	/* The signals that are blocked while it waits, and what a handler of
	 * the others sets to end that; or NULL. */
	const sigset_t *mask;
	const volatile sig_atomic_t *stop;
};

/*
 * Connects.  This and all that follows must come within limit microseconds, 0
 * being no limit.  errno ETIMEDOUT: there is a server, but it is too busy to
 * accept.
 */
int client_open(struct client *, const char *path, int64_t limit);
/* Releasing twice, or what failed to open, is harmless. */
void client_close(struct client *);

/* Begins a new limit; what is waited for from now on must come within it. */
void client_set_limit(struct client *, int64_t limit);

/* Sends a request.  errno EPIPE: the server has closed the connection. */
int client_send(struct client *, const json_t *request);

/*
 * Waits until there is something to read, at most ms (-1: the limit only).
 * Returns 1, 0 when ms have passed, or -1: ETIMEDOUT, the limit has passed.
 */
int client_wait(struct client *, int ms);

/*
 * Reads one answer: 1 and *answer, to be released by the caller; 0 when the
 * server has closed the connection; or -1: ETIMEDOUT, EPROTO for what is not
 * an answer, or why it could not be read.
 */
int client_receive(struct client *, json_t **answer);

/*
 * Takes the result out of an answer: *result is to be released; or says why
 * there is none.
 */
int client_judge(json_t *answer, json_t **result);

/*
 * Where the next part of a list begins, after the one at *from: 0 after the
 * last.  A server that does not get ahead must not keep us asking.
 */
int client_next(const json_t *part, json_int_t *from);

#endif
