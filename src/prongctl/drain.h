/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_DRAIN_H
#define PRONGCTL_DRAIN_H

#include "prongctl/command.h"

/*
 * The command drain: waits until a service is empty.  Interrupted, it says how
 * things stand; the service stays as it is.
 */
int drain_run(const struct command *, const struct command_line *,
    json_t *request);

#endif
