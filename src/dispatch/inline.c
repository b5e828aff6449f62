/* SPDX-License-Identifier: ISC */
/*
 * dispatch = inline: the handler is called in the loop, for each message, and
 * returns at once.  So its functions are the ops; what it leaves out does
 * nothing.
 */
#include "dispatch/dispatch.h"

static int
inline_nothing(struct prong_conn *c)
{
	return 0;
}

static int
inline_no_message(struct prong_conn *c, const void *data, size_t len)
{
	return 0;
}

static int
inline_no_malformed(struct prong_conn *c, enum prong_malformed what)
{
	return 0;
}

static void
inline_no_closed(struct prong_conn *c)
{
}

static void
inline_bind(struct prong_service *s)
{
	const struct prong_handler *h = s->handler;

#define OR(function, nothing)	((function) != NULL ? (function) : (nothing))
	s->bound = (struct service_ops){
		.opened = OR(h->opened, inline_nothing),
		.message = OR(h->message, inline_no_message),
		.writable = OR(h->writable, inline_nothing),
		.malformed = OR(h->malformed, inline_no_malformed),
		.draining = OR(h->draining, inline_nothing),
		.finished = inline_nothing,
		.full = inline_nothing,
		.closed = OR(h->closed, inline_no_closed),
	};
#undef OR
	s->ops = &s->bound;
}

const struct dispatch_mode dispatch_inline = {
	.bind = inline_bind,
};
