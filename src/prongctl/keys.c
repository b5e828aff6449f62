/* SPDX-License-Identifier: ISC */
/*
 * What each key does to the display.
 */
#include "prongctl/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prongctl/screen.h"
#include "prongctl/top.h"

#define KEYS_EACH	3	/* that do the same */

typedef void keys_fn(struct display *, int);

static keys_fn keys_quit;
static keys_fn keys_help_on;
static keys_fn keys_view;
static keys_fn keys_next_view;
static keys_fn keys_move;
static keys_fn keys_page;
static keys_fn keys_far;
static keys_fn keys_sort;
static keys_fn keys_reverse;
static keys_fn keys_zeros;
static keys_fn keys_average;
static keys_fn keys_enter;
static keys_fn keys_describe;
static keys_fn keys_back;
static keys_fn keys_pause;
static keys_fn keys_interval;

/* One line of the help is of all keys up to the next line. */
static const struct {
	int keys[KEYS_EACH];
	keys_fn *fn;
	int arg;
	const char *names, *help;
} keys_table[] = {
	{ { 'q', 'Q' }, keys_quit, 0, "q", "quit" },
	{ { '?', 'h' }, keys_help_on, 0, "?", "these keys" },
	{ { SCREEN_TAB }, keys_next_view, 1, "Tab, 1-4", "the views" },
	{ { SCREEN_BACK_TAB }, keys_next_view, -1 },
	{ { '1' }, keys_view, VIEW_SERVICES },
	{ { '2' }, keys_view, VIEW_WORKERS },
	{ { '3' }, keys_view, VIEW_CONNS },
	{ { '4' }, keys_view, VIEW_COUNTERS },
	{ { SCREEN_UP, 'k' }, keys_move, -1, "k, j, arrows", "up, down" },
	{ { SCREEN_DOWN, 'j' }, keys_move, 1 },
	{ { SCREEN_PAGE_UP, 'b' }, keys_page, -1, "PgUp, PgDn",
	  "a screen up, down" },
	{ { SCREEN_PAGE_DOWN, 'f' }, keys_page, 1 },
	{ { SCREEN_HOME, 'g' }, keys_far, -1, "g, G",
	  "first row, last row" },
	{ { SCREEN_END, 'G' }, keys_far, 1 },
	{ { 's', '>', SCREEN_RIGHT }, keys_sort, 1, "s, S, arrows",
	  "sort by another column" },
	{ { 'S', '<', SCREEN_LEFT }, keys_sort, -1 },
	{ { 'r', 'R' }, keys_reverse, 0, "r", "sort the other way round" },
	{ { 'z', 'Z' }, keys_zeros, 0, "z", "hide rows of zeros" },
	{ { 'a', 'A' }, keys_average, 0, "a", "rates: now, 10 s, 100 s" },
	{ { SCREEN_ENTER }, keys_enter, 0, "Enter",
	  "counters of a service;" },
	{ { 'd', 'D' }, keys_describe, 0, "Enter, d",
	  "what is it that is shown" },
	{ { SCREEN_ESCAPE }, keys_back, 0, "Esc", "back" },
	{ { 'p', 'P' }, keys_pause, 0, "p", "pause, go on" },
	{ { '+', '=' }, keys_interval, 1, "+, -", "longer, shorter interval" },
	{ { '-' }, keys_interval, -1 },
};

#define KEYS_COUNT	(sizeof(keys_table) / sizeof(keys_table[0]))

/* The steps of the interval, in ms. */
static const int64_t keys_intervals[] = { TOP_INTERVAL_MIN, 200, 500, 1000,
    2000, 5000, 10000, 30000, 60000, 300000, TOP_INTERVAL_MAX };

#define KEYS_INTERVALS	\
    ((int)(sizeof(keys_intervals) / sizeof(keys_intervals[0])))

/* --- what they do ------------------------------------------------------- */

static void
keys_quit(struct display *d, int arg)
{
	d->over = true;
}

static void
keys_help_on(struct display *d, int arg)
{
	d->help = true;
	d->help_first = 0;
}

static void
keys_view(struct display *d, int view)
{
	d->view = (enum view_id)view;
	d->note = DISPLAY_NO_NOTE;
	d->moved = false;
}

static void
keys_next_view(struct display *d, int step)
{
	keys_view(d, ((int)d->view + step + VIEWS) % VIEWS);
}

