/* SPDX-License-Identifier: ISC */
/*
 * A module for tallies.test: a handler in both styles with counters of its own,
 * which it adds to before it answers.
 */
#include <prong.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STARTS, LINES, SUM, CRASHES };

static const struct prong_counter tallies_counters[] = {
	[STARTS] = { "starts", "times that a process has begun with it" },
	[LINES] = { "lines", "lines that were counted" },
	[SUM] = { "sum", "gr\xc3\xb6\xc3\x9f" "er and greater" },
	[CRASHES] = { "crashes_2", "lines that ended a process" },
	{ NULL, NULL }
};

static int
tallies_init(struct prong_service *s)
{
	return prong_counter_add(s, STARTS, 1);
}

/* What is wrong with a call is told to the client. */
static int
tallies_try(struct prong_conn *c, unsigned int counter, int64_t n)
{
	if (prong_counter_add(prong_conn_service(c), counter, n) == 0)
		return prong_sendf(c, "ok");
	return prong_sendf(c, "%s: %s", errno == EINVAL ? "EINVAL" : "?",
	    prong_error());
}

static int
tallies_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_service *s = prong_conn_service(c);
	char line[64];

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	if (strcmp(line, "none") == 0)
		return tallies_try(c, CRASHES + 1, 1);
	if (strcmp(line, "-1") == 0)
		return tallies_try(c, SUM, -1);
	if (strcmp(line, "die") == 0) {
		prong_counter_add(s, CRASHES, 1);
		kill(getpid(), SIGKILL);
	}
	prong_counter_add(s, LINES, 1);
	return tallies_try(c, SUM, atoll(line));
}

static int
tallies_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (tallies_message(c, data, len) == -1)
			return -1;
	return r;
}

static PRONG_HANDLER(tallies,
	.summary = "counts",
	.counters = tallies_counters,
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.init = tallies_init,
	.message = tallies_message,
	.converse = tallies_converse,
);

PRONG_MODULE(tallies);
