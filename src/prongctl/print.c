/* SPDX-License-Identifier: ISC */
/*
 * Results as people read them.  A table is an array of columns, each with the
 * function that makes a cell of it from one object of the result; libsmartcols
 * fits the table to the terminal.  All text comes from another process and is
 * made harmless with vis(3) first.
 */
#include "prongctl/print.h"


#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <libutil.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "base/error.h"
#include "base/strings.h"

/* Makes a cell, to be freed; NULL: no memory. */
typedef char *print_cell_fn(const json_t *row, const char *key);

struct print_column {
	const char *title;
	print_cell_fn *cell;
	const char *key;
	int flags;
};

#define PRINT_VIS	(VIS_CSTYLE | VIS_TAB | VIS_NL | VIS_NOLOCALE)
#define PRINT_VIS_MAX	5	/* what vis(3) may write, with its NUL */
#define PRINT_SHORT	32	/* room for a number or a duration */

const char *
print_safe(const char *text, char *buf, size_t size)
{
	char *p = buf;

	*p = '\0';
	for (; *text != '\0' && buf + size - p >= PRINT_VIS_MAX; text++)
		p = vis(p, (unsigned char)text[0], PRINT_VIS,
		    (unsigned char)text[1]);
	return buf;
}

/* --- cells -------------------------------------------------------------- */

static char *
print_string(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t size;
	char *buf;

	if (text == NULL)
		return strdup("-");
	size = 4 * strlen(text) + PRINT_VIS_MAX;
	if ((buf = malloc(size)) != NULL)
		print_safe(text, buf, size);
	return buf;
}

static char *
print_integer(const json_t *value)
{
	char *buf;

	if (!json_is_integer(value))
		return strdup("-");
	if (asprintf(&buf, "%lld", (long long)json_integer_value(value)) == -1)
		return NULL;
	return buf;
}

