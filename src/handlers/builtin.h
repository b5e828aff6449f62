/* SPDX-License-Identifier: ISC */
#ifndef HANDLERS_BUILTIN_H
#define HANDLERS_BUILTIN_H

#include "prong.h"

/* The handlers that prongd brings along, in the manual's order; NULL ends. */
extern const struct prong_handler *const builtin_handlers[];

extern const struct prong_handler echo_handler;
extern const struct prong_handler discard_handler;
extern const struct prong_handler chargen_handler;
extern const struct prong_handler daytime_handler;
extern const struct prong_handler time_handler;
extern const struct prong_handler qotd_handler;
extern const struct prong_handler menu_handler;
extern const struct prong_handler store_handler;

#endif
