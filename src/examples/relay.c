/* SPDX-License-Identifier: ISC */
/*
 * A relay in a conversation of its own: whoever comes is joined to the server.
 *
 *	cc -o relay relay.c `pkg-config --cflags --libs prong`
 *	./relay 127.0.0.1:7014 localhost:7007
 */
#include <prong.h>

#include <err.h>

static const char *relay_server;

static int
relay_converse(struct prong_conn *c)
{
	struct prong_conn *d = prong_dial(relay_server, 5000);

	if (d == NULL)
		return -1;
	prong_splice(c, d);
	prong_close(d);
	return 0;
}

static PRONG_HANDLER(relay,
	.summary = "joins its clients to a server",
	.framings = PRONG_RAW,
	.converse = relay_converse,
);

int
main(int argc, char **argv)
{
	if (argc != 3)
		errx(64, "usage: relay ADDRESS:PORT SERVER:PORT");
	relay_server = argv[2];
	PRONG_SERVICE(relay,
		.listen = argv[1],
		.handler = &relay_handler,
		.dispatch = PRONG_COROUTINE);
	return prong_serve(&relay, NULL) == -1 ? 1 : 0;
}
