/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_SCREEN_H
#define PRONGCTL_SCREEN_H

/*
 * The whole terminal as a screen of lines, and its keys.  There is one at most;
 * without ncurses there is none.
 */

/* Keys that are no characters. */
enum screen_key {
	SCREEN_NONE = 0,	/* nothing was pressed */
	SCREEN_UP = 0x1000,
	SCREEN_DOWN,
	SCREEN_LEFT,
	SCREEN_RIGHT,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_ENTER,
	SCREEN_TAB,
	SCREEN_BACK_TAB,
	SCREEN_ESCAPE,
	SCREEN_RESIZED,
	SCREEN_OTHER,		/* one that means nothing here */
};

enum screen_style {
	SCREEN_PLAIN = 0,
	SCREEN_BOLD = 1 << 0,
	SCREEN_UNDERLINED = 1 << 1,
	SCREEN_REVERSE = 1 << 2,
	SCREEN_ALARM = 1 << 3,	/* in red where there are colours */
};

/* Whether there can be one; -1: error_text() says why not. */
int screen_check(void);

/* -1: error_text() says why there is none. */
int screen_open(void);
/* Gives the terminal back as it was; twice is harmless. */
void screen_close(void);

int screen_rows(void);
int screen_columns(void);

/*
 * Waits for a key, for fd, unless it is -1, and at most ms (-1: for ever).
 * -1: somebody wants the program to end, or the terminal is gone.
 */
int screen_wait(int fd, int ms);

/* The next key that was pressed, a character or an enum screen_key. */
int screen_key(void);

/* All lines are drawn between these two; one that is not is empty. */
void screen_begin(void);
void screen_end(void);

/* What does not fit is cut. */
void screen_line(int row, const char *text, unsigned int style);
/* Changes how a part of a line looks. */
void screen_mark(int row, int column, int width, unsigned int style);

#endif
