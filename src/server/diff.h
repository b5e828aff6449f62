/* SPDX-License-Identifier: ISC */
#ifndef SERVER_DIFF_H
#define SERVER_DIFF_H

#include <jansson.h>

#include "server/server.h"

/*
 * What is not the same in two servers, for people: a list of lines without
 * control characters, in an order that is always the same; what is written in
 * another way but means the same is no difference.  Of the options of modules
 * that are not loaded here only the texts are compared.  NULL: ENOMEM.
 */
json_t *diff_servers(const struct prong_server *before,
    const struct prong_server *after);

#endif
