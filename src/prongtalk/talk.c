/* SPDX-License-Identifier: ISC */
/*
 * The conversation with the server: the connection, its buffers and framing.
 *
 * Both directions are always served together.  A server that echoes a long
 * line while it is still being sent would otherwise wait for us, and we for
 * it.
 */
#include "prongtalk/talk.h"

#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"
#include "prongtalk/show.h"

#define TALK_READ	65536		/* bytes of one read */
#define TALK_READ_MOST	(1 << 20)	/* bytes of one turn */

int64_t
talk_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
talk_earlier(int64_t a, int64_t b)
{
	return b == -1 || (a != -1 && a < b) ? a : b;
}

int64_t
talk_pause(const struct talk *t)
{
	return t->open ? t->received + t->options->pause : -1;
}

int64_t
talk_silence(const struct talk *t)
{
	if (t->options->timeout == 0)
		return -1;
	return t->options->timeout +
	    (t->received > t->written ? t->received : t->written);
}

int
talk_open(struct talk *t, const struct talk_options *options)
{
	int64_t ms = options->timeout;

	memset(t, 0, sizeof(*t));
	t->options = options;
	t->fd = address_connect(options->address,
	    ms == 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
	t->received = t->written = talk_now();
	return t->fd == -1 ? -1 : 0;
}

void
talk_close(struct talk *t)
{
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
	bytes_free(&t->in);
	bytes_free(&t->out);
}

/* What the server still says is read even when it hears no more. */
static void
talk_break(struct talk *t)
{
	t->shut = t->lost = true;
	bytes_free(&t->out);
}

static void
talk_flush(struct talk *t)
{
	ssize_t n;

	while (!t->shut && bytes_length(&t->out) > 0) {
		n = send(t->fd, t->out.data + t->out.start,
		    bytes_length(&t->out), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1) {
			talk_break(t);
			return;
		}
		bytes_consume(&t->out, (size_t)n);
		t->written = talk_now();
	}
	if (t->finishing && !t->shut) {
		shutdown(t->fd, SHUT_WR);
		t->finishing = false;
		t->shut = true;
	}
}

int
talk_send(struct talk *t, const char *line, size_t len)
{
	const struct talk_options *o = t->options;
	struct frame_wrap w;

	if (frame_wrap(o->framing, line, len, o->crlf, &w) == -1)
		return -1;
	if (o->framing == PRONG_RAW && !o->bare) {
		w.trailer = o->crlf ? "\r\n" : "\n";
		w.trailer_length = strlen(w.trailer);
	}
	t->written = talk_now();
	if (t->shut)
		return 0;
	if (bytes_append(&t->out, w.header, w.header_length) == -1 ||
	    bytes_append(&t->out, line, len) == -1 ||
	    bytes_append(&t->out, w.trailer, w.trailer_length) == -1)
		return -1;
	talk_flush(t);
	return 0;
}

void
talk_finish(struct talk *t)
{
	t->finishing = true;
	t->written = talk_now();
	talk_flush(t);
}

size_t
talk_queued(const struct talk *t)
{
	return bytes_length(&t->out);
}

/* Reads what is there, within a measure. */
static void
talk_fill(struct talk *t)
{
	size_t room;
	ssize_t n;

	t->drained = false;
	do {
		if (bytes_reserve(&t->in, TALK_READ) == -1) {
			t->error = ENOMEM;
			t->ended = true;
			return;
		}
		room = t->in.size - t->in.end;
		n = recv(t->fd, t->in.data + t->in.end, room, MSG_DONTWAIT);
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			t->error = errno;
		t->ended = n == 0 || t->error != 0;
		if (n > 0) {
			t->in.end += (size_t)n;
			t->received = talk_now();
		}
	} while (n == (ssize_t)room && bytes_length(&t->in) < TALK_READ_MOST);
	t->drained = n < (ssize_t)room;
}

static enum talk_result
talk_over(struct talk *t)
{
	if (!t->ended)
		return TALK_MORE;
	if (t->error == 0) {
		error_set(ENOTCONN, "closed");
		return TALK_END;
	}
	error_set(t->error, "%s", strerror(t->error));
	return TALK_FAILED;
}

static void
talk_give(struct talk *t, struct talk_message *m, size_t start, size_t length,
    size_t size)
{
	m->data = t->in.data + t->in.start + start;
	m->length = length;
	m->ends = true;
	bytes_consume(&t->in, size);
	memset(&t->frame, 0, sizeof(t->frame));
}

/*
 * A raw message has no end of its own.  It is taken as ended by a newline
 * with nothing behind it, by the end of the connection, and by a pause.
 */
static enum talk_result
talk_next_raw(struct talk *t, struct talk_message *m)
{
	size_t length = bytes_length(&t->in);

	if (length == 0 && !(t->open && t->ended))
		return talk_over(t);
	talk_give(t, m, 0, length, length);
	m->ends = t->ended ||
	    (t->drained && length > 0 && m->data[length - 1] == '\n');
	t->open = !m->ends;
	return TALK_MESSAGE;
}

void
talk_end_message(struct talk *t)
{
	t->open = false;
}

/* The connection has ended within a message. */
static enum talk_result
talk_next_partial(struct talk *t, struct talk_message *m)
{
	size_t length = bytes_length(&t->in);

	if (t->options->framing == PRONG_LINE) {
		talk_give(t, m, 0, length, length);
		return TALK_MESSAGE;
	}
	if (t->error != 0)
		return talk_over(t);
	error_set(EPROTO, "closed within a message");
	return TALK_FAILED;
}

static enum talk_result
talk_bad(struct talk *t, enum frame_result result)
{
	char text[64], size[UNITS_MAX];

	if (result == FRAME_OVERSIZE)
		error_set(EMSGSIZE, "a message longer than %s bytes",
		    units_format_size((int64_t)t->options->max, size));
	else
		error_set(EBADMSG, "not a %s: \"%s\"",
		    frame_name(t->options->framing), show_text(text,
		    sizeof(text), t->in.data + t->in.start,
		    bytes_length(&t->in)));
	return TALK_FAILED;
}

enum talk_result
talk_next(struct talk *t, struct talk_message *m)
{
	const struct talk_options *o = t->options;
	enum frame_result result;

	if (o->framing == PRONG_RAW)
		return talk_next_raw(t, m);
	if (bytes_length(&t->in) == 0)
		return talk_over(t);
	result = frame_next(o->framing, t->in.data + t->in.start,
	    bytes_length(&t->in), o->max, &t->frame);
	switch (result) {
	case FRAME_WHOLE:
		talk_give(t, m, t->frame.start, t->frame.length,
		    t->frame.size);
		return TALK_MESSAGE;
	case FRAME_MORE:
		return t->ended ? talk_next_partial(t, m) : TALK_MORE;
	default:
		return talk_bad(t, result);
	}
}

static int
talk_poll_time(int64_t deadline)
{
	int64_t left;

	if (deadline == -1)
		return -1;
	left = deadline - talk_now();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void
talk_wait(struct talk *t, struct pollfd *others, size_t count,
    int64_t deadline)
{
	struct pollfd fds[1 + TALK_OTHERS];
	size_t i;
	int n;

	fds[0].fd = t->fd;
	fds[0].events = t->ended ? 0 : POLLIN;
	if (talk_queued(t) > 0)
		fds[0].events |= POLLOUT;
	if (fds[0].events == 0)
		fds[0].fd = -1;		/* else POLLHUP is told for ever */
	for (i = 0; i < count; i++)
		fds[1 + i] = others[i];
	n = poll(fds, 1 + count, talk_poll_time(deadline));
	for (i = 0; i < count; i++)
		others[i].revents = n > 0 ? fds[1 + i].revents : 0;
	if (n <= 0 || fds[0].fd == -1 || fds[0].revents == 0)
		return;
	talk_flush(t);
	if (!t->ended && (fds[0].revents & ~POLLOUT))
		talk_fill(t);
}
