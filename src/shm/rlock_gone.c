/* SPDX-License-Identifier: ISC */
/*
 * Holders of locks who are gone, or who keep others waiting: what is said of
 * them, and of what they left.
 */
#include "shm/rlock_gone.h"

#include <errno.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/process.h"

static rlock_report_fn *gone_report;

/* What a repair has said. */
static __thread struct {
	const char *kind;		/* NULL: nothing */
	const char *name;
	size_t changes;
} gone_said;

void
rlock_gone_set_report(rlock_report_fn *report)
{
	gone_report = report;
}

void
rlock_gone_note(const char *kind, const char *name, size_t changes)
{
	gone_said.kind = kind;
	gone_said.name = name;
	gone_said.changes = changes;
}

void
rlock_gone_add(size_t changes)
{
	gone_said.changes += changes;
}

size_t
rlock_gone_changes(void)
{
	return gone_said.changes;
}

/* "worker 3 (process 1234)"; killed at the very edges it left no name. */
static void
gone_describe(uint64_t who, char *to, size_t size)
{
	static const char *const roles[RLOCK_ROLES] = {
		"a process", "worker", "forker", "child of the forker",
		"clerk", "task process",
	};
	unsigned int role = (unsigned int)(who >> 24) & 0xff;
	uint32_t slot = (uint32_t)who & RLOCK_GONE_NO_SLOT;
	size_t n;

	if (who == 0) {
		snprintf(to, size, "somebody who had just taken it or was "
		    "about to give it back");
		return;
	}
	n = (size_t)snprintf(to, size, "%s", roles[role < RLOCK_ROLES ? role :
	    RLOCK_PROGRAM]);
	if (slot != RLOCK_GONE_NO_SLOT)
		n += (size_t)snprintf(to + n, size - n, " %u", slot);
	snprintf(to + n, size - n, " (process %d)", (int)(who >> 32));
}

UNUSUAL void
rlock_gone_tell(uint64_t who, const char *fate)
{
	char text[ERROR_MAX], holder[96], object[96] = "", done[64];
	size_t n = gone_said.changes;

	if (gone_report == NULL)
		return;
	gone_describe(who, holder, sizeof(holder));
	if (gone_said.kind != NULL)
		snprintf(object, sizeof(object), "%s \"%.64s\": ",
		    gone_said.kind, gone_said.name);
	snprintf(done, sizeof(done), "%zu change%s taken back", n,
	    n == 1 ? " is" : "s are");
	snprintf(text, sizeof(text), "%sa lock is free again: %s %s; %s",
	    object, holder, fate, n > 0 ? done :
	    "nothing had to be put right");
	gone_report(text);
}

/* Who it is may have changed since we gave up, so no time is said of him. */
UNUSUAL int
rlock_gone_late(const struct rlock *l)
{
	uint64_t who = __atomic_load_n(&l->who, __ATOMIC_RELAXED);
	pid_t pid = rlock_holder(l);
	char holder[96];

	if (pid == 0 || who == 0)
		return error_set(ETIMEDOUT, "the lock was held by others all "
		    "the time");
	gone_describe(who, holder, sizeof(holder));
	return error_set(ETIMEDOUT, "the lock was held by others all the time, "
	    "now by %s%s", holder, process_state((pid_t)(who >> 32)) == 'T' ?
	    ", which somebody has stopped" : "");
}
