/* SPDX-License-Identifier: ISC */
/*
 * A program that keeps its signals and its log to itself, for own.test.
 *
 *	embed_own [KEY=VALUE]...
 *
 * sets a setting of the server, or as "service.KEY=VALUE" of its only service.
 * Each line of the log is one on standard error: "LEVEL PID TEXT".  SIGTERM and
 * SIGINT stop the server, SIGHUP is the program's own business, and it has a
 * child that it waits for when the server has ended.
 */
#include <prong.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"

#define DEFERRED	100

static struct prong_server *server;

/* --- the handler ---------------------------------------------------------- */

static void
own_third(void *arg)
{
	prong_sendf(arg, "third");
}

static void
own_second(void *arg)
{
	if (prong_sendf(arg, "second") == 0 &&
	    prong_defer(own_third, arg) == -1)
		abort();
}

static void
own_first(void *arg)
{
	prong_sendf(arg, "first");
}

/* What is deferred comes after the caller, in its order, and once. */
static int
own_defer(struct prong_conn *c)
{
	if (prong_defer(own_first, c) == -1 ||
	    prong_defer(own_second, c) == -1 ||
	    prong_defer(own_first, c) == -1)
		return -1;
	return prong_sendf(c, "caller");
}

static __thread int own_left;

static void
own_count_down(void *arg)
{
	if (--own_left > 0 && prong_defer(own_count_down, arg) == -1)
		abort();
	if (own_left == 0)
		prong_log(PRONG_INFO, "counted down");
}

static void
own_late(void *arg)
{
	prong_log(PRONG_INFO, "called %s", (const char *)arg);
}

static void
own_closed(struct prong_conn *c)
{
	if (prong_data(c) != NULL && prong_defer(own_late, prong_data(c)) == -1)
		abort();
}

static int
own_message(struct prong_conn *c, const void *data, size_t len)
{
	if (len == 5 && memcmp(data, "defer", 5) == 0)
		return own_defer(c);
	if (len == 4 && memcmp(data, "last", 4) == 0) {
		/* It goes on when nobody is there any more. */
		own_left = DEFERRED;
		prong_close(c);
		return prong_defer(own_count_down, NULL);
	}
	if (len == 4 && memcmp(data, "late", 4) == 0) {
		static char late[] = "late";

		prong_set_data(c, late);
		return prong_send(c, data, len);
	}
	prong_log(PRONG_WARNING, "said %.*s", (int)len, (const char *)data);
	return prong_send(c, data, len);
}

static PRONG_HANDLER(own,
	.summary = "logs what it is told, and sends it back",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.message = own_message,
	.closed = own_closed,
);

/* --- the program ---------------------------------------------------------- */

static void
own_log(enum prong_level level, const char *line, void *arg)
{
	static const char *const levels[] =
	    { "error", "warning", "info", "debug" };
	static volatile int inside;
	char text[1024];
	int n;

	if (inside++ != 0 || strcmp(arg, "own") != 0)
		abort();
	/* Of no use. */
	prong_log(PRONG_ERROR, "from within");
	n = snprintf(text, sizeof(text), "%s %d %s\n", levels[level],
	    (int)getpid(), line);
	if (write(STDERR_FILENO, text, (size_t)n) != n)
		abort();
	inside--;
}

static void
own_signal(int signo)
{
	static const char text[] = "hup\n";

	if (signo != SIGHUP)
		prong_server_stop(server, signo == SIGINT);
	else if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		abort();
}

static pid_t
own_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Whoever reads it is to see its end with the program's. */
		close(STDERR_FILENO);
		pause();
		_exit(1);
	}
	fprintf(stderr, "child %d\n", (int)pid);
	return pid;
}

/* As proc(5) has them. */
static void
own_show_signals(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Sig", 3) == 0 &&
		    strncmp(line, "SigQ", 4) != 0)
			fprintf(stderr, "%s", line);
	if (f != NULL)
		fclose(f);
}

static void
own_set(struct prong_service *s, char *setting)
{
	if (strncmp(setting, "sigchld=", 8) != 0)
		settings_set(server, s, "service.", setting);
	else if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
		err(1, "SIGCHLD");
}

int
main(int argc, char **argv)
{
	static char name[] = "own";
	struct prong_service *s;
	int result, status;
	pid_t child;

	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &own_handler) == -1 ||
	    (s = prong_server_add(server, name)) == NULL ||
	    prong_service_set(s, "handler", name) == -1)
		errx(1, "%s", prong_error());
	prong_server_log(server, own_log, name);
	prong_server_signals(server, false);
	/* Earlier than these, so that it has none of them at any time. */
	child = own_child();
	signal(SIGTERM, own_signal);
	signal(SIGINT, own_signal);
	signal(SIGHUP, own_signal);
	for (argv++; *argv != NULL; argv++)
		own_set(s, *argv);
	own_show_signals();
	result = prong_server_run(server, NULL, NULL);
	if (result == -1)
		warnx("%s", prong_error());
	own_show_signals();
	/* After the run the log is as it was before. */
	prong_log(PRONG_INFO, "the end");
	kill(child, SIGTERM);
	if (waitpid(child, &status, 0) == child)
		fprintf(stderr, "child ended by %d\n", WTERMSIG(status));
	prong_server_free(server);
	return result == -1 ? 1 : 0;
}
