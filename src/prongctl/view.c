/* SPDX-License-Identifier: ISC */
/*
 * The views of top: which rows and columns each has, and what their cells say.
 */
#include "prongctl/view.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "prongctl/figure.h"
#include "prongctl/cell_process.h"
#include "prongctl/trend.h"

static json_t *view_services(const struct view_data *, bool *);
static json_t *view_workers(const struct view_data *, bool *);
static json_t *view_conns(const struct view_data *, bool *);
static json_t *view_counters(const struct view_data *, bool *);
static cell_fn view_service_state;

const struct view view_table[VIEWS] = {
	[VIEW_SERVICES] = { "services", view_services, {
		{ "SERVICE", VIEW_TEXT, "name", 0,
		  "the service, in the order of the configuration",
		  .least = 12 },
		{ "ACTIVE", VIEW_COUNT, "active", 3 },
		{ "ACC/s", VIEW_RATE, "accepted", 2 },
		{ "MSG/s", VIEW_RATE, "messages", 1 },
		{ "IN/s", VIEW_BYTE_RATE, "bytes_in", 4 },
		{ "OUT/s", VIEW_BYTE_RATE, "bytes_out", 5 },
		{ "REF/s", VIEW_RATE, "refused_*", 6,
		  "connections refused, for whatever reason: the sum of the "
		  "counters refused_*", .alarm = true },
		{ "ERR/s", VIEW_RATE,
		  "closed_error closed_crash handler_errors", 7,
		  "connections that an error or a crash has ended, and "
		  "failures of the handler: the sum of the counters "
		  "closed_error, closed_crash and handler_errors",
		  .alarm = true },
		{ "STATE", VIEW_TEXT, "paused", 8,
		  "whether it takes connections", .cell = view_service_state },
		{ "ACCEPTED", VIEW_COUNT, "accepted", 9, .object = "counters" },
		{ "MESSAGES", VIEW_COUNT, "messages", 10,
		  .object = "counters" },
	  }, 0, "no services", true },
	[VIEW_WORKERS] = { "workers", view_workers, {
		{ "SLOT", VIEW_NUMBER, "slot", 0,
		  "its place in shared memory, which its successors get" },
		{ "PID", VIEW_NUMBER, "pid", 4, "the process ID" },
		{ "ROLE", VIEW_TEXT, "role", 6,
		  "worker, forker, or a process of a pool",
		  .cell = cell_process_role },
		{ "STATE", VIEW_TEXT, "state", 1,
		  "starting, ready, late (no sign of life), full (no "
		  "descriptors left), draining or dead",
		  .cell = cell_process_state },
		{ "GEN", VIEW_NUMBER, "generation", 5,
		  "the generation: one more with each reload and upgrade" },
		{ "ACTIVE", VIEW_COUNT, "active", 2,
		  "connections that it has now" },
		{ "MSG/s", VIEW_RATE, "messages", 3,
		  "messages given to handlers in it" },
		{ "LOOP/s", VIEW_RATE, "loops", 7, "turns of its event loop" },
		{ "BEAT", VIEW_TIME, "last_beat", 8,
		  "how long ago it gave a sign of life" },
		{ "THREADS", VIEW_TEXT, "threads", 9,
		  "threads at work, and how many there are or may be",
		  .cell = cell_process_threads },
		{ "WAIT", VIEW_COUNT, "waiting", 10,
		  "connections that wait for a thread or a process" },
	  }, 0, "no processes" },
	[VIEW_CONNS] = { "connections", view_conns, {
		{ "ID", VIEW_NUMBER, "id", 5,
		  "its number, for prongctl close" },
		{ "SERVICE", VIEW_TEXT, "service", 4, "the service",
		  .least = 12 },
		{ "PEER", VIEW_TEXT, "peer", 0, "the address of the client" },
		{ "B/s", VIEW_BYTE_RATE, "bytes_in bytes_out", 1,
		  "bytes received and sent" },
		{ "AGE", VIEW_TIME, "age", 3, "how long it has been open" },
		{ "IDLE", VIEW_TIME, "idle", 6,
		  "how long nothing was received or sent" },
		{ "IN", VIEW_BYTES, "bytes_in", 7 },
		{ "OUT", VIEW_BYTES, "bytes_out", 8 },
		{ "WORKER", VIEW_NUMBER, "worker", 10,
		  "the slot of the process that has it" },
		{ "STATE", VIEW_TEXT, "state", 9,
		  "open, paused (nothing is read), closing (the rest is sent) "
		  "or lingering (until the client ends it too)" },
	  }, 3, "no connections" },
	[VIEW_COUNTERS] = { "counters", view_counters, {
		{ "NAME", VIEW_TEXT, "name", 0,
		  "the counter, in the server's order; press Enter on it for "
		  "its description", .least = 16 },
		{ "VALUE", VIEW_COUNT, "value", 2,
		  "what it has counted since the start of the server" },
		{ "NOW", VIEW_RATE, "value", 1,
		  "per second, in the last interval", .object = "rates" },
		{ "10S", VIEW_RATE, "value", 3,
		  "per second, on the average of the last 10 seconds",
		  .object = "rates_10s" },
		{ "100S", VIEW_RATE, "value", 4,
		  "per second, on the average of the last 100 seconds",
		  .object = "rates_100s" },
		{ "SERVICE", VIEW_TEXT, "service", 5,
		  "the service whose handler counts it", .least = 12 },
		{ "DESCRIPTION", VIEW_TEXT, "help", 6, "what it counts",
		  .least = 20 },
	  }, 0, "no counters", true },
};

