/* SPDX-License-Identifier: ISC */
/*
 * prongbench(1): loads a server that sends back what it gets.
 *
 * Exit codes: 0 every reply was right (and the bounds hold), 1 something was
 * not, 64 bad usage.
 */
#include "config.h"

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "prongbench/compare.h"
#include "prongbench/options.h"
#include "prongbench/report.h"
#include "prongbench/run.h"

/* Descriptors beside the connections: standard ones, epoll, signals, /proc. */
#define MAIN_DESCRIPTORS	32

/* Makes room for a descriptor per connection, as far as it is allowed. */
static int
main_descriptors(const struct options *o)
{
	rlim_t needed = (rlim_t)o->load.connections * (o->compare ? 2 : 1) +
	    MAIN_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return error_errno("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		return error_errno("setrlimit");
	if (limit.rlim_cur < needed)
		return error_set(EMFILE, "%ju descriptors are needed, %ju are "
		    "allowed (ulimit -Hn)", (uintmax_t)needed,
		    (uintmax_t)limit.rlim_cur);
	return 0;
}

/* SIGINT and SIGTERM end a run early; what was measured is reported. */
static int
main_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return error_errno("sigprocmask");
	if ((fd = signalfd(-1, &set, SFD_CLOEXEC)) == -1)
		return error_errno("signalfd");
	return fd;
}

static int
main_run(const struct options *o, int signals)
{
	static struct run run;
	int result;

	result = run_run(&run, o, signals);
	if (result == 0)
		result = report_run(&run, o);
	report_errors(&run.load);
	if (result == -1)
		fprintf(stderr, "prongbench: %s\n", error_text());
	if (load_errors(&run.load) > 0)
		result = -1;
	run_fini(&run);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
main_compare(const struct options *o, int signals)
{
	static struct compare cmp;
	int result;

	result = compare_run(&cmp, o, signals);
	if (result == 0)
		result = report_compare(&cmp, o);
	report_errors(&cmp.sides[0].load);
	report_errors(&cmp.sides[1].load);
	if (result == -1)
		fprintf(stderr, "prongbench: %s\n", error_text());
	else if (!report_holds(&cmp, o)) {
		fprintf(stderr, "prongbench: a bound is missed\n");
		result = -1;
	}
	compare_fini(&cmp);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct options o;
	int signals;

	if (options_parse(&o, argc, argv) == -1)
		return EX_USAGE;
	if (o.help) {
		options_usage();
		return EXIT_SUCCESS;
	}
	if (o.version) {
		printf("prongbench (prong) %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (main_descriptors(&o) == -1 || (signals = main_signals()) == -1) {
		fprintf(stderr, "prongbench: %s\n", error_text());
		return EXIT_FAILURE;
	}
	return o.compare ? main_compare(&o, signals) : main_run(&o, signals);
}
