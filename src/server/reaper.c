/* SPDX-License-Identifier: ISC */
/*
 * The ends of the master's children.
 */
#include "server/reaper.h"

#include <sys/pidfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

/* A child without a signal: its descriptor is readable when it has ended. */
struct reaper_child {
	struct watch watch;
	struct master *master;
	pid_t pid;
	struct reaper_child *next;
};

static void
reaper_forget(struct reaper_child *child)
{
	struct reaper_child **at = &child->master->children;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	loop_del(child->master->loop, &child->watch);
	close(child->watch.fd);
	free(child);
}

static void
reaper_ended(struct watch *w, unsigned int events)
{
	struct reaper_child *child = (struct reaper_child *)w;
	struct master *m = child->master;
	pid_t pid = child->pid, r;
	/* As if by itself, when the program was faster than we are. */
	int status = 0;

	if ((r = waitpid(pid, &status, WNOHANG)) == 0)
		return;
	if (r == -1)
		log_warning("process %d has ended, but somebody else in this "
		    "program has waited for it", (int)pid);
	reaper_forget(child);
	supervise_ended(m, pid, status);
}

static int
reaper_watch(struct master *m, pid_t pid)
{
	struct reaper_child *child;

	if ((child = calloc(1, sizeof(*child))) == NULL)
		return error_errno("process %d", (int)pid);
	child->watch = (struct watch){ reaper_ended, pidfd_open(pid, 0),
	    PRONG_READ };
	if (child->watch.fd == -1) {
		free(child);
		return error_errno("process %d", (int)pid);
	}
	if (loop_add(m->loop, &child->watch) == -1) {
		close(child->watch.fd);
		free(child);
		return -1;
	}
	child->master = m;
	child->pid = pid;
	child->next = m->children;
	m->children = child;
	return 0;
}

int
reaper_add(struct master *m, pid_t pid)
{
	int error;

	if (!m->program->leaves_signals || reaper_watch(m, pid) == 0)
		return 0;
	error = errno;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	errno = error;
	return -1;
}

void
reaper_signalled(struct master *m)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		supervise_ended(m, pid, status);
}

void
reaper_close(struct master *m)
{
	while (m->children != NULL)
		reaper_forget(m->children);
}
