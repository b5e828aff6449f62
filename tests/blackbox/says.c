/* SPDX-License-Identifier: ISC */
/*
 * A module for forge.test: a handler that logs what clients send, and fails
 * with it, as carelessly as a handler may.
 */
#include <prong.h>

#include <errno.h>
#include <string.h>

static int
says_message(struct prong_conn *c, const void *data, size_t len)
{
	const char *text = data;

	if (len > 0 && text[0] == 'F')
		return prong_set_error(EINVAL, "%.*s", (int)len - 1, text + 1);
	prong_log(PRONG_INFO, "%.*s", (int)len, text);
	return prong_send(c, "ok", 2);
}

PRONG_HANDLER(says,
	.summary = "puts what it receives into the log",
	.framings = PRONG_NETSTRING,
	.framing = PRONG_NETSTRING,
	.message = says_message,
);

PRONG_MODULE(says);
