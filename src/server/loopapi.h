/* SPDX-License-Identifier: ISC */
#ifndef SERVER_LOOPAPI_H
#define SERVER_LOOPAPI_H

#include "loop/loop.h"

/*
 * The loop that prong_watch() and prong_timer() of this process use: the
 * worker's, or one that only lasts for the check of a configuration.
 */
void loopapi_set(struct loop *);

#endif
