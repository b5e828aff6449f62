/* SPDX-License-Identifier: ISC */
/*
 * Lines that get shorter with the terminal.
 */
#include "prongctl/pieces.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "prongctl/cell.h"

#define PIECES_MAX	32

static const char *
pieces_text(const struct piece *p, bool brief)
{
	return brief && p->brief[0] != '\0' ? p->brief : p->text;
}

static size_t
pieces_length(const struct piece *p, size_t count, const bool *used,
    bool brief)
{
	size_t i, n, length = 0;

	for (i = 0; i < count; i++)
		if (used[i] && (n = strlen(pieces_text(&p[i], brief))) > 0)
			length += n + (length > 0);
	return length;
}

/* Leaves out what is missed least; false: nothing is left to be. */
static bool
pieces_drop(const struct piece *p, size_t count, bool *used)
{
	size_t i, drop = count;

	for (i = 0; i < count; i++)
		if (used[i] && p[i].drop > 0 && (drop == count ||
		    p[i].drop > p[drop].drop))
			drop = i;
	if (drop < count)
		used[drop] = false;
	return drop < count;
}

const char *
pieces_join(const struct piece *p, size_t count, int width, char *buf,
    size_t size)
{
	size_t i, n, room = width > 0 && (size_t)width < size ?
	    (size_t)width : size - 1;
	bool used[PIECES_MAX], brief;

	memset(used, true, sizeof(used));
	brief = pieces_length(p, count, used, false) > room;
	while (pieces_length(p, count, used, brief) > room &&
	    pieces_drop(p, count, used))
		;
	*buf = '\0';
	for (i = 0; i < count; i++) {
		if (!used[i] || pieces_text(&p[i], brief)[0] == '\0')
			continue;
		n = strlen(buf);
		snprintf(buf + n, size - n, "%s%s", n > 0 ? " " : "",
		    pieces_text(&p[i], brief));
	}
	/* A single one may still be too long. */
	buf[room] = '\0';
	return buf;
}

/* --- of a status -------------------------------------------------------- */

static void
pieces_string(const json_t *status, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(status, key));

	cell_safe(text != NULL ? text : "-", buf, size);
}

static void
pieces_number(const json_t *status, const char *key, char buf[24])
{
	const json_t *n = json_object_get(status, key);

	strlcpy(buf, "-", 24);
	if (json_is_integer(n))
		snprintf(buf, 24, "%lld", (long long)json_integer_value(n));
}

/* Of the workers that are to serve, how many do, and how many there are. */
static void
pieces_workers(const json_t *status, char buf[24])
{
	json_t *row;
	const char *text;
	size_t i, all = 0, ready = 0;

	json_array_foreach(json_object_get(status, "workers"), i, row) {
		text = json_string_value(json_object_get(row, "role"));
		if (text == NULL || strcmp(text, "worker") != 0)
			continue;
		text = json_string_value(json_object_get(row, "state"));
		all += text == NULL || strcmp(text, "draining") != 0;
		ready += text != NULL && strcmp(text, "ready") == 0;
	}
	snprintf(buf, 24, "%zu/%zu", ready, all);
}

static void
pieces_set(struct piece *p, const char *text, const char *brief,
    const char *value, int drop)
{
	snprintf(p->text, sizeof(p->text), "%s%s", text, value);
	snprintf(p->brief, sizeof(p->brief), "%s%s", brief, value);
	p->drop = drop;
}

void
pieces_head(const json_t *status, struct piece p[PIECES_HEAD])
{
	char version[32], pid[24], up[CELL_SHORT], generation[24];
	char workers[24], state[32];

	pieces_string(status, "version", version, sizeof(version));
	pieces_number(status, "pid", pid);
	cell_format_duration(json_object_get(status, "uptime"), up);
	pieces_number(status, "generation", generation);
	pieces_workers(status, workers);
	pieces_string(status, "state", state, sizeof(state));
	pieces_set(&p[0], "prong ", "prong ", version, 5);
	pieces_set(&p[1], " pid ", "pid ", pid, 1);
	pieces_set(&p[2], " up ", "up ", up, 3);
	pieces_set(&p[3], " generation ", "gen ", generation, 4);
	pieces_set(&p[4], " workers ", "workers ", workers, 2);
	pieces_set(&p[5], " ", "", state, 0);
}
