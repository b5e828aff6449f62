/* SPDX-License-Identifier: ISC */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/timer.h"

/*
 * Draining a service in a process: its connections go on, and each is closed
 * when it is at rest.  Nobody is reset who has sent something before he could
 * know: what has come is answered, our side is shut behind the answer, and what
 * still comes is read until the peer has seen that.
 *
 * The last part of a limited drain is for saying goodbye: who has been at rest
 * for a moment is closed, and everybody with his next answer.
 */

struct prong_service;

enum drain_phase {
	DRAIN_OFF,
	DRAIN_ON,	/* who is at rest for drain-idle is closed */
	DRAIN_LAST,	/* the same for a moment, or with the next answer */
	DRAIN_CUT,	/* the limit is over: all are ended */
};

/* The part of the limit that is for the goodbyes, and the most of it. */
#define DRAIN_LAST_PART		4
#define DRAIN_LAST_MS		5000
/* At rest for so long in the last part; and the least of any drain-idle. */
#define DRAIN_LAST_QUIET_MS	1000
#define DRAIN_QUIET_MS		100
/* Who cannot hear that it is over is looked for again after so long. */
#define DRAIN_AGAIN_MS		1000

struct drain {
	enum drain_phase phase;
	uint64_t last;		/* how long the last part is */
	struct timer timer;	/* the next phase */
	/* Tells those that are served elsewhere of the phase; or NULL. */
	void (*tell)(struct prong_service *);
	/* The limit was over for so many; or NULL. */
	void (*cut)(struct prong_service *, uint32_t connections);
};

/*
 * Begins: the limit is in ms, 0 is none.  Nothing happens while one is under
 * way.  Accepting is another's business.
 */
void drain_begin(struct prong_service *, uint64_t ms);
/* Takes it back: who is still open goes on as if nothing had been. */
void drain_end(struct prong_service *);

#endif
