/* SPDX-License-Identifier: ISC */
/*
 * dispatch = fork, in the forker and in its children.
 *
 * A child serves one connection in a lane that was made before the fork, and
 * leaves in the connection's entry how that ended.  It is told to say goodbye,
 * to close or to end by signals, which it reads from the descriptor that the
 * forker reads its own from.
 *
 * Whom no process can be started for waits, and with it the sockets of its
 * service: that is tried again each second.
 *
 * What is posted to its connection comes through a mailbox of its own, which it
 * makes when it is called for its first mail, and hands to the forker over the
 * desk: most never need one.
 */
#include "dispatch/fork.h"

#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "dispatch/conversation.h"
#include "dispatch/dispatch.h"
#include "dispatch/lane.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/mail.h"
#include "net/mailbox.h"
#include "net/post.h"
#include "shm/rlock.h"
#include "task/caller.h"

/* Nobody else sends these. */
#define FORK_DRAIN	(SIGRTMIN)	/* its value is the phase */
#define FORK_CLOSE	(SIGRTMIN + 1)
#define FORK_END	(SIGRTMIN + 2)
#define FORK_MAIL	(SIGRTMIN + 3)
#define FORK_OVERFLOW	(SIGRTMIN + 4)

/* Of signals, that are read at once. */
#define FORK_SIGNALS	5

/* How long a child waits until what it has posted is on its way. */
#define FORK_FINISH_MS	1000
/* Messages that it takes in a turn. */
#define FORK_MAILS	64
/* When it tries again to hand over its mailbox. */
#define FORK_AGAIN_MS	10

/* How long not to fork when that has failed, and how often that is told. */
#define FORK_RETRY_MS	1000
#define FORK_TELL_MS	10000

/* Children by their pid, in chains. */
#define FORK_CHAINS	1024

struct fork_child {
	struct conn_away away;		/* first */
	struct fork_child *next;
	struct watch box;	/* its mailbox, to put into; -1 */
	struct mails *mails;	/* that are not in it yet */
	struct prong_conn *conn;
	pid_t pid;
	unsigned int asked;	/* to close, so often */
	bool dropped;		/* killed by us: how its connection ended */
	bool cut;		/* told that its drain is over */
	bool called;		/* for its mail */
	bool watched;		/* its mailbox is full */
	bool overflows;		/* it takes no mail */
};

/* One a process. */
static struct forks {
	struct fork_child *chains[FORK_CHAINS];
	size_t count;
	struct watch signals;		/* a signalfd; -1 */
	struct loop *loop;
	struct watch desk;		/* where mailboxes are handed over */
	int desk_in;
	size_t boxes;			/* of children */
	pid_t forker;
	struct prong_conn *waiting;	/* for a process, by next_dead */
	struct timer retry;
	uint64_t told;			/* when it was last logged that some do */
	void (*forked)(void);
	void (*killed)(pid_t, bool told);
} forks = { .signals.fd = -1, .desk.fd = -1, .desk_in = -1 };

/* --- in a child ----------------------------------------------------------- */

/* Its lane, made before the fork for the service that was served last. */
static struct lane fork_lane;
static struct watch fork_watch;
static struct watch fork_box = { .fd = -1 };
static struct timer fork_again;
static char fork_mail[PRONG_POST_MAX];

static void
fork_mailed(struct watch *w, unsigned int events)
{
	struct prong_conn *c = fork_lane.conn;
	int left = FORK_MAILS;
	ssize_t n;

	if (c == NULL || !mail_begin(c))
		return;
	while (left-- > 0 && (n = mailbox_take(w->fd, fork_mail,
	    sizeof(fork_mail))) != -1)
		mail_put(c, fork_mail, (size_t)n);
	mail_end(c);
	loop_dry(fork_lane.loop);
}

