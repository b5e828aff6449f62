/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "prong.h"

/*
 * The process's log: one line per call, one write(2) per line.  The master
 * opens the log and hands the descriptor to the others, so reopening works
 * where the path cannot be reached.  Bytes that are not printable are
 * encoded, so nothing that a client sends can forge a line.  errno is kept.
 */

/*
 * Opens a log: "stderr", "syslog", or an absolute path, which is created with
 * mode 0640 and not followed when it is a symbolic link.  The old log stays in
 * use when this fails: -1, error_text() says why.
 */
int log_open(const char *target, enum prong_level, bool json);

/* Opens the path again; 0 at once when the log is not a file. */
int log_reopen(void);

/*
 * In a new process, before it closes what it inherited: syslog(3) keeps a
 * descriptor of its own, and would go on writing to whatever takes its place.
 */
void log_after_fork(void);

/* The descriptor of a log file or -1; what a worker got from the master. */
int log_descriptor(void);
void log_set_descriptor(int fd);

void log_set_level(enum prong_level);

void log_write(enum prong_level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_vwrite(enum prong_level, const char *fmt, va_list)
    __attribute__((format(printf, 2, 0)));

#define log_error(...)		log_write(PRONG_ERROR, __VA_ARGS__)
#define log_warning(...)	log_write(PRONG_WARNING, __VA_ARGS__)
#define log_info(...)		log_write(PRONG_INFO, __VA_ARGS__)
#define log_debug(...)		log_write(PRONG_DEBUG, __VA_ARGS__)

/* "error", "warning", "info", "debug"; -1 for another word. */
int log_level_by_name(const char *);
const char *log_level_name(enum prong_level);

#endif
