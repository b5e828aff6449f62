/* SPDX-License-Identifier: ISC */
/*
 * Lines of JSON between two masters.
 */
#include "server/link.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/output.h"
#include "prong.h"
#include "server/jsonmem.h"

#define LINK_READ	65536
#define LINK_AGAIN_MS	20	/* after a shortage */

struct link {
	struct watch watch;
	struct loop *loop;
	link_fn *fn;
	void (*sent)(void *arg);	/* NULL: nobody waits for it */
	void *arg;
	struct output *output;
	char *line;
	size_t length, size;
	struct timer again;
	bool is_waiting;		/* for that */
	bool is_busy;			/* in a call of fn */
	bool is_closed;			/* to be freed after it */
};

static void
link_free(struct link *l)
{
	output_free(&l->output);
	free(l->line);
	free(l);
}

void
link_close(struct link *l)
{
	if (l == NULL || l->is_closed)
		return;
	l->is_closed = true;
	loop_timer_stop(l->loop, &l->again);
	loop_del(l->loop, &l->watch);
	close(l->watch.fd);
	if (!l->is_busy)
		link_free(l);
}

/* After a call of the owner's: false when the link is not there any more. */
static bool
link_called(struct link *l)
{
	l->is_busy = false;
	if (!l->is_closed)
		return true;
	link_free(l);
	return false;
}

static bool
link_tell(struct link *l, json_t *message)
{
	l->is_busy = true;
	l->fn(l, message, l->arg);
	json_decref(message);
	return link_called(l);
}

/* The same, of what was to be sent. */
static bool
link_tell_sent(struct link *l)
{
	void (*sent)(void *) = l->sent;

	if (sent == NULL || l->output != NULL)
		return true;
	l->sent = NULL;
	l->is_busy = true;
	sent(l->arg);
	return link_called(l);
}

static void
link_end(struct link *l)
{
	if (link_tell(l, NULL))
		link_close(l);
}

static void
link_watch(struct link *l)
{
	unsigned int events = l->is_waiting ? 0 : PRONG_READ;

	loop_modify(l->loop, &l->watch, l->output != NULL ?
	    events | PRONG_WRITE : events);
}

/* It could not be read or understood now; what has come must not be lost. */
static void
link_later(struct link *l)
{
	l->is_waiting = true;
	link_watch(l);
	loop_timer(l->loop, &l->again, LINK_AGAIN_MS);
}

static int
link_grow(struct link *l)
{
	char *line;

	if (l->size - l->length >= LINK_READ)
		return 0;
	if (l->size + LINK_READ > LINK_LINE_MAX)
		return error_set(EMSGSIZE, "a line of the link is too long");
	if ((line = realloc(l->line, l->size + LINK_READ)) == NULL)
		return error_errno("link");
	l->line = line;
	l->size += LINK_READ;
	return 0;
}

/* The whole lines that are there. */
static void
link_lines(struct link *l)
{
	json_t *message;
	char *end;
	size_t used;

	while ((end = memchr(l->line, '\n', l->length)) != NULL) {
		used = (size_t)(end - l->line) + 1;
		jsonmem_begin();
		message = json_loadb(l->line, used - 1, JSON_REJECT_DUPLICATES,
		    NULL);
		if (message == NULL && jsonmem_has_failed()) {
			link_later(l);
			return;
		}
		l->length -= used;
		memmove(l->line, end + 1, l->length);
		if (message == NULL) {
			link_end(l);
			return;
		}
		if (!link_tell(l, message))
			return;
	}
}

static void
link_again(struct timer *t)
{
	struct link *l = (struct link *)((char *)t -
	    offsetof(struct link, again));

	l->is_waiting = false;
	link_watch(l);
	link_lines(l);
}

static void
link_event(struct watch *w, unsigned int events)
{
	struct link *l = (struct link *)w;
	ssize_t n;

	if ((events & PRONG_WRITE) != 0) {
		/* Its end shows when it is read. */
		output_write(&l->output, w->fd);
		link_watch(l);
		if (!link_tell_sent(l))
			return;
	}
	if ((events & ~(unsigned int)PRONG_WRITE) == 0 || l->is_waiting)
		return;
	if (link_grow(l) == -1) {
		if (errno == ENOMEM)
			link_later(l);
		else
			link_end(l);
		return;
	}
	n = read(w->fd, l->line + l->length, LINK_READ);
	if (n == 0) {
		link_end(l);
		return;
	}
	if (n == -1) {
		/* One that has gone has an end, too. */
		if (errno != EAGAIN && errno != EINTR)
			link_later(l);
		return;
	}
	l->length += (size_t)n;
	link_lines(l);
}

struct link *
link_open(struct loop *loop, int fd, link_fn *fn, void *arg)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		error_errno("link");
		return NULL;
	}
	l->loop = loop;
	l->fn = fn;
	l->arg = arg;
	l->watch = (struct watch){ link_event, fd, PRONG_READ };
	l->again.fn = link_again;
	if (loop_add(loop, &l->watch) == 0)
		return l;
	free(l);
	return NULL;
}

int
link_send(struct link *l, json_t *message)
{
	char *text = message == NULL ? NULL :
	    json_dumps(message, JSON_COMPACT);
	size_t length;
	int r;

	json_decref(message);
	if (text == NULL || jsonmem_has_failed()) {
		free(text);
		return error_set(ENOMEM, "no memory for a message");
	}
	/* All of the line or nothing: without its end it would spoil the next. */
	length = strlen(text);
	text[length] = '\n';
	r = output_append(&l->output, text, length + 1);
	free(text);
	if (r == 0)
		output_write(&l->output, l->watch.fd);
	link_watch(l);
	return r;
}

bool
link_is_busy(const struct link *l)
{
	return l->output != NULL;
}

void
link_when_sent(struct link *l, void (*sent)(void *arg))
{
	l->sent = sent;
}
