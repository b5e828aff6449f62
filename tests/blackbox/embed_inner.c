/* SPDX-License-Identifier: ISC */
/*
 * A program with a loop of its own that drives a server in it, for inner.test.
 *
 *	embed_inner poll|select|epoll [KEY=VALUE]...
 *
 * sets a setting of the server, or as "service.KEY=VALUE" of its only service;
 * "rounds=N" serves so often, one server after another.  Its loop waits for
 * ever: whatever happens is told by the one descriptor.
 */
#include <prong.h>

#include <sys/epoll.h>
#include <sys/select.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct prong_loop *loop;
static struct prong_server *volatile server;
static bool running;
static unsigned long turns;
static struct prong_conn *last;		/* of the probes */
static volatile sig_atomic_t aborting;

/* --- handlers ------------------------------------------------------------- */

static int
back_message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_send(c, data, len);
}

static PRONG_HANDLER(back,
	.summary = "sends back what it receives",
	.message = back_message,
);

static int
talk_converse(struct prong_conn *c)
{
	char buf[1000];
	ssize_t n;

	while ((n = prong_recv(c, buf, sizeof(buf))) > 0)
		if (prong_send(c, buf, (size_t)n) == -1)
			return -1;
	return 0;
}

static PRONG_HANDLER(talk,
	.summary = "the same as a conversation",
	.converse = talk_converse,
);

struct probe {
	struct prong_conn *conn;	/* NULL when it has gone */
	int uses;
};

static void
probe_drop(struct probe *p)
{
	if (--p->uses == 0)
		free(p);
}

static void
probe_timer(void *arg)
{
	struct probe *p = arg;

	if (p->conn != NULL)
		prong_sendf(p->conn, "timer");
	probe_drop(p);
}

static int
probe_later(struct probe *p, const char *argument)
{
	p->uses++;
	return prong_timer(atoll(argument), probe_timer, p) == NULL ? -1 : 0;
}

static void
probe_second(void *arg)
{
	probe_timer(arg);
}

static void
probe_first(void *arg)
{
	struct probe *p = arg;

	if (p->conn != NULL)
		prong_sendf(p->conn, "first");
	if (prong_defer(probe_second, p) == -1)
		probe_drop(p);
}

static int
probe_defer(struct probe *p, const char *argument)
{
	p->uses++;
	if (prong_defer(probe_first, p) == -1)
		return -1;
	return prong_sendf(p->conn, "deferred");
}

static void *
probe_sleep(void *arg)
{
	struct probe *p = arg;
	int result = prong_sleep(20);

	if (p->conn != NULL)
		prong_sendf(p->conn, "%s", result == 0 ? "slept" : "cut");
	probe_drop(p);
	return NULL;
}

static int
probe_spawn(struct probe *p, const char *argument)
{
	struct prong_task *task;

	p->uses++;
	if ((task = prong_spawn(probe_sleep, p)) == NULL)
		return -1;
	prong_detach(task);
	return 0;
}

static int
probe_error(struct probe *p, int result)
{
	return prong_sendf(p->conn, "%s", result == 0 ? "ok" :
	    strerrorname_np(errno));
}

static int
probe_turn(struct probe *p, const char *argument)
{
	return probe_error(p, prong_loop_turn(loop, 0));
}

static int
probe_serve(struct probe *p, const char *argument)
{
	return probe_error(p, prong_loop_serve(loop, server, NULL, NULL));
}

static int
probe_loop(struct probe *p, const char *argument)
{
	return probe_error(p, prong_loop_new() == NULL ? -1 : 0);
}

static int
probe_stop(struct probe *p, const char *argument)
{
	return probe_error(p, prong_server_stop(server, argument[0] == 'f'));
}

static const struct {
	const char *name;
	int (*fn)(struct probe *, const char *argument);
} probe_commands[] = {
	{ "timer", probe_later }, { "defer", probe_defer },
	{ "spawn", probe_spawn }, { "turn", probe_turn },
	{ "serve", probe_serve }, { "loop", probe_loop },
	{ "stop", probe_stop },
};

static int
probe_opened(struct prong_conn *c)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return prong_set_error(errno, "probe");
	p->conn = c;
	p->uses = 1;
	prong_set_data(c, p);
	last = c;
	return 0;
}

static int
probe_message(struct prong_conn *c, const void *data, size_t len)
{
	char line[64], *argument = line;
	const char *name;
	size_t i;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	name = strsep(&argument, " ");
	for (i = 0; i < sizeof(probe_commands) / sizeof(*probe_commands); i++)
		if (strcmp(probe_commands[i].name, name) == 0)
			return probe_commands[i].fn(prong_data(c),
			    argument == NULL ? "" : argument);
	return prong_sendf(c, "no such command: %s", name);
}

