/* SPDX-License-Identifier: ISC */
/*
 * What people read of drains: what is still open, and since when.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "prongctl/cell.h"
#include "prongctl/print.h"

/* What a server says of anything; cut where it is too long. */
struct print_drain_text {
	char text[512];
};

/* "12 connections, the oldest 2m 5s", "1 connection, 3.0s old", "nothing" */
static void
print_drain_open(const json_t *drain, char *buf, size_t size)
{
	json_int_t n = json_integer_value(json_object_get(drain, "active"));
	char age[CELL_SHORT];

	cell_format_duration(json_object_get(drain, "oldest"), age);
	if (n <= 0)
		strlcpy(buf, "no connections", size);
	else
		snprintf(buf, size, "%lld connection%s, %s%s%s", (long long)n,
		    n == 1 ? "" : "s", n == 1 ? "" : "the oldest ", age,
		    n == 1 ? " old" : "");
}

/* ": echo 2, chargen 1" */
static void
print_drain_services(const json_t *drain, char *buf, size_t size)
{
	json_t *services = json_object_get(drain, "services"), *n;
	const char *separator = ": ", *name;
	char safe[128];
	size_t used;

	json_object_foreach(services, name, n) {
		used = strlen(buf);
		snprintf(buf + used, size - used, "%s%s %lld", separator,
		    cell_safe(name, safe, sizeof(safe)),
		    (long long)json_integer_value(n));
		separator = ", ";
	}
}

/* "draining for 3.0s, 27s left: 12 connections, the oldest 2m 5s: echo 12" */
static void
print_drain_text(const json_t *drain, struct print_drain_text *to)
{
	const json_t *left = json_object_get(drain, "left");
	char running[CELL_SHORT], rest[CELL_SHORT];
	size_t used;

	snprintf(to->text, sizeof(to->text), "draining for %s, %s%s; ",
	    cell_format_duration(json_object_get(drain, "running"), running),
	    json_is_number(left) ? cell_format_duration(left, rest) :
	    "no limit", json_is_number(left) ? " left" : "");
	used = strlen(to->text);
	print_drain_open(drain, to->text + used, sizeof(to->text) - used);
	print_drain_services(drain, to->text, sizeof(to->text));
}

int
print_drain_note(const json_t *row, const char *name)
{
	const json_t *drain = json_object_get(row, "drain");
	struct print_drain_text line;
	char *begin;

	if (!json_is_object(drain))
		return 0;
	if ((begin = cell_line(name, row)) == NULL)
		return error_set(ENOMEM, "no memory");
	print_drain_text(drain, &line);
	printf("%s%s\n", begin, line.text);
	free(begin);
	return 0;
}

void
print_drain_progress(const json_t *status, const void *service, char *buf,
    size_t size)
{
	json_t *services = json_object_get(status, "services"), *row;
	struct print_drain_text line = { "waiting for the server" };
	const char *name;
	char safe[128];
	size_t i;

	json_array_foreach(services, i, row) {
		name = json_string_value(json_object_get(row, "name"));
		if (name != NULL && strcmp(name, service) == 0 &&
		    json_is_object(json_object_get(row, "drain")))
			print_drain_text(json_object_get(row, "drain"), &line);
	}
	snprintf(buf, size, "service %s: %s", cell_safe(service, safe,
	    sizeof(safe)), line.text);
}

static long long
print_drain_number(const json_t *result, const char *key)
{
	return (long long)json_integer_value(json_object_get(result, key));
}

int
print_drained(const json_t *result)
{
	long long ended = print_drain_number(result, "ended");
	long long cut = print_drain_number(result, "cut");
	long long open = print_drain_number(result, "open");
	char line[256];

	if (json_is_true(json_object_get(result, "resumed")))
		return print_text("service {service} was resumed before it "
		    "was empty", result);
	snprintf(line, sizeof(line), "service {service} %s: %lld connection%s "
	    "ended", open == 0 ? "is empty" : "is not empty", ended,
	    ended == 1 ? " has" : "s have");
	if (cut > 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    ", %lld of them cut off when drain-timeout was over", cut);
	if (open > 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
		    ", %lld left: the handler does not hear", open);
	if (print_text(line, result) == -1)
		return -1;
	return print_text("it goes on with \"prongctl resume {service}\"",
	    result);
}
