/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_REQUEST_H
#define PRONGCTL_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "prongctl/command.h"

/* What is asked: {"command":"close","id":17}, made of the command line. */

/*
 * Makes a request.  NULL: error_text() says why; errno is EINVAL when the
 * command line is wrong.
 */
json_t *request_make(const struct command *, const struct command_line *);

/* Writes "close ID", "stop [--fast]" or "conns [SERVICE]"; returns buf. */
const char *request_usage(const struct command *, char *buf, size_t size);

#endif
