/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CHECK_H
#define SERVER_CHECK_H

#include "server/listening.h"

/*
 * Addresses that a check of this process finds taken, and rightly: those of the
 * server that the configuration is for.
 */
void check_hold(const struct listening *);

#endif
