/* SPDX-License-Identifier: ISC */
#ifndef SERVER_REQUESTS_H
#define SERVER_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/*
 * Requests for something that is done once at a time: what is asked for while
 * it is under way is one more, afterwards, however often it was asked.  They
 * have numbers; one is over when done has reached it.
 */

#define REQUESTS_WHY_MAX	16384

struct requests {
	uint64_t asked;
	uint64_t begun;
	uint64_t done;
	json_t *result;			/* of the last one; NULL: see why */
	char why[REQUESTS_WHY_MAX];	/* it failed: a line or more; "": not */
};

/* What was asked for until now is under way. */
void requests_begin(struct requests *);
/*
 * It is over: takes the result, which is NULL without a why only when there was
 * no memory for it; or why it failed.
 */
void requests_end(struct requests *, json_t *result, const char *why);
/* Whether more has been asked for since it began. */
bool requests_are_more(const struct requests *);

/*
 * The result of the last one: for the caller to release; or NULL with a text,
 * and in *errors its lines, each fit for a terminal.
 */
json_t *requests_result(const struct requests *, json_t **errors);

/* Logs each line of why it failed as an error, behind "what: ". */
void requests_log(const struct requests *, const char *what);

void requests_free(struct requests *);

#endif
