/* SPDX-License-Identifier: ISC */
/*
 * The line editor: libedit, told to fetch its keys through us, so that the
 * connection is served while the user thinks.
 *
 * Signals are read from a descriptor while the terminal is in the editor's
 * mode: the editor's state must not change under its feet, and the terminal
 * must be put back before they take effect.
 */
#include "config.h"

#include "prongtalk/edit.h"

#ifdef HAVE_LIBEDIT

#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define EDIT_PROMPT	"> "
#define EDIT_HISTORY	1000		/* lines */
#define EDIT_END	'\004'		/* Ctrl-D */

struct edit {
	struct keyboard keyboard;
	EditLine *el;
	History *history;
	mbstate_t state;	/* of a character that is not whole yet */
	sigset_t signals;
	int signal_fd;
	bool over;		/* no key will follow */
};

static const int edit_signals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT, SIGWINCH
};

/* libedit's type for it wants a string that can be written. */
static char *
edit_prompt(EditLine *el)
{
	static char prompt[] = EDIT_PROMPT;

	return prompt;
}

/*
 * Fetches one character; 1, or 0 at the end.  Between two lines libedit hands
 * the terminal back to the kernel for a moment; a Ctrl-D that comes just then
 * is kept by the kernel as a zero byte.
 */
static int
edit_getc(EditLine *el, wchar_t *wide)
{
	struct edit *e;
	ssize_t n;
	char byte;

	el_get(el, EL_CLIENTDATA, &e);
	for (;;) {
		if (!e->keyboard.wait(e->keyboard.arg, e->signal_fd))
			break;
		n = read(STDIN_FILENO, &byte, 1);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		if (byte == '\0')
			byte = EDIT_END;
		switch (mbrtowc(wide, &byte, 1, &e->state)) {
		case (size_t)-2:
			break;
		case (size_t)-1:
			memset(&e->state, 0, sizeof(e->state));
			break;
		default:
			return 1;
		}
	}
	e->over = true;
	return 0;
}

static int
edit_open_library(struct edit *e)
{
	HistEvent event;

	e->history = history_init();
	e->el = el_init("prongtalk", stdin, stdout, stderr);
	if (e->history == NULL || e->el == NULL)
		return -1;
	history(e->history, &event, H_SETSIZE, EDIT_HISTORY);
	history(e->history, &event, H_SETUNIQUE, 1);
	el_set(e->el, EL_CLIENTDATA, e);
	el_set(e->el, EL_PROMPT, edit_prompt);
	el_set(e->el, EL_EDITOR, "emacs");
	el_set(e->el, EL_HIST, history, e->history);
	el_source(e->el, NULL);
	return el_set(e->el, EL_GETCFN, edit_getc);
}

/* Rows of the screen between the start of the prompt and the cursor. */
static size_t
edit_rows(struct edit *e)
{
	const LineInfoW *line = el_wline(e->el);
	struct winsize size;
	const wchar_t *p;
	size_t columns = strlen(EDIT_PROMPT);
	int width;

	for (p = line->buffer; p < line->cursor; p++) {
		width = wcwidth(*p);
		/* A control character is shown as ^X, a tab as spaces. */
		if (*p == L'\t')
			columns += 8 - columns % 8;
		else
			columns += width < 0 ? 2 : (size_t)width;
	}
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_col == 0)
		return 0;
	return columns / size.ws_col;
}

static void
edit_hide(struct keyboard *keyboard)
{
	struct edit *e = (struct edit *)keyboard;
	const char *clear = NULL;
	size_t rows;

	el_get(e->el, EL_GETTC, "cd", &clear);
	if (clear == NULL || *clear == '\0') {
		putchar('\n');
		return;
	}
	for (rows = edit_rows(e); rows > 0; rows--)
		el_set(e->el, EL_ECHOTC, "-s", "up", NULL);
	putchar('\r');
	el_set(e->el, EL_ECHOTC, "-s", "cd", NULL);
}

static void
edit_redraw(struct keyboard *keyboard)
{
	struct edit *e = (struct edit *)keyboard;
	el_set(e->el, EL_REFRESH);
	fflush(stdout);
}

static const char *
edit_line(struct keyboard *keyboard, size_t *len)
{
	struct edit *e = (struct edit *)keyboard;
	HistEvent event;
	const char *line;
	int n = 0;

	line = el_gets(e->el, &n);
	if (e->over)
		return NULL;
	if (line == NULL || n <= 0) {
		edit_hide(keyboard);
		fflush(stdout);
		return NULL;
	}
	if (strspn(line, " \t\n") < (size_t)n)
		history(e->history, &event, H_ENTER, line);
	*len = (size_t)n - (line[n - 1] == '\n');
	return line;
}

/* Lets a signal do what it does to any program; returns after a stop. */
static void
edit_die_or_stop(struct edit *e, int signo)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signo);
	el_set(e->el, EL_PREP_TERM, 0);
	putchar('\n');
	fflush(stdout);
	signal(signo, SIG_DFL);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
}

static void
edit_signal(struct keyboard *keyboard)
{
	struct edit *e = (struct edit *)keyboard;
	struct signalfd_siginfo info;

	if (read(e->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGWINCH:
		edit_hide(keyboard);
		el_resize(e->el);
		edit_redraw(keyboard);
		break;
	case SIGTSTP:
		edit_die_or_stop(e, SIGTSTP);
		el_set(e->el, EL_PREP_TERM, 1);
		edit_redraw(keyboard);
		break;
	case SIGCONT:
		/* Of a stop that we were not told of: SIGSTOP. */
		el_set(e->el, EL_PREP_TERM, 1);
		edit_hide(keyboard);
		edit_redraw(keyboard);
		break;
	default:
		edit_die_or_stop(e, (int)info.ssi_signo);
	}
}

static void
edit_close(struct keyboard *keyboard)
{
	struct edit *e = (struct edit *)keyboard;

	if (e->el != NULL)
		el_end(e->el);
	if (e->history != NULL)
		history_end(e->history);
	if (e->signal_fd != -1)
		close(e->signal_fd);
	sigprocmask(SIG_UNBLOCK, &e->signals, NULL);
	free(e);
}

static const struct keyboard_calls edit_calls = {
	.line = edit_line,
	.hide = edit_hide,
	.redraw = edit_redraw,
	.signal = edit_signal,
	.close = edit_close,
};

struct keyboard *
edit_open(void)
{
	struct sigaction action;
	struct edit *e;
	size_t i;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		return NULL;
	e->keyboard.calls = &edit_calls;
	e->signal_fd = -1;
	sigemptyset(&e->signals);
	if (edit_open_library(e) == -1)
		goto fail;
	for (i = 0; i < sizeof(edit_signals) / sizeof(edit_signals[0]); i++)
		/* What nohup(1) has us ignore stays ignored. */
		if (sigaction(edit_signals[i], NULL, &action) == 0 &&
		    action.sa_handler != SIG_IGN)
			sigaddset(&e->signals, edit_signals[i]);
	e->signal_fd = signalfd(-1, &e->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (e->signal_fd == -1)
		goto fail;
	sigprocmask(SIG_BLOCK, &e->signals, NULL);
	return &e->keyboard;
fail:
	edit_close(&e->keyboard);
	return NULL;
}

#endif
