/* SPDX-License-Identifier: ISC */
#ifndef SERVER_PREPARE_H
#define SERVER_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/privilege.h"
#include "server/server.h"

/*
 * What comes before serving, whether a master and its processes are to do it
 * or the program by itself.
 */

/* Opens the logs as the settings say; lines may go to the program instead. */
int prepare_log(const struct prong_server *);
void prepare_log_end(void);
/* Whether one's logs are not the other's. */
bool prepare_has_other_log(const struct prong_server *,
    const struct prong_server *);

/* Checks the services; what is wrong with them is logged. */
int prepare_services(struct prong_server *);

/* Asks the handlers which shared objects they need; as above. */
int prepare_declared(struct prong_server *, const struct privilege *);

/*
 * Finds out what there is of the sandbox that the other processes are to have;
 * what is lacking is logged, or is the error where it is required.
 */
int prepare_sandbox(struct prong_server *);

/* Makes the scoreboard, with tables of so many entries. */
int prepare_memory(struct prong_server *, struct scoreboard *, uint32_t slots,
    uint32_t capacity);

/* Takes the memory that the services count in. */
int prepare_counters(struct prong_server *, struct scoreboard *);

#endif
