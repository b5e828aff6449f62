/* SPDX-License-Identifier: ISC */
/*
 * The run of top: when it looks, what it tells of the server's coming and
 * going, and the keys.  What is drawn is in display.c.
 */
#include "prongctl/top.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "prongctl/cell.h"
#include "prongctl/display.h"
#include "prongctl/keys.h"
#include "prongctl/look.h"
#include "prongctl/screen.h"
#include "prongctl/trend.h"

#define TOP_FIRST	200	/* ms at most to the first rates */
#define TOP_NEWS	10	/* seconds that news stays */
#define TOP_TICK	100	/* ms between looks at the limit of an answer */

struct top {
	struct look look;
	struct trend trend;
	struct display display;
	double next;		/* when to look again */
	double news_until;	/* when its message goes; 0: it stays */
	double failed_since;	/* no answer; 0: there is one */
	json_int_t pid, generation;	/* of the server that was seen last */
};

/* --- looking ------------------------------------------------------------ */

static void
top_begin(struct top *t)
{
	const struct display *d = &t->display;
	int64_t ms = d->interval;

	t->look.wants_conns = d->view == VIEW_CONNS;
	/* Their rates need a second look. */
	if (t->look.wants_conns && d->data.conns == NULL && ms > TOP_FIRST)
		ms = TOP_FIRST;
	t->next = look_now() + (double)ms / 1000;
}

/* The server is not there, or says no. */
static void
top_lost(struct top *t)
{
	struct display *d = &t->display;
	char why[DISPLAY_MESSAGE / 2];

	if (t->failed_since == 0)
		t->failed_since = look_now();
	cell_safe(error_text(), why, sizeof(why));
	snprintf(d->message, sizeof(d->message), "%s (trying again)", why);
	d->is_lost = true;
	t->news_until = 0;
}

/* Says that the server is there again, or is another one. */
static void
top_tell(struct top *t, bool other)
{
	struct display *d = &t->display;
	json_t *status = t->look.status;
	json_int_t pid = json_integer_value(json_object_get(status, "pid"));
	json_int_t generation;

	generation = json_integer_value(json_object_get(status,
	    "generation"));
	if (t->pid != 0 && (other || pid != t->pid))
		snprintf(d->message, sizeof(d->message), "%s: pid %lld, was "
		    "%lld", other ? "started anew" : "upgraded",
		    (long long)pid, (long long)t->pid);
	else if (t->pid != 0 && generation != t->generation)
		snprintf(d->message, sizeof(d->message), "generation %lld, "
		    "was %lld", (long long)generation,
		    (long long)t->generation);
	else if (t->failed_since != 0)
		snprintf(d->message, sizeof(d->message), "the server answers "
		    "again");
	else
		return;
	t->news_until = look_now() + TOP_NEWS;
}

static int
top_seen(struct top *t)
{
	struct display *d = &t->display;
	struct look *l = &t->look;
	json_int_t generation;
	bool other;

	if (trend_note(&t->trend, l->status, l->wants_conns ? l->conns : NULL,
	    l->at, RATES_SPANS, &other) == -1)
		return -1;
	top_tell(t, other);
	generation = json_integer_value(json_object_get(l->status,
	    "generation"));
	/* Others may count other things. */
	l->wants_counters = t->pid != 0 && (other || t->failed_since != 0 ||
	    generation != t->generation);
	t->pid = t->trend.pid;
	t->generation = generation;
	t->failed_since = 0;
	d->is_lost = false;
	d->data.status = l->status;
	d->data.counters = l->counters;
	d->data.conns = l->wants_conns ? l->conns : NULL;
	d->data.all_conns = l->all_conns;
	return 0;
}

/* Begins a look when it is time, and goes on with one; 1: something is new. */
static int
top_look(struct top *t)
{
	int n = 0;

	if (!look_is_on(&t->look)) {
		if (t->display.paused || look_now() < t->next)
			return 0;
		top_begin(t);
		if (look_begin(&t->look) == -1)
			n = -1;
	} else if ((n = look_go_on(&t->look, false)) == 1) {
		/* It has to be of one piece. */
		n = top_seen(t);
		if (n == 0)
			return 1;
	}
	if (n == -1) {
		top_lost(t);
		return 1;
	}
	return 0;
}

/* --- waiting ------------------------------------------------------------ */

/* ms until something is to be done; -1: nothing is. */
static int
top_patience(const struct top *t)
{
	double until = t->news_until, now = look_now();

	/* The end of its limit, when there is no answer. */
	if (look_is_on(&t->look))
		return TOP_TICK;
	if (!t->display.paused && (until == 0 || t->next < until))
		until = t->next;
	if (until == 0)
		return -1;
	return until <= now ? 0 : (int)fmin(ceil((until - now) * 1000),
	    INT_MAX);
}

/* A key, or the end of some news: 1 if it changes what is seen. */
static int
top_turn(struct top *t)
{
	struct display *d = &t->display;
	enum view_id view = d->view;
	bool paused = d->paused;
	int key, changed = 0;

	while ((key = screen_key()) != SCREEN_NONE) {
		keys_press(d, key);
		changed = 1;
	}
	if (t->news_until != 0 && look_now() >= t->news_until) {
		d->message[0] = '\0';
		t->news_until = 0;
		changed = 1;
	}
	/* What has not been asked for yet, or not for long. */
	if (d->view != view || (paused && !d->paused))
		t->next = look_now();
	if (t->next > look_now() + (double)d->interval / 1000)
		t->next = look_now() + (double)d->interval / 1000;
	return changed;
}

static void
top_loop(struct top *t)
{
	int changed = 1;

	while (!t->display.over) {
		if (changed)
			display_draw(&t->display);
		if (screen_wait(look_is_on(&t->look) ? look_fd(&t->look) : -1,
		    top_patience(t)) == -1)
			break;
		changed = top_turn(t) | top_look(t);
	}
}

int
top_run(const struct top_options *o)
{
	struct top t = { .pid = 0 };
	int n = -1, error;

	look_init(&t.look, o->socket, o->limit);
	trend_init(&t.trend);
	display_init(&t.display, o->interval, o->service);
	t.look.wants_counters = true;
	/* Who is not there at all is told as by any other command. */
	if (screen_check() == 0 && look_begin(&t.look) == 0 &&
	    look_go_on(&t.look, true) == 1 &&
	    (o->service == NULL || look_has_service(t.look.status,
	    o->service)) && top_seen(&t) == 0 &&
	    screen_open() == 0) {
		t.next = look_now() + TOP_FIRST / 1000.0;
		top_loop(&t);
		n = 0;
	}
	error = errno;
	screen_close();
	display_fini(&t.display);
	look_fini(&t.look);
	trend_fini(&t.trend);
	errno = error;
	return n;
}
