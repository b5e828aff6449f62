/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_ONCE_H
#define PRONGCTL_ONCE_H

#include <jansson.h>

#include "prongctl/top.h"

/* top -1: printed once. */

/*
 * Looks twice, an interval apart: *status is what came the second time, with
 * the rates between, and *counters what is counted; both are to be released.
 * -1: error_text() says why not.
 */
int once_look(const struct top_options *, json_t **status,
    json_t **counters);

/* Prints them as tables, as wide as the terminal.  -1: no memory. */
int once_print(const struct top_options *, json_t *status, json_t *counters);

#endif
