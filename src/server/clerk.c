/* SPDX-License-Identifier: ISC */
/*
 * Clerks: their fork, what they say, their end.  What one says has gone through
 * the hands of a process that looks at shared memory, so it is bounded, and
 * passed on as it is or not at all.
 */
#include "server/clerk.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "server/confine.h"
#include "server/reaper.h"
#include "shm/rlock.h"

#define CLERK_SETTLE_MS		10000
#define CLERK_AGAIN_MS		1000
/* Its own alarm comes first; one that is stopped does not hear it. */
#define CLERK_GRACE_MS		2000
#define CLERK_READ		65536

struct clerk {
	struct clerk *next;
	struct master *master;
	struct clerk_task task;
	pid_t pid;			/* 0: it has ended */
	int status;
	struct watch pipe;		/* fd -1: it has said everything */
	struct timer limit;
	bool late, has_said_too_much;
	char *text;
	size_t length, size;
};

/* --- its own life -------------------------------------------------------- */

/* It keeps nobody's socket or lock open by its own. */
static int
clerk_close_others(const struct master *m, int fd)
{
	const int own[] = { m->scoreboard.connections.fd,
	    log_descriptor(LOG_MAIN), fd };
	size_t count = sizeof(own) / sizeof(own[0]);
	int *keep;

	keep = calloc(count + objects_descriptors(m->server, NULL),
	    sizeof(*keep));
	if (keep == NULL)
		return error_errno("descriptors");
	memcpy(keep, own, sizeof(own));
	count += objects_descriptors(m->server, keep + count);
	process_close_others(keep, count);
	free(keep);
	return 0;
}

static int
clerk_begin(struct master *m, const struct clerk_task *task, int fd,
    pid_t master)
{
	const struct generation *as = task->as != NULL ? task->as : m->current;
	static const int ignored[] = { SIGPIPE, SIGXFSZ, 0 };
	uint32_t word;

	signals_reset(ignored);
	process_title("clerk");
	rlock_set_role(RLOCK_CLERK, -1);
	log_after_fork();
	if (clerk_close_others(m, fd) == -1 ||
	    privilege_drop(&as->privilege, "") == -1 ||
	    process_die_with_parent(master) == -1 ||
	    (confine_clerk(as->server, task->file, &word) == -1 &&
	    confine_is_required(as->server)))
		return -1;
	alarm((unsigned int)((task->ms + 999) / 1000));
	return 0;
}

