/* SPDX-License-Identifier: ISC */
#ifndef UNIT_FAKE_PRONG_H
#define UNIT_FAKE_PRONG_H

#include "prong.h"

/*
 * The prong_* calls that the built-in handlers use, on a connection that is a
 * buffer.  The tests fill these structures themselves.
 */

#define FAKE_MEMBERS	8

struct prong_section {
	const char *name, *title;
	const char *keys[FAKE_MEMBERS], *values[FAKE_MEMBERS];
	const struct prong_section *members[FAKE_MEMBERS];
};

struct prong_service {
	const struct prong_handler *handler;
	enum prong_framing framing;
	const char *keys[FAKE_MEMBERS], *values[FAKE_MEMBERS];
	const struct prong_section *section;
	void *data;
};

struct prong_conn {
	struct prong_service *service;
	char *out;
	size_t length, sends;
	size_t full_at;			/* full from this length on */
	bool is_closed, is_broken, is_ended;
	void *data;
};

/* The last text of prong_set_error() and of prong_log(). */
extern char fake_error[512], fake_log[512];

/* Initialises and ends a service, whose framing is raw if none is set. */
void fake_start(struct prong_service *);
void fake_stop(struct prong_service *);

struct prong_conn fake_open(struct prong_service *);
/* Ends it once: .closed.  Freeing includes that. */
void fake_end(struct prong_conn *);
void fake_free(struct prong_conn *);

/* Gives one message and checks the reply to it, byte for byte. */
void fake_ask(struct prong_conn *, const char *message, const char *reply);

#endif
