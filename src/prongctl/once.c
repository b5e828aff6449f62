/* SPDX-License-Identifier: ISC */
/*
 * Two looks at a server, and what they tell, printed.
 */
#include "prongctl/once.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "prongctl/look.h"
#include "prongctl/pieces.h"
#include "prongctl/sheet.h"
#include "prongctl/terminal.h"
#include "prongctl/trend.h"

static int
once_one(struct look *look, struct trend *trend)
{
	bool other;

	if (look_begin(look) == -1 || look_go_on(look, true) == -1)
		return -1;
	return trend_note(trend, look->status, NULL, look->at, 1, &other);
}

int
once_look(const struct top_options *o, json_t **status, json_t **counters)
{
	struct trend trend;
	struct look look;
	double left, at = 0;
	int n, error;

	*status = *counters = NULL;
	trend_init(&trend);
	look_init(&look, o->socket, o->limit);
	look.wants_counters = true;
	n = once_one(&look, &trend);
	look.wants_counters = false;
	if (n == 0 && o->service != NULL &&
	    !look_has_service(look.status, o->service))
		n = -1;
	at = look.at;
	while (n == 0 && (left = look.at + (double)o->interval / 1000 -
	    look_now()) > 0)
		poll(NULL, 0, (int)ceil(left * 1000));
	if (n == 0 && (n = once_one(&look, &trend)) == 0) {
		json_object_set_new(look.status, "interval",
		    json_real(look.at - at));
		*status = json_incref(look.status);
		*counters = json_incref(look.counters);
	}
	error = errno;
	look_fini(&look);
	trend_fini(&trend);
	errno = error;
	return n;
}

/* One view; nothing is hidden but counters that have not counted. */
static int
once_view(const struct view_data *data, enum view_id id, int width)
{
	const struct sheet_choice choice = {
		.sort = view_table[id].sort,
		.hide_zeros = id == VIEW_COUNTERS,
	};
	char line[SHEET_LINE];
	struct sheet s;
	size_t i;

	if (sheet_make(&s, data, &view_table[id], &choice) == -1)
		return -1;
	sheet_fit(&s, width);
	printf("\n%s\n", sheet_heading(&s, line));
	for (i = 0; i < s.count; i++)
		puts(sheet_line(&s, s.rows[i].json, line));
	if (s.sum != NULL)
		puts(sheet_line(&s, s.sum, line));
	sheet_free(&s);
	return 0;
}

int
once_print(const struct top_options *o, json_t *status, json_t *counters)
{
	const struct view_data data = { .status = status,
	    .counters = counters, .service = o->service };
	int width = terminal_width(STDOUT_FILENO), i;
	struct piece head[PIECES_HEAD];
	char line[SHEET_LINE];

	pieces_head(status, head);
	puts(pieces_join(head, PIECES_HEAD, width, line, sizeof(line)));
	for (i = 0; i < VIEWS; i++) {
		if (i == VIEW_CONNS ||
		    (o->service != NULL && i != VIEW_COUNTERS))
			continue;
		if (once_view(&data, (enum view_id)i, width) == -1)
			return -1;
	}
	return 0;
}
