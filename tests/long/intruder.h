/* SPDX-License-Identifier: ISC */
#ifndef INTRUDER_H
#define INTRUDER_H

#include <prong.h>

/*
 * The life of the hostile process: "PORT PID...", where it is told what to do
 * and the process ids that it writes where others may take them for theirs.
 */
void intruder_hostile(const char *argument) __attribute__((noreturn));

#endif
