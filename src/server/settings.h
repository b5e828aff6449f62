/* SPDX-License-Identifier: ISC */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include <stdbool.h>

#include "base/strings.h"
#include "base/units.h"
#include "net/service.h"
#include "prong.h"

/*
 * The settings of the server and of a service: one table each, from which
 * come the parsing, the defaults, prongd's grammar and prongd -T.  A setting
 * is added in the table and as a field, and nowhere else.
 */

/* Of the server; durations in microseconds. */
struct server_settings {
	char *user;
	char *group;
	char *chroot;
	int64_t umask;
	char *module_path;
	int64_t workers;
	int64_t events;			/* enum loop_mechanism */
	int64_t busy_poll;
	char *pidfile;
	int64_t drain_timeout;
	int64_t stuck_timeout;
	int64_t canary_time;
	int64_t upgrade_timeout;
	int64_t slow_handler;
	int64_t max_processes;
	int64_t max_services;
	int64_t max_sources;
	int64_t worker_memory;
	char *log_target;
	int64_t log_level;		/* enum prong_level */
	int64_t log_format;		/* 0 text, 1 json */
	char *log_access;
	int64_t log_access_sample;
	char *control_socket;
	int64_t control_mode;
	char *rlimit_nofile;
	char *rlimit_core;
	char *rlimit_as;
	int64_t sandbox;		/* enum sandbox_mode */
	struct strings sandbox_read;
	struct strings sandbox_write;
};

/* Sets every setting to its default; -1 with ENOMEM. */
int settings_init(enum prong_scope, void *settings);
void settings_free(enum prong_scope, void *settings);

/* ENOENT: no such key.  EINVAL, ERANGE: not a value.  ENOMEM. */
int settings_set(enum prong_scope, void *settings, const char *key,
    const char *value);

/*
 * Goes through all of them, in the order of the table.  Begins with scope and
 * settings set and the rest zeroed; false behind the last.  The values are
 * texts that settings_set() makes the same of, and valid until the next call:
 * a list has any number of them, everything else one.  Equal values have equal
 * texts.
 */
struct settings_walk {
	enum prong_scope scope;
	const void *settings;
	const char *key;
	const char *const *values;
	size_t count;
	bool list;
	bool text;		/* anybody's words, and not a number or a choice */
	bool bare;		/* stands without quotes in prongd.conf(5) */
	/* its own */
	size_t index;
	const char *one;
	char buffer[UNITS_MAX];
};
bool settings_next(struct settings_walk *);

/* Appends all of them as in prongd.conf(5). */
int settings_dump(enum prong_scope, const void *settings, char **out,
    int indent);

#endif
