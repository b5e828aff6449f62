/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_SHOW_H
#define PRONGTALK_SHOW_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Prints what the server says on standard output.  On a terminal whatever
 * could drive it is made visible, as cat -v does; elsewhere bytes go through
 * unchanged.
 */
struct show {
	bool visible;
	char last;		/* byte of the message so far; 0: none yet */
	char tail[MB_LEN_MAX + 1];	/* the start of a character */
	size_t tail_length;
};

void show_init(struct show *);

/*
 * Prints a piece of a message.  ends: it is the last one, so a newline is
 * added unless it had one.  -1 with error_text() when it cannot be written.
 */
int show_piece(struct show *, const char *data, size_t len, bool ends);

/* Room for one byte made visible. */
#define SHOW_BYTE	8

/* The byte as printable ASCII: "a", "^[", "\302"; returns buf. */
const char *show_byte(char buf[SHOW_BYTE], unsigned char byte);

/* The start of the data made visible, cut to size; returns buf. */
const char *show_text(char *buf, size_t size, const char *data, size_t len);

#endif
