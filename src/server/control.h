/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include <jansson.h>

#include "server/master.h"

/*
 * The control socket: one JSON object per line, one answer per line:
 *
 *	{"command":"status"}
 *	{"ok":true,"result":{...}}  or  {"ok":false,"error":"why"}
 *
 * Who may connect is decided by the socket's permissions.
 */

struct control;

/*
 * Makes the folder of the socket below a run directory that is empty after
 * each boot; services may have sockets in it too.
 */
void control_make_folder(const struct server_settings *);

/* Binds the socket and listens; "" is none: NULL with errno 0. */
struct control *control_open(struct master *);
void control_close(struct control *);

/*
 * For a reload: makes the socket that a server to be wants, if it is another;
 * then takes it, or not.  Who is connected stays.
 */
int control_prepare(struct master *, const struct prong_server *);
void control_settle(struct master *, bool taken);

/*
 * For an upgrade: the descriptor of the socket, or -1; whether it is that one;
 * that another master has it from now on, while those who are connected stay;
 * and, in that one, that it is to be listened on: control_open() has not.
 */
int control_socket(const struct master *);
bool control_has(const struct master *, int fd);
void control_give_away(struct control *);
void control_begin(struct control *);
/* The master that has it asks by this descriptor, as any client does. */
void control_adopt(struct control *, int fd);

/*
 * What a command waits for before it is answered: until is_done(), but no
 * longer than CONTROL_WAIT_MS.  Who is still missing then, as an array of
 * slots, is "waiting" in the result, and "waiting_names" by name.
 */
struct control_wait {
	bool (*is_done)(const struct master *, uint64_t number);
	json_t *(*who)(const struct master *, uint64_t number);
	/*
	 * The result then, in the place of the one that was there before; NULL
	 * with a text, and *errors its lines if there are several.  With it
	 * there is no limit of time.
	 */
	json_t *(*finish)(const struct master *, uint64_t number,
	    json_t **errors);
	uint64_t number;
	uint64_t deadline;
	uint64_t limit;			/* ms; 0: CONTROL_WAIT_MS */
	/* Adds to the result what is known at the end; or NULL. */
	void (*add)(struct master *, uint64_t number, json_t *result);
};

/* Below the time that prongctl gives us unless told. */
#define CONTROL_WAIT_MS	5000

/*
 * The result, or NULL: error_text() is the reason.  A command that has to wait
 * fills in what for.
 */
typedef json_t *control_run_fn(struct master *, const json_t *request,
    struct control_wait *);

struct control_command {
	const char *name;
	control_run_fn *run;
};

/* What clients wait for may be there: they are answered at once if so. */
void control_wake(struct control *);

/* --- commands.c: the table of commands, and those that change something -- */

extern const struct control_command control_commands[];

/* The service that a request names; NULL with ENOENT. */
struct prong_service *control_service(const struct master *,
    const json_t *request);

/* --- status.c, conns.c: those that show ---------------------------------- */

control_run_fn status_all;
control_run_fn status_workers;
control_run_fn status_services;
control_run_fn status_counters;
control_run_fn conns_list;

/* All that is counted, by the names of services, for another master. */
json_t *status_report(struct master *);

/* --- draining.c ----------------------------------------------------------- */

control_run_fn draining_command;
/* What is still open of a drain, since when and how long yet; or null. */
json_t *draining_of_server(const struct master *);
json_t *draining_of_service(const struct master *,
    const struct prong_service *, const struct scoreboard_rest *);
json_t *draining_of_process(const struct process *);
/* How many connections of a row were cut off by drains, ever. */
uint64_t draining_cut(const struct master *, uint32_t service);

/* From one reading of the clock to a later one. */
double status_seconds(uint64_t from, uint64_t to);

#endif