static int
clerk_say(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left > 0) {
		if ((n = write(fd, text, left)) == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

static void __attribute__((noreturn))
clerk_main(struct master *m, const struct clerk_task *task, int fd,
    pid_t master)
{
	int status = 0;
	char *text;

	if (clerk_begin(m, task, fd, master) == -1)
		_exit(1);
	text = task->work(m, task->arg, &status);
	if (text != NULL && fd != -1 && clerk_say(fd, text) == -1)
		status = 1;
	free(text);
	_exit(status);
}

/* --- what it says -------------------------------------------------------- */

bool
clerk_is_line(const char *text, size_t length)
{
	bool quoted = false, escaped = false;
	size_t i, depth = 0;

	if (length == 0 || text[0] != '{')
		return false;
	for (i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
		if (text[i] == '"' && !escaped)
			quoted = !quoted;
		escaped = quoted && text[i] == '\\' && !escaped;
		if (quoted)
			continue;
		if (text[i] == '{' || text[i] == '[')
			depth++;
		else if ((text[i] == '}' || text[i] == ']') && --depth == 0)
			return i == length - 1;
	}
	return false;
}

/* As clerk_wait() has it. */
static int
clerk_judge_plain(const struct clerk *c)
{
	char how[80];

	if (c->length == strlen(CLERK_DONE) &&
	    memcmp(c->text, CLERK_DONE, c->length) == 0)
		return 0;
	if (c->length > 0)
		return error_set(ECHILD, "%.*s", (int)(c->length < ERROR_MAX ?
		    c->length : ERROR_MAX), c->text);
	return error_set(ECHILD, "%s", process_describe_status(c->status, how,
	    sizeof(how)));
}

static int
clerk_judge(const struct clerk *c)
{
	char how[80];

	if (c->late)
		return error_set(ETIMEDOUT, "%s took longer than %llu s",
		    c->task.name, (unsigned long long)(c->task.ms / 1000));
	if (c->has_said_too_much)
		return error_set(EMSGSIZE, "%s: the answer is longer than %d "
		    "bytes", c->task.name, CLERK_ANSWER_MAX);
	if (c->task.is_plain)
		return clerk_judge_plain(c);
	if (c->status != 0)
		return error_set(ECHILD, "%s: the clerk who did it %s",
		    c->task.name, process_describe_status(c->status, how,
		    sizeof(how)));
	if (!clerk_is_line(c->text, c->length))
		return error_set(EPROTO, "%s: the clerk who did it gave no "
		    "proper answer", c->task.name);
	return 0;
}

static void
clerk_free(struct clerk *c)
{
	struct clerk **at = &c->master->clerks;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	loop_timer_stop(c->master->loop, &c->limit);
	if (c->pipe.fd != -1) {
		loop_del(c->master->loop, &c->pipe);
		close(c->pipe.fd);
	}
	free(c->text);
	free(c);
}

/* When it has both said everything and ended. */
static void
clerk_conclude(struct clerk *c)
{
	struct clerk_task task = c->task;
	struct master *m = c->master;
	int status = c->status;
	char *text = NULL;
	size_t length = c->length;

	if (c->pid != 0 || c->pipe.fd != -1)
		return;
	if (!task.answers)
		error_clear();
	else if (clerk_judge(c) == 0) {
		text = c->text;
		c->text = NULL;
	}
	clerk_free(c);
	if (task.done != NULL)
		task.done(m, task.arg, status, text, length);
	free(text);
}

static void
clerk_close_pipe(struct clerk *c)
{
	loop_del(c->master->loop, &c->pipe);
	close(c->pipe.fd);
	c->pipe.fd = -1;
}

/* Room for one more read; false when there is none. */
static bool
clerk_grow(struct clerk *c)
{
	char *text;

	if (c->size - c->length >= CLERK_READ)
		return true;
	if (c->length > CLERK_ANSWER_MAX || (text = realloc(c->text,
	    2 * c->size + CLERK_READ)) == NULL)
		return false;
	c->text = text;
	c->size = 2 * c->size + CLERK_READ;
	return true;
}

static void
clerk_heard(struct watch *w, unsigned int events)
{
	struct clerk *c = (struct clerk *)((char *)w -
	    offsetof(struct clerk, pipe));
	ssize_t n = 0;

	if (!clerk_grow(c))
		c->has_said_too_much = true;
	else if ((n = read(w->fd, c->text + c->length, CLERK_READ)) == -1 &&
	    (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->length += (size_t)n;
		return;
	}
	/* Who goes on talking finds nobody who listens. */
	clerk_close_pipe(c);
	clerk_conclude(c);
}

/* --- sending one --------------------------------------------------------- */

static void
clerk_out_of_time(struct timer *t)
{
	struct clerk *c = (struct clerk *)((char *)t -
	    offsetof(struct clerk, limit));

	c->late = true;
	clerk_kill(c);
}

void
clerk_kill(struct clerk *c)
{
	if (c->pid != 0)
		kill(c->pid, SIGKILL);
}

static size_t
clerk_count(const struct master *m)
{
	const struct clerk *c;
	size_t n = 0;

	for (c = m->clerks; c != NULL; c = c->next)
		n += c->task.answers;
	return n;
}

/* Its pipe, if it is to answer; *in is the clerk's end, or -1. */
static int
clerk_open_pipe(struct clerk *c, int *in)
{
	int ends[2];

	*in = -1;
	if (!c->task.answers)
		return 0;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	c->pipe = (struct watch){ clerk_heard, ends[0], PRONG_READ };
	if (loop_add(c->master->loop, &c->pipe) == 0) {
		*in = ends[1];
		return 0;
	}
	close(ends[0]);
	close(ends[1]);
	c->pipe.fd = -1;
	return -1;
}

static int
clerk_fork(struct clerk *c)
{
	struct master *m = c->master;
	pid_t self = getpid();
	int in, error;

	if (clerk_open_pipe(c, &in) == -1)
		return -1;
	/* What is buffered here must not be written twice. */
	fflush(NULL);
	if ((c->pid = fork()) == 0)
		clerk_main(m, &c->task, in, self);
	error = errno;
	if (in != -1)
		close(in);
	errno = error;
	return c->pid == -1 ? -1 : reaper_add(m, c->pid);
}

struct clerk *
clerk_send(struct master *m, const struct clerk_task *task)
{
	struct clerk *c;

	if (task->answers && clerk_count(m) >= CLERKS_MAX) {
		error_set(EAGAIN, "%s: %d others wait for an answer; try "
		    "again when they have it", task->name, CLERKS_MAX);
		return NULL;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		error_errno("%s", task->name);
		return NULL;
	}
	c->master = m;
	c->task = *task;
	c->pipe.fd = -1;
	c->limit.fn = clerk_out_of_time;
	c->next = m->clerks;
	m->clerks = c;
	if ((task->ms > 0 && loop_timer(m->loop, &c->limit, task->ms +
	    CLERK_GRACE_MS) == -1) || clerk_fork(c) == -1) {
		error_errno("%s: cannot start a clerk", task->name);
		clerk_free(c);
		return NULL;
	}
	return c;
}

static void
clerk_unheard(struct master *m, void *arg, int status, const char *text,
    size_t length)
{
}

void
clerk_forget(struct clerk *c)
{
	c->task.done = clerk_unheard;
}

bool
clerk_ended(struct master *m, pid_t pid, int status)
{
	struct clerk *c;

	for (c = m->clerks; c != NULL; c = c->next)
		if (c->pid == pid) {
			c->pid = 0;
			c->status = status;
			c->late |= WIFSIGNALED(status) &&
			    WTERMSIG(status) == SIGALRM;
			clerk_conclude(c);
			return true;
		}
	return false;
}

void
clerk_close(struct master *m)
{
	struct clerk *c;

	while ((c = m->clerks) != NULL) {
		clerk_kill(c);
		while (c->pid != 0 && waitpid(c->pid, NULL, 0) == -1 &&
		    errno == EINTR)
			continue;
		clerk_free(c);
	}
}

/* All that it says, as far as there is room. */
static void
clerk_listen(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, size - 1 - used)) > 0 ||
	    (n == -1 && errno == EINTR))
		used += n > 0 ? (size_t)n : 0;
	text[used] = '\0';
}

