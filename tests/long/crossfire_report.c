/* SPDX-License-Identifier: ISC */
/*
 * What crossfire prints: one JSON object in a line, of what has happened since
 * the one before.
 */
#include "crossfire.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *key;
	size_t offset;
} crossfire_report_counts[] = {
#define COUNT(name) { #name, offsetof(struct crossfire_tally, name) }
	COUNT(connects), COUNT(full), COUNT(messages), COUNT(resets),
	COUNT(reset_bytes), COUNT(late_resets), COUNT(wrong),
	COUNT(truncated), COUNT(silent), COUNT(ends_idle), COUNT(ends_busy),
	COUNT(ends_unserved), COUNT(unanswered), COUNT(overrun),
#undef COUNT
};

void
crossfire_report_fault(struct crossfire_client *c, const char *fmt, ...)
{
	json_t *faults = c->class->all->faults;
	char text[256];
	va_list ap;

	if (json_array_size(faults) >= CROSSFIRE_FAULTS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(faults, json_pack("{s:f, s:s, s:i, s:s}",
	    "at", (double)crossfire_now() / 1e9, "class", c->class->name,
	    "client", (int)c->number, "what", text));
}

static json_t *
crossfire_report_histogram(const struct histogram *h)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I}",
	    "count", (json_int_t)h->count,
	    "p50", (json_int_t)histogram_quantile(h, 0.5),
	    "p99", (json_int_t)histogram_quantile(h, 0.99),
	    "p999", (json_int_t)histogram_quantile(h, 0.999),
	    "max", (json_int_t)h->max);
}

static json_t *
crossfire_report_failed(const struct crossfire_tally *t)
{
	json_t *failed = json_object();
	const char *name;
	int i;

	for (i = 0; i < CROSSFIRE_ERRORS; i++) {
		if (t->failed[i] == 0)
			continue;
		name = strerrorname_np(i);
		json_object_set_new(failed, name == NULL ? "unknown" : name,
		    json_integer((json_int_t)t->failed[i]));
	}
	return failed;
}

static json_t *
crossfire_report_class(const struct crossfire_class *class)
{
	const struct crossfire_tally *t = &class->tally;
	json_t *result = json_object(), *greeted = json_object();
	uint64_t value;
	size_t i;

	for (i = 0; i < sizeof(crossfire_report_counts) /
	    sizeof(crossfire_report_counts[0]); i++) {
		memcpy(&value, (const char *)t +
		    crossfire_report_counts[i].offset, sizeof(value));
		json_object_set_new(result, crossfire_report_counts[i].key,
		    json_integer((json_int_t)value));
	}
	for (i = 0; i < class->greeting_count; i++)
		json_object_set_new(greeted, class->greetings[i],
		    json_integer((json_int_t)t->greeted[i]));
	json_object_set_new(result, "failed", crossfire_report_failed(t));
	json_object_set_new(result, "greeted", greeted);
	json_object_set_new(result, "latency_ns",
	    crossfire_report_histogram(&t->latency));
	json_object_set_new(result, "connect_ns",
	    crossfire_report_histogram(&t->connect));
	return result;
}

/* One histogram more; the means are not wanted. */
static void
crossfire_report_merge(struct histogram *sum, const struct histogram *h)
{
	size_t i;

	sum->count += h->count;
	if (h->max > sum->max)
		sum->max = h->max;
	for (i = 0; i < HISTOGRAM_CELLS; i++)
		sum->cells[i] += h->cells[i];
}

void
crossfire_report(struct crossfire *all)
{
	json_t *classes = json_object(), *line;
	struct histogram sum = { 0 };
	unsigned int i;

	for (i = 0; i < all->count; i++) {
		crossfire_report_merge(&sum, &all->classes[i].tally.latency);
		json_object_set_new(classes, all->classes[i].name,
		    crossfire_report_class(&all->classes[i]));
		memset(&all->classes[i].tally, 0,
		    sizeof(all->classes[i].tally));
	}
	line = json_pack("{s:f, s:o, s:o, s:O}",
	    "at", (double)crossfire_now() / 1e9,
	    "latency_ns", crossfire_report_histogram(&sum),
	    "classes", classes,
	    "faults", all->faults);
	if (line == NULL || json_dumpf(line, stdout, JSON_COMPACT) == -1 ||
	    putchar('\n') == EOF || fflush(stdout) == EOF)
		err(1, "standard output");
	json_decref(line);
	json_array_clear(all->faults);
}
