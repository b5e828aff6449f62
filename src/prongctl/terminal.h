/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_TERMINAL_H
#define PRONGCTL_TERMINAL_H

#include <stdbool.h>

/* What a terminal can show; asked here for all commands. */

/* Its columns; 0: it is no terminal, or does not say. */
int terminal_width(int fd);

/*
 * Whether it is to be coloured: a terminal, with colours as far as TERM tells,
 * and nobody has set NO_COLOR.
 */
bool terminal_has_colour(int fd);

#endif
