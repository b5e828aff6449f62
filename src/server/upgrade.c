/* SPDX-License-Identifier: ISC */
/*
 * An upgrade, from the side of the master that is replaced.
 */
#include "server/upgrade.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/pidlock.h"
#include "base/process.h"
#include "base/units.h"
#include "server/announce.h"
#include "server/control.h"
#include "server/heritage.h"
#include "server/jsonmem.h"
#include "server/link.h"
#include "server/reaper.h"
#include "server/reload.h"
#include "server/requests.h"
#include "server/retire.h"
#include "server/saving.h"
#include "server/takeover.h"

/* How often the new master is told what is counted here. */
#define UPGRADE_REPORT_MS	200
/* Masters that drain at once, each behind the next. */
#define UPGRADE_BEHIND_MAX	8
#define UPGRADE_ROOM_MS		20
/*
 * How long a new master that is late may take to clear away what it made: the
 * last part of upgrade-timeout, half of it at most.
 */
#define UPGRADE_STOP_MS		(2 * GENERATION_STOP_MS)
#define UPGRADE_STOP_PART	2
/* For the last report: when it is tried again, and who is to stop at once. */
#define UPGRADE_AGAIN_MS	100
#define UPGRADE_HURRY_MS	2000

enum upgrade_step {
	UPGRADE_NONE,
	UPGRADE_ROOM,		/* too many drain */
	UPGRADE_STARTING,	/* the new master starts */
	UPGRADE_OVER,		/* it is the server */
};

struct upgrade {
	struct master *master;
	enum upgrade_step step;
	struct requests requests;
	pid_t pid;
	struct link *link;
	int asks;			/* by which it will ask us; or -1 */
	int said;			/* its standard error, in memory; or -1 */
	char stage[64];
	char failure[ERROR_MAX];	/* what it says itself; or "" */
	bool late;
	bool lets_go;			/* all were told to drain, ... */
	uint64_t released;		/* and answer to this */
	bool has_reported;		/* for the last time */
	uint64_t begun_at, limit;	/* process_milliseconds() */
	struct timer timer;
};

bool
upgrade_is_done(const struct master *m, uint64_t number)
{
	const struct upgrade *u = m->upgrade;

	if (u->requests.done < number)
		return false;
	/* Who connects from now on is the new master's. */
	return u->step != UPGRADE_OVER || (u->lets_go &&
	    master_is_answered(m, u->released));
}

json_t *
upgrade_result(const struct master *m, uint64_t number, json_t **errors)
{
	return requests_result(&m->upgrade->requests, errors);
}

bool
upgrade_is_busy(const struct master *m)
{
	return m->upgrade != NULL && m->upgrade->step != UPGRADE_NONE;
}

bool
upgrade_is_over(const struct master *m)
{
	return m->upgrade != NULL && m->upgrade->step == UPGRADE_OVER;
}

/* --- failing -------------------------------------------------------------- */

static void
upgrade_close_fds(struct upgrade *u)
{
	if (u->said != -1)
		close(u->said);
	if (u->asks != -1)
		close(u->asks);
	u->said = u->asks = -1;
}

static void
upgrade_clear(struct upgrade *u)
{
	loop_timer_stop(u->master->loop, &u->timer);
	link_close(u->link);
	u->link = NULL;
	upgrade_close_fds(u);
	u->pid = 0;
}

static void
upgrade_fail(struct upgrade *u, const char *why)
{
	upgrade_clear(u);
	u->step = UPGRADE_NONE;
	requests_end(&u->requests, NULL, why);
	requests_log(&u->requests, "upgrade");
	announce_status("the upgrade failed, process %d goes on: %.*s",
	    (int)getpid(), (int)strcspn(why, "\n"), why);
	log_error("upgrade: nothing has changed: process %d goes on",
	    (int)getpid());
}

/* Why the new master has ended: what it says, or how it ended. */
static void
upgrade_blame(struct upgrade *u, int status)
{
	char why[REQUESTS_WHY_MAX], how[80] = "";
	size_t used;
	ssize_t n = 0;

	process_describe_status(status, how, sizeof(how));
	used = (size_t)snprintf(why, sizeof(why), "the new program failed in "
	    "stage \"%s\": %s\n", u->stage, u->late ?
	    "it was not ready within upgrade-timeout, and was killed" : how);
	if (u->failure[0] != '\0')
		used += (size_t)snprintf(why + used, sizeof(why) - used,
		    "%s\n", u->failure);
	if (u->said != -1)
		n = pread(u->said, why + used, sizeof(why) - used - 1, 0);
	why[used + (n > 0 ? (size_t)n : 0)] = '\0';
	upgrade_fail(u, why);
}

