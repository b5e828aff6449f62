/* SPDX-License-Identifier: ISC */
/*
 * A chat: every line that a client sends goes to all others, whichever worker
 * has them.
 *
 *	chat [ADDRESS]
 *	prongtalk -f line 127.0.0.1:7013
 */
#include <prong.h>

static int
chat_message(struct prong_conn *c, const void *line, size_t len)
{
	if (prong_broadcast_others(c, line, len) == 0)
		return 0;
	return prong_sendf(c, "not everybody hears: %s", prong_error());
}

static PRONG_HANDLER(chat, .flags = PRONG_THREAD_SAFE,
    .framing = PRONG_LINE, .message = chat_message);

int
main(int argc, char **argv)
{
	PRONG_SERVICE(chat, .listen = argc > 1 ? argv[1] : "127.0.0.1:7013",
	    .handler = &chat_handler);

	return prong_serve(&chat, NULL) == 0 ? 0 : 1;
}
