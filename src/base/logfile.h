/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOGFILE_H
#define BASE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A target that lines go to: standard error, syslog(3), a file, or none. */

enum logfile_kind {
	LOGFILE_NONE, LOGFILE_STDERR, LOGFILE_SYSLOG, LOGFILE_PATH,
};

struct logfile {
	enum logfile_kind kind;
	const char *what;		/* "log": for texts about it */
	int fd;				/* of a file or STDERR_FILENO, or -1 */
	char *path;			/* of a file, or NULL */
	uint64_t lost;			/* lines, since this was last told */
	bool torn;			/* the last line is not whole */
};

/*
 * Opens "" (none), "stderr", "syslog", or else a path.  A file is made with
 * mode 0640.  Refused, since they may be another's trap: a symbolic link,
 * what is not a regular file, a file that has further names (hard links), and
 * where root opens it, one that belongs to somebody else.  On -1 the structure is as it was and error_text() says why.
 */
int logfile_open(struct logfile *, const char *what, const char *target);
void logfile_close(struct logfile *);

/* Whether a path that is there could be opened so; changes nothing. */
int logfile_try(const char *what, const char *path);

/*
 * Opens the path again; 0 at once when it is not a file.  On -1 the old file
 * stays in use.
 */
int logfile_reopen(struct logfile *);

/*
 * Goes on with fd, of the same file reopened by another process, under the
 * number of the old one.  It is closed, also where there is no file.
 */
void logfile_adopt(struct logfile *, int fd);

/*
 * Writes a line, newline included, by one system call, and never waits.  -1
 * with errno when it could not be written as a whole, and counted in lost.
 */
int logfile_write(struct logfile *, const char *line, size_t length);

/* Counts a line that could not be written. */
void logfile_count_lost(struct logfile *);

/* Takes the number of lines that were lost. */
uint64_t logfile_take_lost(struct logfile *);

#endif
