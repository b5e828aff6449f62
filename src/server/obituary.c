/* SPDX-License-Identifier: ISC */
/*
 * What is known of a process that died or is stuck: the connection that it
 * served, from the scoreboard, or the task that it ran, from its pool, and the
 * backtrace that it may have left.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "server/crash.h"
#include "server/master.h"

/* So much of a report is logged: a process may write anything into it. */

static bool
obituary_find_task(const struct process *p, struct pool_view *v)
{
	uint32_t cell;

	for (cell = 0; cell < p->pool->cells; cell++)
		if (pool_view(p->pool, cell, v) && v->runner.pid == p->pid &&
		    v->runner.slot == p->slot)
			return true;
	return false;
}

/* Any process may have written there, and anything. */
static const char *
obituary_of_task(const struct process *p, char *buf, size_t size)
{
	const struct prong_service *s;
	struct pool_view v;
	char *at;

	if (!obituary_find_task(p, &v))
		return buf;
	for (at = v.job; *at != '\0'; at++)
		if (*at <= ' ' || *at >= '\177')
			*at = '?';
	s = server_by_row(p->generation->server, v.service);
	snprintf(buf, size, " while running job=%s service=%s", v.job,
	    s == NULL ? "?" : s->name);
	return buf;
}

const char *
obituary_of(const struct process *p, char *buf, size_t size)
{
	const struct master *m = p->master;
	const struct prong_service *s;
	char peer[ADDRESS_MAX];
	struct conn_entry e;
	uint64_t now = process_milliseconds();

	buf[0] = '\0';
	if (p->pool != NULL)
		return obituary_of_task(p, buf, size);
	/* One that died early has left its slot to the one before. */
	if (__atomic_load_n(&scoreboard_slot(&m->scoreboard, p->slot)->pid,
	    __ATOMIC_RELAXED) != (uint64_t)p->pid)
		return buf;
	if (scoreboard_serving(&m->scoreboard, p->slot, &e) == -1 ||
	    (s = server_by_row(p->generation->server, e.service)) == NULL)
		return buf;
	snprintf(buf, size, " while serving service=%s handler=%s peer=%s "
	    "id=%llu, connected for %.1f s", s->name, s->settings.handler,
	    conntable_peer(&e, peer, sizeof(peer)), (unsigned long long)e.id,
	    now > e.opened ? (double)(now - e.opened) / 1000 : 0);
	return buf;
}

void
obituary_log_report(const struct process *p, pid_t pid, int report)
{
	crash_log(report, p->name, pid);
	close(report);
}
