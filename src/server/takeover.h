/* SPDX-License-Identifier: ISC */
#ifndef SERVER_TAKEOVER_H
#define SERVER_TAKEOVER_H

#include <jansson.h>

#include "server/heritage.h"
#include "server/master.h"

/*
 * The new master of an upgrade: it starts with what the one before hands on,
 * says when it is ready, and when it is told to go on it is the server.  The
 * one before drains meanwhile, and tells what it counts until it has ended.
 */

struct takeover;

/* With what there is of a heritage; nothing without.  -1 with a text. */
int takeover_open(struct master *, struct heritage *);
void takeover_close(struct master *);

/* What the generation before this master's first has; NULL: there is none. */
const struct generation *takeover_before(const struct master *);
/* The heritage, until it has been taken over; or NULL. */
struct heritage *takeover_heritage(const struct master *);

/* What its connections hold of limits is counted along. */
int takeover_limits(struct master *);

/*
 * The first worker is ready: whether it is on its own for a while, and all
 * others are started by and by.
 */
bool takeover_watches_canary(struct master *);
/* Tells the one before why this one does not follow it. */
void takeover_fail(const struct master *, const char *why);
/* All are ready: the one before is told.  False: there is none. */
bool takeover_ready(struct master *);

/* Whether a master before still drains, and which; how many there are. */
bool takeover_is_waited_for(const struct master *);
pid_t takeover_pid(const struct master *);
uint32_t takeover_behind(const struct master *);
/* It is to end too: at once, or when it is empty. */
void takeover_stop(const struct master *, bool fast);
/*
 * The wait for it ends when from now on it says nothing for so long, as one
 * that stands still; 0: never.
 */
void takeover_limit(const struct master *, uint64_t ms);

/* --- what it has counted -------------------------------------------------- */

/* Adds the counters of a service; returns how many connections it has open. */
uint64_t takeover_add(const struct master *, const char *service,
    uint64_t counters[COUNTERS]);
/* The same of all services that fn is not true of. */
uint64_t takeover_add_others(const struct master *,
    bool (*is_there)(const struct master *, const char *service),
    uint64_t counters[COUNTERS]);
/* All of its services, each with "name" and "own"; NULL: there are none. */
const json_t *takeover_services(const struct master *);
/* Those of its handler's own, by their names; NULL: there are none. */
json_t *takeover_own(const struct master *, const char *service);
uint64_t takeover_cut(const struct master *, const char *service);
/* Whether that is newer than a reading of process_milliseconds(), or final. */
bool takeover_has_told(const struct master *, uint64_t since);
uint64_t takeover_global(const struct master *, enum counter_global);

/* The one before as long as it drains: its pid and what is open; or null. */
json_t *takeover_shown(const struct master *);

/* All that this master and those before it have counted, for the next one. */
json_t *takeover_report(struct master *);

#endif
