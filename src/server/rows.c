/* SPDX-License-Identifier: ISC */
/*
 * Rows of the scoreboard by the names of services.  In the master's memory.
 */
#include "server/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "server/generation.h"
#include "server/master.h"

int
rows_open(struct rows *r, uint32_t count)
{
	if ((r->names = calloc(count, sizeof(*r->names))) == NULL)
		return error_errno("services");
	r->count = count;
	return 0;
}

void
rows_close(struct rows *r)
{
	free(r->names);
	r->names = NULL;
	r->count = 0;
}

const char *
rows_name(const struct rows *r, uint32_t row)
{
	return row < r->count && r->names[row][0] != '\0' ? r->names[row] : "?";
}

static int64_t
rows_find(const struct rows *r, const char *name)
{
	uint32_t i;

	for (i = 0; i < r->count; i++)
		if (strcmp(r->names[i], name) == 0)
			return i;
	return -1;
}

/* Whether a generation, or the server that is being given rows, has it. */
static bool
rows_is_wanted(const struct master *m, const struct prong_server *new,
    const char *name)
{
	const struct generation *g;
	size_t i;

	for (g = m->generations; g != NULL; g = g->before)
		if (server_by_name(g->server, name) != NULL)
			return true;
	for (i = 0; i < new->service_count; i++)
		if (strcmp(new->services[i]->name, name) == 0)
			return true;
	return false;
}

/* The row of a service that is gone: its numbers count for the whole only. */
static int64_t
rows_retire(struct master *m, const struct prong_server *new)
{
	struct rows *r = &m->rows;
	uint32_t i, slot;

	for (i = 0; i < r->count; i++) {
		if (rows_is_wanted(m, new, r->names[i]))
			continue;
		for (slot = 0; slot < m->slots; slot++) {
			scoreboard_add_row(&m->scoreboard, slot, i, r->retired);
			scoreboard_clear_row(&m->scoreboard, slot, i);
		}
		tallies_clear(&m->scoreboard.tallies, i);
		r->names[i][0] = '\0';
		return i;
	}
	return -1;
}

int
rows_assign(struct master *m, struct prong_server *s)
{
	struct prong_service *service;
	int64_t row;
	size_t i;

	for (i = 0; i < s->service_count; i++) {
		service = s->services[i];
		if ((row = rows_find(&m->rows, service->name)) == -1 &&
		    (row = rows_find(&m->rows, "")) == -1 &&
		    (row = rows_retire(m, s)) == -1)
			return error_set(ENOSPC, "there is no room for service "
			    "\"%s\": max-services is %u, and all are of this "
			    "configuration or of connections that still drain",
			    service->name, m->rows.count);
		strlcpy(m->rows.names[row], service->name,
		    sizeof(m->rows.names[row]));
		service->index = (uint32_t)row;
	}
	return 0;
}
