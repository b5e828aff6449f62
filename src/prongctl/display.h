/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_DISPLAY_H
#define PRONGCTL_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prongctl/rates.h"
#include "prongctl/view.h"

/* The screen of top: what is on it, and what was chosen of that. */

#define DISPLAY_MESSAGE	512

enum display_note {
	DISPLAY_NO_NOTE,
	DISPLAY_NOTE_COLUMN,	/* what the column is that it is sorted by */
	DISPLAY_NOTE_ROW,	/* what the counter counts */
};

/* What was chosen of a view. */
struct display_choice {
	int sort;
	bool reverse;
	size_t cursor;		/* the row that is chosen */
	size_t first;		/* the first that is seen */
	char *name;		/* of the row, to stay with it; NULL: the top */
};

struct display {
	struct view_data data;	/* not ours */
	enum view_id view;
	struct display_choice choices[VIEWS];
	enum rates_span span;
	bool hide_zeros, paused, over;
	int64_t interval;	/* ms */
	char *service;		/* whose counters; NULL: of all */
	enum display_note note;
	bool help;		/* the keys, instead of all else */
	size_t help_first;	/* the first of its lines that is seen */
	bool is_lost;		/* there is no server at the moment */
	char message[DISPLAY_MESSAGE];	/* "": there is none */
	/* As it was drawn last. */
	bool moved;		/* the cursor has been, since */
	bool shown[VIEW_COLUMNS];
	size_t rows, page;	/* how many there are, and have room */
	char *chosen;		/* the name of the chosen row */
};

/* service may be NULL. */
void display_init(struct display *, int64_t interval, const char *service);
void display_fini(struct display *);

void display_draw(struct display *);

#endif
