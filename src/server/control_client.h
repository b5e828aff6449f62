/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CONTROL_CLIENT_H
#define SERVER_CONTROL_CLIENT_H

#include <sys/socket.h>

#include <jansson.h>

#include "server/clerk.h"
#include "server/control.h"
#include "server/inspect.h"

/* A connection to the control socket, for server/control. */

#define CONTROL_LINE_MAX	(64 * 1024)
#define CONTROL_GLANCE_MS	5

struct control_client {
	struct watch watch;
	struct control *control;
	struct control_client *next;
	struct output *output;
	size_t length;
	bool closing;
	struct ucred who;
	uint64_t seen;			/* when it last did anything */
	bool has_asked;			/* a request that makes sense */
	json_t *result;			/* of a command that waits, or NULL */
	struct control_wait wait;
	struct clerk *clerk;		/* who answers instead, or NULL */
	const struct inspect_command *inspect;	/* what he is asked for */
	json_t *request;
	char line[CONTROL_LINE_MAX];
};

struct control {
	struct master *master;
	struct watch watch;
	struct address address;
	struct control_client *clients;
	unsigned int count;
	bool listens;			/* it is watched */
	bool moves;			/* a reload is to have it elsewhere */
	int next;			/* the socket there; or -1 */
	struct address next_address;
	struct timer resume;		/* accept again after a shortage */
	struct timer glance;		/* at what clients wait for */
	uint64_t told;			/* when a complaint was logged last */
	unsigned int untold;		/* those since then */
};

/* For a command's end; what it sends meanwhile is not looked at. */
static inline bool
control_client_is_waiting(const struct control_client *c)
{
	return c->result != NULL || c->clerk != NULL;
}

/* For the loop: it has sent something, or takes something. */
void control_client_event(struct watch *, unsigned int events);
/* Also when it has its answer: what it has sent meanwhile comes next. */
void control_client_go_on(struct control_client *);
/* What it waits for is there, or has taken too long. */
int control_client_finish(struct control_client *);
void control_client_drop(struct control_client *);

/*
 * The answer as a line without its end, allocated; NULL: no memory.  errors:
 * lines beside the text, or NULL.
 */
char *control_client_text(json_t *result, json_t *errors);

/* Whoever may connect could fill the log: so many lines and no more. */
void control_warn(struct control *, const struct ucred *, const char *why);

#endif
