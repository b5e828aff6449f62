/* SPDX-License-Identifier: ISC */
/*
 * The post of a process.
 *
 * What is posted is gathered, by slot, and goes out at the end of the turn: all
 * that is for one slot in one letter, as far as it fits.  What finds no room in
 * a mailbox waits here, up to POST_WAITING; who posts more is told so.  So
 * whoever does not take his mail, since he is stopped or dead, costs the others
 * that much memory and never any time.
 *
 * Threads gather in the same place and wake the process's own loop, which alone
 * sends.  A child that was forked has a loop of its own and sends everything to
 * the mailbox of its home, which sends on what is for others.
 */
#include "net/post.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "loop/task.h"
#include "net/conn.h"
#include "net/letter.h"

/* What waits for one slot, at most. */
#define POST_WAITING		(1024 * 1024)
/* Letters that are taken in a turn, if they are small. */
#define POST_LETTERS		64
/* When a full mailbox that cannot be watched is tried again. */
#define POST_AGAIN_MS		10

/* What is for a slot. */
struct post_out {
	struct watch watch;	/* the mailbox; -1: there is none */
	bool watched;		/* it was full */
	char *row;		/* from start to end */
	size_t start, end, capacity;
};

static struct post {
	struct net *net;	/* NULL: nobody posts here */
	struct loop *loop;
	const struct scoreboard *scoreboard;
	uint32_t slot, slots;
	bool in_child;
	struct watch box;	/* our own; -1 in a child */
	struct timer flush;
	char *letter;
	pthread_mutex_t lock;	/* of what follows */
	struct post_out *outs;	/* by slot */
	bool woken;		/* by a thread */
} post = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
post_lock(void)
{
	pthread_mutex_lock(&post.lock);
}

static void
post_unlock(void)
{
	pthread_mutex_unlock(&post.lock);
}

/* Whether this is the thread of the process's own loop. */
static bool
post_is_own(void)
{
	/* Nobody but that one has been given a mailbox to wake it by. */
	if (post.outs[post.slot].watch.fd == -1)
		return true;
	return tasks_here() != NULL && tasks_here()->loop == post.loop;
}

/* --- gathering: under the lock --------------------------------------------- */

static int
post_make_room(struct post_out *o, size_t need)
{
	size_t used = o->end - o->start, capacity = o->capacity;
	char *row;

	if (o->capacity - o->end >= need)
		return 0;
	if (o->start > 0)
		memmove(o->row, o->row + o->start, used);
	o->start = 0;
	o->end = used;
	if (capacity == 0)
		capacity = 4096;
	while (capacity - used < need)
		capacity *= 2;
	if ((row = realloc(o->row, capacity)) == NULL)
		return error_errno("mail");
	o->row = row;
	o->capacity = capacity;
	return 0;
}

static int
post_append(uint32_t slot, const struct letter_head *head, const void *data)
{
	struct post_out *o = &post.outs[slot];
	size_t need = sizeof(*head) + head->length;

	if (o->end - o->start + need > POST_WAITING)
		return error_set(EAGAIN, "the mailbox of slot %u is full",
		    slot);
	if (post_make_room(o, need) == -1)
		return -1;
	memcpy(o->row + o->end, head, sizeof(*head));
	if (head->length > 0)
		memcpy(o->row + o->end + sizeof(*head), data, head->length);
	o->end += need;
	return 0;
}

/* Nothing is left in it; a small one is kept for the next. */
static void
post_empty(struct post_out *o)
{
	o->start = o->end = 0;
	if (o->capacity <= MAILBOX_LETTER)
		return;
	free(o->row);
	o->row = NULL;
	o->capacity = 0;
}

/* Has the loop look after what was gathered. */
static void
post_wake(void)
{
	if (post_is_own()) {
		/* Without memory for it, it goes with the next. */
		if (post.flush.place == 0)
			loop_timer(post.loop, &post.flush, 0);
	} else if (!post.woken) {
		/* A full one wakes it as well. */
		mailbox_put(post.outs[post.slot].watch.fd, "", 0);
		post.woken = true;
	}
}

static bool
post_is_served(uint32_t slot)
{
	const struct slot *s = scoreboard_slot(post.scoreboard, slot);

	return slot == post.slot || (post.outs[slot].watch.fd != -1 &&
	    __atomic_load_n(&s->live, __ATOMIC_ACQUIRE) > 0);
}

