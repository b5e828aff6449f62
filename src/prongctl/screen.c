/* SPDX-License-Identifier: ISC */
/*
 * The screen by way of ncurses.  Signals only set flags, and are let in while
 * it is waited.
 */
#include "config.h"

#include "prongctl/screen.h"

#include <errno.h>

#include "base/error.h"

#define SCREEN_HINT	"(prongctl top -1 prints once)"

#ifdef HAVE_NCURSES

#include <curses.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <term.h>
#include <unistd.h>

#include "prongctl/terminal.h"

#define SCREEN_RED	1		/* the pair of colours */
#define SCREEN_ESCDELAY	50		/* ms for the rest of a key's code */

static SCREEN *screen_it;
static bool screen_has_red;
static sigset_t screen_mask;		/* while it is waited */
static volatile sig_atomic_t screen_stopped;

static const int screen_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static const struct {
	int curses, ours;
} screen_keys[] = {
	{ KEY_UP, SCREEN_UP },
	{ KEY_DOWN, SCREEN_DOWN },
	{ KEY_LEFT, SCREEN_LEFT },
	{ KEY_RIGHT, SCREEN_RIGHT },
	{ KEY_PPAGE, SCREEN_PAGE_UP },
	{ KEY_NPAGE, SCREEN_PAGE_DOWN },
	{ KEY_HOME, SCREEN_HOME },
	{ KEY_END, SCREEN_END },
	{ KEY_ENTER, SCREEN_ENTER },
	{ '\n', SCREEN_ENTER },
	{ '\r', SCREEN_ENTER },
	{ '\t', SCREEN_TAB },
	{ KEY_BTAB, SCREEN_BACK_TAB },
	{ '\033', SCREEN_ESCAPE },
	{ KEY_RESIZE, SCREEN_RESIZED },
};

#define SCREEN_KEYS	(sizeof(screen_keys) / sizeof(screen_keys[0]))

static void
screen_stop(int number)
{
	screen_stopped = number;
}

/* Blocked until it is waited; then none can come between look and wait. */
static void
screen_take_signals(void)
{
	struct sigaction action = { .sa_handler = screen_stop };
	sigset_t block;
	size_t i;

	sigemptyset(&block);
	/* Handled by ncurses. */
	sigaddset(&block, SIGWINCH);
	for (i = 0; i < sizeof(screen_signals) / sizeof(screen_signals[0]);
	    i++) {
		sigaddset(&block, screen_signals[i]);
		sigaction(screen_signals[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, &screen_mask);
}

/* Whether the terminal can be drawn on; ncurses would end the process. */
int
screen_check(void)
{
	const char *type = getenv("TERM"), *cup;
	int status, can;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(ENOTTY, "top needs a terminal "
		    SCREEN_HINT);
	if (type == NULL || *type == '\0')
		return error_set(ENOTTY, "top needs to know the terminal: "
		    "TERM is not set " SCREEN_HINT);
	can = setupterm(type, STDOUT_FILENO, &status) == OK &&
	    (cup = tigetstr("cup")) != NULL && (intptr_t)cup != -1;
	/* newterm() reads it again, for itself. */
	if (cur_term != NULL)
		del_curterm(cur_term);
	if (!can)
		return error_set(ENOTTY, "top cannot draw on a terminal of "
		    "type \"%.64s\" " SCREEN_HINT, type);
	return 0;
}

int
screen_open(void)
{
	screen_take_signals();
	if ((screen_it = newterm(NULL, stdout, stdin)) == NULL)
		return error_set(ENOTTY, "top cannot use this terminal "
		    SCREEN_HINT);
	screen_has_red = terminal_has_colour(STDOUT_FILENO) && has_colors() &&
	    start_color() == OK && use_default_colors() == OK &&
	    init_pair(SCREEN_RED, COLOR_RED, -1) == OK;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(SCREEN_ESCDELAY);
	curs_set(0);
	return 0;
}

void
screen_close(void)
{
	if (screen_it == NULL)
		return;
	/* What is left on a terminal that has one screen ends in full. */
	move(LINES - 1, 0);
	clrtoeol();
	refresh();
	endwin();
	delscreen(screen_it);
	screen_it = NULL;
}

int
screen_rows(void)
{
	return LINES;
}

int
screen_columns(void)
{
	return COLS;
}

int
screen_wait(int fd, int ms)
{
	struct pollfd p[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	int n;

	if (screen_stopped == 0) {
		n = ppoll(p, 2, ms < 0 ? NULL : &t, &screen_mask);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0 && (p[0].revents & (POLLHUP | POLLERR | POLLNVAL)))
			return -1;
	}
	return screen_stopped != 0 ? -1 : 0;
}

int
screen_key(void)
{
	int key = getch();
	size_t i;

	if (key == ERR)
		return SCREEN_NONE;
	for (i = 0; i < SCREEN_KEYS; i++)
		if (screen_keys[i].curses == key)
			return screen_keys[i].ours;
	return key > ' ' && key < 0x7f ? key : SCREEN_OTHER;
}

void
screen_begin(void)
{
	erase();
}

void
screen_end(void)
{
	refresh();
}

static attr_t
screen_attributes(unsigned int style)
{
	attr_t a = A_NORMAL;

	if (style & SCREEN_BOLD)
		a |= A_BOLD;
	if (style & SCREEN_UNDERLINED)
		a |= A_UNDERLINE;
	if (style & SCREEN_REVERSE)
		a |= A_REVERSE;
	/* Without colours it is bold. */
	if ((style & SCREEN_ALARM) && !screen_has_red)
		a |= A_BOLD;
	return a;
}

static short
screen_pair(unsigned int style)
{
	return (style & SCREEN_ALARM) && screen_has_red ? SCREEN_RED : 0;
}

void
screen_line(int row, const char *text, unsigned int style)
{
	attr_set(screen_attributes(style), screen_pair(style), NULL);
	mvaddnstr(row, 0, text, COLS);
	attr_set(A_NORMAL, 0, NULL);
	if (style & SCREEN_REVERSE)
		screen_mark(row, 0, COLS, style);
}

void
screen_mark(int row, int column, int width, unsigned int style)
{
	if (column < COLS && width > 0)
		mvchgat(row, column, width, screen_attributes(style),
		    screen_pair(style), NULL);
}

#else

int
screen_check(void)
{
	return error_set(ENOSYS, "this prongctl was built without ncurses, "
	    "which top needs " SCREEN_HINT);
}

int
screen_open(void)
{
	return screen_check();
}

void
screen_close(void)
{
}

int
screen_rows(void)
{
	return 0;
}

int
screen_columns(void)
{
	return 0;
}

int
screen_wait(int fd, int ms)
{
	return -1;
}

int
screen_key(void)
{
	return SCREEN_NONE;
}

void
screen_begin(void)
{
}

void
screen_end(void)
{
}

void
screen_line(int row, const char *text, unsigned int style)
{
}

void
screen_mark(int row, int column, int width, unsigned int style)
{
}

#endif
