/* SPDX-License-Identifier: ISC */
/*
 * chargen (RFC 864): lines of 72 printing characters without end, each one
 * character further in the ring of 95, until the peer goes away.  The number
 * of the next line, which is all that must be known of a connection, is kept
 * in its data pointer itself.
 */
#include "handlers/builtin.h"

#include <string.h>

#define CHARGEN_RING	95	/* the printing characters of ASCII */
#define CHARGEN_WIDTH	72
#define CHARGEN_LINE	(CHARGEN_WIDTH + 2)
#define CHARGEN_BATCH	16	/* lines sent at a time */

#define CHARGEN_PRINTING						\
	" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNO"		\
	"PQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

/* The ring twice, so that every line is one piece of it. */
static const char chargen_ring[] = CHARGEN_PRINTING CHARGEN_PRINTING;

_Static_assert(sizeof(chargen_ring) == 2 * CHARGEN_RING + 1,
    "the ring has every printing character once");

static int
chargen_fill(struct prong_conn *c)
{
	char text[CHARGEN_BATCH * CHARGEN_LINE], *p;
	size_t line = (uintptr_t)prong_data(c);
	int result = 0;

	while (result == 0 && !prong_is_full(c)) {
		for (p = text; p < text + sizeof(text); p += CHARGEN_LINE) {
			memcpy(p, chargen_ring + line, CHARGEN_WIDTH);
			memcpy(p + CHARGEN_WIDTH, "\r\n", 2);
			line = (line + 1) % CHARGEN_RING;
		}
		result = prong_send(c, text, sizeof(text));
	}
	prong_set_data(c, (void *)(uintptr_t)line);
	return result;
}

/* Without this the input would pile up in front of the text going out. */
static int
chargen_message(struct prong_conn *c, const void *data, size_t len)
{
	return 0;
}

/* It has no end of its own: a server that stops would wait for ever. */
static int
chargen_draining(struct prong_conn *c)
{
	prong_close(c);
	return 0;
}

PRONG_HANDLER(chargen,
	.summary = "sends lines of characters without end (RFC 864)",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_RAW | PRONG_LINE,
	.opened = chargen_fill,
	.message = chargen_message,
	.writable = chargen_fill,
	.draining = chargen_draining,
);
