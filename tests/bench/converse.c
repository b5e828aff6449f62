/* SPDX-License-Identifier: ISC */
/* An echo in the style of a conversation, to be measured beside the other. */
#include <prong.h>

static int
converse_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (prong_send(c, data, len) == -1)
			return -1;
	return r;
}

static PRONG_HANDLER(converse,
	.summary = "sends back what it receives",
	.flags = PRONG_THREAD_SAFE,
	.converse = converse_converse,
);

PRONG_MODULE(converse);