bool
upgrade_ended(struct master *m, pid_t pid, int status)
{
	struct upgrade *u = m->upgrade;

	if (u == NULL || u->pid == 0 || u->pid != pid)
		return false;
	u->pid = 0;
	if (u->step == UPGRADE_STARTING)
		upgrade_blame(u, status);
	return true;
}

static void
upgrade_kill(struct timer *t)
{
	const struct upgrade *u = (struct upgrade *)((char *)t -
	    offsetof(struct upgrade, timer));

	kill(u->pid, SIGKILL);
}

static uint64_t
upgrade_stop_ms(const struct master *m)
{
	uint64_t part = units_milliseconds(
	    m->server->settings.upgrade_timeout) / UPGRADE_STOP_PART;

	return part < UPGRADE_STOP_MS ? part : UPGRADE_STOP_MS;
}

/* Killed at once it would leave the paths of its sockets behind. */
static void
upgrade_too_late(struct timer *t)
{
	struct upgrade *u = (struct upgrade *)((char *)t -
	    offsetof(struct upgrade, timer));

	u->late = true;
	kill(u->pid, SIGINT);
	u->timer.fn = upgrade_kill;
	loop_timer(u->master->loop, t, upgrade_stop_ms(u->master));
}

/* --- handing over --------------------------------------------------------- */

static int
upgrade_report(struct upgrade *u, const char *key)
{
	jsonmem_begin();
	return link_send(u->link, json_pack("{s:b,s:o}", key, 1,
	    "report", takeover_report(u->master)));
}

static void
upgrade_report_timer(struct timer *t)
{
	struct upgrade *u = (struct upgrade *)((char *)t -
	    offsetof(struct upgrade, timer));

	/* One that does not listen is told the newest, when it does. */
	if (u->link != NULL && !link_is_busy(u->link))
		upgrade_report(u, "go");
	loop_timer(u->master->loop, t, UPGRADE_REPORT_MS);
}

static void
upgrade_sent(void *arg)
{
	master_finish(((struct upgrade *)arg)->master);
}

static void
upgrade_report_again(struct timer *t)
{
	upgrade_sent((char *)t - offsetof(struct upgrade, timer));
}

/* Who is to stop at once does not wait for who does not read. */
static void
upgrade_hurry(struct timer *t)
{
	struct upgrade *u = (struct upgrade *)((char *)t -
	    offsetof(struct upgrade, timer));

	log_warning("upgrade: process %d does not read what was counted here "
	    "at last", (int)u->pid);
	link_close(u->link);
	u->link = NULL;
	master_finish(u->master);
}

/*
 * A new master that stands still for a while is to be told, too: without this
 * its counters would be wrong from then on.  It costs nobody anything.
 */
static void
upgrade_report_last(struct upgrade *u)
{
	struct loop *loop = u->master->loop;

	loop_timer_stop(loop, &u->timer);
	u->timer.fn = NULL;
	if (upgrade_report(u, "last") == -1) {
		u->timer.fn = upgrade_report_again;
		loop_timer(loop, &u->timer, UPGRADE_AGAIN_MS);
		return;
	}
	u->has_reported = true;
	link_when_sent(u->link, upgrade_sent);
}

bool
upgrade_finish(struct master *m)
{
	struct upgrade *u = m->upgrade;

	if (!upgrade_is_over(m))
		return false;
	u->lets_go = true;
	/* There is no later chance. */
	control_wake(m->control);
	if (u->link != NULL && !u->has_reported)
		upgrade_report_last(u);
	if (u->link == NULL || (u->has_reported && !link_is_busy(u->link)))
		return false;
	if (m->state == MASTER_STOPPING && u->timer.fn != upgrade_hurry) {
		u->timer.fn = upgrade_hurry;
		loop_timer(m->loop, &u->timer, UPGRADE_HURRY_MS);
	}
	return true;
}

static void
upgrade_drain(struct master *m, struct generation *g)
{
	master_drain(m, false);
	m->upgrade->released = m->number;
	m->upgrade->lets_go = true;
}

/* A socket that the new master closes must not live on in this one. */
static void
upgrade_let_go(struct master *m)
{
	struct generation *g = m->current;

	listening_let_go(&g->listening);
	retire(m, g, upgrade_drain);
}

/* What the new master has taken is not ours to shut or to remove. */
static void
upgrade_mark(struct master *m, const json_t *message)
{
	const json_t *unused = json_object_get(message, "unused");
	struct listening *l = &m->current->listening;
	size_t i, k;

	for (i = 0; i < l->count; i++) {
		l->sockets[i].is_shared = true;
		for (k = 0; k < json_array_size(unused); k++)
			if (json_integer_value(json_array_get(unused, k)) ==
			    l->sockets[i].fd)
				l->sockets[i].is_shared = false;
	}
	saving_hand_on(m, json_object_get(message, "unsaved"));
	objects_give_away(m->server);
	/* Who asked may look into it as soon as there is an answer. */
	if (m->pidlock != -1) {
		pidlock_write(m->pidlock, m->upgrade->pid,
		    m->server->settings.pidfile);
		close(m->pidlock);
	}
	m->pidlock = -1;
	control_give_away(m->control);
	control_adopt(m->control, m->upgrade->asks);
	m->upgrade->asks = -1;
}

