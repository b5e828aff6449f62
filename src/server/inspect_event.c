/* SPDX-License-Identifier: ISC */
/*
 * What prongctl event asks for.  In a clerk, though no call waits here.
 */
#include "base/log.h"
#include "server/inspect.h"
#include "shm/event.h"

static json_t *
inspect_event_row(const struct prong_section *section, void *item)
{
	uint64_t word = event_word(item);

	return json_pack("{s:s,s:s,s:I,s:b}", "name", section->title,
	    "state", (word & EVENT_IS_SET) != 0 ? "set" : "clear",
	    "times", (json_int_t)(word / EVENT_ONCE),
	    "waited_for", (word & (EVENT_SLEEPERS | EVENT_LOOPS)) != 0);
}

json_t *
inspect_event_list(struct prong_server *s, const json_t *request)
{
	return inspect_list(s, PRONG_EVENT, "events", inspect_event_row);
}

static json_t *
inspect_event_result(const struct prong_event *e)
{
	return json_pack("{s:s,s:s}", "name", e->name, "state",
	    prong_event_is_set(e) ? "set" : "clear");
}

json_t *
inspect_event_show(struct prong_server *s, const json_t *request)
{
	const struct prong_event *e = inspect_object(s, PRONG_EVENT, request);

	return e == NULL ? NULL : inspect_event_result(e);
}

static json_t *
inspect_event_change(struct prong_server *s, const json_t *request,
    int (*change)(struct prong_event *), const char *done)
{
	struct prong_event *e = inspect_object(s, PRONG_EVENT, request);

	if (e == NULL || change(e) == -1)
		return NULL;
	log_info("event \"%s\" %s, as asked", e->name, done);
	return inspect_event_result(e);
}

json_t *
inspect_event_set(struct prong_server *s, const json_t *request)
{
	return inspect_event_change(s, request, prong_event_set, "set");
}

json_t *
inspect_event_clear(struct prong_server *s, const json_t *request)
{
	return inspect_event_change(s, request, prong_event_clear, "cleared");
}
