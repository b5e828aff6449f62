/* SPDX-License-Identifier: ISC */
/*
 * dispatch = fork, in the forker: who gets a process (fork_child), and how that
 * ended.
 *
 * Whom no process can be started for waits, and with it the sockets of its
 * service: that is tried again each second.
 */
#include "dispatch/fork.h"

#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "dispatch/conversation.h"
#include "dispatch/dispatch.h"
#include "dispatch/fork_child.h"
#include "dispatch/fork_mail.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/mail.h"
#include "shm/rlock.h"
#include "task/caller.h"

/* Of signals, that are read at once. */
#define FORK_SIGNALS	5

/* How long not to fork when that has failed, and how often that is told. */
#define FORK_RETRY_MS	1000
#define FORK_TELL_MS	10000

/* Children by their pid, in chains. */
#define FORK_CHAINS	1024

struct fork_child {
	struct conn_away away;		/* first */
	struct fork_child *next;
	struct prong_conn *conn;
	struct fork_mail mail;
	pid_t pid;
	unsigned int asked;	/* to close, so often */
	bool dropped;		/* killed by us: how its connection ended */
	bool cut;		/* told that its drain is over */
};

/* One a process. */
static struct forks {
	struct fork_child *chains[FORK_CHAINS];
	size_t count;
	struct watch signals;		/* a signalfd; -1 */
	struct loop *loop;
	pid_t forker;
	struct prong_conn *waiting;	/* for a process, by next_dead */
	struct timer retry;
	uint64_t told;			/* when it was last logged that some do */
	void (*forked)(void);
	void (*killed)(pid_t, bool told);
} forks = { .signals.fd = -1 };

static void fork_drain(struct prong_service *);

static struct fork_child **
fork_chain(pid_t pid)
{
	return &forks.chains[(unsigned int)pid % FORK_CHAINS];
}

static struct fork_child *
fork_child_of(pid_t pid)
{
	struct fork_child *child = *fork_chain(pid);

	while (child != NULL && child->pid != pid)
		child = child->next;
	return child;
}

/* Others see in the scoreboard how many children it has, and who waits. */
static void
fork_show(const struct prong_service *s, int children, int waiting)
{
	struct slot_threads *t = s->shown;

	if (t == NULL)
		return;
	__atomic_store_n(&t->children, t->children + (uint64_t)children,
	    __ATOMIC_RELAXED);
	__atomic_store_n(&t->waiting, t->waiting + (uint64_t)waiting,
	    __ATOMIC_RELAXED);
}

static struct fork_mail *
fork_mail_of(pid_t pid)
{
	struct fork_child *child = fork_child_of(pid);

	return child == NULL ? NULL : &child->mail;
}

static void
fork_bring(struct prong_conn *c, const void *data, size_t len)
{
	fork_mail_bring(&((struct fork_child *)(uintptr_t)c->away)->mail, data,
	    len);
}

static struct fork_child *
fork_child_new(struct prong_conn *c)
{
	struct fork_child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		return NULL;
	child->away.bring = fork_bring;
	fork_mail_init(&child->mail);
	child->conn = c;
	return child;
}

/* How the connection of a child ended. */
static enum counter
fork_reason(const struct fork_child *child, int status)
{
	int how = child->conn->entry->phase - CONN_PHASE_ENDED;

	if (child->dropped)
		return COUNTER_CLOSED_SERVER;
	if (!WIFEXITED(status))
		return COUNTER_CLOSED_CRASH;
	if (how >= 0 && COUNTER_IS_CLOSED(how))
		return (enum counter)how;
	/* The handler has ended the process by exit(3). */
	return WEXITSTATUS(status) == 0 ? COUNTER_CLOSED_SERVER :
	    COUNTER_CLOSED_ERROR;
}

static void
fork_tell_end(const struct fork_child *child, int status)
{
	struct prong_conn *c = child->conn;
	char how[80];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (!child->dropped) {
		process_describe_status(status, how, sizeof(how));
		error_set(ECHILD, "its process (pid %d) %s", (int)child->pid,
		    how);
		c->service->net->report(PRONG_ERROR, c, error_text());
	}
	if (WIFSIGNALED(status) && forks.killed != NULL)
		forks.killed(child->pid, !child->dropped);
}

static void
fork_ended(pid_t pid, int status)
{
	struct fork_child **at, *child;
	struct prong_conn *c;
	struct net *net;

	for (at = fork_chain(pid); (child = *at) != NULL; at = &child->next)
		if (child->pid == pid)
			break;
	if (child == NULL)
		return;
	*at = child->next;
	forks.count--;
	callers_bury(pid);
	fork_tell_end(child, status);
	c = child->conn;
	fork_show(c->service, -1, 0);
	net = c->service->net;
	c->flags |= CONN_DEAD;
	c->reason = (uint8_t)fork_reason(child, status);
	conn_book_end(c, c->service);
	c->next_dead = net->dead;
	net->dead = c;
	fork_mail_fini(&child->mail);
	free(child);
}

