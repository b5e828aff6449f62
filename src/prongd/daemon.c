/* SPDX-License-Identifier: ISC */
/*
 * Going into the background.
 *
 * Standard error of the daemon is a pipe to the process that was started, not
 * the caller's: the workers are forked before all is ready, and would keep a
 * caller who waits for its end waiting for ever.
 */
#include "prongd/daemon.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The daemon's two pipes as the waiting process has them. */
struct daemon_pipes {
	int ready[2];
	int messages[2];
};

/* Passes on what is there; false at the end of it. */
static bool
daemon_relay(int fd)
{
	char buf[4096];
	ssize_t n, done = 0, m;

	if ((n = read(fd, buf, sizeof(buf))) == -1)
		return errno == EINTR || errno == EAGAIN;
	while (done < n && (m = write(STDERR_FILENO, buf + done,
	    (size_t)(n - done))) > 0)
		done += m;
	return n > 0;
}

/* Returns the exit code. */
static int
daemon_wait(const struct daemon_pipes *pipes, bool tell)
{
	struct pollfd p[2] = {
		{ .fd = pipes->ready[0], .events = POLLIN },
		{ .fd = pipes->messages[0], .events = POLLIN },
	};
	bool told = false;
	pid_t pid;

	do {
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			err(1, "poll");
		if (p[1].revents != 0 && !daemon_relay(p[1].fd))
			p[1].fd = -1;
		else if (p[1].revents != 0)
			told = true;
	} while (p[0].revents == 0);
	if (read(p[0].fd, &pid, sizeof(pid)) == (ssize_t)sizeof(pid)) {
		if (tell)
			printf("prongd: serving as process %d; \"kill %d\" "
			    "ends it\n", (int)pid, (int)pid);
		return 0;
	}
	/* What it said last is in the pipe by now. */
	while (p[1].fd != -1 && poll(&p[1], 1, 0) == 1 &&
	    daemon_relay(p[1].fd))
		told = true;
	if (!told)
		warnx("the server ended before it was ready");
	return 1;
}

static void
daemon_redirect(int to, int fd)
{
	if (dup2(fd, to) == -1)
		err(1, "dup2");
}

static int
daemon_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		err(1, "/dev/null");
	return fd;
}

/* Forks and lets the child go on. */
static pid_t
daemon_fork(void)
{
	pid_t pid = fork();

	if (pid == -1)
		err(1, "fork");
	return pid;
}

void
daemon_start(struct daemon *d, bool tell)
{
	struct daemon_pipes pipes;
	int null = daemon_null();

	if (pipe2(pipes.ready, O_CLOEXEC) == -1 ||
	    pipe2(pipes.messages, O_CLOEXEC) == -1)
		err(1, "pipe");
	if (daemon_fork() != 0) {
		close(pipes.ready[1]);
		close(pipes.messages[1]);
		exit(daemon_wait(&pipes, tell));
	}
	close(pipes.ready[0]);
	close(pipes.messages[0]);
	daemon_redirect(STDIN_FILENO, null);
	daemon_redirect(STDOUT_FILENO, null);
	daemon_redirect(STDERR_FILENO, pipes.messages[1]);
	close(pipes.messages[1]);
	close(null);
	if (setsid() == -1)
		err(1, "setsid");
	/* Not the leader of the session: it gets no terminal by accident. */
	if (daemon_fork() != 0)
		_exit(0);
	if (chdir("/") == -1)
		err(1, "/");
	d->ready = pipes.ready[1];
}

void
daemon_ready(void *arg)
{
	struct daemon *d = arg;
	pid_t self = getpid();
	int null = daemon_null();

	daemon_redirect(STDERR_FILENO, null);
	close(null);
	if (write(d->ready, &self, sizeof(self)) == -1)
		warn("the process that was started");
	close(d->ready);
	d->ready = -1;
}
