/* SPDX-License-Identifier: ISC */
/*
 * Twenty writers and one array.  Each connection is served by a process of its
 * own, adds 1 to every one of four cells under the array's lock, again and
 * again, and is then told the block of cells as it is: four equal numbers,
 * whoever else writes, and whoever is killed in the midst of it.
 *
 * The program is server and clients in one: it makes twenty connections to
 * itself and prints
 *
 *	20 writers, 100 times each: 2000 2000 2000 2000
 *
 *	cc -o writers writers.c `pkg-config --cflags --libs prong`
 */
#include <prong.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITERS		20
#define TIMES		100
#define CELLS		4

static char folder[] = "/tmp/writers.XXXXXX";
static char path[64];

/* All cells or none: that is what the lock is for. */
static int
write_once(struct prong_array *a)
{
	const union prong_value one = { .integer = 1 };
	size_t i;

	if (prong_array_lock(a, -1) == -1)
		return -1;
	for (i = 0; i < CELLS; i++)
		if (prong_array_add(a, i, one, NULL) == -1)
			return -1;
	return prong_array_unlock(a);
}

static int
writer_converse(struct prong_conn *c)
{
	struct prong_array *a;
	union prong_value v[CELLS];
	int i;

	a = prong_array_open(prong_conn_service(c), "block");
	if (a == NULL)
		return -1;
	for (i = 0; i < TIMES; i++)
		if (write_once(a) == -1)
			return -1;
	if (prong_array_snapshot(a, v, CELLS) == -1)
		return -1;
	return prong_sendf(c, "%lld %lld %lld %lld", (long long)v[0].integer,
	    (long long)v[1].integer, (long long)v[2].integer,
	    (long long)v[3].integer);
}

static PRONG_HANDLER(writer,
	.summary = "adds to all cells of an array",
	.framing = PRONG_LINE,
	.converse = writer_converse,
);

static int
client_connect(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(to.sun_path, path, strlen(path) + 1);
	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		err(1, "%s", path);
	return fd;
}

/* The last of the blocks that were told is the whole sum. */
static int
clients(void)
{
	char line[128], last[128] = "";
	FILE *in[WRITERS];
	int i, status = 0;

	for (i = 0; i < WRITERS; i++)
		if ((in[i] = fdopen(client_connect(), "r")) == NULL)
			err(1, "fdopen");
	for (i = 0; i < WRITERS; i++) {
		long long a, b, c, d;

		if (fgets(line, sizeof(line), in[i]) == NULL ||
		    sscanf(line, "%lld %lld %lld %lld", &a, &b, &c, &d) != 4)
			errx(1, "a writer is gone");
		if (a != b || b != c || c != d)
			status = 1;
		if (a >= atoll(last))
			memcpy(last, line, sizeof(last));
		fclose(in[i]);
	}
	printf("%d writers, %d times each: %s", WRITERS, TIMES, last);
	fflush(stdout);
	return status;
}

static int answer[2];		/* how it went, from the clients */

static void
stop(void)
{
	kill(getppid(), SIGTERM);
}

/* The server is there; it stops when the clients are done, or have failed. */
static void
ready(void *arg)
{
	pid_t pid = fork();
	char status;

	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		atexit(stop);
		status = (char)clients();
		if (write(answer[1], &status, 1) != 1)
			err(1, "write");
		exit(0);
	}
}

int
main(void)
{
	struct prong_server *server;
	struct prong_service *service;
	struct prong_section *block;
	char listen[80];
	char status = 1;
	int result;

	if (pipe(answer) == -1 || mkdtemp(folder) == NULL)
		err(1, "%s", folder);
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(listen, sizeof(listen), "unix:%s", path);
	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &writer_handler) == -1 ||
	    prong_server_set(server, "log.target", "stderr") == -1 ||
	    prong_server_set(server, "log.level", "error") == -1 ||
	    prong_server_set(server, "pidfile", "") == -1 ||
	    prong_server_set(server, "control.socket", "") == -1 ||
	    (block = prong_server_section(server, "array", "block")) == NULL ||
	    prong_section_set(block, "slots", "4") == -1 ||
	    (service = prong_server_add(server, "writer")) == NULL ||
	    prong_service_set(service, "listen", listen) == -1 ||
	    prong_service_set(service, "handler", "writer") == -1 ||
	    prong_service_set(service, "dispatch", "fork") == -1)
		errx(1, "%s", prong_error());
	result = prong_server_run(server, ready, NULL);
	if (result == -1)
		warnx("%s", prong_error());
	else if (read(answer[0], &status, 1) != 1)
		status = 1;
	prong_server_free(server);
	unlink(path);
	rmdir(folder);
	return status;
}
