/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_KEYBOARD_H
#define PRONGTALK_KEYBOARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Lines from a person at a terminal.  Other things go on while one is
 * written: whenever a key is needed, the wait function is called.
 */

/*
 * Returns when standard input can be read.  signal_fd, unless it is -1, is
 * watched meanwhile, and keyboard_signal() called when it can be read.  false
 * gives up the line.
 */
typedef bool keyboard_wait_fn(void *arg, int signal_fd);

struct keyboard;

/* What a kind of keyboard can do; all but line and close may be NULL. */
struct keyboard_calls {
	const char *(*line)(struct keyboard *, size_t *len);
	void (*hide)(struct keyboard *);
	void (*redraw)(struct keyboard *);
	void (*signal)(struct keyboard *);
	void (*close)(struct keyboard *);
};

/* Each kind has this at its start. */
struct keyboard {
	const struct keyboard_calls *calls;
	keyboard_wait_fn *wait;
	void *arg;
};

/* With line editing where that is possible.  NULL with error_text(). */
struct keyboard *keyboard_open(keyboard_wait_fn *, void *arg);
void keyboard_close(struct keyboard *);

/*
 * The next line, without its newline, valid until the next call.  NULL at
 * the end of input, or when the wait gave up.
 */
const char *keyboard_line(struct keyboard *, size_t *len);

/* Takes the prompt and the unfinished line off the screen; brings it back. */
void keyboard_hide(struct keyboard *);
void keyboard_redraw(struct keyboard *);

/*
 * Does what the signal asks for: a new size of the window, a stop, an end.
 * The terminal is left in order for whoever is next.
 */
void keyboard_signal(struct keyboard *);

#endif
