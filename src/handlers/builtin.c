/* SPDX-License-Identifier: ISC */
/*
 * The table of the built-in handlers.  They are written on "prong.h" and
 * nothing else of ours: what they lack is missing from that header.
 */
#include "handlers/builtin.h"

const struct prong_handler *const builtin_handlers[] = {
	&echo_handler,
	&discard_handler,
	&chargen_handler,
	&daytime_handler,
	&time_handler,
	&qotd_handler,
	&menu_handler,
	&store_handler,
	NULL
};
