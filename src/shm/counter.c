/* SPDX-License-Identifier: ISC */
/*
 * The counters' names and what each counts.
 */
#include "shm/counter.h"

#include <string.h>

const struct counter_info counter_table[COUNTERS] = {
	[COUNTER_ACCEPTED] = { "accepted",
	    "connections accepted, refused ones not included" },
	[COUNTER_REFUSED_ACL] = { "refused_acl",
	    "connections refused by an access rule" },
	[COUNTER_REFUSED_LIMIT] = { "refused_limit",
	    "connections refused because there were too many" },
	[COUNTER_REFUSED_SOURCE] = { "refused_source",
	    "connections refused because their source had too many" },
	[COUNTER_REFUSED_RATE] = { "refused_rate",
	    "connections refused because they came too fast" },
	[COUNTER_REFUSED_LOAD] = { "refused_load",
	    "connections refused because the machine was overloaded" },
	[COUNTER_REFUSED_MEMORY] = { "refused_memory",
	    "connections refused because there was no memory for them" },
	[COUNTER_CLOSED_CLIENT] = { "closed_client",
	    "connections that the client ended" },
	[COUNTER_CLOSED_SERVER] = { "closed_server",
	    "connections that the handler or the server ended" },
	[COUNTER_CLOSED_TIMEOUT] = { "closed_timeout",
	    "connections ended because nothing happened for idle-timeout" },
	[COUNTER_CLOSED_ERROR] = { "closed_error",
	    "connections ended by a reset, by malformed input or by an error" },
	[COUNTER_CLOSED_CRASH] = { "closed_crash",
	    "connections lost because their process died" },
	[COUNTER_MESSAGES] = { "messages",
	    "messages given to the handler" },
	[COUNTER_BYTES_IN] = { "bytes_in", "bytes received" },
	[COUNTER_BYTES_OUT] = { "bytes_out", "bytes sent" },
	[COUNTER_HANDLER_ERRORS] = { "handler_errors",
	    "times that the handler reported a failure" },
	[COUNTER_SLOW_HANDLERS] = { "slow_handlers",
	    "times that the handler held up the loop for too long" },
	[COUNTER_OVERSIZE] = { "oversize",
	    "messages that were longer than max-message" },
};

const struct counter_info counter_globals[GLOBALS] = {
	[GLOBAL_ACTIVE] = { "active", "connections that are open now" },
	[GLOBAL_RESTARTS_CRASH] = { "restarts_crash",
	    "processes that died and were replaced" },
	[GLOBAL_RESTARTS_STUCK] = { "restarts_stuck",
	    "processes that did not turn any more and were replaced" },
	[GLOBAL_RELOADS] = { "reloads",
	    "times that the configuration was reloaded" },
	[GLOBAL_UPGRADES] = { "upgrades",
	    "times that the program was replaced" },
	[GLOBAL_LOCKS_RECOVERED] = { "locks_recovered",
	    "locks whose holder had died" },
	[GLOBAL_UPTIME] = { "uptime", "seconds since the start" },
};

static bool
counter_is_in(const struct counter_info *table, int count, const char *name)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return true;
	return false;
}

bool
counter_has_name(const char *name)
{
	return counter_is_in(counter_table, COUNTERS, name) ||
	    counter_is_in(counter_globals, GLOBALS, name);
}
