/* SPDX-License-Identifier: ISC */
/*
 * How many tasks a pool of processes does in a second, of a job that does
 * nothing, for tests/bench/pool:
 *
 *	tasks SECONDS PROCESSES
 *
 * One worker submits them one by one with a function that is called, the same in
 * batches, and waits for one at a time.  It prints rates by name.
 */
#include <prong.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH	64

static char folder[] = "/tmp/tasks.XXXXXX";
static char path[64];
static double seconds;

static ssize_t
nothing(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	memcpy(result, argument, length);
	return (ssize_t)length;
}

static const struct prong_job jobs[] = {
	{ "nothing", nothing },
	{ .name = NULL }
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct prong_pool *pool;
static uint64_t submitted, done, failed;
static bool over;
static int batch;

static struct iovec arguments[BATCH];

static void submit(void);

static void
called(const struct prong_pool_result *r, void *arg)
{
	failed += r->outcome != PRONG_TASK_DONE || r->length != 8;
	if (++done % 4096 == 0)
		over |= now() >= *(double *)arg;
	if (!over && (batch == 1 || done % (uint64_t)batch == 0))
		submit();
}

static double end;

/* As many more as there is room for, so that some always wait. */
static void
submit(void)
{
	int n;

	do {
		n = batch == 1 ? prong_pool_apply_async(pool, "nothing",
		    arguments[0].iov_base, arguments[0].iov_len, called, &end,
		    NULL) == 0 ? 1 : -1 :
		    prong_pool_apply_many(pool, "nothing", arguments, batch,
		    called, &end, NULL);
		if (n > 0)
			submitted += (uint64_t)n;
	} while (n == batch && submitted - done < 12 * BATCH);
	if (n == -1 && errno != EAGAIN)
		failed++;
}

static double
measure_async(int size)
{
	double begin = now();

	batch = size;
	over = false;
	submitted = done = 0;
	end = begin + seconds;
	submit();
	while (done < submitted)
		prong_sleep(1);
	return (double)done / (now() - begin);
}

static double
measure_apply(void)
{
	double begin = now(), to = begin + seconds;
	uint64_t n = 0;
	char result[8];

	do
		failed += prong_pool_apply(pool, "nothing", "01234567", 8,
		    result, sizeof(result), -1) != 8;
	while (++n % 64 != 0 || now() < to);
	return (double)n / (now() - begin);
}

static int
tasks_converse(struct prong_conn *c)
{
	double single, many, one;
	int i;

	for (i = 0; i < BATCH; i++)
		arguments[i] = (struct iovec){ (char[]){ "01234567" }, 8 };
	for (i = 0; i < BATCH; i++)
		arguments[i].iov_base = arguments[0].iov_base;
	if ((pool = prong_pool_open(prong_conn_service(c), "work")) == NULL)
		return -1;
	single = measure_async(1);
	many = measure_async(BATCH);
	one = measure_apply();
	return prong_sendf(c, "submitted one by one: %.0f\n"
	    "submitted %d at once: %.0f\none at a time: %.0f\nfailed: %llu",
	    single, BATCH, many, one, (unsigned long long)failed);
}

static PRONG_HANDLER(tasks,
	.summary = "measures a pool",
	.framing = PRONG_LINE,
	.converse = tasks_converse,
	.jobs = jobs,
);

static void
client(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[512];
	ssize_t n;

	memcpy(to.sun_path, path, strlen(path) + 1);
	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		err(1, "%s", path);
	while ((n = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	fflush(stdout);
}

static void
ready(void *arg)
{
	pid_t pid = fork();

	if (pid == -1)
		err(1, "fork");
	if (pid > 0)
		return;
	client();
	kill(getppid(), SIGTERM);
	_exit(0);
}

int
main(int argc, char **argv)
{
	struct prong_server *server;
	struct prong_service *service;
	struct prong_section *work;
	char listen[80];

	if (argc != 3)
		errx(64, "usage: tasks SECONDS PROCESSES");
	seconds = atof(argv[1]);
	if (mkdtemp(folder) == NULL)
		err(1, "%s", folder);
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(listen, sizeof(listen), "unix:%s", path);
	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &tasks_handler) == -1 ||
	    prong_server_set(server, "log.target", "stderr") == -1 ||
	    prong_server_set(server, "log.level", "error") == -1 ||
	    prong_server_set(server, "pidfile", "") == -1 ||
	    prong_server_set(server, "control.socket", "") == -1 ||
	    prong_server_set(server, "workers", "1") == -1 ||
	    (work = prong_server_section(server, "pool", "work")) == NULL ||
	    prong_section_set(work, "processes", argv[2]) == -1 ||
	    (service = prong_server_add(server, "tasks")) == NULL ||
	    prong_service_set(service, "listen", listen) == -1 ||
	    prong_service_set(service, "handler", "tasks") == -1 ||
	    prong_service_set(service, "dispatch", "coroutine") == -1 ||
	    prong_server_run(server, ready, NULL) == -1)
		errx(1, "%s", prong_error());
	prong_server_free(server);
	unlink(path);
	rmdir(folder);
	return 0;
}
