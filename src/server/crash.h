/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CRASH_H
#define SERVER_CRASH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a process says when it dies of a fatal signal: its backtrace, in lines.
 * It goes to a memory file that the master has made and reads when the process
 * is dead, so it has the log's form, and a reader who is busy costs nothing.
 * What else the process may have written there is overwritten.
 */

#define CRASH_REPORT_SIZE	16384

/* The file of a report; -1.  Its size is fixed, and it is close-on-exec. */
int crash_open(void);

/*
 * For this process; fd stays the caller's, and open.  Children that it forks
 * have records of their own in the file.
 */
void crash_report_to(int fd);

/* Where whoever looks finds whom it served: see struct slot. */
void crash_serving(uint64_t *);

/* Logs what a dead process has left, line by line. */
void crash_log(int fd, const char *name, pid_t pid);

/* Logs what a dead child of this process has left, or not, and forgets it. */
void crash_take_child(int fd, pid_t pid, bool tell);

/* What a dead process has left, as a string; returns its length. */
size_t crash_read(int fd, char buf[CRASH_REPORT_SIZE + 1]);

#endif
