/* SPDX-License-Identifier: ISC */
/*
 * From the rows of a view to lines: which rows, in which order, which columns,
 * how wide.
 */
#include "prongctl/sheet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define SHEET_LEAST	8	/* of a text, where there is no room at all */

/* --- rows --------------------------------------------------------------- */

/* Names go up and amounts down; in doubt as the server has them. */
static int
sheet_compare(const void *va, const void *vb, void *arg)
{
	const struct sheet_row *a = va, *b = vb;
	const struct sheet *s = arg;
	const struct view_column *c = &s->view->columns[s->choice.sort];
	int n = 0;

	if (a->text != NULL && b->text != NULL)
		n = strcmp(a->text, b->text);
	else if (isnan(a->number) != isnan(b->number))
		return isnan(a->number) ? 1 : -1;	/* always last */
	else if (!isnan(a->number))
		n = (a->number > b->number) - (a->number < b->number);
	if (n != 0 && c->kind >= VIEW_COUNT)
		n = -n;
	if (n == 0)
		n = a->at < b->at ? -1 : 1;
	return s->choice.reverse ? -n : n;
}

/* Whether rows stay in the server's order, or are turned round. */
static bool
sheet_is_in_order(const struct sheet *s)
{
	return s->choice.sort == 0 && s->view->in_order;
}

static int
sheet_add(struct sheet *s, const json_t *json, size_t at)
{
	const struct view_column *c = &s->view->columns[s->choice.sort];
	struct sheet_row *row = &s->rows[s->count];

	if (s->choice.hide_zeros && view_is_zero(s->view, json,
	    s->choice.span)) {
		s->hidden++;
		return 0;
	}
	row->json = json;
	row->at = at;
	row->text = NULL;
	row->number = view_number(c, json, s->choice.span);
	if (c->kind == VIEW_TEXT && !sheet_is_in_order(s) &&
	    (row->text = view_text(c, json, s->choice.span, true)) == NULL)
		return -1;
	s->count++;
	return 0;
}

int
sheet_make(struct sheet *s, const struct view_data *data,
    const struct view *view, const struct sheet_choice *choice)
{
	bool is_sum = false;
	json_t *row;
	size_t i, n;

	memset(s, 0, sizeof(*s));
	s->view = view;
	s->choice = *choice;
	s->list = view->rows(data, &is_sum);
	n = json_array_size(s->list);
	if ((s->rows = calloc(n + 1, sizeof(*s->rows))) == NULL)
		goto fail;
	if (is_sum)
		s->sum = json_array_get(s->list, --n);
	json_array_foreach(s->list, i, row)
		if (i < n && sheet_add(s, row, i) == -1)
			goto fail;
	qsort_r(s->rows, s->count, sizeof(*s->rows), sheet_compare, s);
	sheet_fit(s, 0);
	return 0;
fail:
	sheet_free(s);
	return error_set(ENOMEM, "no memory");
}

void
sheet_free(struct sheet *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		free(s->rows[i].text);
	free(s->rows);
	json_decref(s->list);
	memset(s, 0, sizeof(*s));
}

/* --- columns ------------------------------------------------------------ */

/* The width of a cell; what there is no memory for is not wide. */
static int
sheet_cell_width(const struct sheet *s, const struct view_column *c,
    const json_t *row)
{
	char *text = view_text(c, row, s->choice.span, s->exact);
	size_t width = text == NULL ? 0 : strlen(text);

	free(text);
	return width < SHEET_LINE ? (int)width : SHEET_LINE;
}

/* Whether any row has what a column shows; "-" alone is no news. */
static bool
sheet_is_used(const struct sheet *s, const struct view_column *c)
{
	bool used = c == s->view->columns;
	char *text;
	size_t i;

	for (i = 0; i < s->count && !used; i++) {
		if (c->kind != VIEW_TEXT) {
			used = view_has(c, s->rows[i].json, s->choice.span);
			continue;
		}
		text = view_text(c, s->rows[i].json, s->choice.span, true);
		used = text == NULL || strcmp(text, "-") != 0;
		free(text);
	}
	return used;
}

/* Wide enough for its title and all its cells. */
static int
sheet_natural(const struct sheet *s, const struct view_column *c)
{
	int width = view_width(c, s->exact), title = (int)strlen(c->title), n;
	size_t i, rows = width > 0 ? 0 : s->count + (s->sum != NULL);

	for (i = 0; i < rows; i++) {
		n = sheet_cell_width(s, c, i < s->count ? s->rows[i].json :
		    s->sum);
		width = n > width ? n : width;
	}
	return width > title ? width : title;
}

static int
sheet_total(const struct sheet *s)
{
	int total = -1;
	size_t i;

	for (i = 0; i < view_column_count(s->view); i++)
		if (s->shown[i])
			total += s->width[i] + 1;
	return total;
}