/* Makes its mailbox, and has the forker put into it. */
static int
fork_open_box(void)
{
	struct mailbox box;

	if (mailbox_open(&box) == -1)
		return -1;
	fork_box = (struct watch){ fork_mailed, box.out, PRONG_READ };
	if (loop_add(fork_lane.loop, &fork_box) == -1) {
		fork_box.fd = -1;
		mailbox_close(&box);
		return -1;
	}
	if (mailbox_hand(forks.desk_in, getpid(), box.in) == -1) {
		loop_del(fork_lane.loop, &fork_box);
		fork_box.fd = -1;
		mailbox_close(&box);
		return -1;
	}
	close(box.in);
	return 0;
}

static void
fork_fetch_mail(struct timer *t)
{
	/* Many may be at the desk at the same time. */
	if (fork_box.fd == -1 && fork_open_box() == -1)
		loop_timer(fork_lane.loop, t, FORK_AGAIN_MS);
}

/* In the order in which they are told, as signals of one number are. */
static void
fork_tell_phase(pid_t pid, enum drain_phase phase)
{
	sigqueue(pid, FORK_DRAIN, (union sigval){ .sival_int = (int)phase });
}

static void
fork_obey(int signo, int value)
{
	struct prong_conn *c = fork_lane.conn;

	if (signo == FORK_END)
		lane_hurry(&fork_lane);
	if (c == NULL || (c->flags & CONN_DEAD) != 0)
		return;
	if (signo == FORK_END)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else if (signo == FORK_CLOSE)
		conn_close(c, COUNTER_CLOSED_SERVER);
	else if (signo == FORK_DRAIN)
		conn_drain(c, (enum drain_phase)value);
	else if (signo == FORK_MAIL)
		fork_fetch_mail(&fork_again);
	else if (signo == FORK_OVERFLOW)
		mail_overflow(c);
}

static void
fork_told(struct watch *w, unsigned int events)
{
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof(info)) == sizeof(info))
		fork_obey((int)info.ssi_signo, info.ssi_int);
}

static void forks_each(void (*)(struct fork_child *, uint64_t), uint64_t);
static void fork_drain(struct prong_service *);

static void
fork_close_box(struct fork_child *child, uint64_t arg)
{
	if (child->box.fd != -1)
		close(child->box.fd);
}

/* The others' mailboxes and the desk are the forker's, and who waits is. */
static void
fork_close_others(const struct prong_conn *mine)
{
	const struct prong_conn *c;

	for (c = forks.waiting; c != NULL; c = c->next_dead)
		if (c != mine)
			close(c->watch.fd);
	if (forks.boxes > 0)
		forks_each(fork_close_box, 0);
	close(forks.desk.fd);
	post_in_child(fork_lane.loop);
}

static void __attribute__((noreturn))
fork_live(struct prong_conn *c)
{
	if (process_die_with_parent(forks.forker) == -1)
		_exit(1);
	if (forks.forked != NULL)
		forks.forked();
	fork_close_others(c);
	lane_enter(&fork_lane);
	lane_renew(&fork_lane, c->service);
	if (c->service->drain.phase != DRAIN_OFF)
		fork_tell_phase(getpid(), c->service->drain.phase);
	lane_serve(&fork_lane, c);
	lane_leave(&fork_lane);
	post_finish(FORK_FINISH_MS);
	conntable_set_phase(c->entry, CONN_PHASE_ENDED + c->reason);
	_exit(0);
}

/* --- in the forker --------------------------------------------------------- */

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

/* It takes none of what is sent to it: its connection is to end. */
static void
fork_overflow(struct fork_child *child)
{
	if (!child->overflows)
		kill(child->pid, FORK_OVERFLOW);
	child->overflows = true;
}

static void
fork_watch_box(struct fork_child *child, bool full)
{
	if (child->watched == full)
		return;
	if (!full)
		loop_del(forks.loop, &child->box);
	else if (loop_add(forks.loop, &child->box) == -1) {
		fork_overflow(child);
		return;
	}
	child->watched = full;
}

