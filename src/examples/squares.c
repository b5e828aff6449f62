/* SPDX-License-Identifier: ISC */
/*
 * A pool with callbacks.  Each line is a number that is squared, slowly, by one
 * of three processes; the answer is sent when it is there, so a quick one
 * overtakes a slow one, and meanwhile the one loop of the worker serves everybody.
 * "crash" crashes the process that has it, and nobody else notices:
 *
 *	3
 *	crash
 *	x
 *
 *	3: 9
 *	crash: killed by SIGABRT
 *	x: not a number
 *
 *	cc -o squares squares.c `pkg-config --cflags --libs prong`
 *	./squares 127.0.0.1:7021
 */
#include <prong.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE	32

/* --- in a process of the pool ---------------------------------------------- */

static ssize_t
square(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	char line[LINE], *end;
	long long n;

	(void)s;
	snprintf(line, sizeof(line), "%.*s", (int)length,
	    (const char *)argument);
	if (strcmp(line, "crash") == 0)
		abort();
	n = strtoll(line, &end, 10);
	if (end == line || *end != '\0' || n > 1000000 || n < -1000000)
		return prong_set_error(EINVAL, "not a number");
	/* It need not mind being slow. */
	prong_sleep(10);
	return snprintf(result, size, "%lld", n * n);
}

static const struct prong_job jobs[] = {
	{ "square", square },
	{ .name = NULL }
};

/* --- in a worker ----------------------------------------------------------------- */

/* Who has asked, and what.  By then the connection may have ended. */
struct question {
	uint64_t conn;
	char line[LINE];
};

static void
squared(const struct prong_pool_result *r, void *arg)
{
	struct question *q = arg;
	char answer[3 * LINE];
	int n;

	if (r->outcome == PRONG_TASK_DIED)
		n = snprintf(answer, sizeof(answer), "%s: killed by SIG%s",
		    q->line, sigabbrev_np(r->signal));
	else
		n = snprintf(answer, sizeof(answer), "%s: %.*s", q->line,
		    (int)r->length, (const char *)r->data);
	prong_post(q->conn, answer, (size_t)n);
	free(q);
}

static int
squares_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_pool *pool;
	struct question *q;

	if (len >= LINE)
		return prong_sendf(c, "that is too long");
	if ((q = calloc(1, sizeof(*q))) == NULL)
		return -1;
	q->conn = prong_conn_id(c);
	memcpy(q->line, data, len);
	pool = prong_service_data(prong_conn_service(c));
	if (prong_pool_apply_async(pool, "square", data, len, squared, q,
	    NULL) == 0)
		return 0;
	free(q);
	return prong_sendf(c, "not now: %s", prong_error());
}

static int
squares_init(struct prong_service *s)
{
	struct prong_pool *pool = prong_pool_open(s, "squares");

	prong_service_set_data(s, pool);
	return pool == NULL ? -1 : 0;
}

static PRONG_HANDLER(squares,
	.summary = "squares numbers in other processes",
	.framing = PRONG_LINE,
	.init = squares_init,
	.message = squares_message,
	.jobs = jobs,
);

int
main(int argc, char **argv)
{
	struct prong_server *server;
	struct prong_service *service;
	struct prong_section *pool;

	if (argc != 2)
		errx(64, "usage: squares ADDRESS");
	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &squares_handler) == -1 ||
	    prong_server_set(server, "log.target", "stderr") == -1 ||
	    prong_server_set(server, "pidfile", "") == -1 ||
	    prong_server_set(server, "control.socket", "") == -1 ||
	    prong_server_set(server, "workers", "1") == -1 ||
	    (pool = prong_server_section(server, "pool", "squares")) == NULL ||
	    prong_section_set(pool, "processes", "3") == -1 ||
	    (service = prong_server_add(server, "squares")) == NULL ||
	    prong_service_set(service, "listen", argv[1]) == -1 ||
	    prong_service_set(service, "handler", "squares") == -1)
		errx(1, "%s", prong_error());
	if (prong_server_run(server, NULL, NULL) == -1)
		errx(1, "%s", prong_error());
	prong_server_free(server);
	return 0;
}
