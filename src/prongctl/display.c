/* SPDX-License-Identifier: ISC */
/*
 * The lines of the screen: the server, the views, the rows of one of them, a
 * note, and at the bottom a message or the keys.
 */
#include "prongctl/display.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "prongctl/cell.h"
#include "prongctl/keys.h"
#include "prongctl/pieces.h"
#include "prongctl/screen.h"
#include "prongctl/sheet.h"

#define DISPLAY_HEAD	3	/* lines above the rows: the last has titles */
#define DISPLAY_PIECES	10

void
display_init(struct display *d, int64_t interval, const char *service)
{
	int i;

	memset(d, 0, sizeof(*d));
	d->interval = interval;
	for (i = 0; i < VIEWS; i++)
		d->choices[i].sort = view_table[i].sort;
	if (service != NULL && (d->service = strdup(service)) != NULL)
		d->view = VIEW_COUNTERS;
}

void
display_fini(struct display *d)
{
	int i;

	for (i = 0; i < VIEWS; i++)
		free(d->choices[i].name);
	free(d->service);
	free(d->chosen);
	memset(d, 0, sizeof(*d));
}

/* --- single lines ------------------------------------------------------- */

static void
display_pieces(int row, const struct piece *p, size_t count,
    unsigned int style)
{
	char line[SHEET_LINE];

	screen_line(row, pieces_join(p, count, screen_columns(), line,
	    sizeof(line)), style);
}

static void
display_head(const struct display *d)
{
	struct piece p[PIECES_HEAD];

	pieces_head(d->data.status, p);
	if (d->is_lost) {
		strlcpy(p[PIECES_HEAD - 1].text, " no answer", PIECES_TEXT);
		strlcpy(p[PIECES_HEAD - 1].brief, "no answer", PIECES_TEXT);
	}
	display_pieces(0, p, PIECES_HEAD, SCREEN_BOLD |
	    (d->is_lost ? SCREEN_ALARM : 0));
}

/* "[1 services]", and where there is little room "[services]" or "1". */
static void
display_tab(const struct display *d, enum view_id id, struct piece *p)
{
	const char *name = view_table[id].name;
	bool on = d->view == id;
	char of[PIECES_TEXT] = "", safe[PIECES_TEXT / 2];

	if (id == VIEW_COUNTERS && d->service != NULL)
		snprintf(of, sizeof(of), " of %.30s", cell_safe(d->service,
		    safe, sizeof(safe)));
	snprintf(p->text, sizeof(p->text), on ? "[%d %s%s]" : " %d %s%s ",
	    (int)id + 1, name, of);
	if (on)
		snprintf(p->brief, sizeof(p->brief), "[%s%s]", name, of);
	else
		snprintf(p->brief, sizeof(p->brief), "%d", (int)id + 1);
	p->drop = on ? 0 : 1;
}

static void
display_piece(struct piece *p, const char *text, const char *brief, int drop)
{
	strlcpy(p->text, text, sizeof(p->text));
	strlcpy(p->brief, brief, sizeof(p->brief));
	p->drop = drop;
}

/* The views, and how this one is looked at. */
static void
display_tabs(const struct display *d)
{
	static const char *const spans[] = { "", "avg 10s", "avg 100s" };
	const struct display_choice *c = &d->choices[d->view];
	char every[UNITS_MAX], text[PIECES_TEXT];
	struct piece p[DISPLAY_PIECES];
	size_t n = 0;
	int i;

	for (i = 0; i < VIEWS; i++)
		display_tab(d, (enum view_id)i, &p[n++]);
	if (d->paused)
		display_piece(&p[n++], "paused", "paused", 0);
	if (d->hide_zeros)
		display_piece(&p[n++], "no zeros", "no 0", 2);
	display_piece(&p[n++], spans[d->span], spans[d->span], 3);
	snprintf(text, sizeof(text), "%s%s", c->reverse ? "-" : "",
	    view_table[d->view].columns[c->sort].title);
	display_piece(&p[n], "by ", text, 4);
	strlcat(p[n++].text, text, PIECES_TEXT);
	units_format_duration(d->interval * 1000, every);
	display_piece(&p[n++], every, every, 5);
	display_pieces(1, p, n, SCREEN_PLAIN);
}