static void
keys_move(struct display *d, int step)
{
	struct display_choice *c = &d->choices[d->view];

	if (step < 0)
		c->cursor -= c->cursor < (size_t)-step ? c->cursor :
		    (size_t)-step;
	else
		c->cursor += (size_t)step;
	if (c->cursor >= d->rows)
		c->cursor = d->rows > 0 ? d->rows - 1 : 0;
	d->moved = true;
}

static void
keys_page(struct display *d, int step)
{
	keys_move(d, step * (int)d->page);
}

static void
keys_far(struct display *d, int where)
{
	d->choices[d->view].cursor = where < 0 || d->rows == 0 ? 0 :
	    d->rows - 1;
	d->moved = true;
}

/* Only columns that are seen can be chosen. */
static void
keys_sort(struct display *d, int step)
{
	int count = (int)view_column_count(&view_table[d->view]), i;
	struct display_choice *c = &d->choices[d->view];

	for (i = 0; i < count; i++) {
		c->sort = (c->sort + step + count) % count;
		if (d->shown[c->sort])
			break;
	}
	c->reverse = false;
}

static void
keys_reverse(struct display *d, int arg)
{
	d->choices[d->view].reverse = !d->choices[d->view].reverse;
}

static void
keys_zeros(struct display *d, int arg)
{
	d->hide_zeros = !d->hide_zeros;
}

static void
keys_average(struct display *d, int arg)
{
	d->span = (enum rates_span)((d->span + 1) % RATES_SPANS);
}

static void
keys_describe(struct display *d, int arg)
{
	enum display_note note = d->view == VIEW_COUNTERS ?
	    DISPLAY_NOTE_ROW : DISPLAY_NOTE_COLUMN;

	d->note = d->note == note ? DISPLAY_NO_NOTE : note;
}

/* From a service to its counters, from a counter to what it counts. */
static void
keys_enter(struct display *d, int arg)
{
	if (d->view != VIEW_SERVICES) {
		keys_describe(d, arg);
		return;
	}
	if (d->chosen == NULL)
		return;
	free(d->service);
	d->service = strdup(d->chosen);
	keys_view(d, VIEW_COUNTERS);
	keys_far(d, -1);
}

static void
keys_back(struct display *d, int arg)
{
	if (d->note != DISPLAY_NO_NOTE) {
		d->note = DISPLAY_NO_NOTE;
		return;
	}
	if (d->view == VIEW_COUNTERS && d->service != NULL) {
		free(d->service);
		d->service = NULL;
		keys_view(d, VIEW_SERVICES);
	}
}

static void
keys_pause(struct display *d, int arg)
{
	d->paused = !d->paused;
}

/* To the next of the steps, from wherever it is. */
static void
keys_interval(struct display *d, int step)
{
	int i;

	if (step > 0) {
		for (i = 0; i < KEYS_INTERVALS - 1 &&
		    keys_intervals[i] <= d->interval; i++)
			;
	} else {
		for (i = KEYS_INTERVALS - 1; i > 0 &&
		    keys_intervals[i] >= d->interval; i--)
			;
	}
	d->interval = keys_intervals[i];
}

/* --- the help ----------------------------------------------------------- */

const char *
keys_help(size_t i, char *buf, size_t size)
{
	size_t k;

	for (k = 0; k < KEYS_COUNT; k++)
		if (keys_table[k].help != NULL && i-- == 0) {
			snprintf(buf, size, "%-13s %s", keys_table[k].names,
			    keys_table[k].help);
			return buf;
		}
	return NULL;
}

/* It goes up and down; any other key ends it. */
static void
keys_in_help(struct display *d, int key)
{
	switch (key) {
	case SCREEN_UP:
	case 'k':
		d->help_first -= d->help_first > 0;
		break;
	case SCREEN_DOWN:
	case 'j':
		d->help_first++;	/* display_draw() bounds it */
		break;
	case SCREEN_RESIZED:
		break;
	default:
		d->help = false;
	}
}

void
keys_press(struct display *d, int key)
{
	size_t k, i;

	if (d->help) {
		keys_in_help(d, key);
		return;
	}
	for (k = 0; k < KEYS_COUNT; k++)
		for (i = 0; i < KEYS_EACH && keys_table[k].keys[i] != 0; i++)
			if (keys_table[k].keys[i] == key) {
				keys_table[k].fn(d, keys_table[k].arg);
				return;
			}
}
