/* SPDX-License-Identifier: ISC */
/*
 * prongtalk at a terminal.
 *
 * What the server says goes above the prompt: the prompt is taken off the
 * screen, the message printed, the prompt put back.  While the end of a raw
 * message is open the prompt stays away, for a moment.
 */
#include "prongtalk/dialogue.h"

#include <err.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "net/frame.h"
#include "prongtalk/batch.h"
#include "prongtalk/keyboard.h"
#include "prongtalk/show.h"

struct dialogue {
	struct talk *talk;
	struct keyboard *keyboard;
	struct show show;
	bool hidden;		/* the prompt is not on the screen */
	bool over;		/* nothing more will come */
	int status;
};

static void
dialogue_show(struct dialogue *d, const struct talk_message *m)
{
	if (!d->hidden)
		keyboard_hide(d->keyboard);
	d->hidden = true;
	if (show_piece(&d->show, m->data, m->length, m->ends) == -1) {
		warnx("%s", error_text());
		d->over = true;
		d->status = 1;
	}
}

static void
dialogue_end_message(struct dialogue *d)
{
	static const struct talk_message end = { .data = "", .ends = true };

	talk_end_message(d->talk);
	dialogue_show(d, &end);
}

static void
dialogue_unhide(struct dialogue *d)
{
	if (!d->hidden)
		return;
	if (d->talk->open)
		dialogue_end_message(d);
	d->hidden = false;
	keyboard_redraw(d->keyboard);
}

/* Shows what has come; notes the end of the talk. */
static void
dialogue_receive(struct dialogue *d)
{
	struct talk_message m;
	enum talk_result result = TALK_MORE;

	while (!d->over &&
	    (result = talk_next(d->talk, &m)) == TALK_MESSAGE)
		dialogue_show(d, &m);
	if (d->over || result == TALK_MORE)
		return;
	if (!d->hidden)
		keyboard_hide(d->keyboard);
	d->hidden = true;
	fflush(stdout);
	d->over = true;
	d->status = result == TALK_FAILED;
	if (d->status != 0)
		warnx("%s: %s", d->talk->options->address, error_text());
	else if (!d->talk->options->quiet)
		warnx("%s: closed by the server", d->talk->options->address);
}

static bool
dialogue_wait(void *arg, int signal_fd)
{
	struct dialogue *d = arg;
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};

	for (;;) {
		dialogue_receive(d);
		if (d->over)
			return false;
		if (!d->talk->open || talk_now() >= talk_pause(d->talk))
			dialogue_unhide(d);
		talk_wait(d->talk, fds, 2, talk_pause(d->talk));
		if (fds[1].revents != 0)
			keyboard_signal(d->keyboard);
		if (fds[0].revents != 0) {
			dialogue_unhide(d);
			return true;
		}
	}
}

static void
dialogue_notice(const struct talk_options *o)
{
	if (!o->quiet)
		fprintf(stderr, "Connected to %s, framing %s. Ctrl-D ends the "
		    "input, Ctrl-C quits.\n", o->address,
		    frame_name(o->framing));
}

int
dialogue_run(struct talk *t)
{
	struct dialogue d = { .talk = t };
	const char *line;
	size_t len;

	show_init(&d.show);
	if ((d.keyboard = keyboard_open(dialogue_wait, &d)) == NULL) {
		warnx("%s", error_text());
		return 1;
	}
	dialogue_notice(t->options);
	while ((line = keyboard_line(d.keyboard, &len)) != NULL)
		if (talk_send(t, line, len) == -1)
			warnx("%s: %s", t->options->address, error_text());
	keyboard_close(d.keyboard);
	if (d.over)
		return d.status;
	talk_finish(t);
	return batch_rest(t, &d.show, "at the end");
}