static void
fork_reap(int flags)
{
	pid_t pid;
	int status;

	while (forks.count > 0 && (pid = waitpid(-1, &status, flags)) > 0)
		fork_ended(pid, status);
}

static void
fork_signalled(struct watch *w, unsigned int events)
{
	struct signalfd_siginfo infos[FORK_SIGNALS];

	/* The others are for the children, and ignored here. */
	while (read(w->fd, infos, sizeof(infos)) == sizeof(infos))
		continue;
	fork_reap(WNOHANG);
}

/* One that never had a process has ended. */
static void
fork_lose(struct prong_conn *c, enum counter reason)
{
	struct net *net = c->service->net;

	c->flags |= CONN_DEAD;
	c->reason = (uint8_t)reason;
	close(c->watch.fd);
	conn_book_end(c, c->service);
	c->next_dead = net->dead;
	net->dead = c;
}

/* What is posted to one that waits does, too. */
static void
fork_keep(struct prong_conn *c, const void *data, size_t len)
{
	if (mails_add(&c->held, data, len) == -1)
		c->flags |= CONN_ASKED;
}

static const struct conn_away fork_nowhere = { .bring = fork_keep };

/* In its process: what is the forker's alone is closed. */
static void __attribute__((noreturn))
fork_live(struct prong_conn *mine)
{
	const struct prong_conn *c;

	rlock_set_role(RLOCK_CHILD, -1);
	if (process_die_with_parent(forks.forker) == -1)
		_exit(1);
	if (forks.forked != NULL)
		forks.forked();
	for (c = forks.waiting; c != NULL; c = c->next_dead)
		if (c != mine)
			close(c->watch.fd);
	fork_mail_in_child();
	fork_child_serve(mine);
}

/* Starts its process; -1 with errno. */
static int
fork_one(struct prong_conn *c)
{
	struct fork_child *child = fork_child_new(c);
	char peer[ADDRESS_MAX];
	pid_t pid;

	if (child == NULL)
		return -1;
	/* What was posted to it meanwhile is still to be brought. */
	mails_move(&child->mail.mails, &c->held);
	c->away = NULL;
	/* It is there for whoever its child has answered. */
	fork_show(c->service, 1, 0);
	process_title_lend("%s %s", c->service->name,
	    prong_peer(c, peer, sizeof(peer)));
	if ((pid = fork()) == 0)
		fork_live(c);
	process_title_back();
	if (pid == -1) {
		mails_move(&c->held, &child->mail.mails);
		c->away = &fork_nowhere;
		fork_show(c->service, -1, 0);
		free(child);
		return -1;
	}
	child->pid = pid;
	fork_mail_begin(&child->mail, pid);
	c->away = &child->away;
	child->next = *fork_chain(pid);
	*fork_chain(pid) = child;
	forks.count++;
	close(c->watch.fd);
	return 0;
}

static void
fork_try_later(const struct prong_conn *c)
{
	struct net *net = c->service->net;

	error_errno("service=%s: clients have to wait: cannot start a "
	    "process", c->service->name);
	if (forks.told == 0 || *net->now - forks.told >= FORK_TELL_MS) {
		forks.told = *net->now;
		net->report(PRONG_WARNING, NULL, error_text());
	}
	loop_timer(forks.loop, &forks.retry, FORK_RETRY_MS);
}

/* As far as possible they wait in the queue of the kernel. */
static void
fork_hold(struct prong_service *s)
{
	const struct prong_conn *c = forks.waiting;

	while (c != NULL && c->service != s)
		c = c->next_dead;
	listener_hold(s, c != NULL);
}

static void
fork_wait(struct prong_conn *c)
{
	struct prong_conn **at = &forks.waiting;

	c->away = &fork_nowhere;
	while (*at != NULL)
		at = &(*at)->next_dead;
	c->next_dead = NULL;
	*at = c;
	fork_show(c->service, 0, 1);
	fork_hold(c->service);
}

/* Whether it was waiting; it does not any more. */
static bool
fork_unwait(struct prong_conn *c)
{
	struct prong_conn **at = &forks.waiting;

	while (*at != NULL && *at != c)
		at = &(*at)->next_dead;
	if (*at == NULL)
		return false;
	*at = c->next_dead;
	fork_show(c->service, 0, -1);
	fork_hold(c->service);
	return true;
}

/* Whoever came first is first. */
static void
fork_retry(struct timer *t)
{
	struct prong_conn *c;

	while ((c = forks.waiting) != NULL) {
		if (fork_one(c) == -1) {
			fork_try_later(c);
			return;
		}
		fork_unwait(c);
	}
}

