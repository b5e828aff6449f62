/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CRASH_H
#define SERVER_CRASH_H

/*
 * What a process says when it dies of a fatal signal: its backtrace, in lines,
 * to a descriptor.  Whoever reads it writes it to the log.
 */

/* For this process; fd stays the caller's, and open. */
void crash_report_to(int fd);

#endif
