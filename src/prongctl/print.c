/* SPDX-License-Identifier: ISC */
/*
 * Results as people read them: which columns each table has, and the lines
 * above the tables.
 */
#include "prongctl/print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strings.h"
#include "prongctl/cell.h"
#include "prongctl/cell_process.h"
#include "prongctl/table.h"

/* --- tables ------------------------------------------------------------- */

/* One screen for status: what tells whether a service is well. */
static const struct table_column print_status_columns[] = {
	{ "SERVICE", cell_string, "name", SCOLS_FL_TRUNC },
	{ "ACTIVE", cell_integer, "active", SCOLS_FL_RIGHT },
	{ "ACCEPTED", cell_counter, "accepted", SCOLS_FL_RIGHT, .drop = 2 },
	{ "REFUSED", cell_counter_sum, "refused_", SCOLS_FL_RIGHT, .drop = 4 },
	{ "CLOSED", cell_counter_sum, "closed_", SCOLS_FL_RIGHT, .drop = 6 },
	{ "ERRORS", cell_counter_sum, "closed_error closed_crash",
	  SCOLS_FL_RIGHT, .drop = 3 },
	{ "MESSAGES", cell_counter, "messages", SCOLS_FL_RIGHT, .drop = 1 },
	{ "IN", cell_counter_bytes, "bytes_in", SCOLS_FL_RIGHT, .drop = 7 },
	{ "OUT", cell_counter_bytes, "bytes_out", SCOLS_FL_RIGHT, .drop = 8 },
	{ "LISTEN", cell_list, "listen", SCOLS_FL_WRAP, .drop = 5 },
	{ NULL }
};

/* Whether it takes connections; a server that cannot pause does. */
static char *
print_service_state(const json_t *row, const char *key)
{
	return strdup(json_is_true(json_object_get(row, key)) ? "paused" :
	    "serving");
}

/* Threads at work, or how many children. */
static char *
print_busy(const json_t *row, const char *key)
{
	return cell_amount(row, "children") > 0 ?
	    cell_integer(row, "children") : cell_process_threads(row, key);
}

static char *
print_wait(const json_t *row, const char *key)
{
	json_int_t n = cell_process_waiting(row);
	char *text;

	if (n == 0)
		return strdup("-");
	return asprintf(&text, "%" JSON_INTEGER_FORMAT, n) == -1 ? NULL : text;
}

static const struct table_column print_service_columns[] = {
	{ "SERVICE", cell_string, "name", SCOLS_FL_TRUNC },
	{ "HANDLER", cell_string, "handler", SCOLS_FL_TRUNC, .drop = 4 },
	{ "DISPATCH", cell_string, "dispatch", 0, .drop = 6 },
	{ "FRAMING", cell_string, "framing", 0, .drop = 7 },
	{ "ACCEPT", cell_string, "accept", 0, .drop = 8 },
	{ "STATE", print_service_state, "paused", 0,
	  .drop = 2, .is_state = true },
	{ "ACTIVE", cell_integer, "active", SCOLS_FL_RIGHT, .drop = 3 },
	{ "BUSY", print_busy, "threads", SCOLS_FL_RIGHT, true, .drop = 5 },
	{ "WAIT", print_wait, "waiting", SCOLS_FL_RIGHT, true, .drop = 1 },
	{ "LISTEN", cell_list, "listen", SCOLS_FL_WRAP },
	{ NULL }
};

#define PRINT_WORKER_COLUMNS \
	{ "SLOT", cell_integer, "slot", SCOLS_FL_RIGHT }, \
	{ "PID", cell_integer, "pid", SCOLS_FL_RIGHT, .drop = 1 }, \
	{ "ROLE", cell_process_role, "role", 0, .drop = 3 }, \
	{ "STATE", cell_process_state, "state", 0, .is_state = true }, \
	{ "GENERATION", cell_integer, "generation", SCOLS_FL_RIGHT, .drop = 5 }, \
	{ "STARTED", cell_duration, "started", SCOLS_FL_RIGHT, .drop = 6 }, \
	{ "BEAT", cell_duration, "last_beat", SCOLS_FL_RIGHT, .drop = 4 }, \
	{ "ACTIVE", cell_integer, "active", SCOLS_FL_RIGHT, .drop = 2 }, \
	{ "THREADS", cell_process_threads, "threads", SCOLS_FL_RIGHT, \
	  .drop = 7 }, \
	{ "WAITING", cell_integer, "waiting", SCOLS_FL_RIGHT, .drop = 8 }, \
	{ "LOOPS", cell_integer, "loops", SCOLS_FL_RIGHT, .drop = 9 }

/* Beside the services there is no room for more. */
static const struct table_column print_status_worker_columns[] = {
	PRINT_WORKER_COLUMNS,
	{ NULL }
};