static void
fork_place(struct prong_conn *c)
{
	if (forks.waiting == NULL && fork_one(c) == 0)
		return;
	if (forks.waiting == NULL)
		fork_try_later(c);
	fork_wait(c);
}

static int
fork_open_signals(struct loop *loop)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, FORK_DRAIN);
	sigaddset(&set, FORK_CLOSE);
	sigaddset(&set, FORK_END);
	sigaddset(&set, FORK_MAIL);
	sigaddset(&set, FORK_OVERFLOW);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return error_errno("signals");
	forks.signals = (struct watch){ fork_signalled,
	    signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), PRONG_READ };
	if (forks.signals.fd == -1)
		return error_errno("signalfd");
	forks.loop = loop;
	forks.forker = getpid();
	if (loop_add(loop, &forks.signals) == 0)
		return 0;
	close(forks.signals.fd);
	forks.signals.fd = -1;
	return -1;
}

int
fork_start(struct prong_service *s)
{
	s->place = fork_place;
	s->drain.tell = fork_drain;
	forks.retry.fn = fork_retry;
	if (forks.signals.fd != -1)
		return 0;
	if (fork_open_signals(s->net->loop) == -1 ||
	    fork_mail_open(s->net->loop, fork_mail_of) == -1)
		return -1;
	return fork_child_prepare(s, forks.signals.fd);
}

/* --- commands -------------------------------------------------------------- */

static void
forks_each(void (*fn)(struct fork_child *, uint64_t), uint64_t arg)
{
	struct fork_child *child;
	size_t i;

	for (i = 0; i < FORK_CHAINS; i++)
		for (child = forks.chains[i]; child != NULL;
		    child = child->next)
			fn(child, arg);
}

/* One that does not hear that its drain is over is told in another way. */
static void
fork_cut(struct fork_child *child)
{
	child->dropped |= child->cut;
	if (child->dropped)
		kill(child->pid, SIGKILL);
	child->cut = true;
}

static void
fork_drain_one(struct fork_child *child, uint64_t index)
{
	const struct prong_service *s = child->conn->service;

	if (s->index != index)
		return;
	if (s->drain.phase == DRAIN_CUT)
		fork_cut(child);
	fork_child_tell_phase(child->pid, s->drain.phase);
}

/* Who waits for a process gets one yet, until the limit is over. */
static void
fork_drain(struct prong_service *s)
{
	struct prong_conn *c = forks.waiting, *next;

	forks_each(fork_drain_one, s->index);
	for (; s->drain.phase == DRAIN_CUT && c != NULL; c = next) {
		next = c->next_dead;
		if (c->service == s && fork_unwait(c))
			fork_lose(c, COUNTER_CLOSED_SERVER);
	}
}

/*
 * Whoever asks again does not want to wait for the client, nor then for a
 * handler that hangs and hears nothing.
 */
static void
fork_close_one(struct fork_child *child, uint64_t id)
{
	const int signals[] = { FORK_CLOSE, FORK_END, SIGKILL };
	const unsigned int last = sizeof(signals) / sizeof(signals[0]) - 1;

	if (child->conn->entry->id != id)
		return;
	/* It may hang, and hear nothing. */
	conntable_show_closing(child->conn->entry);
	child->dropped |= child->asked == last;
	kill(child->pid, signals[child->asked]);
	if (child->asked < last)
		child->asked++;
}

void
forks_close(uint64_t id)
{
	struct prong_conn *c = forks.waiting;

	while (c != NULL && c->entry->id != id)
		c = c->next_dead;
	if (c != NULL && fork_unwait(c))
		fork_lose(c, COUNTER_CLOSED_SERVER);
	else
		forks_each(fork_close_one, id);
}

static void
fork_end_one(struct fork_child *child, uint64_t arg)
{
	child->dropped = child->conn->service->settings.at_exit ==
	    EXIT_ABANDON;
	kill(child->pid, child->dropped ? SIGKILL : FORK_END);
}

void
forks_stop(void)
{
	struct prong_conn *c;

	if (forks.signals.fd == -1)
		return;
	while ((c = forks.waiting) != NULL) {
		fork_unwait(c);
		fork_lose(c, COUNTER_CLOSED_SERVER);
	}
	loop_timer_stop(forks.loop, &forks.retry);
	forks_each(fork_end_one, 0);
	fork_reap(0);
	loop_del(forks.loop, &forks.signals);
	close(forks.signals.fd);
	forks.signals.fd = -1;
	fork_mail_close();
	fork_child_unprepare();
}

void
forks_on_fork(void (*fn)(void))
{
	forks.forked = fn;
}

void
forks_on_death(void (*fn)(pid_t, bool))
{
	forks.killed = fn;
}

const struct dispatch_mode dispatch_fork = {
	.bind = conversation_bind,
	.start = fork_start,
	.has_lanes = true,
	.has_processes = true,
	.can_wait = true,
};
