/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_BATCH_H
#define PRONGTALK_BATCH_H

#include "prongtalk/lines.h"
#include "prongtalk/show.h"
#include "prongtalk/talk.h"

/*
 * Without a terminal: sends a line, prints its reply, then the next.  Returns
 * 0 when every line was answered, else 1, after saying why.
 */
int batch_run(struct talk *, struct lines *);

/*
 * After the half-close: prints what still comes until the server closes.
 * The same result; a server that stays silent but does not close is given up
 * with a notice, which is no failure.
 */
int batch_rest(struct talk *, struct show *, const char *after);

#endif
