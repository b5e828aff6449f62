/* SPDX-License-Identifier: ISC */
/*
 * Results for programs.  prongbench(1) describes every key.
 */
#include "prongbench/report_json.h"

#include <errno.h>
#include <stdio.h>

#include <jansson.h>

#include "net/frame.h"
#include "prongbench/report.h"

static const char *const report_json_error_keys[CLIENT_RESULTS] = {
	[CLIENT_CONNECT] = "connect",
	[CLIENT_CLOSED] = "closed",
	[CLIENT_WRONG] = "wrong",
	[CLIENT_SILENT] = "silent",
};

/* A quotient, or null where nothing was measured. */
static json_t *
report_json_quotient(double a, double b)
{
	return b == 0 ? json_null() : json_real(a / b);
}

static json_t *
report_json_errors(const struct load *load)
{
	json_t *errors = json_object();
	int i;

	for (i = CLIENT_OK + 1; i < CLIENT_RESULTS; i++)
		json_object_set_new(errors, report_json_error_keys[i],
		    json_integer((json_int_t)load->errors[i].count));
	return errors;
}

static json_t *
report_json_latency(const struct histogram *h)
{
	static const struct {
		const char *key;
		double share;
	} shares[] = {
		{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 },
		{ "p999", 0.999 }, { "max", 1 },
	};
	json_t *latency = json_object();
	size_t i;

	json_object_set_new(latency, "mean", json_real(histogram_mean(h)));
	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		json_object_set_new(latency, shares[i].key,
		    json_integer((json_int_t)
		    histogram_quantile(h, shares[i].share)));
	return latency;
}

static json_t *
report_json_load(const struct load_options *o)
{
	return json_pack("{s:i, s:I, s:I, s:s, s:b}",
	    "connections", (int)o->connections,
	    "size", (json_int_t)o->payload.size,
	    "pipeline", (json_int_t)o->payload.depth,
	    "framing", frame_name(o->payload.framing),
	    "connect_each", o->each);
}

static json_t *
report_json_server_cpu(const struct run *run)
{
	double user = (double)(run->after.user_ticks - run->before.user_ticks);
	double system =
	    (double)(run->after.system_ticks - run->before.system_ticks);
	double ns = (double)(run->after.ns - run->before.ns);

	if (!run->has_cpu)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I}",
	    "ns_per_message",
	    report_json_quotient(ns, (double)run->result.messages),
	    "cpus", report_json_quotient(ns, (double)run->result.ns),
	    "user_share", report_json_quotient(user, user + system),
	    "processes", (json_int_t)run->after.processes);
}

/* Prints the object and releases it; NULL is one that could not be made. */
static int
report_json_print(json_t *object)
{
	int result = 0;

	if (object == NULL) {
		errno = ENOMEM;
		return error_errno("JSON");
	}
	if (json_dumpf(object, stdout, JSON_INDENT(2) |
	    JSON_REAL_PRECISION(9)) == -1 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF)
		result = error_errno("standard output");
	json_decref(object);
	return result;
}

int
report_json_run(const struct run *run, const struct options *o)
{
	const struct load *load = &run->load;
	double messages = (double)run->result.messages;
	double ns = (double)run->result.ns;

	return report_json_print(json_pack(
	    "{s:s, s:o, s:I, s:I, s:f, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:b}",
	    "address", load->address,
	    "load", report_json_load(&o->load),
	    "opened", (json_int_t)load->shared.opened,
	    "messages", (json_int_t)run->result.messages,
	    "seconds", ns / 1e9,
	    "rate", report_json_quotient(messages * 1e9, ns),
	    "latency_ns", report_json_latency(&load->shared.latency),
	    "server_cpu", report_json_server_cpu(run),
	    "client_cpu",
	    "ns_per_message",
	    report_json_quotient((double)run->client_ns, messages),
	    "cpus", report_json_quotient((double)run->client_ns, ns),
	    "errors", report_json_errors(load),
	    "ok", load_errors(load) == 0));
}

static json_t *
report_json_side(const struct compare_side *side, bool has_cpu)
{
	double messages = (double)side->total.messages;

	return json_pack("{s:s, s:I, s:f, s:f, s:o, s:o}",
	    "address", side->load.address,
	    "messages", (json_int_t)side->total.messages,
	    "seconds", (double)side->total.ns / 1e9,
	    "rate", messages * 1e9 / (double)side->total.ns,
	    "cpu_ns_per_message", has_cpu ?
	    json_real((double)side->cpu_ns / messages) : json_null(),
	    "latency_ns", report_json_latency(&side->load.shared.latency));
}

static json_t *
report_json_ratio(const struct ratio *ratio)
{
	struct ratio_estimate e;

	if (ratio->count < 2)
		return json_null();
	e = ratio_estimate(ratio);
	return json_pack("{s:f, s:f, s:f}", "mean", e.mean, "low", e.low,
	    "high", e.high);
}

static json_t *
report_json_bound(double bound)
{
	return bound == 0 ? json_null() : json_real(bound);
}

int
report_json_compare(const struct compare *cmp, const struct options *o)
{
	return report_json_print(json_pack(
	    "{s:o, s:o, s:o, s:i, s:f, s:b, s:o, s:o, s:o, s:o, s:b}",
	    "load", report_json_load(&o->load),
	    "a", report_json_side(&cmp->sides[0], cmp->has_cpu),
	    "b", report_json_side(&cmp->sides[1], cmp->has_cpu),
	    "pairs", (int)cmp->pairs,
	    "slice_seconds", (double)o->slice / 1e6,
	    "max_pairs_reached", cmp->wide,
	    "rate_ratio", report_json_ratio(&cmp->rate),
	    "cpu_ratio", report_json_ratio(&cmp->cpu),
	    "min_rate", report_json_bound(o->min_rate),
	    "max_cpu", report_json_bound(o->max_cpu),
	    "ok", report_holds(cmp, o)));
}
