/* SPDX-License-Identifier: ISC */
#ifndef SHM_RLOCK_GONE_H
#define SHM_RLOCK_GONE_H

#include <stddef.h>
#include <stdint.h>

#include "shm/rlock.h"

/* The process that holds a lock, in one word. */
#define RLOCK_GONE_NO_SLOT	0xffffff
#define RLOCK_GONE_WHO(pid, role, slot) \
	((uint64_t)(uint32_t)(pid) << 32 | (uint64_t)(role) << 24 | (slot))

/*
 * For a repair, to say of what object it is and how many changes were taken
 * back: "dict", "sessions", 2.  It gets into the report, soon after.
 */
void rlock_gone_note(const char *kind, const char *name, size_t changes);

/* More changes; how many there are by now. */
void rlock_gone_add(size_t changes);
size_t rlock_gone_changes(void);

/* Reports it: who, as above (0: unknown), and "died with it". */
void rlock_gone_tell(uint64_t who, const char *fate);
void rlock_gone_set_report(rlock_report_fn *);

/* -1 with ETIMEDOUT and who keeps others waiting. */
int rlock_gone_late(const struct rlock *);

#endif
