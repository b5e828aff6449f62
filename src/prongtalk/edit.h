/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_EDIT_H
#define PRONGTALK_EDIT_H

#include "prongtalk/keyboard.h"

/*
 * Input with line editing and history.  NULL when the terminal is not one
 * that it can use.  Only in a build with libedit.
 */
struct keyboard *edit_open(void);

#endif