static void
upgrade_succeed(struct upgrade *u, const json_t *message)
{
	struct master *m = u->master;

	upgrade_mark(m, message);
	u->step = UPGRADE_OVER;
	announce_mainpid(u->pid);
	/* For want of memory it is said by the next one. */
	upgrade_report(u, "go");
	log_info("upgrade: process %d serves; this one, %d, drains",
	    (int)u->pid, (int)getpid());
	requests_end(&u->requests, json_pack("{s:i,s:f}", "pid", (int)u->pid,
	    "seconds", status_seconds(u->begun_at, process_milliseconds())),
	    NULL);
	u->timer.fn = upgrade_report_timer;
	loop_timer(m->loop, &u->timer, UPGRADE_REPORT_MS);
	upgrade_let_go(m);
}

/* What one that has ended since has said counts for nothing. */
static bool
upgrade_is_alive(const struct upgrade *u)
{
	siginfo_t info = { .si_pid = 0 };

	return !u->late && waitid(P_PID, (id_t)u->pid, &info,
	    WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

static void
upgrade_hear(struct link *l, json_t *message, void *arg)
{
	struct upgrade *u = arg;
	const json_t *stop = json_object_get(message, "stop");
	const char *text;

	if (message == NULL) {
		/* Before it is ready its end tells more. */
		link_close(l);
		u->link = NULL;
		master_finish(u->master);
		return;
	}
	text = json_string_value(json_object_get(message, "stage"));
	if (text != NULL)
		strlcpy(u->stage, text, sizeof(u->stage));
	text = json_string_value(json_object_get(message, "failed"));
	if (text != NULL)
		strlcpy(u->failure, text, sizeof(u->failure));
	if (u->step == UPGRADE_STARTING && json_is_true(json_object_get(
	    message, "ready")) && upgrade_is_alive(u))
		upgrade_succeed(u, message);
	if (u->step == UPGRADE_OVER && stop != NULL) {
		if (json_is_true(stop))
			master_stop(u->master);
	}
}

/* --- starting ------------------------------------------------------------- */

struct upgrade_start {
	int ends[2];			/* of the link */
	struct heritage_ends theirs;	/* what the new one has of that */
	int *fds;			/* all that it gets */
	size_t count;
};

static void __attribute__((noreturn))
upgrade_exec(const struct upgrade *u, const struct upgrade_start *start)
{
	static const int none[] = { 0 };
	const struct prong_server *program = u->master->program;
	char number[16];
	size_t i;

	signals_reset(none);
	snprintf(number, sizeof(number), "%d", start->fds[0]);
	for (i = 0; i < start->count; i++)
		fcntl(start->fds[i], F_SETFD, 0);
	if (setenv(HERITAGE_VARIABLE, number, 1) == -1 ||
	    announce_export() == -1 ||
	    dup2(u->said, STDERR_FILENO) == -1 ||
	    (program->folder != NULL && chdir(program->folder) == -1))
		_exit(127);
	execv(program->path, program->argv);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", program->path,
	    strerror(errno));
	_exit(126);
}

static int
upgrade_open_start(struct upgrade *u, struct upgrade_start *start)
{
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int asking[2];

	start->ends[0] = start->ends[1] = -1;
	start->theirs = (struct heritage_ends){ -1, -1, -1 };
	start->fds = NULL;
	if (socketpair(AF_UNIX, type, 0, asking) == -1)
		return error_errno("upgrade");
	u->asks = asking[0];
	start->theirs.ask = asking[1];
	if (socketpair(AF_UNIX, type, 0, start->ends) == -1 ||
	    (u->said = memfd_create("prong-said", MFD_CLOEXEC)) == -1)
		return error_errno("upgrade");
	start->theirs.link = start->ends[1];
	start->theirs.error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (start->theirs.error == -1)
		return error_errno("standard error");
	return heritage_write(u->master, &start->theirs, &start->fds,
	    &start->count);
}

/* The child has all of it; ours are the link and what it says. */
static void
upgrade_close_start(struct upgrade_start *start)
{
	if (start->fds != NULL)
		close(start->fds[0]);
	if (start->theirs.error != -1)
		close(start->theirs.error);
	if (start->theirs.ask != -1)
		close(start->theirs.ask);
	if (start->ends[1] != -1)
		close(start->ends[1]);
	free(start->fds);
}

static int
upgrade_fork(struct upgrade *u, struct upgrade_start *start)
{
	struct master *m = u->master;

	u->link = link_open(m->loop, start->ends[0], upgrade_hear, u);
	if (u->link == NULL)
		return -1;
	start->ends[0] = -1;
	fflush(NULL);
	if ((u->pid = fork()) == 0)
		upgrade_exec(u, start);
	if (u->pid == -1)
		return error_errno("cannot start the new program");
	return reaper_add(m, u->pid);
}

static void
upgrade_begin(struct upgrade *u)
{
	struct upgrade_start start;
	struct master *m = u->master;
	int r;

	u->step = UPGRADE_STARTING;
	u->late = false;
	u->failure[0] = '\0';
	strlcpy(u->stage, "start of the program", sizeof(u->stage));
	log_info("upgrade: begun, with %s", m->program->path);
	if ((r = upgrade_open_start(u, &start)) == 0)
		r = upgrade_fork(u, &start);
	upgrade_close_start(&start);
	if (r == -1) {
		if (start.ends[0] != -1)
			close(start.ends[0]);
		upgrade_fail(u, error_text());
		return;
	}
	u->timer.fn = upgrade_too_late;
	loop_timer(m->loop, &u->timer, units_milliseconds(
	    m->server->settings.upgrade_timeout) - upgrade_stop_ms(m));
}

static void
upgrade_try_room(struct timer *t)
{
	struct upgrade *u = (struct upgrade *)((char *)t -
	    offsetof(struct upgrade, timer));
	char why[ERROR_MAX];

	if (takeover_behind(u->master) < UPGRADE_BEHIND_MAX) {
		upgrade_begin(u);
	} else if (process_milliseconds() >= u->limit) {
		snprintf(why, sizeof(why), "%u processes of earlier upgrades "
		    "still drain", takeover_behind(u->master));
		upgrade_fail(u, why);
	} else {
		u->timer.fn = upgrade_try_room;
		loop_timer(u->master->loop, &u->timer, UPGRADE_ROOM_MS);
	}
}

/* --- asking --------------------------------------------------------------- */

static int
upgrade_check_state(const struct master *m)
{
	if (m->state != MASTER_RUNNING)
		return error_set(EBUSY, "the server is %s",
		    master_state_name(m->state));
	if (upgrade_is_over(m))
		return error_set(EBUSY, "the server is process %d now",
		    (int)m->upgrade->pid);
	if (reload_is_busy(m))
		return error_set(EBUSY, "a reload is under way; ask again when "
		    "it is over");
	if (takeover_heritage(m) != NULL)
		return error_set(EBUSY, "an upgrade is under way");
	/* When it goes, the kernel ends all others, the new master too. */
	if (getpid() == 1)
		return error_set(ENOTSUP, "the master is process 1, of a "
		    "container for one, and all others would end with it");
	if (m->program->path == NULL)
		return error_set(ENOTSUP, "this program has not said how it is "
		    "started");
	return 0;
}

uint64_t
upgrade_ask(struct master *m)
{
	struct upgrade *u = m->upgrade;

	/* Whoever asks while one is under way asks for that one. */
	if (u->step == UPGRADE_STARTING || u->step == UPGRADE_ROOM)
		return u->requests.begun;
	if (upgrade_check_state(m) == -1)
		return 0;
	u->requests.asked++;
	requests_begin(&u->requests);
	u->step = UPGRADE_ROOM;
	u->begun_at = process_milliseconds();
	u->limit = u->begun_at + units_milliseconds(
	    m->server->settings.upgrade_timeout);
	upgrade_try_room(&u->timer);
	return u->requests.begun;
}

int
upgrade_open(struct master *m)
{
	if ((m->upgrade = calloc(1, sizeof(*m->upgrade))) == NULL)
		return error_errno("upgrade");
	m->upgrade->master = m;
	m->upgrade->said = m->upgrade->asks = -1;
	return 0;
}

void
upgrade_cancel(struct master *m)
{
	struct upgrade *u = m->upgrade;

	if (u == NULL || (u->step != UPGRADE_STARTING &&
	    u->step != UPGRADE_ROOM))
		return;
	/*
	 * Before its link ends, which it would take for our end.  Nobody waits
	 * for it any more: it is reaped as any child.
	 */
	if (u->pid != 0)
		kill(u->pid, SIGKILL);
	upgrade_fail(u, "the server stops");
}

void
upgrade_close(struct master *m)
{
	struct upgrade *u = m->upgrade;

	if (u == NULL)
		return;
	if (m->loop != NULL) {
		loop_timer_stop(m->loop, &u->timer);
		link_close(u->link);
	}
	upgrade_close_fds(u);
	requests_free(&u->requests);
	free(u);
	m->upgrade = NULL;
}
