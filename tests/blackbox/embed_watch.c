/* SPDX-License-Identifier: ISC */
/*
 * What embed.test asks about descriptors and timers of a handler's own.  Some
 * of it takes several turns of the loop: there is one such trial at a time in
 * a process, and its answer comes when it is over.
 */
#include "embed.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long to look whether something happens that must not, milliseconds. */
#define WATCH_LOOK	40

static struct trial {
	struct prong_conn *conn;	/* NULL when it has gone */
	struct prong_watch *watches[2];
	int pairs[2][2];
	int fresh[2];
	int calls;
	bool removed;
	struct timespec start;
} trial;

static void
trial_open(struct prong_conn *c)
{
	int i;

	memset(&trial, 0, sizeof(trial));
	trial.conn = c;
	trial.fresh[0] = trial.fresh[1] = -1;
	clock_gettime(CLOCK_MONOTONIC, &trial.start);
	for (i = 0; i < 2; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
		    trial.pairs[i]) == -1)
			abort();
}

static void
trial_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
trial_end(const char *text)
{
	int i;

	for (i = 0; i < 2; i++) {
		prong_unwatch(trial.watches[i]);
		trial.watches[i] = NULL;
		trial_close(&trial.pairs[i][0]);
		trial_close(&trial.pairs[i][1]);
		trial_close(&trial.fresh[i]);
	}
	if (trial.conn != NULL)
		prong_sendf(trial.conn, "%s", text);
	trial.conn = NULL;
}

void
embed_watch_forget(const struct prong_conn *c)
{
	if (trial.conn == c)
		trial.conn = NULL;
}

static void
trial_write(int fd)
{
	if (write(fd, "x", 1) != 1)
		abort();
}

static void
watch_nothing(int fd, unsigned int events, void *arg)
{
}

/* Watches a descriptor for a moment; answers with the error. */
static int
watch_once(struct prong_conn *c, int fd, unsigned int events)
{
	struct prong_watch *w = prong_watch(fd, events, watch_nothing, NULL);
	int error = w == NULL ? errno : 0;

	prong_unwatch(w);
	if (fd != -1)
		close(fd);
	return embed_answer_error(c, error);
}

static int
watch_file(struct prong_conn *c, const char *argument)
{
	return watch_once(c, open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
	    PRONG_READ);
}

static int
watch_folder(struct prong_conn *c, const char *argument)
{
	return watch_once(c, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	    PRONG_READ);
}

static int
watch_bad(struct prong_conn *c, const char *argument)
{
	return watch_once(c, -1, PRONG_READ);
}

/* A number that is closed. */
static int
watch_closed(struct prong_conn *c, const char *argument)
{
	int fd = dup(0);
	struct prong_watch *w;

	close(fd);
	w = prong_watch(fd, PRONG_READ, watch_nothing, NULL);
	return embed_answer_error(c, w == NULL ? errno : 0);
}

static int
watch_events(struct prong_conn *c, const char *argument)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) == -1)
		return prong_set_error(errno, "pipe");
	close(pair[1]);
	return watch_once(c, pair[0],
	    (unsigned int)strtoul(argument, NULL, 16));
}

/* A descriptor beyond FD_SETSIZE. */
static int
watch_high(struct prong_conn *c, const char *argument)
{
	int pair[2], fd;

	if (pipe2(pair, O_CLOEXEC) == -1)
		return prong_set_error(errno, "pipe");
	fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 1500);
	close(pair[0]);
	close(pair[1]);
	return watch_once(c, fd, PRONG_READ);
}

static int
watch_twice(struct prong_conn *c, const char *argument)
{
	struct prong_watch *second;
	int error;

	trial_open(c);
	trial.watches[0] = prong_watch(trial.pairs[0][0], PRONG_READ,
	    watch_nothing, NULL);
	second = prong_watch(trial.pairs[0][0], PRONG_WRITE, watch_nothing,
	    NULL);
	error = second == NULL ? errno : 0;
	prong_unwatch(second);
	if (trial.watches[0] == NULL)
		error = EIO;
	trial_end(error == 0 ? "ok" : strerrorname_np(error));
	return 0;
}

/* Wrong events for a watch that is there. */
static int
watch_modify_wrong(struct prong_conn *c, const char *argument)
{
	int result;

	trial_open(c);
	trial.watches[0] = prong_watch(trial.pairs[0][0], PRONG_READ,
	    watch_nothing, NULL);
	result = prong_watch_modify(trial.watches[0], PRONG_HANGUP);
	trial_end(result == 0 ? "ok" : strerrorname_np(errno));
	return 0;
}

static void
modify_event(int fd, unsigned int events, void *arg)
{
	if ((events & PRONG_WRITE) != 0) {
		if (trial.removed) {
			trial_end("write after it was removed");
			return;
		}
		trial.removed = true;
		prong_watch_modify(trial.watches[0], PRONG_READ);
		trial_write(trial.pairs[0][1]);
	} else if ((events & PRONG_READ) != 0)
		trial_end(trial.removed ? "read" : "read before write");
}

/* Read interest survives the removal of write interest. */
static int
watch_modify(struct prong_conn *c, const char *argument)
{
	trial_open(c);
	trial.watches[0] = prong_watch(trial.pairs[0][0], PRONG_READ,
	    modify_event, NULL);
	/* Adding write interest, as one whose reply does not fit does. */
	return prong_watch_modify(trial.watches[0], PRONG_READ | PRONG_WRITE);
}

