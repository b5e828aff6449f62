/* SPDX-License-Identifier: ISC */
/*
 * A module for pools.test: what a line says is done with the pool "work", and
 * the jobs that it runs there.
 */
#include <prong.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_MAX	256

/* --- jobs ------------------------------------------------------------------ */

static ssize_t
jobs_echo(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	memcpy(result, argument, length);
	return (ssize_t)length;
}

static ssize_t
jobs_pid(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	return snprintf(result, size, "%d", (int)getpid());
}

/* Until somebody writes to a FIFO; says who it was. */
static ssize_t
jobs_gate(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	char path[DATA_MAX];
	int fd;

	snprintf(path, sizeof(path), "%.*s", (int)length,
	    (const char *)argument);
	prong_log(PRONG_INFO, "at the gate");
	if ((fd = open(path, O_RDONLY)) == -1)
		return prong_set_error(errno, "%s", path);
	close(fd);
	return jobs_pid(s, argument, length, result, size);
}

static ssize_t
jobs_fail(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	return prong_set_error(ENOSPC, "no room for %.*s", (int)length,
	    (const char *)argument);
}

static ssize_t
jobs_die(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	raise(SIGKILL);
	return 0;
}

static ssize_t
jobs_exit(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	_exit(0);
}

static ssize_t
jobs_large(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	memset(result, 'l', size);
	return (ssize_t)size + 1;
}

/* What a job may not do, and what it may. */
static ssize_t
jobs_nested(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	struct prong_pool *p = prong_service_data(s);

	if (prong_pool_apply(p, "echo", "x", 1, result, size, -1) != -1 ||
	    errno != EDEADLK || prong_pool_apply_async(p, "echo", "x", 1,
	    NULL, NULL, NULL) != 0 || prong_sleep(1) == -1)
		return prong_set_error(EINVAL, "it did");
	return jobs_echo(s, argument, length, result, size);
}

static const struct prong_job jobs[] = {
	{ "echo", jobs_echo }, { "pid", jobs_pid }, { "gate", jobs_gate },
	{ "fail", jobs_fail }, { "die", jobs_die }, { "exit", jobs_exit },
	{ "large", jobs_large }, { "nested", jobs_nested },
	{ .name = NULL }
};

/* --- the handler -------------------------------------------------------------- */

struct request {
	struct prong_conn *c;
	struct prong_pool *pool;
	char *job, *rest;
};

static const char *
pools_errno(void)
{
	static const int known[] = { EAGAIN, EINVAL, EDEADLK, ENOSPC, ENOENT,
	    ECHILD, ETIME, ETIMEDOUT, EMSGSIZE, ERANGE, ECANCELED, EPIPE };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == errno)
			return strerrorname_np(errno);
	return "?";
}

static int
pools_fail(struct request *r)
{
	return prong_sendf(r->c, "%s: %s", pools_errno(), prong_error());
}

static int
pools_result(struct request *r, const char *data, ssize_t n)
{
	return n == -1 ? pools_fail(r) :
	    prong_sendf(r->c, "%.*s", (int)n, data);
}

static int
pools_apply_within(struct request *r, int64_t ms)
{
	char result[DATA_MAX];
	ssize_t n = prong_pool_apply(r->pool, r->job, r->rest,
	    strlen(r->rest), result, sizeof(result), ms);

	return pools_result(r, result, n);
}

static int
pools_apply(struct request *r)
{
	return pools_apply_within(r, -1);
}

/* The job is the number of milliseconds, the job's name comes after it. */
static int
pools_within(struct request *r)
{
	int64_t ms = atoll(r->job);

	r->job = strsep(&r->rest, " ");
	return pools_apply_within(r, ms);
}

/* A value of so many bytes. */
static int
pools_long(struct request *r)
{
	size_t size = (size_t)atoll(r->job);
	char *argument = calloc(1, size), *result = malloc(size);
	ssize_t n;

	memset(argument, 'x', size);
	n = prong_pool_apply(r->pool, "echo", argument, size, result, size,
	    -1);
	free(argument);
	free(result);
	return n == -1 ? pools_fail(r) : prong_sendf(r->c, "%zd", n);
}

/* Of calls that say when they have been made. */
struct call {
	uint64_t conn;
	int left;
};

static void
pools_called(const struct prong_pool_result *r, void *arg)
{
	static const char *const outcomes[] = {
		[PRONG_TASK_DONE] = "done", [PRONG_TASK_FAILED] = "failed",
		[PRONG_TASK_DIED] = "died",
		[PRONG_TASK_TIMED_OUT] = "timed out",
		[PRONG_TASK_CANCELLED] = "cancelled",
	};
	struct call *call = arg;
	char text[DATA_MAX];
	int n;

	errno = r->error;
	n = snprintf(text, sizeof(text), "%s %s %d %.*s", outcomes[r->outcome],
	    r->error == 0 ? "-" : pools_errno(), r->signal, (int)r->length,
	    r->length == 0 ? "" : (const char *)r->data);
	prong_log(PRONG_INFO, "called: %s", text);
	prong_post(call->conn, text, (size_t)n);
	free(call);
}

