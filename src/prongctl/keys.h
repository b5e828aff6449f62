/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_KEYS_H
#define PRONGCTL_KEYS_H

#include <stddef.h>

#include "prongctl/display.h"

/* The keys of top.  A key is added here and nowhere else. */

/* key: a character or an enum screen_key. */
void keys_press(struct display *, int key);

/* What the i-th line of the help says; NULL: there are no more. */
const char *keys_help(size_t i, char *buf, size_t size);

#endif
