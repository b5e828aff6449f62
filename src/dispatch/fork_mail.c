/* SPDX-License-Identifier: ISC */
/*
 * What is posted to the connection of a child of the forker.
 *
 * It comes through a mailbox of the child's own, which it makes when it is
 * called for its first mail, and hands to the forker over the desk: most never
 * need one.
 */
#include "dispatch/fork_mail.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "dispatch/fork_child.h"
#include "dispatch/lane.h"
#include "net/conn.h"
#include "net/mail.h"
#include "net/mailbox.h"

/* Messages that a child takes in a turn. */
#define FORK_MAILS	64
/* When it tries again to hand over its mailbox. */
#define FORK_AGAIN_MS	10

/* Where mailboxes are handed over; one a process. */
static struct {
	struct watch watch;		/* -1 */
	int in;
	struct loop *loop;
	struct fork_mail *(*of)(pid_t);
	LIST_HEAD(fork_boxes, fork_mail) boxes;	/* of children */
} fork_desk = { .watch.fd = -1, .in = -1 };

/* It takes none of what is sent to it: its connection is to end. */
static void
fork_mail_overflow(struct fork_mail *m)
{
	if (!m->overflows)
		kill(m->pid, FORK_OVERFLOW);
	m->overflows = true;
}

static void
fork_mail_watch(struct fork_mail *m, bool full)
{
	if (m->watched == full)
		return;
	if (!full)
		loop_del(fork_desk.loop, &m->box);
	else if (loop_add(fork_desk.loop, &m->box) == -1) {
		fork_mail_overflow(m);
		return;
	}
	m->watched = full;
}

/* Puts what there is room for into its mailbox. */
static void
fork_mail_put(struct fork_mail *m)
{
	const void *data;
	size_t len;

	while (m->mails != NULL) {
		data = mails_first(m->mails, &len);
		if (mailbox_put(m->box.fd, data, len) == -1 &&
		    errno == EAGAIN)
			break;
		mails_drop(&m->mails);
	}
	fork_mail_watch(m, m->mails != NULL);
}

static void
fork_mail_has_room(struct watch *w, unsigned int events)
{
	fork_mail_put((struct fork_mail *)((char *)w -
	    offsetof(struct fork_mail, box)));
}

/* It makes its mailbox when there is something for it. */
static void
fork_mail_call(struct fork_mail *m)
{
	if (!m->called)
		kill(m->pid, FORK_MAIL);
	m->called = true;
}

void
fork_mail_bring(struct fork_mail *m, const void *data, size_t len)
{
	if (mails_add(&m->mails, data, len) == -1)
		fork_mail_overflow(m);
	if (m->box.fd != -1 && !m->watched)
		fork_mail_put(m);
	else
		fork_mail_call(m);
}

/* A child has come for its mail. */
static void
fork_mail_arrive(struct watch *w, unsigned int events)
{
	struct fork_mail *m;
	pid_t pid;
	int in;

	while (mailbox_receive(w->fd, &pid, &in) == 1) {
		m = fork_desk.of(pid);
		if (m == NULL || m->box.fd != -1) {
			close(in);
			continue;
		}
		m->box = (struct watch){ fork_mail_has_room, in, PRONG_WRITE };
		LIST_INSERT_HEAD(&fork_desk.boxes, m, entries);
		fork_mail_put(m);
	}
}

int
fork_mail_open(struct loop *loop, struct fork_mail *(*of)(pid_t))
{
	struct mailbox desk;

	if (mailbox_open(&desk) == -1)
		return -1;
	fork_desk.watch = (struct watch){ fork_mail_arrive, desk.out,
	    PRONG_READ };
	if (loop_add(loop, &fork_desk.watch) == -1) {
		fork_desk.watch.fd = -1;
		mailbox_close(&desk);
		return -1;
	}
	fork_desk.in = desk.in;
	fork_desk.loop = loop;
	fork_desk.of = of;
	return 0;
}

void
fork_mail_close(void)
{
	if (fork_desk.watch.fd == -1)
		return;
	loop_del(fork_desk.loop, &fork_desk.watch);
	close(fork_desk.watch.fd);
	close(fork_desk.in);
	fork_desk.watch.fd = fork_desk.in = -1;
}

void
fork_mail_init(struct fork_mail *m)
{
	*m = (struct fork_mail){ .box.fd = -1 };
}

void
fork_mail_begin(struct fork_mail *m, pid_t pid)
{
	m->pid = pid;
	if (m->mails != NULL)
		fork_mail_call(m);
}

void
fork_mail_fini(struct fork_mail *m)
{
	mails_free(&m->mails);
	if (m->box.fd == -1)
		return;
	fork_mail_watch(m, false);
	close(m->box.fd);
	LIST_REMOVE(m, entries);
}

/* --- in a child ------------------------------------------------------------ */

static void fork_mail_try(struct timer *);

static struct lane *fork_mail_lane;
static struct watch fork_mail_box = { .fd = -1 };
static struct timer fork_mail_again = { .fn = fork_mail_try };
static char fork_mail_text[PRONG_POST_MAX];

void
fork_mail_in_child(void)
{
	struct fork_mail *m;

	LIST_FOREACH(m, &fork_desk.boxes, entries)
		close(m->box.fd);
	close(fork_desk.watch.fd);
}

static void
fork_mail_come(struct watch *w, unsigned int events)
{
	struct prong_conn *c = fork_mail_lane->conn;
	int left = FORK_MAILS;
	ssize_t n;

	if (c == NULL || !mail_begin(c))
		return;
	while (left-- > 0 && (n = mailbox_take(w->fd, fork_mail_text,
	    sizeof(fork_mail_text))) != -1)
		mail_put(c, fork_mail_text, (size_t)n);
	mail_end(c);
	loop_dry(fork_mail_lane->loop);
}

/* Makes its mailbox, and has the forker put into it. */
static int
fork_mail_open_box(void)
{
	struct mailbox box;

	if (mailbox_open(&box) == -1)
		return -1;
	fork_mail_box = (struct watch){ fork_mail_come, box.out, PRONG_READ };
	if (loop_add(fork_mail_lane->loop, &fork_mail_box) == -1) {
		fork_mail_box.fd = -1;
		mailbox_close(&box);
		return -1;
	}
	if (mailbox_hand(fork_desk.in, getpid(), box.in) == -1) {
		loop_del(fork_mail_lane->loop, &fork_mail_box);
		fork_mail_box.fd = -1;
		mailbox_close(&box);
		return -1;
	}
	close(box.in);
	return 0;
}

static void
fork_mail_try(struct timer *t)
{
	/* Many may be at the desk at the same time. */
	if (fork_mail_box.fd == -1 && fork_mail_open_box() == -1)
		loop_timer(fork_mail_lane->loop, t, FORK_AGAIN_MS);
}

void
fork_mail_fetch(struct lane *lane)
{
	fork_mail_lane = lane;
	fork_mail_try(&fork_mail_again);
}
