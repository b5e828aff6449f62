/* SPDX-License-Identifier: ISC */
/*
 * The comparison of two servers in pairs of slices.
 *
 * Both are up and connected all the time, only one has load, and what is in
 * flight is awaited before the other's turn.  The order within a pair
 * alternates, so that a drift of the machine falls on both alike.
 */
#include "prongbench/compare.h"

#include <errno.h>
#include <string.h>

/* Half the width that a 95 % interval may have. */
#define COMPARE_MARGIN	0.02
/* More pairs are taken so many at a time. */
#define COMPARE_STEP	10
/* Slices for each server that do not count. */
#define COMPARE_WARMUP	2

/* One slice: its rate and the server's CPU time for a message. */
static int
compare_slice(struct compare *cmp, const struct options *o, int which)
{
	struct compare_side *side = &cmp->sides[which];
	const struct cpu_group *group = &o->servers[which].processes;
	struct cpu_reading before = { 0 }, after = { 0 };
	struct load_result result;

	if (cmp->has_cpu && cpu_read(group, &before) == -1)
		return -1;
	if (load_run(&side->load, (uint64_t)o->slice * 1000, UINT64_MAX,
	    &result) == -1)
		return -1;
	if (cmp->has_cpu && cpu_read(group, &after) == -1)
		return -1;
	if (load_errors(&side->load) > 0)
		return error_set(EPROTO, "%s: there were errors, so the "
		    "comparison is void", side->load.address);
	if (side->load.stopped)
		return error_set(EINTR, "interrupted");
	if (result.messages == 0 || result.ns == 0)
		return error_set(ETIMEDOUT, "%s: no message in a slice: it "
		    "is too short", side->load.address);
	if (cmp->has_cpu && after.ns <= before.ns)
		return error_set(ESRCH, "%s: the processes named used no CPU "
		    "time: are they the server's?", side->load.address);
	side->slice_rate = (double)result.messages * 1e9 / (double)result.ns;
	side->slice_cpu = (double)(after.ns - before.ns) /
	    (double)result.messages;
	side->total.messages += result.messages;
	side->total.ns += result.ns;
	side->cpu_ns += after.ns - before.ns;
	return 0;
}

static int
compare_pair(struct compare *cmp, const struct options *o)
{
	int first = (int)(cmp->pairs % 2);
	struct compare_side *a = &cmp->sides[0], *b = &cmp->sides[1];

	if (compare_slice(cmp, o, first) == -1 ||
	    compare_slice(cmp, o, 1 - first) == -1)
		return -1;
	cmp->pairs++;
	ratio_add(&cmp->rate, a->slice_rate / b->slice_rate);
	if (cmp->has_cpu)
		ratio_add(&cmp->cpu, a->slice_cpu / b->slice_cpu);
	return 0;
}

static bool
compare_is_wide(const struct compare *cmp)
{
	return ratio_margin(&cmp->rate) > COMPARE_MARGIN ||
	    (cmp->has_cpu && ratio_margin(&cmp->cpu) > COMPARE_MARGIN);
}

/* Connects to both and forgets what the first slices measured. */
static int
compare_begin(struct compare *cmp, const struct options *o, int signals)
{
	struct load_result ignored;
	struct compare_side *side;
	int i, turn;

	for (i = 0; i < 2; i++) {
		side = &cmp->sides[i];
		if (load_init(&side->load, &o->load, o->servers[i].address,
		    signals) == -1)
			return -1;
		if (!o->load.each &&
		    load_open(&side->load, false, &ignored) == -1)
			return -1;
	}
	for (turn = 0; turn < 2 * COMPARE_WARMUP; turn++)
		if (compare_slice(cmp, o, turn % 2) == -1)
			return -1;
	for (i = 0; i < 2; i++) {
		side = &cmp->sides[i];
		memset(&side->load.shared.latency, 0,
		    sizeof(side->load.shared.latency));
		memset(&side->total, 0, sizeof(side->total));
		side->cpu_ns = 0;
	}
	return 0;
}

int
compare_run(struct compare *cmp, const struct options *o, int signals)
{
	unsigned int wanted = (unsigned int)o->pairs;

	memset(cmp, 0, sizeof(*cmp));
	cmp->sides[0].load.shared.epoll = -1;
	cmp->sides[1].load.shared.epoll = -1;
	cmp->has_cpu = o->servers[0].processes.count > 0;
	if (compare_begin(cmp, o, signals) == -1)
		return -1;
	for (;;) {
		while (cmp->pairs < wanted)
			if (compare_pair(cmp, o) == -1)
				return -1;
		cmp->wide = compare_is_wide(cmp);
		if (!cmp->wide || wanted >= o->max_pairs)
			return 0;
		wanted += COMPARE_STEP;
		if (wanted > o->max_pairs)
			wanted = (unsigned int)o->max_pairs;
	}
}

void
compare_fini(struct compare *cmp)
{
	load_fini(&cmp->sides[0].load);
	load_fini(&cmp->sides[1].load);
}