/* Puts what there is room for into its mailbox. */
static void
fork_put_mail(struct fork_child *child)
{
	const void *data;
	size_t len;

	while (child->mails != NULL) {
		data = mails_first(child->mails, &len);
		if (mailbox_put(child->box.fd, data, len) == -1 &&
		    errno == EAGAIN)
			break;
		mails_drop(&child->mails);
	}
	fork_watch_box(child, child->mails != NULL);
}

static void
fork_has_room(struct watch *w, unsigned int events)
{
	fork_put_mail((struct fork_child *)((char *)w -
	    offsetof(struct fork_child, box)));
}

/* It makes its mailbox when there is something for it. */
static void
fork_call(struct fork_child *child)
{
	if (!child->called)
		kill(child->pid, FORK_MAIL);
	child->called = true;
}

static void
fork_bring(struct prong_conn *c, const void *data, size_t len)
{
	struct fork_child *child = (struct fork_child *)(uintptr_t)c->away;

	if (mails_add(&child->mails, data, len) == -1)
		fork_overflow(child);
	if (child->box.fd != -1 && !child->watched)
		fork_put_mail(child);
	else
		fork_call(child);
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

/* A child has come for its mail. */
static void
fork_desk_event(struct watch *w, unsigned int events)
{
	struct fork_child *child;
	pid_t pid;
	int in;

	while (mailbox_receive(w->fd, &pid, &in) == 1) {
		child = fork_child_of(pid);
		if (child == NULL || child->box.fd != -1) {
			close(in);
			continue;
		}
		child->box = (struct watch){ fork_has_room, in, PRONG_WRITE };
		forks.boxes++;
		fork_put_mail(child);
	}
}

static struct fork_child *
fork_child_new(struct prong_conn *c)
{
	struct fork_child *child = calloc(1, sizeof(*child));

	if (child == NULL)
		return NULL;
	child->away.bring = fork_bring;
	child->box.fd = -1;
	child->conn = c;
	return child;
}

static void
fork_child_free(struct fork_child *child)
{
	mails_free(&child->mails);
	if (child->box.fd != -1) {
		fork_watch_box(child, false);
		close(child->box.fd);
		forks.boxes--;
	}
	free(child);
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
	fork_child_free(child);
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
	mails_move(&child->mails, &c->held);
	c->away = NULL;
	/* It is there for whoever its child has answered. */
	fork_show(c->service, 1, 0);
	process_title_lend("%s %s", c->service->name,
	    prong_peer(c, peer, sizeof(peer)));
	if ((pid = fork()) == 0) {
		rlock_set_role(RLOCK_CHILD, -1);
		fork_live(c);
	}
	process_title_back();
	if (pid == -1) {
		mails_move(&c->held, &child->mails);
		c->away = &fork_nowhere;
		fork_show(c->service, -1, 0);
		free(child);
		return -1;
	}
	child->pid = pid;
	if (child->mails != NULL)
		fork_call(child);
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

static int
fork_open_desk(struct loop *loop)
{
	struct mailbox desk;

	if (mailbox_open(&desk) == -1)
		return -1;
	forks.desk = (struct watch){ fork_desk_event, desk.out, PRONG_READ };
	if (loop_add(loop, &forks.desk) == -1) {
		forks.desk.fd = -1;
		mailbox_close(&desk);
		return -1;
	}
	forks.desk_in = desk.in;
	fork_again.fn = fork_fetch_mail;
	return 0;
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
	    fork_open_desk(s->net->loop) == -1)
		return -1;
	if (lane_init(&fork_lane, s, "") == -1)
		return -1;
	lane_warm(&fork_lane);
	fork_watch = (struct watch){ fork_told, forks.signals.fd, PRONG_READ };
	return loop_add(fork_lane.loop, &fork_watch);
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
	fork_tell_phase(child->pid, s->drain.phase);
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
	if (forks.desk.fd != -1) {
		loop_del(forks.loop, &forks.desk);
		close(forks.desk.fd);
		close(forks.desk_in);
		forks.desk.fd = forks.desk_in = -1;
	}
	if (fork_lane.loop != NULL)
		lane_fini(&fork_lane);
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
