/* SPDX-License-Identifier: ISC */
/*
 * Which numbers of a status grow, and what they are remembered by.
 */
#include "prongctl/trend.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define TREND_NAME	512	/* room for what a counter is remembered by */
#define TREND_SLACK	1	/* seconds that an answer may be late */

const char *const trend_members[RATES_SPANS] = {
	[RATES_NOW] = "rates",
	[RATES_10S] = "rates_10s",
	[RATES_100S] = "rates_100s",
};

/* Where it is counted, and what of it. */
struct trend_place {
	struct trend *trend;
	json_t *row;		/* gets the rates */
	char whose[TREND_NAME / 2];
	double at;
	int spans;
};

void
trend_init(struct trend *t)
{
	memset(t, 0, sizeof(*t));
	rates_init(&t->rates);
}

void
trend_fini(struct trend *t)
{
	rates_fini(&t->rates);
}

/* The object of a row for a span, made when it is wanted first. */
static json_t *
trend_member(json_t *row, int span)
{
	json_t *object = json_object_get(row, trend_members[span]);

	if (object == NULL && json_object_set_new(row, trend_members[span],
	    json_object()) == 0)
		object = json_object_get(row, trend_members[span]);
	return object;
}

static int
trend_count(const struct trend_place *p, const char *name, const json_t *value)
{
	const struct rate *rate;
	char whole[TREND_NAME];
	double x;
	int i;

	if (!json_is_integer(value))
		return 0;
	snprintf(whole, sizeof(whole), "%s %s", p->whose, name);
	rate = rates_count(&p->trend->rates, whole, json_integer_value(value),
	    p->at);
	if (rate == NULL)
		return -1;
	for (i = 0; i < p->spans; i++) {
		x = rate_per_second(rate, (enum rates_span)i);
		if (json_object_set_new(trend_member(p->row, i), name,
		    isnan(x) ? json_null() : json_real(x)) == -1)
			return -1;
	}
	return 0;
}

/* Whether a number of an object of counters is one that only grows. */
static bool
trend_grows(const char *name)
{
	return strcmp(name, "active") != 0 && strcmp(name, "uptime") != 0;
}

static int
trend_count_all(const struct trend_place *p, json_t *counters)
{
	const char *name;
	json_t *value;

	json_object_foreach(counters, name, value)
		if (trend_grows(name) && trend_count(p, name, value) == -1)
			return -1;
	return 0;
}

/* --- rows --------------------------------------------------------------- */

static int
trend_service(struct trend_place *p)
{
	const char *name;

	name = json_string_value(json_object_get(p->row, "name"));
	snprintf(p->whose, sizeof(p->whose), "service %s",
	    name != NULL ? name : "");
	if (trend_count_all(p, json_object_get(p->row, "counters")) == -1)
		return -1;
	return trend_count_all(p, json_object_get(p->row, "own"));
}

/* What a successor has counted is its own, though the slot is the same. */
static int
trend_worker(struct trend_place *p)
{
	static const char *const counted[] = { "loops", "messages" };
	size_t i;

	snprintf(p->whose, sizeof(p->whose), "process %lld %lld",
	    (long long)json_integer_value(json_object_get(p->row, "slot")),
	    (long long)json_integer_value(json_object_get(p->row, "pid")));
	for (i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
		if (trend_count(p, counted[i], json_object_get(p->row,
		    counted[i])) == -1)
			return -1;
	return 0;
}

static int
trend_conn(struct trend_place *p)
{
	snprintf(p->whose, sizeof(p->whose), "connection %lld",
	    (long long)json_integer_value(json_object_get(p->row, "id")));
	if (trend_count(p, "bytes_in", json_object_get(p->row,
	    "bytes_in")) == -1)
		return -1;
	return trend_count(p, "bytes_out", json_object_get(p->row,
	    "bytes_out"));
}

static int
trend_rows(struct trend_place *p, json_t *rows, int (*fn)(struct trend_place *))
{
	size_t i;

	json_array_foreach(rows, i, p->row)
		if (json_is_object(p->row) && fn(p) == -1)
			return -1;
	return 0;
}

/* --- a look ------------------------------------------------------------- */

/*
 * Whether somebody else answers: one that is younger than the last was, or was
 * started after it was seen last.  After an upgrade the pid is new, but all
 * else goes on.
 */
static bool
trend_is_other(struct trend *t, const json_t *status, double at)
{
	json_int_t pid = json_integer_value(json_object_get(status, "pid"));
	double uptime = json_number_value(json_object_get(status, "uptime"));
	bool other = t->pid != 0 && (uptime < t->uptime ||
	    (pid != t->pid && at - uptime > t->at - TREND_SLACK));

	t->pid = pid;
	t->uptime = uptime;
	t->at = at;
	return other;
}

int
trend_note(struct trend *t, json_t *status, json_t *conns, double at,
    int spans, bool *other)
{
	struct trend_place p = { .trend = t, .at = at, .spans = spans };

	*other = trend_is_other(t, status, at);
	if (*other)
		rates_fini(&t->rates);
	if (trend_rows(&p, json_object_get(status, "services"),
	    trend_service) == -1 ||
	    trend_rows(&p, json_object_get(status, "workers"),
	    trend_worker) == -1 ||
	    trend_rows(&p, conns, trend_conn) == -1)
		return error_set(ENOMEM, "no memory");
	p.row = status;
	strlcpy(p.whose, "totals", sizeof(p.whose));
	if (trend_count_all(&p, json_object_get(status, "totals")) == -1)
		return error_set(ENOMEM, "no memory");
	rates_sweep(&t->rates);
	return 0;
}
