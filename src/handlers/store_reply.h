/* SPDX-License-Identifier: ISC */
#ifndef HANDLERS_STORE_REPLY_H
#define HANDLERS_STORE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prong.h"

/*
 * An answer in RESP2, gathered so that a usual one is a single prong_send().
 * What does not fit is sent on the way.  Once sending has failed, the
 * connection has ended or is about to, and the rest is dropped.
 */

/* What a header takes at most: "$4294967295\r\n" and the like. */
#define STORE_REPLY_HEADER	24

struct store_reply {
	struct prong_conn *conn;
	size_t length;
	bool failed;
	char data[8192];
};

static inline void
store_reply_init(struct store_reply *r, struct prong_conn *c)
{
	r->conn = c;
	r->length = 0;
	r->failed = false;
}

/* Sends what there is; -1: it has failed, now or before. */
int store_reply_flush(struct store_reply *);

void store_reply_bytes(struct store_reply *, const void *, size_t);
/* These as they stand: "+OK\r\n". */
void store_reply_text(struct store_reply *, const char *);
void store_reply_ok(struct store_reply *);
void store_reply_nil(struct store_reply *);

void store_reply_integer(struct store_reply *, int64_t);
void store_reply_array(struct store_reply *, size_t count);
void store_reply_bulk(struct store_reply *, const void *, size_t);
void store_reply_string(struct store_reply *, const char *);
void store_reply_format(struct store_reply *, const char *format, ...)
    PRONG_PRINTF(2, 3);
/* An error, its code in front: "ERR syntax error". */
void store_reply_error(struct store_reply *, const char *format, ...)
    PRONG_PRINTF(2, 3);

/*
 * Where a bulk string may be made in place: as much room as *size says, 0 when
 * there is little.  store_reply_placed() says how long it has become.
 */
char *store_reply_place(struct store_reply *, size_t *size);
void store_reply_placed(struct store_reply *, size_t length);

#endif
