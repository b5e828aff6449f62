/* SPDX-License-Identifier: ISC */
/*
 * A handler module for prongd(8): sends each line back with its number, as
 * nl(1) does.  See prong-modules(7), which walks through this file.
 */
#include <prong.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const skips[] = { "none", "empty", NULL };

static const struct prong_option options[] = {
	{ .name = "first", .type = PRONG_INT, .value = "1",
	    .help = "the number of the first line" },
	{ .name = "separator", .type = PRONG_STRING, .value = "\t",
	    .help = "what stands between number and line" },
	{ .name = "skip", .type = PRONG_CHOICE, .value = "none",
	    .choices = skips, .help = "lines that get no number" },
	{ .name = "total", .type = PRONG_BOOL, .value = "false",
	    .help = "whether a line \"end\" is answered with the number of "
	    "bytes, and ends the connection" },
	{ .name = "longest", .type = PRONG_SIZE, .value = "0",
	    .help = "longer lines are cut; 0: none" },
	{ .name = "patience", .type = PRONG_TIME, .value = "0",
	    .help = "how long a silent client may stay; 0: for ever" },
	{ .name = "welcome", .type = PRONG_STRINGS,
	    .help = "lines that a client gets first" },
	{ .name = NULL }
};

/* What prongctl counters shows of it. */
enum { NUMBERED, CUT };

static const struct prong_counter counters[] = {
	[NUMBERED] = { "numbered", "lines that got a number" },
	[CUT] = { "cut", "lines that were longer than longest" },
	{ NULL, NULL }
};

/* What the service was told, so that no message has to look it up. */
struct settings {
	int64_t first;
	const char *separator;
	bool skip_empty;
	bool total;
	size_t longest;
	int64_t patience;
};

/* What is known of a connection. */
struct client {
	int64_t next;
	size_t bytes;
};

static int
numbered_init(struct prong_service *s)
{
	struct settings *set;

	if (prong_option_int(s, "first") < 0)
		return prong_set_error(EINVAL, "first is negative");
	if ((set = calloc(1, sizeof(*set))) == NULL)
		return prong_set_error(errno, "%s", strerror(errno));
	set->first = prong_option_int(s, "first");
	set->separator = prong_option_string(s, "separator");
	set->skip_empty = strcmp(prong_option_string(s, "skip"), "empty") == 0;
	set->total = prong_option_bool(s, "total");
	set->longest = (size_t)prong_option_size(s, "longest");
	set->patience = prong_option_time(s, "patience");
	prong_service_set_data(s, set);
	return 0;
}

static void
numbered_exit(struct prong_service *s)
{
	free(prong_service_data(s));
}

static int
numbered_opened(struct prong_conn *c)
{
	struct prong_service *s = prong_conn_service(c);
	const struct settings *set = prong_service_data(s);
	struct client *client;
	const char *line;
	size_t i;

	if ((client = calloc(1, sizeof(*client))) == NULL)
		return prong_set_error(errno, "%s", strerror(errno));
	client->next = set->first;
	prong_set_data(c, client);
	if (set->patience > 0 && prong_set_timeout(c, set->patience) == -1)
		return -1;
	for (i = 0; (line = prong_option_strings(s, "welcome", i)) != NULL; i++)
		if (prong_sendf(c, "%s", line) == -1)
			return -1;
	return 0;
}

static int
numbered_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_service *s = prong_conn_service(c);
	const struct settings *set = prong_service_data(s);
	struct client *client = prong_data(c);
	struct iovec answer[2];
	char number[64];
	int n;

	client->bytes += len;
	if (set->total && len == 3 && memcmp(data, "end", 3) == 0) {
		prong_sendf(c, "%zu bytes", client->bytes);
		prong_close(c);
		return 0;
	}
	if (len == 0 && set->skip_empty)
		return prong_send(c, data, len);
	if (set->longest > 0 && len > set->longest) {
		len = set->longest;
		prong_counter_add(s, CUT, 1);
	}
	prong_counter_add(s, NUMBERED, 1);
	n = snprintf(number, sizeof(number), "%lld%.40s",
	    (long long)client->next++, set->separator);
	answer[0] = (struct iovec){ number, (size_t)n };
	answer[1] = (struct iovec){ (void *)data, len };
	return prong_sendv(c, answer, 2);
}

static void
numbered_closed(struct prong_conn *c)
{
	free(prong_data(c));
}

static PRONG_HANDLER(numbered,
	.summary = "sends lines back with their numbers",
	.options = options,
	.counters = counters,
	.framings = PRONG_LINE | PRONG_NETSTRING | PRONG_LENGTH32,
	.framing = PRONG_LINE,
	.init = numbered_init,
	.exit = numbered_exit,
	.opened = numbered_opened,
	.message = numbered_message,
	.closed = numbered_closed,
);

PRONG_MODULE(numbered);
