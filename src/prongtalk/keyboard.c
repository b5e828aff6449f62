/* SPDX-License-Identifier: ISC */
/*
 * Lines from a person: which kind of keyboard there is, and the plain kind,
 * for which the kernel's terminal does the editing and shows it.
 */
#include "config.h"

#include "prongtalk/keyboard.h"

#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "prongtalk/edit.h"
#include "prongtalk/lines.h"

struct keyboard_plain {
	struct keyboard keyboard;
	struct lines lines;
};

static const char *
keyboard_plain_line(struct keyboard *keyboard, size_t *len)
{
	struct keyboard_plain *p = (struct keyboard_plain *)keyboard;
	enum lines_result result;
	const char *line;

	while ((result = lines_next(&p->lines, &line, len)) == LINES_MORE) {
		if (!keyboard->wait(keyboard->arg, -1))
			return NULL;
		if (lines_fill(&p->lines) == -1) {
			warnx("%s", error_text());
			return NULL;
		}
	}
	return result == LINES_LINE ? line : NULL;
}

static void
keyboard_plain_close(struct keyboard *keyboard)
{
	struct keyboard_plain *p = (struct keyboard_plain *)keyboard;

	lines_free(&p->lines);
	free(p);
}

static const struct keyboard_calls keyboard_plain_calls = {
	.line = keyboard_plain_line,
	.close = keyboard_plain_close,
};

static struct keyboard *
keyboard_plain_open(void)
{
	static char *none[] = { NULL };
	struct keyboard_plain *p;

	if ((p = calloc(1, sizeof(*p))) == NULL) {
		error_errno("keyboard");
		return NULL;
	}
	lines_init(&p->lines, none);
	p->keyboard.calls = &keyboard_plain_calls;
	return &p->keyboard;
}

struct keyboard *
keyboard_open(keyboard_wait_fn *wait, void *arg)
{
	struct keyboard *keyboard = NULL;

#ifdef HAVE_LIBEDIT
	if (isatty(STDOUT_FILENO) == 1)
		keyboard = edit_open();
#endif
	if (keyboard == NULL && (keyboard = keyboard_plain_open()) == NULL)
		return NULL;
	keyboard->wait = wait;
	keyboard->arg = arg;
	return keyboard;
}

void
keyboard_close(struct keyboard *keyboard)
{
	keyboard->calls->close(keyboard);
}

const char *
keyboard_line(struct keyboard *keyboard, size_t *len)
{
	return keyboard->calls->line(keyboard, len);
}

void
keyboard_hide(struct keyboard *keyboard)
{
	if (keyboard->calls->hide != NULL)
		keyboard->calls->hide(keyboard);
}

void
keyboard_redraw(struct keyboard *keyboard)
{
	if (keyboard->calls->redraw != NULL)
		keyboard->calls->redraw(keyboard);
}

void
keyboard_signal(struct keyboard *keyboard)
{
	if (keyboard->calls->signal != NULL)
		keyboard->calls->signal(keyboard);
}
