/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "prong.h"

/*
 * The process's logs: the main one, of what happens to the server, and the
 * access log, of its connections.  One line per call, one write(2) per line.
 * The master opens them and hands the descriptors to the others, so reopening
 * works where the paths cannot be reached.  Bytes that are not printable are
 * encoded, so nothing that a client sends can forge a line.  errno is kept.
 *
 * A line that cannot be written is lost, and the service goes on; the main log
 * says so as soon as it can.  So that a limit of file sizes does no worse, the
 * process ignores SIGXFSZ.
 */
enum log_stream { LOG_MAIN, LOG_ACCESS, LOG_STREAMS };

/*
 * Opens the main log: "stderr", "syslog", or an absolute path, which is
 * created with mode 0640, not followed when it is a symbolic link, and refused
 * when it is another's file while we are root.  The old log stays in use when
 * this fails: -1, error_text() says why.
 */
int log_open(const char *target, enum prong_level, bool json);

/* The same for the access log; "" is none, as at the start. */
int log_open_access(const char *target, bool json);

/*
 * Opens the paths again.  A log that cannot be opened goes on with the old
 * file, and the other is reopened all the same; then -1, and error_text()
 * names each that failed.
 */
int log_reopen(void);

/* Whether the file of a log has another name by now, or none. */
bool log_has_moved(void);

/* The path that a log is written to; NULL: it is not a file. */
const char *log_path(enum log_stream);

/*
 * In a new process, before it closes what it inherited: syslog(3) keeps a
 * descriptor of its own, and would go on writing to whatever takes its place.
 */
void log_after_fork(void);

/*
 * After that, before a process changes its root: connects to syslog, if a log
 * goes there, while its socket can still be reached.
 */
void log_connect(void);

/*
 * The descriptor of a log file or -1, and what a worker got from the master to
 * go on with.  The number stays the same, and fd is closed.
 */
int log_descriptor(enum log_stream);
void log_set_descriptor(enum log_stream, int fd);

/*
 * Has the main log's lines given to a function instead, encoded as in text; NULL
 * ends that.  One at a time, whatever thread writes; what the function itself
 * logs is dropped.
 */
void log_set_function(prong_log_fn *, void *arg);

/* Of the main log; the access log has no levels. */
enum prong_level log_level(void);
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

/* A connection that has ended, or was refused. */
struct log_access {
	const char *service;
	const char *peer;
	unsigned int worker;
	const char *refused;	/* "acl", "rate"...; NULL: it was not */
	/* The rest is of one that was served. */
	uint64_t id;
	uint64_t milliseconds;	/* from its beginning to its end */
	uint64_t bytes_in;
	uint64_t bytes_out;
	const char *end;	/* "client", "server", "timeout", "error" */
	/* It stands for so many, itself included; 0: lines are not sampled. */
	unsigned int sample;
};

/* Writes its line to the access log; nothing when there is none. */
void log_access(const struct log_access *);

/* Whether there is an access log: ask before gathering what it wants. */
extern bool log_access_is_open;

static inline bool
log_has_access(void)
{
	return log_access_is_open;
}

#endif