/* Leaves out the column that is missed least; false: there is none. */
static bool
sheet_drop(struct sheet *s)
{
	size_t i, drop = 0;

	for (i = 1; i < view_column_count(s->view); i++)
		if (s->shown[i] && (drop == 0 || s->view->columns[i].drop >
		    s->view->columns[drop].drop))
			drop = i;
	if (drop == 0 || s->view->columns[drop].drop == 0)
		return false;
	s->shown[drop] = false;
	return true;
}

/* Some texts may rather be cut than something else left out. */
static void
sheet_squeeze(struct sheet *s, int width, bool all)
{
	int i, over, room, least;

	for (i = (int)view_column_count(s->view) - 1; i >= 0; i--) {
		least = s->view->columns[i].least;
		if (all)
			least = SHEET_LEAST;
		if (!s->shown[i] || s->view->columns[i].kind != VIEW_TEXT ||
		    least == 0)
			continue;
		over = sheet_total(s) - width;
		room = s->width[i] - least;
		if (over > 0 && room > 0)
			s->width[i] -= over < room ? over : room;
	}
}

static void
sheet_measure(struct sheet *s, bool exact)
{
	size_t i;

	s->exact = exact;
	for (i = 0; i < view_column_count(s->view); i++) {
		s->width[i] = sheet_natural(s, &s->view->columns[i]);
		s->shown[i] = sheet_is_used(s, &s->view->columns[i]);
	}
}

void
sheet_fit(struct sheet *s, int width)
{
	sheet_measure(s, true);
	if (width <= 0 || width >= SHEET_LINE)
		width = SHEET_LINE - 1;
	sheet_squeeze(s, width, false);
	if (sheet_total(s) > width) {
		sheet_measure(s, false);
		sheet_squeeze(s, width, false);
	}
	while (sheet_total(s) > width && sheet_drop(s))
		;
	sheet_squeeze(s, width, true);
}

int
sheet_place(const struct sheet *s, int column, int *at)
{
	int i;

	*at = 0;
	for (i = 0; i < column; i++)
		if (s->shown[i])
			*at += s->width[i] + 1;
	return s->shown[column] ? s->width[column] : 0;
}

/* --- lines -------------------------------------------------------------- */

/* Appends a cell; a text that is too long says so by its end. */
static void
sheet_append(const struct sheet *s, int column, const char *text,
    char buf[SHEET_LINE])
{
	const struct view_column *c = &s->view->columns[column];
	int at, width = sheet_place(s, column, &at);
	bool cut = strlen(text) > (size_t)width && width > 0;

	if (at + width >= SHEET_LINE)
		return;
	/* What is before it is filled up. */
	for (size_t n = strlen(buf); n < (size_t)at; n++)
		strlcpy(buf + n, " ", SHEET_LINE - n);
	if (cut)
		snprintf(buf + at, (size_t)(SHEET_LINE - at), "%.*s~",
		    width - 1, text);
	else
		snprintf(buf + at, (size_t)(SHEET_LINE - at), "%*s",
		    c->kind == VIEW_TEXT ? -width : width, text);
}

/* The spaces at its end are not part of a line. */
static const char *
sheet_trim(char buf[SHEET_LINE])
{
	size_t n = strlen(buf);

	while (n > 0 && buf[n - 1] == ' ')
		buf[--n] = '\0';
	return buf;
}

const char *
sheet_heading(const struct sheet *s, char buf[SHEET_LINE])
{
	size_t i;

	*buf = '\0';
	for (i = 0; i < view_column_count(s->view); i++)
		if (s->shown[i])
			sheet_append(s, (int)i, s->view->columns[i].title, buf);
	return sheet_trim(buf);
}

const char *
sheet_line(const struct sheet *s, const json_t *row, char buf[SHEET_LINE])
{
	char *text;
	size_t i;

	*buf = '\0';
	for (i = 0; i < view_column_count(s->view); i++) {
		if (!s->shown[i])
			continue;
		text = view_text(&s->view->columns[i], row, s->choice.span,
		    s->exact);
		sheet_append(s, (int)i, text != NULL ? text : "?", buf);
		free(text);
	}
	return sheet_trim(buf);
}

/* --- names -------------------------------------------------------------- */

char *
sheet_name(const struct sheet *s, size_t row)
{
	const json_t *json = s->rows[row].json;
	const char *service;
	char *first = view_text(&s->view->columns[0], json, RATES_NOW, true);
	char *name = NULL;

	/* Handlers of two services may call their counters alike. */
	service = s->view == &view_table[VIEW_COUNTERS] ?
	    json_string_value(json_object_get(json, "service")) : NULL;
	if (first != NULL && service != NULL &&
	    asprintf(&name, "%s %s", first, service) == -1)
		name = NULL;
	if (service == NULL)
		return first;
	free(first);
	return name;
}

long
sheet_find(const struct sheet *s, const char *name)
{
	char *other;
	size_t i;
	bool same;

	for (i = 0; i < s->count; i++) {
		other = sheet_name(s, i);
		same = other != NULL && strcmp(other, name) == 0;
		free(other);
		if (same)
			return (long)i;
	}
	return -1;
}
