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

/* Binds the socket and listens; "" is none: NULL with errno 0. */
struct control *control_open(struct master *);
void control_close(struct control *);

/* The names that commands have; each is one entry of the table there. */
struct control_command {
	const char *name;
	/* The result, or NULL: error_text() is the reason. */
	json_t *(*run)(struct master *, const json_t *request);
};

/* --- status.c: what the commands answer with ----------------------------- */

json_t *status_all(struct master *, const json_t *request);
json_t *status_workers(struct master *, const json_t *request);
json_t *status_services(struct master *, const json_t *request);

#endif
