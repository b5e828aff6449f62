/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_DIALOGUE_H
#define PRONGTALK_DIALOGUE_H

#include "prongtalk/talk.h"

/*
 * At a terminal: the user types, and what the server says is shown when it
 * comes.  Returns 0 when the connection ended in order, else 1, after saying
 * why.
 */
int dialogue_run(struct talk *);

#endif
