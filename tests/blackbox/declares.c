/* SPDX-License-Identifier: ISC */
/*
 * A module for declares.test: it declares an array and counts in it, or does
 * what its option says instead.
 */
#include <prong.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const declares_hows[] = { "well", "fail", "crash", "exit",
    "hang", "pool", NULL };

static const struct prong_option declares_options[] = {
	{ "how", PRONG_CHOICE, "well", declares_hows, NULL, "it declares" },
	{ "slots", PRONG_STRING, "3", NULL, NULL, "of the array" },
	{ .name = NULL }
};

static int
declares_declare(struct prong_service *s)
{
	const char *how = prong_option_string(s, "how");

	if (strcmp(how, "fail") == 0)
		return prong_set_error(0, "it will not");
	if (strcmp(how, "crash") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(how, "exit") == 0)
		exit(0);
	while (strcmp(how, "hang") == 0)
		pause();
	if (strcmp(how, "pool") == 0 && prong_declare(s, "pool", "crew",
	    "processes", "1", NULL) == -1)
		return -1;
	return prong_declare(s, "array", "hits", "slots",
	    prong_option_string(s, "slots"), "type", "int32", NULL);
}

/* In a check, too, it is there by now. */
static int
declares_init(struct prong_service *s)
{
	if (strcmp(prong_option_string(s, "how"), "pool") == 0 &&
	    prong_pool_open(s, "crew") == NULL)
		return -1;
	return prong_array_open(s, "hits") == NULL ? -1 : 0;
}

static int
declares_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_service *s = prong_conn_service(c);
	struct prong_array *a = prong_array_open(s, "hits");
	union prong_value v = { .integer = 1 };

	if (len == 4 && memcmp(data, "more", 4) == 0)
		return prong_declare(s, "event", "e", NULL) == -1 ?
		    prong_sendf(c, "%s", prong_error()) : -1;
	if (prong_array_add(a, 0, v, &v) == -1)
		return -1;
	return prong_sendf(c, "%d of %d: %d", (int)v.integer,
	    (int)prong_array_length(a), (int)getpid());
}

static PRONG_HANDLER(declares,
	.summary = "declares what it needs",
	.options = declares_options,
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.declare = declares_declare,
	.init = declares_init,
	.message = declares_message,
);

PRONG_MODULE(declares);
