/* SPDX-License-Identifier: ISC */
/*
 * The connections that are open, from the table: a page of them at a time, so
 * that the master is never held up, however many there are.
 */
#include <unistd.h>

#include "base/process.h"
#include "server/control.h"
#include "server/former.h"

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

	return json_pack("{s:I,s:s,s:i,s:i,s:i,s:s,s:f,s:f,s:I,s:I,s:s}",
	    "id", (json_int_t)e->id,
	    "service", rows_name(&m->rows, e->service),
	    "worker", (int)slot,
	    "pid", (int)m->processes[slot].pid,
	    "master", (int)getpid(),
	    "peer", conntable_peer(e, peer, sizeof(peer)),
	    "age", status_seconds(e->opened, now),
	    "idle", status_seconds(e->last, now),
	    "bytes_in", (json_int_t)e->bytes_in,
	    "bytes_out", (json_int_t)e->bytes_out,
	    "state", conns_phase(e->phase));
}

/*
 * A place to go on from: how many masters before this one, the slot there, and
 * the entry in its table.
 */
#define CONNS_PLACE(slot, entry)	((json_int_t)(slot) << 32 | (entry))
#define CONNS_MASTER			((json_int_t)1 << 48)
#define CONNS_MASTERS_MAX		16

static json_t *
conns_page(const json_t *list, json_int_t next)
{
	return json_pack("{s:o?,s:o}", "conns", list, "next",
	    next != 0 ? json_integer(next) : json_null());
}

/* --- those of masters before ---------------------------------------------- */

/* Only what leads on is looked at: who reads the rows believes nothing. */
static json_t *
conns_of_former(const struct master *m, uint64_t number, json_t **errors)
{
	json_t *result = former_result(m, number), *list, *page;
	const json_t *next = json_object_get(result, "next");
	json_int_t place = json_integer_value(next);

	list = json_object_get(result, "conns");
	if (!json_is_array(list) || json_array_size(list) > CONNS_PAGE)
		list = NULL;
	if (list == NULL || !json_is_integer(next) || place <= 0 ||
	    place >= CONNS_MASTERS_MAX * CONNS_MASTER)
		place = 0;
	page = conns_page(list == NULL ? json_array() : json_incref(list),
	    place == 0 ? 0 : place + CONNS_MASTER);
	former_note_silence(m, result, page);
	json_decref(result);
	return page;
}

static json_t *
conns_ask_former(struct master *m, const json_t *request,
    struct control_wait *wait, json_int_t from)
{
	wait->number = former_ask(m, json_pack("{s:s,s:I,s:O?,s:b}",
	    "command", "conns", "from", from - CONNS_MASTER,
	    "service", json_object_get(request, "service"), "passed_on", 1));
	wait->is_done = former_is_answered;
	wait->finish = conns_of_former;
	return json_object();
}

/* --- our own -------------------------------------------------------------- */

/* Of one, of all, or of one that only its successor knows; -1 with a text. */
static int
conns_which(const struct master *m, const json_t *request, uint32_t *service)
{
	const json_t *name = json_object_get(request, "service");
	const struct prong_service *only;

	*service = SCOREBOARD_ALL;
	if (name == NULL || json_is_null(name))
		return 0;
	if ((only = control_service(m, request)) != NULL)
		*service = only->index;
	else if (json_is_true(json_object_get(request, "passed_on")))
		*service = m->scoreboard.services;
	else
		return -1;
	return 0;
}

json_t *
conns_list(struct master *m, const json_t *request, struct control_wait *wait)
{
	struct conn_entry page[CONNS_PAGE];
	uint64_t now = process_milliseconds();
	json_int_t from = json_integer_value(json_object_get(request, "from"));
	uint32_t slot = (uint32_t)(from >> 32), entry = (uint32_t)from;
	uint32_t service;
	json_int_t next = former_is_there(m) ? CONNS_MASTER : 0;
	size_t count = 0, i;
	json_t *list;

	if (conns_which(m, request, &service) == -1)
		return NULL;
	if (from >= CONNS_MASTER)
		return conns_ask_former(m, request, wait, from);
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
		next = CONNS_PLACE(slot, entry);
	else if (slot + 1 < m->slots)
		next = CONNS_PLACE(slot + 1, 0);
	return conns_page(list, next);
}
