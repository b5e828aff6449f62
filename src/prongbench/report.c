/* SPDX-License-Identifier: ISC */
/*
 * Results for people.  report_json.c has them for programs.
 */
#include "prongbench/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "net/frame.h"
#include "prongbench/report_json.h"

static const char *const report_error_names[CLIENT_RESULTS] = {
	[CLIENT_CONNECT] = "could not connect",
	[CLIENT_CLOSED] = "closed by the server",
	[CLIENT_WRONG] = "wrong replies",
	[CLIENT_SILENT] = "no reply in time",
};

void
report_errors(const struct load *load)
{
	const struct load_error *e;
	int i;

	for (i = 0; i < CLIENT_RESULTS; i++) {
		e = &load->errors[i];
		if (e->count > 0)
			fprintf(stderr, "prongbench: %s: %s: %" PRIu64
			    ", the first: %s\n", load->address,
			    report_error_names[i], e->count, e->first);
	}
}

static int
report_flush(void)
{
	if (fflush(stdout) == EOF || ferror(stdout))
		return error_errno("standard output");
	return 0;
}

static const char *
report_time(double ns, char buf[UNITS_MAX])
{
	if (ns < 1e6)
		snprintf(buf, UNITS_MAX, "%.1fus", ns / 1e3);
	else if (ns < 1e9)
		snprintf(buf, UNITS_MAX, "%.2fms", ns / 1e6);
	else
		snprintf(buf, UNITS_MAX, "%.2fs", ns / 1e9);
	return buf;
}

/* "50 connections, 64-byte messages, 16 in flight, raw" */
static void
report_load(const struct load_options *o)
{
	printf("%u connection%s, %zu-byte messages, ", o->connections,
	    o->connections == 1 ? "" : "s", o->payload.size);
	if (o->each)
		printf("a connection for each");
	else
		printf("%zu in flight", o->payload.depth);
	printf(", %s", frame_name(o->payload.framing));
}

static void
report_latency(const struct histogram *h)
{
	static const struct {
		const char *name;
		double share;
	} shares[] = {
		{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 },
		{ "p99.9", 0.999 }, { "max", 1 },
	};
	char buf[UNITS_MAX];
	size_t i;

	printf("  latency     ");
	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		printf(" %s %s", shares[i].name, report_time((double)
		    histogram_quantile(h, shares[i].share), buf));
	printf("\n");
}

static void
report_cpu(const struct run *run)
{
	uint64_t user = run->after.user_ticks - run->before.user_ticks;
	uint64_t system = run->after.system_ticks - run->before.system_ticks;
	double ns = (double)(run->after.ns - run->before.ns);

	printf("  server CPU   %.0f ns a message, %.2f of a CPU, %zu process%s",
	    ns / (double)run->result.messages, ns / (double)run->result.ns,
	    run->after.processes, run->after.processes == 1 ? "" : "es");
	if (user + system > 0)
		printf(" (user %.0f %%, system %.0f %%)",
		    100.0 * (double)user / (double)(user + system),
		    100.0 * (double)system / (double)(user + system));
	printf("\n");
}

int
report_run(const struct run *run, const struct options *o)
{
	const struct load *load = &run->load;
	double messages = (double)run->result.messages;
	double seconds = (double)run->result.ns / 1e9;

	if (o->json)
		return report_json_run(run, o);
	printf("%s: ", load->address);
	report_load(&o->load);
	printf("\n  messages     %.0f in %.2f s, %" PRIu64 " connection%s\n",
	    messages, seconds, load->shared.opened,
	    load->shared.opened == 1 ? "" : "s");
	if (run->result.messages > 0 && run->result.ns > 0) {
		printf("  rate         %.0f messages/s, %.1f MiB/s each way\n",
		    messages / seconds, messages / seconds *
		    (double)o->load.payload.size / (1 << 20));
		report_latency(&load->shared.latency);
		if (run->has_cpu)
			report_cpu(run);
		printf("  client CPU   %.0f ns a message, %.2f of a CPU\n",
		    (double)run->client_ns / messages,
		    (double)run->client_ns / (double)run->result.ns);
	}
	printf("  errors       %" PRIu64 "\n", load_errors(load));
	return report_flush();
}

bool
report_holds(const struct compare *cmp, const struct options *o)
{
	return (o->min_rate == 0 ||
	    ratio_estimate(&cmp->rate).mean >= o->min_rate) &&
	    (o->max_cpu == 0 ||
	    ratio_estimate(&cmp->cpu).mean <= o->max_cpu);
}

static void
report_ratio(const char *name, double a, double b, const struct ratio *ratio,
    const char *sign, double bound)
{
	struct ratio_estimate e = ratio_estimate(ratio);
	bool holds = *sign == '<' ? e.mean <= bound : e.mean >= bound;

	printf("%-22s%12.0f%12.0f%9.4f  %.4f to %.4f", name, a, b, e.mean,
	    e.low, e.high);
	if (bound != 0)
		printf("  %s %g: %s", sign, bound, holds ? "holds" : "missed");
	printf("\n");
}

int
report_compare(const struct compare *cmp, const struct options *o)
{
	const struct compare_side *a = &cmp->sides[0], *b = &cmp->sides[1];
	static const double shares[] = { 0.5, 0.99 };
	char pa[UNITS_MAX], pb[UNITS_MAX], name[UNITS_MAX];
	size_t i;

	if (o->json)
		return report_json_compare(cmp, o);
	printf("A %s, B %s\n", a->load.address, b->load.address);
	report_load(&o->load);
	printf("; %u pairs of slices of %s\n\n%-22s%12s%12s%9s  %s\n",
	    cmp->pairs, units_format_duration(o->slice, pa), "", "A", "B",
	    "A/B", "95 % interval");
	report_ratio("messages/s",
	    (double)a->total.messages * 1e9 / (double)a->total.ns,
	    (double)b->total.messages * 1e9 / (double)b->total.ns,
	    &cmp->rate, ">=", o->min_rate);
	if (cmp->has_cpu)
		report_ratio("server CPU ns/message",
		    (double)a->cpu_ns / (double)a->total.messages,
		    (double)b->cpu_ns / (double)b->total.messages,
		    &cmp->cpu, "<=", o->max_cpu);
	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		snprintf(name, sizeof(name), "latency p%g", 100 * shares[i]);
		printf("%-22s%12s%12s\n", name, report_time((double)
		    histogram_quantile(&a->load.shared.latency, shares[i]),
		    pa), report_time((double)histogram_quantile(
		    &b->load.shared.latency, shares[i]), pb));
	}
	if (cmp->wide)
		printf("the interval is still wider than +-0.02 after %u "
		    "pairs (--max-pairs)\n", cmp->pairs);
	return report_flush();
}
