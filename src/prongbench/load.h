/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_LOAD_H
#define PRONGBENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "prongbench/client.h"

/*
 * The load on one server: its clients and the loop that drives them.  Closed
 * loop: a message is begun when a reply has come.
 */

struct load_options {
	unsigned int connections;
	bool each;			/* a connection for each message */
	double connect_rate;		/* a second; 0: as fast as it goes */
	int64_t timeout;		/* microseconds without any progress */
	struct payload_options payload;
};

struct load_error {
	uint64_t count;
	char first[ERROR_MAX];
};

struct load {
	struct load_options options;
	char address[ADDRESS_MAX];
	struct client_shared shared;
	struct client *clients;
	uint64_t *stamps;
	unsigned int failed;		/* clients that are dead */
	int signals;			/* a signalfd, or -1 */
	bool stopped;			/* a signal asked for the end */
	struct load_error errors[CLIENT_RESULTS];
};

/* What one run brought. */
struct load_result {
	uint64_t messages;
	uint64_t ns;
};

/*
 * Looks the address up and makes room; nothing is connected.  signals is a
 * signalfd whose readability ends every run, or -1.
 */
int load_init(struct load *, const struct load_options *, const char *address,
    int signals);
void load_fini(struct load *);

/*
 * Opens every connection; with greet each sends one message at once and waits
 * for its reply.  Like the others -1 only when the loop itself fails: what
 * goes wrong with a connection is counted.
 */
int load_open(struct load *, bool greet, struct load_result *);

/* Runs for so many nanoseconds or messages, then waits for what is due. */
int load_run(struct load *, uint64_t ns, uint64_t messages,
    struct load_result *);

/* Holds the connections; nothing may happen on them. */
int load_hold(struct load *, uint64_t ns);

/* Errors of any kind. */
uint64_t load_errors(const struct load *);

#endif
