/* SPDX-License-Identifier: ISC */
#ifndef HANDLERS_STORE_RESP_H
#define HANDLERS_STORE_RESP_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Requests in RESP: an array of bulk strings,
 *
 *	*2\r\n$3\r\nGET\r\n$1\r\nk\r\n
 *
 * or inline, words on a line with quotes as in a shell.  No input or output
 * here, and no limit of its own: how long a request may be is max-message.
 */

/* Bytes of any kind, within the request. */
struct store_bytes {
	const char *data;
	size_t length;
};

/* So many arguments need no memory. */
#define STORE_RESP_FEW	16

struct store_resp {
	struct store_bytes *argv;
	size_t argc;		/* 0: nothing is asked and nothing answered */
	char wrong[64];		/* the text of a protocol error, or "" */
	void *memory;		/* what argv, and what it points to, may need */
	struct store_bytes few[STORE_RESP_FEW];
};

/*
 * The .frame of the handler: how many bytes the first request has; 0: it is
 * not whole.  One that is wrong ends where that shows.
 */
ssize_t store_resp_frame(const void *data, size_t length, uint64_t *state);

/*
 * Takes a request apart that store_resp_frame() has found, in place: the data
 * is to stay where it is.  -1: ENOMEM.
 */
int store_resp_parse(struct store_resp *, const char *data, size_t length);
void store_resp_free(struct store_resp *);

#endif
