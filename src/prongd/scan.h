/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_SCAN_H
#define PRONGD_SCAN_H

#include <stddef.h>

#include "prongd/problem.h"

/*
 * Makes a text fit for libconfuse: takes its comments out, in place and with
 * every line where it was, and refuses what libconfuse would accept in silence
 * or stumble over.  The text ends in a NUL that length does not count.  What
 * was scanned once may be scanned again.  Returns the number of lines, or -1
 * with one problem, since nothing after it can be made sense of.
 */
int scan_text(char *text, size_t *length, struct place, struct problems *);

#endif
