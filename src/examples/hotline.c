/* SPDX-License-Identifier: ISC */
/*
 * A hotline: a process for each caller, a server in ten lines.
 *
 *	hotline [ADDRESS]
 */
#include <prong.h>

#include <string.h>

static int
hotline_converse(struct prong_conn *c)
{
	const void *line;
	size_t len;

	prong_sendf(c, "Welcome. Press 0 for a person, exit to leave.");
	while (prong_recv_message(c, &line, &len) == 1) {
		if (len == 4 && memcmp(line, "exit", 4) == 0)
			return prong_sendf(c, "Goodbye.");
		prong_sendf(c, len == 1 && memcmp(line, "0", 1) == 0 ?
		    "This call may be recorded." : "Please try again.");
	}
	return 0;
}

static PRONG_HANDLER(hotline, .framing = PRONG_LINE,
    .converse = hotline_converse);

int
main(int argc, char **argv)
{
	PRONG_SERVICE(hotline, .listen = argc > 1 ? argv[1] : "127.0.0.1:7010",
	    .handler = &hotline_handler, .dispatch = PRONG_FORK);

	return prong_serve(&hotline, NULL) == 0 ? 0 : 1;
}