/* The two largest units that count: "3d 4h", "12m 5s", "0.2s". */
static const char *
print_duration(const json_t *value, char *buf, size_t size)
{
	double seconds = json_number_value(value);
	long long s;

	if (!json_is_number(value) || !(seconds >= 0 && seconds < 1e12)) {
		strlcpy(buf, "-", size);
		return buf;
	}
	s = (long long)seconds;
	if (seconds < 10)
		snprintf(buf, size, "%.1fs", seconds);
	else if (s < 60)
		snprintf(buf, size, "%llds", s);
	else if (s < 3600)
		snprintf(buf, size, "%lldm %llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, size, "%lldh %lldm", s / 3600, s / 60 % 60);
	else
		snprintf(buf, size, "%lldd %lldh", s / 86400, s / 3600 % 24);
	return buf;
}

static char *
print_cell_string(const json_t *row, const char *key)
{
	return print_string(json_object_get(row, key));
}

static char *
print_cell_integer(const json_t *row, const char *key)
{
	return print_integer(json_object_get(row, key));
}

static char *
print_cell_duration(const json_t *row, const char *key)
{
	char buf[PRINT_SHORT];

	return strdup(print_duration(json_object_get(row, key), buf,
	    sizeof(buf)));
}

static char *
print_cell_counter(const json_t *row, const char *key)
{
	return print_integer(json_object_get(json_object_get(row, "counters"),
	    key));
}

static char *
print_cell_bytes(const json_t *row, const char *key)
{
	const json_t *n;
	char buf[5];		/* "1023", "9.9K", "128M" */

	n = json_object_get(json_object_get(row, "counters"), key);
	if (!json_is_integer(n) ||
	    humanize_number(buf, sizeof(buf), json_integer_value(n), "",
	    HN_AUTOSCALE, HN_DECIMAL | HN_NOSPACE) == -1)
		return strdup("-");
	return strdup(buf);
}

/* The sum of every counter whose name begins with one of the words of key. */
static char *
print_cell_sum(const json_t *row, const char *key)
{
	json_t *counters = json_object_get(row, "counters"), *value;
	const char *name, *word;
	uint64_t n = 0;
	char *cell;

	if (!json_is_object(counters))
		return strdup("-");
	json_object_foreach(counters, name, value)
		for (word = key; *word != '\0'; word += strcspn(word, " "),
		    word += strspn(word, " "))
			if (strncmp(name, word, strcspn(word, " ")) == 0)
				n += (uint64_t)json_integer_value(value);
	return asprintf(&cell, "%" PRIu64, n) == -1 ? NULL : cell;
}

static char *
print_cell_list(const json_t *row, const char *key)
{
	json_t *list = json_object_get(row, key), *value;
	char *cell = NULL, *one;
	size_t i;

	if (json_array_size(list) == 0)
		return strdup("-");
	json_array_foreach(list, i, value) {
		one = print_string(value);
		if (one == NULL || strings_append(&cell, "%s%s",
		    i > 0 ? "," : "", one) == -1) {
			free(one);
			free(cell);
			return NULL;
		}
		free(one);
	}
	return cell;
}

/* --- tables ------------------------------------------------------------- */

/* One screen for status: what tells whether a service is well. */
static const struct print_column print_status_columns[] = {
	{ "SERVICE", print_cell_string, "name", SCOLS_FL_TRUNC },
	{ "ACTIVE", print_cell_integer, "active", SCOLS_FL_RIGHT },
	{ "ACCEPTED", print_cell_counter, "accepted", SCOLS_FL_RIGHT },
	{ "REFUSED", print_cell_sum, "refused_", SCOLS_FL_RIGHT },
	{ "CLOSED", print_cell_sum, "closed_", SCOLS_FL_RIGHT },
	{ "ERRORS", print_cell_sum, "closed_error closed_crash",
	  SCOLS_FL_RIGHT },
	{ "MESSAGES", print_cell_counter, "messages", SCOLS_FL_RIGHT },
	{ "IN", print_cell_bytes, "bytes_in", SCOLS_FL_RIGHT },
	{ "OUT", print_cell_bytes, "bytes_out", SCOLS_FL_RIGHT },
	{ "LISTEN", print_cell_list, "listen", SCOLS_FL_WRAP },
	{ NULL }
};

static const struct print_column print_service_columns[] = {
	{ "SERVICE", print_cell_string, "name", SCOLS_FL_TRUNC },
	{ "HANDLER", print_cell_string, "handler", SCOLS_FL_TRUNC },
	{ "DISPATCH", print_cell_string, "dispatch", 0 },
	{ "FRAMING", print_cell_string, "framing", 0 },
	{ "ACCEPT", print_cell_string, "accept", 0 },
	{ "ACTIVE", print_cell_integer, "active", SCOLS_FL_RIGHT },
	{ "ACCEPTED", print_cell_counter, "accepted", SCOLS_FL_RIGHT },
	{ "LISTEN", print_cell_list, "listen", SCOLS_FL_WRAP },
	{ NULL }
};

static const struct print_column print_worker_columns[] = {
	{ "SLOT", print_cell_integer, "slot", SCOLS_FL_RIGHT },
	{ "PID", print_cell_integer, "pid", SCOLS_FL_RIGHT },
	{ "ROLE", print_cell_string, "role", 0 },
	{ "STATE", print_cell_string, "state", 0 },
	{ "GENERATION", print_cell_integer, "generation", SCOLS_FL_RIGHT },
	{ "STARTED", print_cell_duration, "started", SCOLS_FL_RIGHT },
	{ "BEAT", print_cell_duration, "last_beat", SCOLS_FL_RIGHT },
	{ "ACTIVE", print_cell_integer, "active", SCOLS_FL_RIGHT },
	{ "LOOPS", print_cell_integer, "loops", SCOLS_FL_RIGHT },
	{ NULL }
};

static int
print_add_row(struct libscols_table *table, const struct print_column *columns,
    const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char *cell;
	size_t i;

	if (line == NULL)
		return -1;
	for (i = 0; columns[i].title != NULL; i++) {
		cell = columns[i].cell(row, columns[i].key);
		if (cell == NULL || scols_line_refer_data(line, i, cell) != 0) {
			free(cell);
			return -1;
		}
	}
	return 0;
}

static int
print_table(const struct print_column *columns, const json_t *rows,
    const json_t *last)
{
	struct libscols_table *table = scols_new_table();
	const struct print_column *c;
	json_t *row;
	size_t i;
	int result = table == NULL ? -1 : 0;

	for (c = columns; result == 0 && c->title != NULL; c++)
		if (scols_table_new_column(table, c->title, 0,
		    c->flags) == NULL)
			result = -1;
	json_array_foreach(rows, i, row)
		if (result == 0)
			result = print_add_row(table, columns, row);
	if (result == 0 && last != NULL)
		result = print_add_row(table, columns, last);
	if (result == 0 && scols_print_table(table) != 0)
		result = -1;
	scols_unref_table(table);
	return result == 0 ? 0 : error_set(ENOMEM, "no memory for a table");
}

/* --- results ------------------------------------------------------------ */

/* How many processes of a status are workers; others have slots too. */
static size_t
print_count_workers(const json_t *status)
{
	const char *role;
	json_t *row;
	size_t i, n = 0;

	json_array_foreach(json_object_get(status, "workers"), i, row) {
		role = json_string_value(json_object_get(row, "role"));
		n += role != NULL && strcmp(role, "worker") == 0;
	}
	return n;
}

static int
print_heading(const json_t *status)
{
	char *version = print_cell_string(status, "version");
	char *pid = print_cell_integer(status, "pid");
	char *generation = print_cell_integer(status, "generation");
	char *state = print_cell_string(status, "state");
	size_t workers = print_count_workers(status);
	size_t services = json_array_size(json_object_get(status, "services"));
	char up[PRINT_SHORT];
	bool ok;

	ok = version != NULL && pid != NULL && generation != NULL &&
	    state != NULL;
	if (ok)
		printf("prong %s, pid %s, %s, up %s, generation %s, "
		    "%zu worker%s, %zu service%s\n", version, pid, state,
		    print_duration(json_object_get(status, "uptime"), up,
		    sizeof(up)), generation, workers, workers == 1 ? "" : "s",
		    services, services == 1 ? "" : "s");
	free(version);
	free(pid);
	free(generation);
	free(state);
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
	result = print_table(print_status_columns, services, row);
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
	return print_workers(status);
}

int
print_workers(const json_t *result)
{
	return print_table(print_worker_columns,
	    json_object_get(result, "workers"), NULL);
}

int
print_services(const json_t *result)
{
	return print_table(print_service_columns,
	    json_object_get(result, "services"), NULL);
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
print_progress(const json_t *status, char *buf, size_t size)
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
		    print_safe(text, name, sizeof(name)), (long long)n);
		separator = ", ";
	}
}