static void
probe_end(void *arg)
{
	prong_log(PRONG_INFO, "called at the end");
	probe_drop(arg);
}

/* What is deferred as late as this is called all the same. */
static void
probe_closed(struct prong_conn *c)
{
	struct probe *p = prong_data(c);

	if (p == NULL)
		return;
	p->conn = NULL;
	if (last == c)
		last = NULL;
	if (prong_defer(probe_end, p) == -1)
		abort();
}

static void
probe_exit(struct prong_service *s)
{
	prong_log(PRONG_INFO, "exit of %s", prong_service_name(s));
}

static PRONG_HANDLER(probe,
	.summary = "does what a line says",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.opened = probe_opened,
	.message = probe_message,
	.closed = probe_closed,
	.exit = probe_exit,
);

/* --- the program's own loop ----------------------------------------------- */

static int
wait_by_poll(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, -1);
}

static int
wait_by_select(int fd)
{
	fd_set set;
	int n;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	n = select(fd + 1, &set, NULL, NULL, NULL);
	/* ThreadSanitizer keeps a signal for the next call that it knows. */
	if (n == -1 && errno == EINTR) {
		poll(NULL, 0, 0);
		errno = EINTR;
	}
	return n;
}

static int
wait_by_epoll(int fd)
{
	static int outer = -1;
	struct epoll_event e = { .events = EPOLLIN };

	if (outer == -1 && ((outer = epoll_create1(EPOLL_CLOEXEC)) == -1 ||
	    epoll_ctl(outer, EPOLL_CTL_ADD, fd, &e) == -1))
		return -1;
	return epoll_wait(outer, &e, 1, -1);
}

static const struct {
	const char *name;
	int (*wait)(int fd);
} waits[] = {
	{ "poll", wait_by_poll }, { "select", wait_by_select },
	{ "epoll", wait_by_epoll },
};

static void
stopped(void *arg)
{
	struct prong_server *old = server;

	/* A signal may still come; and this was its last use: it may go. */
	server = NULL;
	prong_server_free(old);
	running = false;
}

static void
asked_to_stop(int signo)
{
	if (server != NULL)
		prong_server_stop(server, signo == SIGINT);
}

static void
asked_to_abort(int signo)
{
	aborting = 1;
}

static void
set(struct prong_service *s, const char *setting, int *rounds)
{
	char text[256], *value = text;
	const char *key;
	int result = 0;

	snprintf(text, sizeof(text), "%s", setting);
	key = strsep(&value, "=");
	if (value == NULL)
		errx(64, "not a setting: %s", setting);
	if (strcmp(key, "rounds") == 0)
		*rounds = atoi(value);
	else if (strncmp(key, "service.", 8) == 0)
		result = prong_service_set(s, key + 8, value);
	else
		result = prong_server_set(server, key, value);
	if (result == -1)
		errx(2, "%s", prong_error());
}

static int
make(char **settings)
{
	struct prong_service *s;
	int rounds = 1;

	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &back_handler) == -1 ||
	    prong_server_handler(server, &talk_handler) == -1 ||
	    prong_server_handler(server, &probe_handler) == -1 ||
	    (s = prong_server_add(server, "inner")) == NULL)
		errx(1, "%s", prong_error());
	for (; *settings != NULL; settings++)
		set(s, *settings, &rounds);
	return rounds;
}

static void
serve(int (*wait)(int fd))
{
	if (prong_loop_serve(loop, server, stopped, NULL) == -1) {
		warnx("%s", prong_error());
		prong_server_free(server);
		prong_loop_free(loop);
		exit(1);
	}
	for (running = true; running; turns++) {
		while (wait(prong_loop_fd(loop)) == -1) {
			if (errno != EINTR)
				err(1, "waiting");
			if (aborting && last != NULL)
				prong_abort(last);
		}
		if (prong_loop_turn(loop, 0) == -1)
			errx(1, "%s", prong_error());
	}
}

int
main(int argc, char **argv)
{
	int rounds = 1, i;
	size_t w;

	for (w = 0; w < sizeof(waits) / sizeof(*waits); w++)
		if (argc > 1 && strcmp(argv[1], waits[w].name) == 0)
			break;
	if (w == sizeof(waits) / sizeof(*waits))
		errx(64, "usage: embed_inner poll|select|epoll [KEY=VALUE]...");
	signal(SIGTERM, asked_to_stop);
	signal(SIGINT, asked_to_stop);
	signal(SIGUSR1, asked_to_abort);
	if ((loop = prong_loop_new()) == NULL)
		errx(1, "%s", prong_error());
	for (i = 0; i < rounds; i++) {
		rounds = make(argv + 2);
		serve(waits[w].wait);
	}
	fprintf(stderr, "turns %lu\n", turns);
	prong_loop_free(loop);
	return 0;
}