static struct call *
pools_call(struct request *r, int count)
{
	struct call *call = malloc(sizeof(*call));

	*call = (struct call){ prong_conn_id(r->c), count };
	return call;
}

/* What comes of it is posted. */
static int
pools_async(struct request *r)
{
	struct call *call = pools_call(r, 1);
	uint64_t task;

	if (prong_pool_apply_async(r->pool, r->job, r->rest,
	    strlen(r->rest), pools_called, call, &task) == 0)
		return prong_sendf(r->c, "%llu", (unsigned long long)task);
	free(call);
	return pools_fail(r);
}

static void
pools_counted(const struct prong_pool_result *r, void *arg)
{
	struct call *call = arg;

	if (r->outcome != PRONG_TASK_DONE || --call->left > 0)
		return;
	prong_post(call->conn, "all", 3);
	free(call);
}

/* So many at once. */
static int
pools_many(struct request *r)
{
	struct iovec arguments[DATA_MAX];
	int i, count = atoi(r->job), n;
	struct call *call = pools_call(r, count);

	for (i = 0; i < count; i++)
		arguments[i] = (struct iovec){ r->rest, strlen(r->rest) };
	n = prong_pool_apply_many(r->pool, "echo", arguments, count,
	    pools_counted, call, NULL);
	return n == count ? prong_sendf(r->c, "%d", n) : pools_fail(r);
}

static int
pools_submit(struct request *r)
{
	uint64_t task;

	return prong_pool_apply_async(r->pool, r->job, r->rest,
	    strlen(r->rest), NULL, NULL, &task) == -1 ? pools_fail(r) :
	    prong_sendf(r->c, "%llu", (unsigned long long)task);
}

static int
pools_get(struct request *r)
{
	char result[DATA_MAX];

	return pools_result(r, result, prong_pool_get(r->pool,
	    strtoull(r->job, NULL, 10), result, sizeof(result),
	    atoll(r->rest)));
}

static int
pools_cancel(struct request *r)
{
	int n = prong_pool_cancel(r->pool, strtoull(r->job, NULL, 10));

	return n == -1 ? pools_fail(r) : prong_sendf(r->c, "%d", n);
}

/* The pool once more: a few tasks, then it is closed and joined. */
static int
pools_join(struct request *r)
{
	struct prong_pool *p = prong_pool_open(prong_conn_service(r->c),
	    "work");
	int i;

	for (i = 0; i < 10; i++)
		if (prong_pool_apply_async(p, "echo", "x", 1, NULL, NULL,
		    NULL) == -1)
			return pools_fail(r);
	if (prong_pool_join(p, -1) != -1 || errno != EINVAL)
		return prong_sendf(r->c, "joined before it was closed");
	prong_pool_close(p);
	if (prong_pool_apply_async(p, "echo", "x", 1, NULL, NULL, NULL) != -1 ||
	    errno != EPIPE)
		return prong_sendf(r->c, "took a task after it was closed");
	while (prong_pool_join(p, 0) == -1)
		if (errno == ETIMEDOUT || errno == EDEADLK)
			continue;
		else
			return pools_fail(r);
	return prong_sendf(r->c, "joined");
}

static int
pools_pid(struct request *r)
{
	return prong_sendf(r->c, "%d", (int)getpid());
}

static const struct {
	const char *name;
	int (*fn)(struct request *);
} commands[] = {
	{ "apply", pools_apply }, { "within", pools_within },
	{ "long", pools_long }, { "async", pools_async },
	{ "many", pools_many }, { "submit", pools_submit },
	{ "get", pools_get }, { "cancel", pools_cancel },
	{ "join", pools_join }, { "self", pools_pid },
};

static int
pools_message(struct prong_conn *c, const void *data, size_t len)
{
	char line[DATA_MAX], *rest = line, *command, nothing[] = "";
	struct request r = { .c = c };
	size_t i;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	command = strsep(&rest, " ");
	r.pool = prong_service_data(prong_conn_service(c));
	r.job = rest == NULL ? nothing : strsep(&rest, " ");
	r.rest = rest == NULL ? nothing : rest;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, command) == 0)
			return commands[i].fn(&r);
	return -1;
}

static int
pools_init(struct prong_service *s)
{
	struct prong_pool *p;

	if (prong_pool_open(s, "none") != NULL || errno != ENOENT)
		return prong_set_error(EINVAL, "there is a pool \"none\"");
	if ((p = prong_pool_open(s, "work")) == NULL)
		return -1;
	prong_service_set_data(s, p);
	return 0;
}

static PRONG_HANDLER(pools,
	.summary = "has done what is asked for",
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.init = pools_init,
	.message = pools_message,
	.jobs = jobs,
);

PRONG_MODULE(pools);
