/* SPDX-License-Identifier: ISC */
#ifndef NET_LETTER_H
#define NET_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What goes from process to process: a row of messages, each behind a head that
 * says for whom it is.  It may come from a process that is not what it should
 * be, so nothing in it is believed.
 */

struct net;

enum letter_kind {
	LETTER_ONE = 1,		/* to the connection id */
	LETTER_ALL,		/* to all of a service here, but for id */
	LETTER_RELAY,		/* to all of a service anywhere, but for id */
};

struct letter_head {
	uint64_t id;
	uint32_t length;
	uint16_t service;
	uint16_t kind;		/* enum letter_kind */
};

/* One message of a letter, and the letter behind it. */
struct letter_part {
	struct letter_head head;
	const char *data;
	const char *rest;
};

/* False at the end of the letter, or of what can be understood of it. */
bool letter_next(const char *at, const char *end, struct letter_part *);

/* How much of a row of messages makes one letter: at least one message. */
size_t letter_fit(const char *row, size_t len);

/*
 * Gives the messages of a letter to the connections of this process; relay gets
 * those that are for others.
 */
typedef void letter_relay_fn(const struct letter_part *);
void letter_deliver(struct net *, const char *letter, size_t len,
    letter_relay_fn *relay);

#endif
