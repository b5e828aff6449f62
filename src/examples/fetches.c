/* SPDX-License-Identifier: ISC */
/*
 * Each client has a server asked by a hundred tasks, which wait for the answers
 * beside one another: all of them take the time of one.
 *
 *	cc -o fetches fetches.c `pkg-config --cflags --libs prong`
 *	./fetches 127.0.0.1:7013 localhost:7012
 *	prongtalk -f line 127.0.0.1:7013
 */
#include <prong.h>

#include <err.h>
#include <stdlib.h>
#include <time.h>

#define FETCHES		100
#define MILLISECONDS	10000

static char *fetches_server;

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* All that comes, in bytes; 0 if something is wrong. */
static size_t
fetch_answer(struct prong_conn *d)
{
	const void *data;
	size_t length, bytes = 0;
	int r;

	while ((r = prong_recv_message(d, &data, &length)) == 1)
		bytes += length;
	return r == 0 ? bytes : 0;
}

/* A task: any number of these wait in one thread. */
static void *
fetch(void *arg)
{
	struct prong_conn *d = prong_dial(arg, MILLISECONDS);
	size_t bytes = 0;

	if (d == NULL) {
		prong_log(PRONG_WARNING, "%s", prong_error());
		return NULL;
	}
	if (prong_set_timeout(d, MILLISECONDS) == 0 &&
	    prong_sendf(d, "fetch\n") == 0)
		bytes = fetch_answer(d);
	prong_close(d);
	return (void *)(uintptr_t)bytes;
}

static int
fetches_converse(struct prong_conn *c)
{
	struct prong_task *tasks[FETCHES];
	int64_t begin = now();
	int count, i, fetched = 0;
	size_t bytes = 0;
	void *result;

	for (count = 0; count < FETCHES; count++)
		if ((tasks[count] = prong_spawn(fetch,
		    fetches_server)) == NULL)
			break;
	for (i = 0; i < count; i++)
		if (prong_join(tasks[i], -1, &result) == 0) {
			fetched += result != NULL;
			bytes += (uintptr_t)result;
		} else
			/* The client is gone, and nobody waits for it. */
			prong_detach(tasks[i]);
	return prong_sendf(c, "%d of %d fetched, %zu bytes, %lld ms", fetched,
	    FETCHES, bytes, (long long)(now() - begin));
}

static PRONG_HANDLER(fetches,
	.summary = "asks a server a hundred times at once",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.converse = fetches_converse,
);

int
main(int argc, char **argv)
{
	PRONG_SERVICE(fetches, .listen = argv[1], .handler = &fetches_handler,
	    .dispatch = PRONG_COROUTINE);

	if (argc != 3)
		errx(64, "usage: fetches ADDRESS:PORT SERVER:PORT");
	fetches_server = argv[2];
	return prong_serve(&fetches, NULL) == 0 ? 0 : 1;
}
