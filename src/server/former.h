/* SPDX-License-Identifier: ISC */
#ifndef SERVER_FORMER_H
#define SERVER_FORMER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "server/master.h"

/*
 * The former master, which drains after an upgrade, is asked and told what
 * concerns its connections: in the form of the control socket, of which it is
 * one client, and by a former one of its own in the same way.  Nobody waits
 * for it: what it does not answer in time is as if it was not there, and it is
 * asked nothing more until it has answered.
 */

/* Takes the descriptor.  Without memory there is no asking. */
void former_open(struct master *, int fd);
/* It has gone; what is not answered never will be. */
void former_close(struct master *);

bool former_is_there(const struct master *);

/*
 * Takes over the request, which was made since a jsonmem_begin().  The number of
 * the question, or 0: there is nobody to ask, nobody who answers, or no memory.
 */
uint64_t former_ask(struct master *, json_t *request);

/* Whether there is an answer, or none is waited for any more. */
bool former_is_answered(const struct master *, uint64_t number);
/* The same of all that has been asked. */
bool former_is_quiet(const struct master *);
/*
 * Its result, to be released; NULL with the reason that it has given, or that
 * it did not answer.  Kept until many others have been asked.
 */
json_t *former_result(const struct master *, uint64_t number);
/*
 * "silent" of an answer: the process that says nothing, this one or, as from
 * says, which may be NULL, one that it has asked.
 */
void former_note_silence(const struct master *, const json_t *from,
    json_t *answer);

#endif
