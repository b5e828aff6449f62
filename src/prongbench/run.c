/* SPDX-License-Identifier: ISC */
/*
 * One load: open, run, hold.
 */
#include "prongbench/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t
run_own_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int
run_load(struct run *run, const struct options *o, bool greet)
{
	uint64_t ns = UINT64_MAX, messages = UINT64_MAX;

	if (greet)
		return load_open(&run->load, true, &run->result);
	if (o->duration != 0)
		ns = (uint64_t)o->duration * 1000;
	if (o->messages != 0)
		messages = (uint64_t)o->messages;
	return load_run(&run->load, ns, messages, &run->result);
}

/* Says on standard error that all is open, so that a script can go on. */
static int
run_hold(struct run *run, const struct options *o)
{
	unsigned int open = o->load.connections - run->load.failed;

	if (o->idle == 0)
		return 0;
	fprintf(stderr, "prongbench: %u connection%s open, idle for %g s\n",
	    open, open == 1 ? "" : "s", (double)o->idle / 1e6);
	return load_hold(&run->load, (uint64_t)o->idle * 1000);
}

int
run_run(struct run *run, const struct options *o, int signals)
{
	const struct cpu_group *group = &o->servers[0].processes;
	/* With --idle alone each connection carries one message. */
	bool greet = o->duration == 0 && o->messages == 0;

	memset(run, 0, sizeof(*run));
	run->load.shared.epoll = -1;
	run->has_cpu = group->count > 0;
	if (load_init(&run->load, &o->load, o->servers[0].address, signals) ==
	    -1)
		return -1;
	if (!o->load.each && !greet &&
	    load_open(&run->load, false, &run->result) == -1)
		return -1;
	if (run->has_cpu && cpu_read(group, &run->before) == -1)
		return -1;
	run->client_ns = run_own_cpu();
	if (run_load(run, o, greet) == -1)
		return -1;
	run->client_ns = run_own_cpu() - run->client_ns;
	if (run->has_cpu && cpu_read(group, &run->after) == -1)
		return -1;
	return run_hold(run, o);
}

void
run_fini(struct run *run)
{
	load_fini(&run->load);
}