static void
trial_count(void *arg)
{
	char text[32];

	snprintf(text, sizeof(text), "called %d", trial.calls);
	trial_end(text);
}

static void
level_event(int fd, unsigned int events, void *arg)
{
	char byte;

	trial.calls++;
	if (read(fd, &byte, 1) != 1)
		trial_end("nothing to read");
}

/* Three bytes that are read one by one: three calls. */
static int
watch_level(struct prong_conn *c, const char *argument)
{
	int i;

	trial_open(c);
	for (i = 0; i < 3; i++)
		trial_write(trial.pairs[0][1]);
	trial.watches[0] = prong_watch(trial.pairs[0][0], PRONG_READ,
	    level_event, NULL);
	return prong_timer(WATCH_LOOK, trial_count, NULL) == NULL ? -1 : 0;
}

static void
edge_event(int fd, unsigned int events, void *arg)
{
	trial.calls++;
}

static void
edge_more(void *arg)
{
	trial_write(trial.pairs[0][1]);
	prong_timer(WATCH_LOOK, trial_count, NULL);
}

/* Nothing is read: a call when there is something, and one when more comes. */
static int
watch_edge(struct prong_conn *c, const char *argument)
{
	trial_open(c);
	trial_write(trial.pairs[0][1]);
	trial.watches[0] = prong_watch(trial.pairs[0][0],
	    PRONG_READ | PRONG_EDGE, edge_event, NULL);
	if (trial.watches[0] == NULL) {
		trial_end(strerrorname_np(errno));
		return 0;
	}
	return prong_timer(WATCH_LOOK, edge_more, NULL) == NULL ? -1 : 0;
}

static void
fresh_event(int fd, unsigned int events, void *arg)
{
	trial_end(trial.removed ? "ok" : "an event of the one before");
}

static void
fresh_write(void *arg)
{
	if (trial.conn == NULL)
		return;
	trial.removed = true;
	trial_write(trial.fresh[1]);
}

/* Closes the other, which is ready too, and puts a new one in its place. */
static void
reuse_event(int fd, unsigned int events, void *arg)
{
	int mine = fd == trial.pairs[0][0] ? 0 : 1, other = 1 - mine;
	int number = trial.pairs[other][0], pair[2];

	prong_unwatch(trial.watches[mine]);
	prong_unwatch(trial.watches[other]);
	trial.watches[mine] = trial.watches[other] = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == -1 ||
	    dup2(pair[0], number) == -1)
		abort();
	close(pair[0]);
	trial.fresh[1] = pair[1];
	trial.watches[0] = prong_watch(number, PRONG_READ, fresh_event, NULL);
	prong_timer(WATCH_LOOK, fresh_write, NULL);
}

/* A descriptor closed and used again in the same batch of events. */
static int
watch_reuse(struct prong_conn *c, const char *argument)
{
	int i;

	trial_open(c);
	for (i = 0; i < 2; i++) {
		trial_write(trial.pairs[i][1]);
		trial.watches[i] = prong_watch(trial.pairs[i][0], PRONG_READ,
		    reuse_event, NULL);
	}
	return 0;
}

static void
hangup_event(int fd, unsigned int events, void *arg)
{
	char bytes[8];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		trial.calls += (int)n;
	else
		trial_end(trial.calls == 1 ? "the tail, then the end" :
		    "the end before the tail");
}

/* The other end writes and goes away. */
static int
watch_hangup(struct prong_conn *c, const char *argument)
{
	trial_open(c);
	trial_write(trial.pairs[0][1]);
	trial_close(&trial.pairs[0][1]);
	trial.watches[0] = prong_watch(trial.pairs[0][0], PRONG_READ,
	    hangup_event, NULL);
	return 0;
}

static void
timer_fired(void *arg)
{
	struct timespec now;
	char text[32];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "after %lld",
	    (long long)(now.tv_sec - trial.start.tv_sec) * 1000 +
	    (now.tv_nsec - trial.start.tv_nsec) / 1000000);
	trial_end(text);
}

static void
timer_wrong(void *arg)
{
	trial_end("a cancelled timer");
}

/* "MS"; another one, cancelled, would come first. */
static int
watch_timer(struct prong_conn *c, const char *argument)
{
	struct prong_timer *never;

	trial_open(c);
	never = prong_timer(1, timer_wrong, NULL);
	if (prong_timer(atoll(argument), timer_fired, NULL) == NULL)
		trial_end(strerrorname_np(errno));
	prong_timer_cancel(never);
	return 0;
}

const struct embed_command embed_watch_commands[] = {
	{ "file", watch_file }, { "folder", watch_folder },
	{ "bad", watch_bad }, { "closed", watch_closed },
	{ "events", watch_events }, { "high", watch_high },
	{ "twice", watch_twice }, { "modify-wrong", watch_modify_wrong },
	{ "modify", watch_modify }, { "level", watch_level },
	{ "edge", watch_edge }, { "reuse", watch_reuse },
	{ "hangup", watch_hangup }, { "timer", watch_timer },
	{ NULL, NULL }
};