size_t
view_column_count(const struct view *view)
{
	size_t n = 0;

	while (n < VIEW_COLUMNS && view->columns[n].title != NULL)
		n++;
	return n;
}

/* --- rows --------------------------------------------------------------- */

/* The sum stands below several. */
static json_t *
view_services(const struct view_data *data, bool *is_sum)
{
	json_t *rows = json_copy(json_object_get(data->status, "services"));
	json_t *totals = json_object_get(data->status, "totals"), *sum;
	size_t i;

	*is_sum = json_array_size(rows) > 1 && json_is_object(totals);
	if (!*is_sum)
		return rows;
	sum = json_pack("{s:s, s:O, s:O?}", "name", "(all)", "counters",
	    totals, "active", json_object_get(totals, "active"));
	for (i = 0; i < RATES_SPANS; i++)
		json_object_set(sum, trend_members[i], json_object_get(
		    data->status, trend_members[i]));
	json_array_append_new(rows, sum);
	return rows;
}

static json_t *
view_workers(const struct view_data *data, bool *is_sum)
{
	*is_sum = false;
	return json_incref(json_object_get(data->status, "workers"));
}

static json_t *
view_conns(const struct view_data *data, bool *is_sum)
{
	*is_sum = false;
	return json_incref(data->conns);
}

/* The entry of a counter in the list of descriptions; NULL: it has none. */
static const json_t *
view_help(const struct view_data *data, const char *name, const char *service)
{
	const char *text;
	json_t *row;
	size_t i;

	json_array_foreach(data->counters, i, row) {
		text = json_string_value(json_object_get(row, "name"));
		if (text == NULL || strcmp(text, name) != 0)
			continue;
		text = json_string_value(json_object_get(row, "service"));
		/* The general ones are of no service. */
		if (text == NULL || (service != NULL &&
		    strcmp(text, service) == 0))
			return json_object_get(row, "help");
	}
	return NULL;
}

