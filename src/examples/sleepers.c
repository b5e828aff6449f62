/* SPDX-License-Identifier: ISC */
/*
 * Tasks wait beside one another: each client is served by a hundred that sleep
 * for 100 ms, and hears after 100 ms that all are awake.
 *
 *	cc -o sleepers sleepers.c `pkg-config --cflags --libs prong`
 *	./sleepers 127.0.0.1:7012
 *	prongtalk -f line 127.0.0.1:7012
 */
#include <prong.h>

#include <err.h>
#include <stdlib.h>
#include <time.h>

#define SLEEPERS	100
#define MILLISECONDS	100

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Any number of these wait in one thread. */
static void *
sleeper(void *arg)
{
	return prong_sleep(MILLISECONDS) == 0 ? arg : NULL;
}

/* How many of them have slept to the end. */
static int
wake_up(struct prong_task **tasks, int count)
{
	int i, awake = 0;
	void *result;

	for (i = 0; i < count; i++)
		if (prong_join(tasks[i], -1, &result) == 0)
			awake += result != NULL;
		else
			/* The client is gone, and nobody waits for it. */
			prong_detach(tasks[i]);
	return awake;
}

static int
sleepers_converse(struct prong_conn *c)
{
	struct prong_task *tasks[SLEEPERS];
	static char word[] = "slept";
	int64_t begin = now();
	int count, awake;

	for (count = 0; count < SLEEPERS; count++)
		if ((tasks[count] = prong_spawn(sleeper, word)) == NULL)
			break;
	prong_sendf(c, "%d sleep", count);
	awake = wake_up(tasks, count);
	return prong_sendf(c, "%d woke up after %lld ms", awake,
	    (long long)(now() - begin));
}

static PRONG_HANDLER(sleepers,
	.summary = "has a hundred sleep at the same time",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.converse = sleepers_converse,
);

int
main(int argc, char **argv)
{
	PRONG_SERVICE(sleepers, .listen = argv[1], .handler = &sleepers_handler,
	    .dispatch = PRONG_COROUTINE);

	if (argc != 2)
		errx(64, "usage: sleepers ADDRESS:PORT");
	return prong_serve(&sleepers, NULL) == 0 ? 0 : 1;
}
