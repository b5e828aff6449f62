/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_CELL_PROCESS_H
#define PRONGCTL_CELL_PROCESS_H

#include <stdbool.h>

#include "prongctl/cell.h"

/* Cells (cell.h) of the rows about processes, and of others with threads. */

cell_fn cell_process_role;	/* "pool work": there may be several */
cell_fn cell_process_state;	/* what is wrong goes before what it would be */
cell_fn cell_process_threads;	/* "3/10": of ten threads three are at work */

/* Of clients: those that were accepted, and those in the queue of the kernel. */
json_int_t cell_process_waiting(const json_t *service);

bool cell_process_is_worker(const json_t *row);
bool cell_process_is_dead(const json_t *row);
bool cell_process_is_wrong(const json_t *row);	/* dead, late or full */

#endif
