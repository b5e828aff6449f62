/* SPDX-License-Identifier: ISC */
/*
 * What is known of a process that died or is stuck: the connection that it
 * served, from the scoreboard, and the backtrace that it may have left.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "server/crash.h"
#include "server/master.h"

/* So much of a report is logged: a process may write anything into it. */

const char *
obituary_of(const struct process *p, char *buf, size_t size)
{
	const struct master *m = p->master;
	const struct prong_service *s;
	char peer[ADDRESS_MAX];
	struct conn_entry e;
	uint64_t now = process_milliseconds();

	buf[0] = '\0';
	/* One that died early has left its slot to the one before. */
	if (__atomic_load_n(&scoreboard_slot(&m->scoreboard, p->slot)->pid,
	    __ATOMIC_RELAXED) != (uint64_t)p->pid)
		return buf;
	if (scoreboard_serving(&m->scoreboard, p->slot, &e) == -1 ||
	    e.service >= m->server->service_count)
		return buf;
	s = m->server->services[e.service];
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
