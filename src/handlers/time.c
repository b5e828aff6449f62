/* SPDX-License-Identifier: ISC */
/*
 * time (RFC 868): sends the seconds since 1900-01-01 00:00 UTC as 32 bits in
 * network order and closes.  The number begins again at 0 in February 2036, as
 * the RFC has it.
 */
#include "handlers/builtin.h"

#include <arpa/inet.h>

#include <time.h>

#define TIME_1900_TO_1970	2208988800U

static int
time_opened(struct prong_conn *c)
{
	uint32_t now = htonl((uint32_t)time(NULL) + TIME_1900_TO_1970);
	int result;

	result = prong_send(c, &now, sizeof(now));
	prong_close(c);
	return result;
}

PRONG_HANDLER(time,
	.summary = "sends the seconds since 1900 as 32 bits, then closes "
	    "(RFC 868)",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_RAW,
	.opened = time_opened,
);
