/* SPDX-License-Identifier: ISC */
/*
 * The connections that are open, from the table: a page of them at a time, so
 * that the master is never held up, however many there are.
 */
#include "base/process.h"
#include "server/control.h"

#define CONNS_PAGE	500

static const char *
conns_phase(uint8_t phase)
{
	static const char *const names[] = {
		[CONN_PHASE_OPEN] = "open",
		[CONN_PHASE_PAUSED] = "paused",
		[CONN_PHASE_CLOSING] = "closing",
		[CONN_PHASE_LINGERING] = "lingering",
	};

	/* A worker wrote it: it may be anything. */
	return phase < sizeof(names) / sizeof(names[0]) ? names[phase] : "?";
}

static json_t *
conns_one(const struct master *m, uint32_t slot, const struct conn_entry *e,
    uint64_t now)
{
	char peer[ADDRESS_MAX];

	return json_pack("{s:I,s:s,s:i,s:i,s:s,s:f,s:f,s:I,s:I,s:s}",
	    "id", (json_int_t)e->id,
	    "service", rows_name(&m->rows, e->service),
	    "worker", (int)slot,
	    "pid", (int)m->processes[slot].pid,
	    "peer", conntable_peer(e, peer, sizeof(peer)),
	    "age", status_seconds(e->opened, now),
	    "idle", status_seconds(e->last, now),
	    "bytes_in", (json_int_t)e->bytes_in,
	    "bytes_out", (json_int_t)e->bytes_out,
	    "state", conns_phase(e->phase));
}

/* A place to go on from: the slot, and the entry in its table. */
#define CONNS_PLACE(slot, entry)	((json_int_t)(slot) << 32 | (entry))

json_t *
conns_list(struct master *m, const json_t *request, struct control_wait *wait)
{
	struct conn_entry page[CONNS_PAGE];
	uint64_t now = process_milliseconds();
	json_int_t from = json_integer_value(json_object_get(request, "from"));
	uint32_t slot = (uint32_t)(from >> 32), entry = (uint32_t)from;
	uint32_t service = SCOREBOARD_ALL;
	const struct prong_service *only;
	json_t *list, *next = NULL;
	size_t count = 0, i;

	if (json_object_get(request, "service") != NULL) {
		if ((only = control_service(m, request)) == NULL)
			return NULL;
		service = only->index;
	}
	/* Slots that have no process have no connections either. */
	while (slot < m->slots && m->processes[slot].pid == 0) {
		slot++;
		entry = 0;
	}
	if (slot < m->slots)
		count = scoreboard_connections(&m->scoreboard, slot, service,
		    &entry, page, CONNS_PAGE);
	list = json_array();
	for (i = 0; i < count; i++)
		json_array_append_new(list, conns_one(m, slot, &page[i], now));
	if (slot < m->slots && entry != SCOREBOARD_END)
		next = json_integer(CONNS_PLACE(slot, entry));
	else if (slot + 1 < m->slots)
		next = json_integer(CONNS_PLACE(slot + 1, 0));
	return json_pack("{s:o,s:o}", "conns", list, "next",
	    next != NULL ? next : json_null());
}
