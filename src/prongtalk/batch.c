/* SPDX-License-Identifier: ISC */
/*
 * prongtalk without a terminal: one reply for each line, in lockstep.
 */
#include "prongtalk/batch.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"

/* With so much unsent, no further line is taken. */
#define BATCH_QUEUE	(256 * 1024)

struct batch {
	struct talk *talk;
	struct lines *lines;
	struct show show;
	size_t sent;		/* lines */
	size_t replies;
	char after[64];		/* where it failed: "after 2 of 3 replies" */
};

/* Says at which point the talk failed for the reason in error_text(). */
static int
batch_fail(const struct talk *t, const char *after)
{
	warnx("%s: %s %s", t->options->address, error_text(), after);
	return 1;
}

static const char *
batch_after(struct batch *b)
{
	if (b->talk->options->no_reply)
		snprintf(b->after, sizeof(b->after), "after %zu line%s",
		    b->sent, b->sent == 1 ? "" : "s");
	else
		snprintf(b->after, sizeof(b->after), "after %zu of %zu "
		    "replies", b->replies, b->sent);
	return b->after;
}

/*
 * Prints what has come, up to the end of one message: then TALK_MESSAGE.
 * Without a reader there is nothing left to do for anybody: a failure of
 * standard output ends the program.
 */
static enum talk_result
batch_receive(struct talk *t, struct show *show)
{
	struct talk_message m;
	enum talk_result result;

	while ((result = talk_next(t, &m)) == TALK_MESSAGE) {
		if (show_piece(show, m.data, m.length, m.ends) == -1)
			errx(1, "%s", error_text());
		if (m.ends)
			break;
	}
	return result;
}

static void
batch_end_message(struct batch *b)
{
	talk_end_message(b->talk);
	if (show_piece(&b->show, "", 0, true) == -1)
		errx(1, "%s", error_text());
}

static int
batch_timed_out(const struct talk *t)
{
	char limit[UNITS_MAX];

	units_format_duration(t->options->timeout * 1000, limit);
	if (talk_queued(t) > 0)
		return error_set(ETIMEDOUT, "did not read for %s", limit);
	if (t->open || bytes_length(&t->in) > 0)
		return error_set(ETIMEDOUT, "sent only part of a message "
		    "in %s", limit);
	return error_set(ETIMEDOUT, "silent for %s", limit);
}

/*
 * Waits for one whole message.  The time runs from the last byte sent, not
 * received, so that a server that dribbles does not hold us for ever.
 */
static int
batch_await(struct batch *b)
{
	struct talk *t = b->talk;
	enum talk_result result;
	int64_t limit, now;

	while ((result = batch_receive(t, &b->show)) == TALK_MORE) {
		limit = t->options->timeout == 0 ? -1 :
		    t->written + t->options->timeout;
		now = talk_now();
		if (limit != -1 && now >= limit)
			return batch_timed_out(t);
		if (t->open && now >= talk_pause(t)) {
			batch_end_message(b);
			return 0;
		}
		talk_wait(t, NULL, 0, talk_earlier(limit, talk_pause(t)));
	}
	return result == TALK_MESSAGE ? 0 : -1;
}

/* Waits for the next line, and prints meanwhile what comes unasked. */
static int
batch_line(struct batch *b, const char **line, size_t *len)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	enum lines_result result;

	while ((result = lines_next(b->lines, line, len)) == LINES_MORE) {
		switch (batch_receive(b->talk, &b->show)) {
		case TALK_MESSAGE:
			continue;
		case TALK_FAILED:
			batch_fail(b->talk, batch_after(b));
			return -1;
		default:
			break;
		}
		talk_wait(b->talk, &in, 1, -1);
		if (in.revents != 0 && lines_fill(b->lines) == -1) {
			warnx("%s", error_text());
			return -1;
		}
	}
	return result == LINES_LINE;
}

/* Waits until there is room for more to send. */
static int
batch_send_only(struct batch *b)
{
	struct talk *t = b->talk;
	enum talk_result result;
	int64_t limit;

	while (talk_queued(t) > BATCH_QUEUE) {
		if ((result = batch_receive(t, &b->show)) == TALK_FAILED)
			return -1;
		if (result == TALK_MESSAGE)
			continue;
		limit = talk_silence(t);
		if (limit != -1 && talk_now() >= limit)
			return batch_timed_out(t);
		talk_wait(t, NULL, 0, limit);
	}
	return t->lost ? error_set(EPIPE, "closed") : 0;
}

static int
batch_converse(struct batch *b)
{
	const struct talk_options *o = b->talk->options;
	const char *line;
	size_t len;
	int n;

	while ((n = batch_line(b, &line, &len)) == 1) {
		if (o->bare && len == 0)
			continue;
		/* What came unasked is not part of the reply. */
		if (b->talk->open)
			batch_end_message(b);
		b->sent++;
		if (talk_send(b->talk, line, len) == -1 ||
		    (o->no_reply ? batch_send_only(b) : batch_await(b)) == -1)
			return batch_fail(b->talk, batch_after(b));
		b->replies++;
	}
	return n == -1;
}

int
batch_rest(struct talk *t, struct show *show, const char *after)
{
	enum talk_result result;
	char limit[UNITS_MAX];
	int64_t silence;

	while ((result = batch_receive(t, show)) != TALK_END) {
		if (result == TALK_FAILED)
			return batch_fail(t, after);
		if (result == TALK_MESSAGE)
			continue;
		silence = talk_silence(t);
		if (silence == -1 || talk_now() < silence) {
			talk_wait(t, NULL, 0, silence);
			continue;
		}
		if (talk_queued(t) > 0 || bytes_length(&t->in) > 0) {
			batch_timed_out(t);
			return batch_fail(t, after);
		}
		if (!t->options->quiet)
			warnx("%s: still open after %s of silence, left",
			    t->options->address, units_format_duration(
			    t->options->timeout * 1000, limit));
		break;
	}
	if (t->lost) {
		error_set(EPIPE, "closed before all was sent,");
		return batch_fail(t, after);
	}
	return 0;
}

int
batch_run(struct talk *t, struct lines *lines)
{
	struct batch b = { .talk = t, .lines = lines };

	show_init(&b.show);
	if (t->options->greeting && batch_await(&b) == -1)
		return batch_fail(t, "before the greeting");
	if (batch_converse(&b) != 0)
		return 1;
	talk_finish(t);
	return batch_rest(t, &b.show, batch_after(&b));
}