/* Adds a row for each counter of an object; own: the service's handler's. */
static void
view_add_counters(json_t *rows, const struct view_data *data,
    const json_t *of, json_t *counters, const char *own)
{
	const char *name;
	json_t *row, *value;
	size_t i;

	json_object_foreach(counters, name, value) {
		row = json_pack("{s:s, s:O, s:s*, s:O*}", "name", name,
		    "value", value, "service", own,
		    "help", view_help(data, name, own));
		for (i = 0; i < RATES_SPANS; i++)
			json_object_set_new(row, trend_members[i], json_pack(
			    "{s:O*}", "value", json_object_get(json_object_get(
			    of, trend_members[i]), name)));
		json_array_append_new(rows, row);
	}
}

static json_t *
view_counters(const struct view_data *data, bool *is_sum)
{
	json_t *services = json_object_get(data->status, "services"), *row;
	json_t *rows = json_array(), *gauge;
	const char *name;
	size_t i;

	*is_sum = false;
	if (data->service == NULL)
		view_add_counters(rows, data, data->status,
		    json_object_get(data->status, "totals"), NULL);
	json_array_foreach(services, i, row) {
		name = json_string_value(json_object_get(row, "name"));
		if (name == NULL || (data->service != NULL &&
		    strcmp(name, data->service) != 0))
			continue;
		if (data->service != NULL) {
			gauge = json_pack("{s:O?}", "active",
			    json_object_get(row, "active"));
			view_add_counters(rows, data, row,
			    json_object_get(row, "counters"), NULL);
			view_add_counters(rows, data, row, gauge, NULL);
			json_decref(gauge);
		}
		view_add_counters(rows, data, row, json_object_get(row, "own"),
		    name);
	}
	return rows;
}

/* --- cells -------------------------------------------------------------- */

/* The sum of all services is in no state. */
static char *
view_service_state(const json_t *row, const char *key)
{
	const json_t *paused = json_object_get(row, key);

	return strdup(json_is_true(paused) ? "paused" :
	    json_is_false(paused) ? "serving" : "-");
}

static bool
view_is_rate(const struct view_column *c)
{
	return c->kind == VIEW_RATE || c->kind == VIEW_BYTE_RATE;
}

/* The object of a row that has what a column shows. */
static json_t *
view_object(const struct view_column *c, const json_t *row,
    enum rates_span span)
{
	if (c->object != NULL)
		return json_object_get(row, c->object);
	return json_object_get(row, trend_members[span]);
}

/* Calls fn for each member that the words of a column mean. */
static void
view_each(const struct view_column *c, json_t *object,
    void (*fn)(const json_t *, void *), void *arg)
{
	const char *word = c->keys, *name;
	json_t *value;
	size_t len;
	bool all;

	for (; *word != '\0'; word += strcspn(word, " "),
	    word += strspn(word, " ")) {
		len = strcspn(word, " ");
		all = len > 0 && word[len - 1] == '*';
		len -= all;
		json_object_foreach(object, name, value)
			if (strncmp(name, word, len) == 0 &&
			    (all || name[len] == '\0'))
				fn(value, arg);
	}
}

static void
view_add(const json_t *value, void *arg)
{
	double *sum = arg, x = json_number_value(value);

	if (json_is_number(value))
		*sum = isnan(*sum) ? x : *sum + x;
}

static void
view_found(const json_t *value, void *arg)
{
	*(bool *)arg = true;
}

double
view_number(const struct view_column *c, const json_t *row,
    enum rates_span span)
{
	double sum = NAN;

	if (c->kind == VIEW_TEXT)
		return NAN;
	/* A member alone needs no look at all the others. */
	if (c->object == NULL && !view_is_rate(c))
		view_add(json_object_get(row, c->keys), &sum);
	else
		view_each(c, view_object(c, row, span), view_add, &sum);
	return sum;
}

bool
view_has(const struct view_column *c, const json_t *row, enum rates_span span)
{
	bool found = false;

	if (c->object == NULL && !view_is_rate(c))
		return json_object_get(row, c->keys) != NULL;
	view_each(c, view_object(c, row, span), view_found, &found);
	return found;
}