int
clerk_wait(struct master *m, const struct clerk_task *task)
{
	char text[ERROR_MAX] = "", how[80];
	int ends[2], status = 0;
	pid_t pid, self = getpid();

	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno("%s: cannot start a clerk", task->name);
	fflush(NULL);
	if ((pid = fork()) == 0)
		clerk_main(m, task, ends[1], self);
	close(ends[1]);
	if (pid == -1) {
		error_errno("%s: cannot start a clerk", task->name);
		close(ends[0]);
		return -1;
	}
	clerk_listen(ends[0], text, sizeof(text));
	close(ends[0]);
	/* A program that ignores its children has waited already. */
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (strcmp(text, CLERK_DONE) == 0)
		return 0;
	return error_set(ECHILD, "%s", text[0] != '\0' ? text :
	    process_describe_status(status, how, sizeof(how)));
}

/* --- settling ------------------------------------------------------------ */

static void
clerk_settle_timer(struct timer *t)
{
	struct process *p = (struct process *)((char *)t -
	    offsetof(struct process, clerk_timer));

	/* A successor has done it by itself. */
	if (p->pid == 0)
		clerk_settle(p);
}

static void
clerk_settle_again(struct process *p)
{
	p->clerk_timer.fn = clerk_settle_timer;
	loop_timer(p->master->loop, &p->clerk_timer, CLERK_AGAIN_MS);
}

/* Until then those connections count as open. */
static void
clerk_warn_late(const struct process *p, const char *why)
{
	log_warning("slot %u: what its last process left open is not booked "
	    "yet: %s", p->slot, why);
}

static char *
clerk_settle_work(struct master *m, void *arg, int *status)
{
	const struct process *p = arg;

	if (scoreboard_settle(&m->scoreboard, p->slot, p->last,
	    CLERK_SETTLE_MS) == -1)
		clerk_warn_late(p, error_text());
	if (p->generation != NULL)
		pools_bury(p->generation->server, p->slot, &p->end);
	return NULL;
}

static void
clerk_settle_done(struct master *m, void *arg, int status, const char *text,
    size_t length)
{
	struct process *p = arg;
	char how[80];

	if (status == 0)
		return;
	error_set(ECHILD, "the clerk %s", process_describe_status(status, how,
	    sizeof(how)));
	clerk_warn_late(p, error_text());
	if (m->state < MASTER_DRAINING)
		clerk_settle_again(p);
}

void
clerk_settle(struct process *p)
{
	const struct clerk_task task = {
		.name = "settling", .ms = CLERK_SETTLE_MS, .arg = p,
		.work = clerk_settle_work, .done = clerk_settle_done,
	};

	/* Another may claim it before the clerk does. */
	p->last = __atomic_load_n(&scoreboard_slot(&p->master->scoreboard,
	    p->slot)->pid, __ATOMIC_RELAXED);
	if (clerk_send(p->master, &task) != NULL)
		return;
	clerk_warn_late(p, error_text());
	clerk_settle_again(p);
}
