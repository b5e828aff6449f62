/* SPDX-License-Identifier: ISC */
#ifndef SHM_COUNTER_H
#define SHM_COUNTER_H

#include <stdbool.h>

/*
 * The counters of a service.  One is added here and in the table of
 * counter.c, with its description, and nowhere else.
 */
enum counter {
	COUNTER_ACCEPTED,
	COUNTER_REFUSED_ACL,
	COUNTER_REFUSED_LIMIT,
	COUNTER_REFUSED_SOURCE,
	COUNTER_REFUSED_RATE,
	COUNTER_REFUSED_LOAD,
	COUNTER_REFUSED_MEMORY,
	COUNTER_CLOSED_CLIENT,
	COUNTER_CLOSED_SERVER,
	COUNTER_CLOSED_TIMEOUT,
	COUNTER_CLOSED_ERROR,
	COUNTER_CLOSED_CRASH,
	COUNTER_MESSAGES,
	COUNTER_BYTES_IN,
	COUNTER_BYTES_OUT,
	COUNTER_HANDLER_ERRORS,
	COUNTER_SLOW_HANDLERS,
	COUNTER_OVERSIZE,
	COUNTERS
};

#define COUNTER_REFUSED_FIRST	COUNTER_REFUSED_ACL
#define COUNTER_REFUSED_LAST	COUNTER_REFUSED_MEMORY

#define COUNTER_IS_CLOSED(c) \
	((c) >= COUNTER_CLOSED_CLIENT && (c) <= COUNTER_CLOSED_CRASH)

struct counter_info {
	const char *name;
	const char *help;
};

extern const struct counter_info counter_table[COUNTERS];

/* Numbers of the whole server that are shown beside them. */
enum counter_global {
	GLOBAL_ACTIVE,			/* of a service, too */
	GLOBAL_RESTARTS_CRASH,
	GLOBAL_RESTARTS_STUCK,
	GLOBAL_RELOADS,
	GLOBAL_UPGRADES,
	GLOBAL_LOCKS_RECOVERED,
	GLOBAL_UPTIME,
	GLOBALS
};

extern const struct counter_info counter_globals[GLOBALS];

/* Whether one of all these has that name. */
bool counter_has_name(const char *);

#endif
