/* SPDX-License-Identifier: ISC */
/*
 * The dispatch modes of this build.
 */
#include "dispatch/dispatch.h"

#include <stddef.h>

const struct dispatch_mode *const dispatch_modes[] = {
	&dispatch_inline,
	NULL
};

const char *const dispatch_names[] = {
	"inline",
	NULL
};
