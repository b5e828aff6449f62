/* SPDX-License-Identifier: ISC */
/*
 * The lines to send, from the command line or from standard input.
 *
 * stdio is not used for it: what it keeps in its buffer is not seen by
 * poll(2).
 */
#include "prongtalk/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define LINES_READ	65536

void
lines_init(struct lines *l, char **messages)
{
	memset(l, 0, sizeof(*l));
	if (messages[0] != NULL)
		l->messages = messages;
}

void
lines_free(struct lines *l)
{
	bytes_free(&l->buffer);
}

enum lines_result
lines_next(struct lines *l, const char **line, size_t *len)
{
	const char *start, *newline;
	size_t length;

	if (l->messages != NULL) {
		if ((*line = *l->messages) == NULL)
			return LINES_END;
		*len = strlen(*line);
		l->messages++;
		return LINES_LINE;
	}
	bytes_consume(&l->buffer, l->taken);
	l->taken = 0;
	length = bytes_length(&l->buffer);
	if (length == 0)
		return l->ended ? LINES_END : LINES_MORE;
	start = l->buffer.data + l->buffer.start;
	newline = memchr(start + l->seen, '\n', length - l->seen);
	l->seen = newline == NULL ? length : 0;
	/* The last line counts also when its newline is missing. */
	if (newline == NULL && !l->ended)
		return LINES_MORE;
	*line = start;
	*len = newline == NULL ? length : (size_t)(newline - start);
	l->taken = *len + (newline != NULL);
	return LINES_LINE;
}

int
lines_fill(struct lines *l)
{
	ssize_t n;

	if (bytes_reserve(&l->buffer, LINES_READ) == -1)
		return error_prefix("a line of standard input");
	n = read(STDIN_FILENO, l->buffer.data + l->buffer.end, LINES_READ);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == -1)
		return error_errno("standard input");
	l->ended = n == 0;
	l->buffer.end += (size_t)n;
	return 0;
}
