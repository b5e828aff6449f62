/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOGLINE_H
#define BASE_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A line of a log in the making, as text or as one JSON object.  Whatever the
 * values hold, the result is printable ASCII: other bytes are encoded in the
 * way of vis(3), so a line stays one line and a word one word, of which
 * unvis(1) has the bytes back.  Nothing here allocates or depends on the
 * locale: there must be a log when memory has run out.
 */

/* What is longer is cut, so that any line fits into a pipe: PIPE_BUF. */
#define LOGLINE_MESSAGE_MAX	704
#define LOGLINE_WORD_MAX	240

/*
 * An encoded byte is at most "\\001" with its backslash quoted for JSON, and
 * the rest of the longest line, keys and numbers, takes less than 512.
 */
#define LOGLINE_MAX		(LOGLINE_MESSAGE_MAX * 5 + 512)

struct logline {
	char text[LOGLINE_MAX];		/* always a string */
	size_t length;
	bool json;
};

void logline_start(struct logline *, bool json);

/* The time of now: "2026-11-21T04:03:05.123Z", as text without its key. */
void logline_time(struct logline *);

/* As text " key=value" with spaces, quotes and backslashes encoded too. */
void logline_word(struct logline *, const char *key, const char *value);
void logline_number(struct logline *, const char *key, uint64_t);
/* Milliseconds as seconds: 1.234. */
void logline_seconds(struct logline *, const char *key, uint64_t ms);

/* As text the message alone; for people, so a backslash stays as it is. */
void logline_message(struct logline *, const char *message);

/* As it is, and in lines of text only: what stands before the others. */
void logline_print(struct logline *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Closes the object, and adds the newline. */
void logline_end(struct logline *);

#endif