/* What is exact has all its digits, as long as a double has them. */
static const char *
view_format(const struct view_column *c, double x, bool exact,
    char buf[CELL_SHORT])
{
	json_t *seconds;

	switch (c->kind) {
	case VIEW_COUNT:
	case VIEW_NUMBER:
		if (isnan(x) || (!exact && c->kind == VIEW_COUNT))
			return figure_count(x, buf);
		snprintf(buf, CELL_SHORT, "%.0f", x);
		return buf;
	case VIEW_BYTES:
	case VIEW_BYTE_RATE:
		return figure_bytes(x, buf);
	case VIEW_TIME:
		seconds = json_real(x);
		cell_format_duration(seconds, buf);
		json_decref(seconds);
		return buf;
	default:
		return figure_count(x, buf);
	}
}

char *
view_text(const struct view_column *c, const json_t *row,
    enum rates_span span, bool exact)
{
	char buf[CELL_SHORT];

	if (c->cell != NULL)
		return c->cell(row, c->keys);
	if (c->kind == VIEW_TEXT)
		return cell_string(row, c->keys);
	return strdup(view_format(c, view_number(c, row, span), exact, buf));
}

int
view_width(const struct view_column *c, bool exact)
{
	switch (c->kind) {
	case VIEW_COUNT:
		return exact ? 0 : FIGURE_WIDTH;
	case VIEW_BYTES:
	case VIEW_BYTE_RATE:
	case VIEW_RATE:
		return FIGURE_WIDTH;
	case VIEW_TIME:
		return (int)strlen("23h 59m");
	default:
		return 0;
	}
}

bool
view_is_alarm(const struct view *view, const json_t *row,
    enum rates_span span)
{
	const struct view_column *c;

	for (c = view->columns; c < view->columns + VIEW_COLUMNS &&
	    c->title != NULL; c++)
		if (c->alarm && view_number(c, row, span) > 0)
			return true;
	return cell_process_is_wrong(row) ||
	    json_is_true(json_object_get(row, "paused"));
}

bool
view_is_zero(const struct view *view, const json_t *row, enum rates_span span)
{
	const struct view_column *c;

	for (c = view->columns; c < view->columns + VIEW_COLUMNS &&
	    c->title != NULL; c++)
		if ((c->kind == VIEW_COUNT || view_is_rate(c)) &&
		    view_number(c, row, span) > 0)
			return false;
	return true;
}

/* --- descriptions ------------------------------------------------------- */

/* "accepted 1234: connections accepted"; a service's own says whose it is. */
static char *
view_describe_counter(const json_t *row)
{
	char *name = cell_string(row, "name");
	char *value = cell_number(row, "value");
	char *help = cell_string(row, "help");
	char *of = cell_string(row, "service"), *text = NULL;
	bool own = json_is_string(json_object_get(row, "service"));

	if (name != NULL && value != NULL && help != NULL && of != NULL)
		strings_append(&text, "%s = %s: %s%s%s%s", name, value, help,
		    own ? " (service " : "", own ? of : "", own ? ")" : "");
	free(name);
	free(value);
	free(help);
	free(of);
	return text;
}

char *
view_describe(const struct view_data *data, const struct view *view,
    const struct view_column *c, const json_t *row)
{
	const char *help = c->help;
	json_t *found;
	char *text = NULL, *safe;

	if (row != NULL && view == &view_table[VIEW_COUNTERS])
		return view_describe_counter(row);
	if (help != NULL)
		return asprintf(&text, "%s: %s%s", c->title, help,
		    view_is_rate(c) && c->object == NULL ? ", per second" :
		    "") == -1 ? NULL : text;
	found = json_pack("{s:O*}", "help", view_help(data, c->keys, NULL));
	safe = cell_string(found, "help");
	json_decref(found);
	if (safe != NULL && asprintf(&text, "%s: %s%s", c->title, safe,
	    view_is_rate(c) ? ", per second" : "") == -1)
		text = NULL;
	free(safe);
	return text;
}