static const struct table_column print_worker_columns[] = {
	PRINT_WORKER_COLUMNS,
	{ "SANDBOX", cell_string, "sandbox", 0, .drop = 10 },
	{ NULL }
};

static const struct table_column print_conn_columns[] = {
	{ "ID", cell_integer, "id", SCOLS_FL_RIGHT },
	{ "SERVICE", cell_string, "service", SCOLS_FL_TRUNC, .drop = 3 },
	{ "WORKER", cell_integer, "worker", SCOLS_FL_RIGHT, .drop = 7 },
	{ "PEER", cell_string, "peer", SCOLS_FL_WRAP },
	{ "AGE", cell_duration, "age", SCOLS_FL_RIGHT, .drop = 1 },
	{ "IDLE", cell_duration, "idle", SCOLS_FL_RIGHT, .drop = 4 },
	{ "IN", cell_bytes, "bytes_in", SCOLS_FL_RIGHT, .drop = 5 },
	{ "OUT", cell_bytes, "bytes_out", SCOLS_FL_RIGHT, .drop = 6 },
	{ "STATE", cell_string, "state", 0, .drop = 2 },
	{ NULL }
};

static const struct table_column print_counter_columns[] = {
	{ "NAME", cell_string, "name", SCOLS_FL_TRUNC },
	{ "VALUE", cell_integer, "value", SCOLS_FL_RIGHT },
	{ "DESCRIPTION", cell_string, "help", SCOLS_FL_WRAP,
	  .drop = 1, .least = 16 },
	{ NULL }
};

/* Where there are any of a handler's own. */
static const struct table_column print_own_columns[] = {
	{ "NAME", cell_string, "name", SCOLS_FL_TRUNC },
	{ "SERVICE", cell_string, "service", SCOLS_FL_TRUNC, .drop = 2 },
	{ "VALUE", cell_integer, "value", SCOLS_FL_RIGHT },
	{ "DESCRIPTION", cell_string, "help", SCOLS_FL_WRAP,
	  .drop = 1, .least = 16 },
	{ NULL }
};

/* --- lines -------------------------------------------------------------- */

int
print_begin(const char *text, const json_t *row)
{
	char *line = cell_line(text, row);

	if (line == NULL)
		return error_set(ENOMEM, "no memory");
	fputs(line, stdout);
	free(line);
	return 0;
}

int
print_text(const char *text, const json_t *result)
{
	if (print_begin(text, result) == -1)
		return -1;
	putchar('\n');
	return 0;
}

void
print_waiting(const json_t *result, const char *text)
{
	json_t *slots = json_object_get(result, "waiting"), *slot;
	json_t *names = json_object_get(result, "waiting_names");
	const json_t *silent = json_object_get(result, "silent");
	const char *name;
	char safe[128];
	size_t i;

	if (json_is_integer(silent))
		fprintf(stderr, "prongctl: process %lld, which drains since "
		    "an upgrade, does not answer\n",
		    (long long)json_integer_value(silent));
	json_array_foreach(slots, i, slot) {
		name = json_string_value(json_array_get(names, i));
		if (name == NULL)
			snprintf(safe, sizeof(safe), "worker %lld",
			    (long long)json_integer_value(slot));
		fprintf(stderr, "prongctl: %s %s\n", name == NULL ? safe :
		    cell_safe(name, safe, sizeof(safe)), text);
	}
}

/* --- results ------------------------------------------------------------ */

/* A worker that goes. */
static bool
print_is_leaving(const json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state"));

	return state != NULL && strcmp(state, "draining") == 0;
}

/*
 * How many processes of a status are workers that are to serve; others have
 * slots too, and those of a generation before may drain.
 */
static size_t
print_count_workers(const json_t *status)
{
	json_t *row;
	size_t i, n = 0;

	json_array_foreach(json_object_get(status, "workers"), i, row)
		n += cell_process_is_worker(row) && !print_is_leaving(row);
	return n;
}

static int
print_heading(const json_t *status)
{
	char *line = cell_line("prong {version}, pid {pid}, {state}, up ",
	    status);
	char *generation = cell_integer(status, "generation");
	size_t workers = print_count_workers(status);
	size_t services = json_array_size(json_object_get(status, "services"));
	char up[CELL_SHORT];
	bool ok = line != NULL && generation != NULL;

	if (ok)
		printf("%s%s, generation %s, %zu worker%s, %zu service%s\n",
		    line, cell_format_duration(json_object_get(status,
		    "uptime"), up), generation,
		    workers, workers == 1 ? "" : "s",
		    services, services == 1 ? "" : "s");
	free(line);
	free(generation);
	return ok ? 0 : error_set(ENOMEM, "no memory");
}

