/* SPDX-License-Identifier: ISC */
/*
 * discard (RFC 863): takes everything and answers nothing.
 */
#include "handlers/builtin.h"

static int
discard_message(struct prong_conn *c, const void *data, size_t len)
{
	return 0;
}

PRONG_HANDLER(discard,
	.summary = "throws away what it receives (RFC 863)",
	.flags = PRONG_THREAD_SAFE,
	.message = discard_message,
);
