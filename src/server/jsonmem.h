/* SPDX-License-Identifier: ISC */
#ifndef SERVER_JSONMEM_H
#define SERVER_JSONMEM_H

#include <stdbool.h>

/*
 * jansson does not look at each of its allocations: a member is missing, or a
 * text is torn, and nobody is told.  So it is noted that one has failed.
 */

/* From here on, in this process; and no longer. */
void jsonmem_watch(void);
void jsonmem_forget(void);

/* Whether one has failed since. */
void jsonmem_begin(void);
bool jsonmem_has_failed(void);

#endif