/* What has happened to the whole server, if anything has. */
static void
print_events(const json_t *totals)
{
	static const struct {
		const char *key, *text;
	} events[] = {
		{ "restarts_crash", "restarts after a crash" },
		{ "restarts_stuck", "restarts of a stuck worker" },
		{ "reloads", "reloads" },
		{ "upgrades", "upgrades" },
		{ "locks_recovered", "locks recovered" },
	};
	const char *before = "";
	json_int_t n;
	size_t i;

	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		n = json_integer_value(json_object_get(totals, events[i].key));
		if (n == 0)
			continue;
		printf("%s%s: %lld", before, events[i].text, (long long)n);
		before = ", ";
	}
	if (*before != '\0')
		putchar('\n');
}

static int
print_status_services(const json_t *status)
{
	json_t *services = json_object_get(status, "services");
	json_t *totals = json_object_get(status, "totals"), *row = NULL;
	int result;

	if (json_array_size(services) > 1 && json_is_object(totals) &&
	    (row = json_pack("{s:s, s:O, s:O?}", "name", "(all)", "counters",
	    totals, "active", json_object_get(totals, "active"))) == NULL)
		return error_set(ENOMEM, "no memory");
	result = table_print(print_status_columns, services, row);
	json_decref(row);
	return result;
}

int
print_status(const json_t *status)
{
	if (print_heading(status) == -1)
		return -1;
	print_events(json_object_get(status, "totals"));
	putchar('\n');
	if (print_status_services(status) == -1)
		return -1;
	putchar('\n');
	if (table_print(print_status_worker_columns,
	    json_object_get(status, "workers"), NULL) == -1)
		return -1;
	return print_notes(status);
}

int
print_workers(const json_t *result)
{
	return table_print(print_worker_columns,
	    json_object_get(result, "workers"), NULL);
}

int
print_services(const json_t *result)
{
	return table_print(print_service_columns,
	    json_object_get(result, "services"), NULL);
}

int
print_conns(const json_t *result)
{
	const json_t *conns = json_object_get(result, "conns");

	if (json_array_size(conns) > 0)
		return table_print(print_conn_columns, conns, NULL);
	puts("no connections");
	return 0;
}

int
print_counters(const json_t *result)
{
	const json_t *counters = json_object_get(result, "counters");
	size_t count = json_array_size(counters);

	/* They come last. */
	return table_print(count > 0 && json_object_get(json_array_get(counters,
	    count - 1), "service") != NULL ? print_own_columns :
	    print_counter_columns, counters, NULL);
}

int
print_reopened(const json_t *result)
{
	json_t *paths = json_object_get(result, "reopened"), *path, *row;
	size_t i;
	int r;

	if (json_array_size(paths) == 0)
		puts("nothing is logged to files");
	json_array_foreach(paths, i, path) {
		if ((row = json_pack("{s:O}", "path", path)) == NULL)
			return error_set(ENOMEM, "no memory");
		r = print_text("reopened {path}", row);
		json_decref(row);
		if (r == -1)
			return -1;
	}
	return 0;
}

/* What has changed, or would: it has not when there is no time that it took. */
int
print_reload(const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes"), *line;
	const json_t *seconds = json_object_get(result, "seconds");
	char *safe;
	size_t i;

	json_array_foreach(changes, i, line) {
		if ((safe = cell_escaped(json_string_value(line))) == NULL)
			return error_set(ENOMEM, "no memory");
		puts(safe);
		free(safe);
	}
	if (seconds == NULL && json_array_size(changes) == 0)
		puts("nothing would change");
	else if (seconds != NULL)
		printf("generation %lld serves, after %.2f s\n",
		    (long long)json_integer_value(json_object_get(result,
		    "generation")), json_number_value(seconds));
	return 0;
}

int
print_json(const json_t *result)
{
	/* Only ASCII goes out; 15 digits show 12.3 as 12.3. */
	if (json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII |
	    JSON_REAL_PRECISION(15)) == -1)
		return error_set(ENOMEM, "cannot print the result");
	putchar('\n');
	return 0;
}

void
print_progress(const json_t *status, const void *arg, char *buf, size_t size)
{
	json_t *services = json_object_get(status, "services"), *row;
	const char *separator = ": ", *text;
	json_int_t n;
	uint64_t all = 0;
	char name[128];
	size_t i, used;

	json_array_foreach(services, i, row)
		all += (uint64_t)json_integer_value(json_object_get(row,
		    "active"));
	if (all == 0) {
		strlcpy(buf, "waiting for the server to end", size);
		return;
	}
	snprintf(buf, size, "waiting for %" PRIu64 " connection%s", all,
	    all == 1 ? "" : "s");
	json_array_foreach(services, i, row) {
		n = json_integer_value(json_object_get(row, "active"));
		text = json_string_value(json_object_get(row, "name"));
		if (n == 0 || text == NULL)
			continue;
		used = strlen(buf);
		snprintf(buf + used, size - used, "%s%s %lld", separator,
		    cell_safe(text, name, sizeof(name)), (long long)n);
		separator = ", ";
	}
}
