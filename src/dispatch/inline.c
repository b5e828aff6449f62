/* SPDX-License-Identifier: ISC */
/*
 * dispatch = inline: the handler is called in the loop, for each message, and
 * returns at once.
 */
#include "dispatch/dispatch.h"

#include "net/conn.h"

static int
dispatch_inline_opened(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;

	return h->opened == NULL ? 0 : h->opened(c);
}

static int
dispatch_inline_message(struct prong_conn *c, const void *data, size_t len)
{
	const struct prong_handler *h = c->service->handler;

	return h->message == NULL ? 0 : h->message(c, data, len);
}

static int
dispatch_inline_writable(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;

	return h->writable == NULL ? 0 : h->writable(c);
}

static int
dispatch_inline_malformed(struct prong_conn *c, enum prong_malformed what)
{
	const struct prong_handler *h = c->service->handler;

	return h->malformed == NULL ? 0 : h->malformed(c, what);
}

static int
dispatch_inline_draining(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;

	return h->draining == NULL ? 0 : h->draining(c);
}

static void
dispatch_inline_closed(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;

	if (h->closed != NULL)
		h->closed(c);
}

const struct service_ops dispatch_inline = {
	.opened = dispatch_inline_opened,
	.message = dispatch_inline_message,
	.writable = dispatch_inline_writable,
	.malformed = dispatch_inline_malformed,
	.draining = dispatch_inline_draining,
	.closed = dispatch_inline_closed,
};