/* Where one is in the rows, and what keys there are. */
static void
display_foot(const struct display *d, const struct sheet *s, int row)
{
	static const char *const keys[] = { "?:help", "q:quit", "Tab:view",
	    "s:sort", "z:zeros", "p:pause", "d:describe" };
	size_t first = d->choices[d->view].first, n = 0, i;
	struct piece p[DISPLAY_PIECES];
	char text[PIECES_TEXT];

	if (s->count > d->page && d->page > 0) {
		snprintf(text, sizeof(text), "%zu-%zu/%zu%s", first + 1,
		    first + d->page < s->count ? first + d->page : s->count,
		    s->count, d->view == VIEW_CONNS && !d->data.all_conns ?
		    " and more" : "");
		display_piece(&p[n++], text, text, 0);
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		display_piece(&p[n++], keys[i], keys[i], (int)i + 1);
	display_pieces(row, p, n, SCREEN_PLAIN);
}

/* --- notes -------------------------------------------------------------- */

/* Where the line that begins there ends: between words, if it can. */
static size_t
display_break(const char *text, size_t width)
{
	size_t n = strlen(text), at;

	if (n <= width)
		return n;
	for (at = width; at > 0 && text[at] != ' '; at--)
		;
	return at > 0 ? at : width;
}

/* Draws it so that it ends above row; returns how many lines it takes. */
static int
display_wrap(const char *text, int row, unsigned int style)
{
	size_t width = screen_columns() > 0 ? (size_t)screen_columns() : 1;
	int lines = 0, pass, most = screen_rows() / 3;
	char line[SHEET_LINE];
	const char *at;
	size_t n;

	/* How many they are is known after the first time. */
	for (pass = 0; pass < 2; pass++) {
		row -= pass * lines;
		lines = 0;
		for (at = text; *at != '\0' && lines < most; lines++) {
			n = display_break(at, width);
			snprintf(line, sizeof(line), "%.*s", (int)n, at);
			if (pass == 1)
				screen_line(row + lines, line, style);
			at += n;
			at += strspn(at, " ");
		}
	}
	return lines;
}

/* The note, if there is one; returns how many lines it takes. */
static int
display_describe(const struct display *d, const struct sheet *s, int row)
{
	const struct display_choice *c = &d->choices[d->view];
	const json_t *json = NULL;
	char *text;
	int lines;

	if (d->note == DISPLAY_NO_NOTE)
		return 0;
	if (d->note == DISPLAY_NOTE_ROW && c->cursor < s->count)
		json = s->rows[c->cursor].json;
	text = view_describe(&d->data, s->view, &s->view->columns[c->sort],
	    json);
	if (text == NULL)
		return 0;
	lines = display_wrap(text, row, SCREEN_BOLD);
	free(text);
	return lines;
}

/* --- rows --------------------------------------------------------------- */

/* The cursor stays with its row, wherever that is now. */
static void
display_follow(struct display *d, const struct sheet *s)
{
	struct display_choice *c = &d->choices[d->view];
	long at;

	if (!d->moved && c->name == NULL)
		c->cursor = 0;
	else if (!d->moved && (at = sheet_find(s, c->name)) != -1)
		c->cursor = (size_t)at;
	if (c->cursor >= s->count)
		c->cursor = s->count > 0 ? s->count - 1 : 0;
	free(d->chosen);
	d->chosen = s->count > 0 ? sheet_name(s, c->cursor) : NULL;
	if (d->moved) {
		free(c->name);
		/* Who is at the top wants to see what is at the top. */
		c->name = c->cursor > 0 && d->chosen != NULL ?
		    strdup(d->chosen) : NULL;
	}
	d->moved = false;
	d->rows = s->count;
}

static void
display_heading(const struct sheet *s)
{
	char line[SHEET_LINE];
	int at, width;

	screen_line(DISPLAY_HEAD - 1, sheet_heading(s, line),
	    SCREEN_UNDERLINED);
	width = sheet_place(s, s->choice.sort, &at);
	screen_mark(DISPLAY_HEAD - 1, at, width, SCREEN_REVERSE);
}

static void
display_row(const struct sheet *s, const json_t *json, int row, bool chosen)
{
	unsigned int style = SCREEN_PLAIN;
	char line[SHEET_LINE];

	if (view_is_alarm(s->view, json, s->choice.span))
		style |= SCREEN_ALARM;
	if (chosen)
		style |= SCREEN_REVERSE;
	screen_line(row, sheet_line(s, json, line), style);
}

/* From the line row on, as many as there is room for. */
static void
display_rows(struct display *d, const struct sheet *s, int row, int room)
{
	struct display_choice *c = &d->choices[d->view];
	size_t i;

	if (s->sum != NULL && room > 1)
		display_row(s, s->sum, row + --room, false);
	d->page = room > 0 ? (size_t)room : 0;
	if (c->cursor < c->first)
		c->first = c->cursor;
	if (d->page > 0 && c->cursor >= c->first + d->page)
		c->first = c->cursor - d->page + 1;
	/* No room is left empty below the last. */
	if (c->first > 0 && c->first + d->page > s->count)
		c->first = s->count > d->page ? s->count - d->page : 0;
	for (i = 0; i < d->page && c->first + i < s->count; i++)
		display_row(s, s->rows[c->first + i].json, row + (int)i,
		    c->first + i == c->cursor);
	if (s->count == 0 && room > 0)
		screen_line(row, s->hidden > 0 ? "nothing but zeros" :
		    s->view->nothing, SCREEN_PLAIN);
}

static void
display_view(struct display *d)
{
	const struct display_choice *c = &d->choices[d->view];
	const struct sheet_choice choice = { d->span, c->sort, c->reverse,
	    d->hide_zeros };
	int rows = screen_rows(), foot;
	struct sheet s;

	d->data.service = d->service;
	if (sheet_make(&s, &d->data, &view_table[d->view], &choice) == -1) {
		screen_line(0, "no memory", SCREEN_ALARM);
		return;
	}
	sheet_fit(&s, screen_columns());
	memcpy(d->shown, s.shown, sizeof(d->shown));
	display_follow(d, &s);
	display_head(d);
	display_tabs(d);
	display_heading(&s);
	/* A message takes the place of the keys, and more if it is long. */
	foot = d->message[0] == '\0' ? 1 : display_wrap(d->message, rows,
	    SCREEN_BOLD | (d->is_lost ? SCREEN_ALARM : 0));
	foot += display_describe(d, &s, rows - foot);
	display_rows(d, &s, DISPLAY_HEAD, rows - foot - DISPLAY_HEAD);
	if (d->message[0] == '\0')
		display_foot(d, &s, rows - 1);
	sheet_free(&s);
}

/* --- the keys ----------------------------------------------------------- */

static void
display_help(struct display *d)
{
	size_t count = 0, room, i;
	char line[PIECES_TEXT];

	while (keys_help(count, line, sizeof(line)) != NULL)
		count++;
	room = screen_rows() > 1 ? (size_t)screen_rows() - 1 : 1;
	if (d->help_first + room > count)
		d->help_first = count > room ? count - room : 0;
	screen_line(0, room < count ? "Keys (j, k: more; others: back)" :
	    "Keys (any: back)", SCREEN_BOLD);
	for (i = 0; i < room && d->help_first + i < count; i++)
		screen_line((int)i + 1, keys_help(d->help_first + i, line,
		    sizeof(line)), SCREEN_PLAIN);
}

void
display_draw(struct display *d)
{
	screen_begin();
	if (d->help)
		display_help(d);
	else
		display_view(d);
	screen_end();
}