/* To every slot with connections. */
static int
post_append_all(const struct letter_head *head, const void *data)
{
	uint32_t slot;
	int error = 0;

	for (slot = 0; slot < post.slots; slot++)
		if (post_is_served(slot) && post_append(slot, head, data) == -1)
			error = errno;
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* --- sending: in the loop -------------------------------------------------- */

/* Sends what there is room for; whether there is more. */
static bool
post_send(struct post_out *o)
{
	size_t len;

	while (o->start < o->end) {
		len = letter_fit(o->row + o->start, o->end - o->start);
		assert(len > 0);
		if (mailbox_put(o->watch.fd, o->row + o->start, len) == -1 &&
		    errno == EAGAIN)
			return true;
		o->start += len;
	}
	post_empty(o);
	return false;
}

/* A full mailbox is watched until it has room again. */
static void
post_watch(struct post_out *o, bool full)
{
	if (o->watched == full)
		return;
	if (!full) {
		loop_del(post.loop, &o->watch);
		o->watched = false;
	} else if (loop_add(post.loop, &o->watch) == 0)
		o->watched = true;
	else
		loop_timer(post.loop, &post.flush, POST_AGAIN_MS);
}

static void
post_relay(const struct letter_part *p)
{
	struct letter_head head = p->head;
	uint32_t slot = (uint32_t)(head.id % post.slots);
	int r = 0;

	post_lock();
	if (head.kind == LETTER_RELAY) {
		head.kind = LETTER_ALL;
		r = post_append_all(&head, p->data);
	} else if (post.outs[slot].watch.fd != -1)
		r = post_append(slot, &head, p->data);
	post_wake();
	post_unlock();
	if (r == -1)
		post.net->report(PRONG_WARNING, NULL,
		    "what a child has posted is lost: the mailbox of a worker "
		    "is full, for it does not take its mail");
}

/* What is for ourselves needs no mailbox.  A letter a turn. */
static void
post_deliver_own(struct post_out *o)
{
	size_t len;

	post_lock();
	len = letter_fit(o->row + o->start, o->end - o->start);
	if (len > 0)
		memcpy(post.letter, o->row + o->start, len);
	o->start += len;
	if (o->start == o->end)
		post_empty(o);
	else
		post_wake();
	post_unlock();
	letter_deliver(post.net, post.letter, len, post_relay);
}

static void
post_flush(void)
{
	struct post_out *o;
	uint32_t slot;

	for (slot = 0; slot < post.slots; slot++) {
		o = &post.outs[slot];
		if (slot == post.slot && !post.in_child) {
			post_deliver_own(o);
			continue;
		}
		post_lock();
		post_watch(o, post_send(o));
		post_unlock();
	}
}

static void
post_flush_due(struct timer *t)
{
	post_flush();
}

static void
post_has_room(struct watch *w, unsigned int events)
{
	struct post_out *o = (struct post_out *)((char *)w -
	    offsetof(struct post_out, watch));

	post_lock();
	post_watch(o, post_send(o));
	post_unlock();
}

/* --- our own mailbox ------------------------------------------------------- */

static void
post_event(struct watch *w, unsigned int events)
{
	size_t bytes = 0;
	ssize_t n;
	int i;

	for (i = 0; i < POST_LETTERS && bytes < MAILBOX_LETTER; i++) {
		n = mailbox_take(w->fd, post.letter, MAILBOX_LETTER);
		if (n == -1 && errno != EMSGSIZE)
			break;
		if (n > 0) {
			bytes += (size_t)n;
			letter_deliver(post.net, post.letter, (size_t)n,
			    post_relay);
		}
	}
	post_lock();
	post.woken = false;
	post_unlock();
	post_flush();
}

/* What was for the slot's last process: its connections are gone. */
static int
post_open_box(int out)
{
	ssize_t n;

	post.box = (struct watch){ post_event, out, PRONG_READ };
	if (out == -1)
		return 0;
	do
		n = mailbox_take(out, post.letter, MAILBOX_LETTER);
	while (n != -1 || errno == EMSGSIZE);
	return loop_add(post.loop, &post.box);
}

static void
post_free(void)
{
	free(post.outs);
	free(post.letter);
	post.outs = NULL;
	post.letter = NULL;
}

int
post_open(struct net *net, const struct scoreboard *sb,
    const struct mailbox *boxes)
{
	uint32_t slot;

	post.loop = net->loop;
	post.scoreboard = sb;
	post.slot = net->table.slot;
	post.slots = net->table.slots;
	post.flush.fn = post_flush_due;
	post.in_child = post.woken = false;
	post.outs = calloc(post.slots, sizeof(*post.outs));
	post.letter = malloc(MAILBOX_LETTER);
	if (post.outs == NULL || post.letter == NULL) {
		error_errno("mail");
		post_free();
		return -1;
	}
	for (slot = 0; slot < post.slots; slot++)
		post.outs[slot].watch = (struct watch){ post_has_room,
		    boxes == NULL ? -1 : boxes[slot].in, PRONG_WRITE };
	if (post_open_box(boxes == NULL ? -1 : boxes[post.slot].out) == -1) {
		post_free();
		return -1;
	}
	post.net = net;
	return 0;
}

void
post_add(uint32_t slot, int in)
{
	if (post.net == NULL || slot >= post.slots ||
	    post.outs[slot].watch.fd != -1) {
		close(in);
		return;
	}
	post_lock();
	post.outs[slot].watch.fd = in;
	post_unlock();
}

void
post_in_child(struct loop *loop)
{
	uint32_t slot;

	if (post.net == NULL)
		return;
	/* What waits in our copy is sent by whom it was copied from. */
	for (slot = 0; slot < post.slots; slot++) {
		post_empty(&post.outs[slot]);
		post.outs[slot].watched = false;
		if (slot == post.slot || post.outs[slot].watch.fd == -1)
			continue;
		close(post.outs[slot].watch.fd);
		post.outs[slot].watch.fd = -1;
	}
	close(post.box.fd);
	post.loop = loop;
	post.in_child = true;
	post.box.fd = -1;
	post.flush = (struct timer){ .fn = post_flush_due };
}

void
post_finish(uint64_t ms)
{
	uint64_t end = process_milliseconds() + ms, now;
	struct pollfd p = { .events = POLLOUT };

	if (post.net == NULL)
		return;
	p.fd = post.outs[post.slot].watch.fd;
	for (;;) {
		post_flush();
		now = process_milliseconds();
		if (now >= end || post.outs[post.slot].end == 0)
			return;
		poll(&p, 1, (int)(end - now));
	}
}

void
post_close(void)
{
	uint32_t slot;

	if (post.net == NULL)
		return;
	post_flush();
	post_lock();
	post.net = NULL;
	for (slot = 0; slot < post.slots; slot++) {
		post_watch(&post.outs[slot], false);
		free(post.outs[slot].row);
	}
	loop_timer_stop(post.loop, &post.flush);
	if (post.box.fd != -1)
		loop_del(post.loop, &post.box);
	post_free();
	post_unlock();
}

/* --- the calls ------------------------------------------------------------- */

/* Threads that were abandoned may still post when all is over: under the lock. */
static int
post_may(size_t len)
{
	if (post.net == NULL)
		return error_set(EPERM, "only a worker posts");
	if (len > PRONG_POST_MAX)
		return error_set(EMSGSIZE, "%zu bytes are more than %d", len,
		    PRONG_POST_MAX);
	return 0;
}

/* Whether there is certainly no such connection. */
static bool
post_is_nobody(uint64_t id, uint32_t slot)
{
	if (id < post.slots)
		return true;
	if (post.in_child)
		return false;
	if (slot != post.slot)
		return post.outs[slot].watch.fd == -1;
	return post_is_own() && roster_find(&post.net->roster, id) == NULL;
}

int
prong_post(uint64_t id, const void *data, size_t len)
{
	struct letter_head head = {
		.id = id, .length = (uint32_t)len, .kind = LETTER_ONE
	};
	uint32_t slot;
	int r;

	post_lock();
	if ((r = post_may(len)) == 0) {
		slot = (uint32_t)(id % post.slots);
		if (post_is_nobody(id, slot))
			r = error_set(ENOENT, "there is no connection %llu",
			    (unsigned long long)id);
		else
			r = post_append(post.in_child ? post.slot : slot,
			    &head, data);
	}
	if (r == 0)
		post_wake();
	post_unlock();
	return r;
}

static int
post_broadcast(uint32_t service, uint64_t but, const void *data, size_t len)
{
	struct letter_head head = {
		.id = but, .length = (uint32_t)len,
		.service = (uint16_t)service,
		.kind = post.in_child ? LETTER_RELAY : LETTER_ALL,
	};
	int r;

	post_lock();
	if ((r = post_may(len)) == 0) {
		r = post.in_child ? post_append(post.slot, &head, data) :
		    post_append_all(&head, data);
		post_wake();
	}
	post_unlock();
	return r;
}

int
prong_broadcast(struct prong_service *s, const void *data, size_t len)
{
	return post_broadcast(s->index, 0, data, len);
}

int
prong_broadcast_others(struct prong_conn *c, const void *data, size_t len)
{
	return post_broadcast(c->service->index, c->entry->id, data, len);
}
