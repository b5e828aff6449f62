/* SPDX-License-Identifier: ISC */
/*
 * The unit test of numbered.c, by prong_harness(3): no server, no socket, no
 * waiting.  "make check" builds it with the module's own file and runs it.
 */
#include <prong.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What PRONG_MODULE() of numbered.c exports. */
extern const struct prong_handler *const prong_module;

static struct prong_harness *harness;
static struct prong_client *client;

static void
check(int right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "check_numbered: %s (%s)\n", what, prong_error());
	exit(1);
}

/* A service with these options, and a client of it. */
static void
begin(const char *const *options)
{
	harness = prong_harness_new(prong_module, NULL, options);
	check(harness != NULL, "it does not start");
	client = prong_harness_connect(harness);
	check(client != NULL, "nobody can connect");
}

static void
end(void)
{
	prong_harness_free(harness);
}

static void
talk(const char *says, const char *gets)
{
	check(prong_client_feed(client, says, strlen(says)) == 0, says);
	check(strcmp(prong_client_output(client, NULL), gets) == 0, gets);
}

static void
numbers_lines(void)
{
	begin(NULL);
	talk("one\n\ntw", "1\tone\n2\t\n");
	talk("o\n", "3\ttwo\n");
	check(prong_harness_counter(harness, "numbered") == 3, "numbered");
	end();
}

static void
obeys_its_options(void)
{
	static const char *const options[] = { "first", "7", "separator", ": ",
	    "skip", "empty", "longest", "4", "total", "yes", "welcome", "hi",
	    "welcome", "there", NULL };

	begin(options);
	talk("", "hi\nthere\n");
	talk("a\n\nabcdef\n", "7: a\n\n8: abcd\n");
	check(prong_harness_counter(harness, "cut") == 1, "cut");
	talk("end\n", "10 bytes\n");
	check(prong_client_end(client) == PRONG_END_SERVER, "it goes on");
	end();
}

static void
loses_patience(void)
{
	static const char *const options[] = { "patience", "1h", NULL };

	begin(options);
	check(prong_harness_advance(harness, 3599999) == 0, "time");
	check(prong_client_end(client) == PRONG_OPEN, "it was impatient");
	check(prong_harness_advance(harness, 1) == 0, "time");
	check(prong_client_end(client) == PRONG_END_TIMEOUT, "it was patient");
	end();
}

static void
refuses_what_is_wrong(void)
{
	static const char *const options[] = { "first", "-1", NULL };

	check(prong_harness_new(prong_module, NULL, options) == NULL,
	    "it takes a negative number");
	check(strcmp(prong_error(), "first is negative") == 0, "the text");
}

int
main(void)
{
	numbers_lines();
	obeys_its_options();
	loses_patience();
	refuses_what_is_wrong();
	puts("check_numbered: all is well");
	return 0;
}
