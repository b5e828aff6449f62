/* SPDX-License-Identifier: ISC */
/*
 * The tables of settings, and the one parser and printer for them.
 */
#include "server/settings.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/rlimits.h"
#include "base/units.h"
#include "dispatch/dispatch.h"
#include "net/access.h"
#include "net/frame.h"
#include "server/objects.h"
#include "server/section.h"

enum setting_type {
	SETTING_INT,
	SETTING_SIZE,
	SETTING_DURATION,
	SETTING_BOOL,
	SETTING_MODE,		/* octal permissions */
	SETTING_DECIMAL,	/* kept in thousandths */
	SETTING_CHOICE,		/* index into .choices */
	SETTING_STRING,
	SETTING_LIST,
};

struct setting {
	struct prong_setting public;
	enum setting_type type;
	size_t offset;		/* of int64_t, char * or struct strings */
	int64_t min, max;	/* of numbers; max 0: no bound */
	const char *const *choices;
	int (*check)(const char *);	/* of texts */
};

static const char *const event_names[] =
    { "auto", "epoll", "poll", "select", NULL };
static const char *const level_names[] =
    { "error", "warning", "info", "debug", NULL };
static const char *const format_names[] = { "text", "json", NULL };
static const char *const accept_names[] =
    { "auto", "shared", "reuseport", NULL };
static const char *const refuse_names[] =
    { "close", "reset", "banner", NULL };

static const char *const sandbox_names[] =
    { "auto", "off", "required", NULL };

/* Of a list: none would be an empty list. */
static int
check_listed_path(const char *text)
{
	if (text[0] == '/')
		return 0;
	return error_set(EINVAL, "\"%.128s\" is not an absolute path", text);
}

static int
check_path(const char *text)
{
	return text[0] == '\0' ? 0 : check_listed_path(text);
}

static int
check_log_target(const char *text)
{
	if (strcmp(text, "stderr") == 0 || strcmp(text, "syslog") == 0 ||
	    text[0] == '/')
		return 0;
	return error_set(EINVAL, "\"%.128s\" is neither stderr, syslog nor an "
	    "absolute path", text);
}

/* It has to fit into the send buffer of a fresh connection. */
static int
check_banner(const char *text)
{
	if (strlen(text) <= 1024)
		return 0;
	return error_set(EINVAL, "a banner has at most 1024 bytes");
}

static int
check_log_access(const char *text)
{
	return text[0] == '\0' ? 0 : check_log_target(text);
}

#define DAY			86400000000LL
#define DRAIN_TIMEOUT_MAX	(365 * DAY)

static int
check_drain_timeout(const char *text)
{
	int64_t us;

	if (text[0] == '\0')
		return 0;
	if (units_duration(text, &us) == -1)
		return -1;
	return us <= DRAIN_TIMEOUT_MAX ? 0 : error_set(ERANGE, "%s is more "
	    "than 365d", text);
}

static const char *const pool_unit_names[] =
    { "connection", "message", NULL };
static const char *const at_exit_names[] = { "join", "abandon", NULL };

static int
check_framing(const char *text)
{
	if (text[0] == '\0' || frame_by_name(text) != 0)
		return 0;
	return error_set(EINVAL, "\"%.64s\" is none of: raw, line, netstring, "
	    "length32", text);
}

#define SERVER(k, v, h, t, field, ...)					\
	{ { .key = k, .value = v, .help = h,				\
	    .list = (t) == SETTING_LIST }, t,				\
	    offsetof(struct server_settings, field), __VA_ARGS__ }
#define SERVICE(k, v, h, t, field, ...)					\
	{ { .key = k, .value = v, .help = h,				\
	    .list = (t) == SETTING_LIST }, t,				\
	    offsetof(struct service_settings, field), __VA_ARGS__ }

#define LIMIT_MAX	((1 << 24) - 1)	/* what the ledger can count to */
#define MAX_PROCESSES	4096
#define MAX_SERVICES	4096

static const struct setting server_settings[] = {
	SERVER("user", "", "whom the workers run as when root starts us; empty: "
	    "prong where there is such a user, else nobody",
	    SETTING_STRING, user, .check = NULL),
	SERVER("group", "", "their group; empty: the user's own",
	    SETTING_STRING, group, .check = NULL),
	SERVER("chroot", "", "the folder that is all the workers see; empty: no",
	    SETTING_STRING, chroot, .check = check_path),
	SERVER("umask", "0027", "permissions that new files do not get",
	    SETTING_MODE, umask, .max = 0777),
	SERVER("module-path", PRONG_MODULESDIR, "the folder of modules that are "
	    "named without one", SETTING_STRING, module_path,
	    .check = check_path),
	SERVER("workers", "0", "worker processes; 0: one per CPU",
	    SETTING_INT, workers, .max = MAX_PROCESSES),
	SERVER("events", "auto", "how to wait for events",
	    SETTING_CHOICE, events, .choices = event_names),
	SERVER("busy-poll", "0", "spin this long before sleeping",
	    SETTING_DURATION, busy_poll, .max = 1000000),
	SERVER("pidfile", PRONG_RUNSTATEDIR "/prongd.pid",
	    "file for the master's process id; empty: none",
	    SETTING_STRING, pidfile, .check = check_path),
	SERVER("drain-timeout", "30s",
	    "how long a stop waits for open connections",
	    SETTING_DURATION, drain_timeout, .max = DRAIN_TIMEOUT_MAX),
	SERVER("stuck-timeout", "30s",
	    "a worker that does not turn for so long is replaced; 0: never",
	    SETTING_DURATION, stuck_timeout, .max = 365 * DAY),
	SERVER("canary-time", "1s", "how long the first new worker must live "
	    "before a reload goes on",
	    SETTING_DURATION, canary_time, .max = DAY),
	SERVER("upgrade-timeout", "30s",
	    "how long a reload waits for its processes to be ready",
	    SETTING_DURATION, upgrade_timeout, .min = 1000, .max = DAY),
	SERVER("slow-handler", "100ms", "a handler that holds the loop for so "
	    "long is logged and counted; 0: never",
	    SETTING_DURATION, slow_handler, .max = DAY),
	SERVER("max-processes", "64", "room in the scoreboard for processes",
	    SETTING_INT, max_processes, .min = 1, .max = MAX_PROCESSES),
	SERVER("max-services", "64", "room in the scoreboard for services",
	    SETTING_INT, max_services, .min = 1, .max = MAX_SERVICES),
	SERVER("max-sources", "65536", "room for sources of connections, where "
	    "limits count by source",
	    SETTING_INT, max_sources, .min = 64, .max = LEDGER_SOURCES_MAX),
	SERVER("worker-memory", "0", "a worker that has taken so much refuses "
	    "connections; 0: no limit", SETTING_SIZE, worker_memory,
	    .max = 1LL << 50),
	SERVER("sandbox", "auto", "what the kernel keeps the other processes "
	    "from: as far as it can, nothing, or all or no start",
	    SETTING_CHOICE, sandbox, .choices = sandbox_names),
	SERVER("sandbox-read", "", "files and folders that handlers may read, "
	    "besides the usual ones", SETTING_LIST, sandbox_read,
	    .check = check_listed_path),
	SERVER("sandbox-write", "", "files and folders that handlers may read "
	    "and write", SETTING_LIST, sandbox_write,
	    .check = check_listed_path),
	SERVER("log.target", "syslog", "stderr, syslog or a file",
	    SETTING_STRING, log_target, .check = check_log_target),
	SERVER("log.level", "info", "the least important that is logged",
	    SETTING_CHOICE, log_level, .choices = level_names),
	SERVER("log.format", "text", "form of a line",
	    SETTING_CHOICE, log_format, .choices = format_names),
	SERVER("log.access", "", "where each connection gets a line at its end; "
	    "empty: nowhere", SETTING_STRING, log_access,
	    .check = check_log_access),
	SERVER("log.access-sample", "1", "one connection of so many gets its "
	    "line", SETTING_INT, log_access_sample, .min = 1, .max = 1000000),
	SERVER("control.socket", PRONG_RUNSTATEDIR "/prongd/control.sock",
	    "where prongctl connects to; empty: nowhere",
	    SETTING_STRING, control_socket, .check = check_path),
	SERVER("control.mode", "0660", "permissions of the control socket",
	    SETTING_MODE, control_mode, .max = 0777),
	SERVER("rlimit.nofile", "", "descriptors of a worker; empty: as it is",
	    SETTING_STRING, rlimit_nofile, .check = rlimits_check_count),
	SERVER("rlimit.core", "", "size of a core dump; empty: as it is",
	    SETTING_STRING, rlimit_core, .check = rlimits_check_size),
	SERVER("rlimit.as", "", "address space of a worker; empty: as it is",
	    SETTING_STRING, rlimit_as, .check = rlimits_check_size),
	{ { .key = NULL } }
};

static const struct setting service_settings[] = {
	SERVICE("listen", "", "an address to listen on",
	    SETTING_LIST, listen, .check = address_check),
	SERVICE("handler", "", "what the service says",
	    SETTING_STRING, handler, .check = NULL),
	SERVICE("dispatch", "inline", "how the handler is run",
	    SETTING_CHOICE, dispatch, .choices = dispatch_names),
	SERVICE("threads", "0", "of all workers together; 0 is, for a pool, five "
	    "per CPU, and otherwise no limit",
	    SETTING_INT, threads, .max = 65536),
	SERVICE("pool-unit", "connection", "what a thread of a pool is lent for",
	    SETTING_CHOICE, pool_unit, .choices = pool_unit_names),
	SERVICE("at-exit", "join", "whether a fast stop waits for threads and "
	    "processes", SETTING_CHOICE, at_exit, .choices = at_exit_names),
	SERVICE("framing", "", "how the stream is cut into messages; empty: "
	    "as the handler prefers", SETTING_STRING, framing,
	    .check = check_framing),
	SERVICE("max-message", "64K", "the longest message",
	    SETTING_SIZE, max_message, .min = 1, .max = 1LL << 30),
	SERVICE("read-size", "16K", "the most that one read takes",
	    SETTING_SIZE, read_size, .min = 512, .max = 16LL << 20),
	SERVICE("backlog", "511", "connections that may wait to be accepted",
	    SETTING_INT, backlog, .min = 1, .max = INT_MAX),
	SERVICE("nodelay", "true", "send small packets at once",
	    SETTING_BOOL, nodelay, .max = 1),
	SERVICE("keepalive", "0", "probe a silent peer after so long; 0: never",
	    SETTING_DURATION, keepalive, .max = 32767LL * 1000000),
	SERVICE("mode", "0660", "permissions of a unix socket",
	    SETTING_MODE, mode, .max = 0777),
	SERVICE("owner", "", "owner of a unix socket",
	    SETTING_STRING, owner, .check = NULL),
	SERVICE("group", "", "group of a unix socket",
	    SETTING_STRING, group, .check = NULL),
	SERVICE("accept", "auto", "one queue for all workers, or one for each",
	    SETTING_CHOICE, accept, .choices = accept_names),
	SERVICE("idle-timeout", "0", "close after so long without activity; "
	    "0: never", SETTING_DURATION, idle_timeout, .max = 49 * DAY),
	SERVICE("drain-timeout", "", "how long a drain waits for connections; "
	    "0: for ever; empty: as long as the server's",
	    SETTING_STRING, drain_timeout, .check = check_drain_timeout),
	SERVICE("drain-idle", "5s", "a drain closes who has been at rest for so "
	    "long; 0: with his next answer",
	    SETTING_DURATION, drain_idle, .max = 49 * DAY),
	SERVICE("access", "", "who may connect: allow or deny; the first that "
	    "matches", SETTING_LIST, access, .check = access_check_rule),
	SERVICE("refuse", "close", "what a client that is refused gets",
	    SETTING_CHOICE, refuse, .choices = refuse_names),
	SERVICE("banner", "", "what is sent with refuse = \"banner\"",
	    SETTING_STRING, banner, .check = check_banner),
	SERVICE("limits.connections", "0", "the most at once; 0: no limit",
	    SETTING_INT, limit_connections, .max = LIMIT_MAX),
	SERVICE("limits.per-source", "0", "the most at once from an address or "
	    "an IPv6 /64", SETTING_INT, limit_per_source, .max = LIMIT_MAX),
	SERVICE("limits.rate", "", "new connections, like 200/s or "
	    "200/s burst 50", SETTING_STRING, limit_rate,
	    .check = units_rate_check),
	SERVICE("limits.source-rate", "", "the same for each source",
	    SETTING_STRING, limit_source_rate, .check = units_rate_check),
	SERVICE("limits.load", "0", "none while the load average is so high; "
	    "0: no limit", SETTING_DECIMAL, limit_load, .max = 1000000000),
	SERVICE("limits.memory", "0", "what a connection may hold; 0: no limit",
	    SETTING_SIZE, limit_memory, .max = 1LL << 40),
	{ { .key = NULL } }
};

static const struct setting *const setting_tables[] = {
	[PRONG_SERVER] = server_settings,
	[PRONG_SERVICE] = service_settings,
};

#define SETTINGS_MAX	64

static void
settings_publish(const struct prong_option *o, struct prong_setting *to)
{
	for (; o->name != NULL; o++)
		*to++ = (struct prong_setting){
			.key = o->name,
			.value = o->value != NULL ? o->value : "",
			.list = o->type == PRONG_STRINGS,
			.help = o->help,
		};
}

const struct prong_setting *
prong_settings(enum prong_scope scope)
{
	static struct prong_setting public[OBJECT_KINDS][SETTINGS_MAX];
	const struct setting *s;
	size_t i = 0;

	if (public[scope][0].key != NULL)
		return public[scope];
	if (object_kinds[scope] != NULL)
		settings_publish(object_kinds[scope]->members, public[scope]);
	else
		for (s = setting_tables[scope]; s->public.key != NULL; s++)
			public[scope][i++] = s->public;
	return public[scope];
}

static int
settings_parse_mode(const char *text, int64_t *n)
{
	char *end;

	*n = strtol(text, &end, 8);
	if (text[0] < '0' || text[0] > '7' || *end != '\0')
		return error_set(EINVAL, "\"%.64s\" is not a mode (write it "
		    "like 0660)", text);
	return 0;
}

static int
settings_parse_choice(const char *text, const char *const *choices, int64_t *n)
{
	const struct prong_option o = {
		.type = PRONG_CHOICE, .choices = choices
	};

	if (section_check(&o, text) == -1)
		return -1;
	for (*n = 0; strcmp(choices[*n], text) != 0; (*n)++)
		continue;
	return 0;
}

static int
settings_parse_number(const struct setting *s, const char *text, int64_t *n)
{
	int truth;

	switch (s->type) {
	case SETTING_INT:
		return units_integer(text, s->min, s->max, n);
	case SETTING_SIZE:
		return units_size(text, n);
	case SETTING_DURATION:
		return units_duration(text, n);
	case SETTING_MODE:
		return settings_parse_mode(text, n);
	case SETTING_DECIMAL:
		return units_decimal(text, n);
	case SETTING_CHOICE:
		return settings_parse_choice(text, s->choices, n);
	default:
		if (units_bool(text, &truth) == -1)
			return -1;
		*n = truth;
		return 0;
	}
}

static int
settings_set_text(const struct setting *s, void *field, const char *text)
{
	char *copy;

	if (s->check != NULL && s->check(text) == -1)
		return -1;
	if (s->type == SETTING_LIST)
		return strings_add(field, text);
	if ((copy = strdup(text)) == NULL)
		return error_errno("%s", s->public.key);
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

static int
settings_check_range(const struct setting *s, const char *text, int64_t n)
{
	char max[UNITS_MAX];

	if (s->type == SETTING_CHOICE || s->max == 0)
		return 0;
	if (n < s->min)
		return error_set(ERANGE, "%s is too small", text);
	if (n <= s->max)
		return 0;
	if (s->type == SETTING_MODE)
		return error_set(ERANGE, "%s is more than 0777", text);
	if (s->type == SETTING_DECIMAL)
		return error_set(ERANGE, "%s is more than %s", text,
		    units_format_decimal(s->max, max));
	return error_set(ERANGE, "%s is more than %s", text,
	    s->type == SETTING_DURATION ? units_format_duration(s->max, max) :
	    units_format_size(s->max, max));
}

static int
settings_set_one(const struct setting *s, void *settings, const char *text)
{
	void *field = (char *)settings + s->offset;
	int64_t n;

	if (s->type == SETTING_STRING || s->type == SETTING_LIST)
		return settings_set_text(s, field, text);
	if (settings_parse_number(s, text, &n) == -1 ||
	    settings_check_range(s, text, n) == -1)
		return -1;
	*(int64_t *)field = n;
	return 0;
}

int
settings_set(enum prong_scope scope, void *settings, const char *key,
    const char *value)
{
	const struct setting *s;

	for (s = setting_tables[scope]; s->public.key != NULL; s++) {
		if (strcmp(s->public.key, key) != 0)
			continue;
		if (settings_set_one(s, settings, value) == -1)
			return error_prefix("%s", key);
		return 0;
	}
	return error_set(ENOENT, "there is no setting \"%.64s\"", key);
}

int
settings_init(enum prong_scope scope, void *settings)
{
	const struct setting *s;

	for (s = setting_tables[scope]; s->public.key != NULL; s++)
		if (s->type != SETTING_LIST &&
		    settings_set_one(s, settings, s->public.value) == -1)
			return -1;
	return 0;
}

void
settings_free(enum prong_scope scope, void *settings)
{
	const struct setting *s;
	char *field;

	for (s = setting_tables[scope]; s->public.key != NULL; s++) {
		field = (char *)settings + s->offset;
		if (s->type == SETTING_LIST)
			strings_free((struct strings *)(void *)field);
		else if (s->type == SETTING_STRING)
			free(*(char **)(void *)field);
	}
}

/* A number as text that is read back as the same. */
static const char *
settings_format(const struct setting *s, int64_t n, char buf[UNITS_MAX])
{
	switch (s->type) {
	case SETTING_SIZE:
		return units_format_size(n, buf);
	case SETTING_DURATION:
		return units_format_duration(n, buf);
	case SETTING_MODE:
		snprintf(buf, UNITS_MAX, "%04o", (unsigned int)n);
		return buf;
	case SETTING_DECIMAL:
		return units_format_decimal(n, buf);
	case SETTING_BOOL:
		return n ? "true" : "false";
	case SETTING_CHOICE:
		return s->choices[n];
	default:
		snprintf(buf, UNITS_MAX, "%lld", (long long)n);
		return buf;
	}
}

bool
settings_next(struct settings_walk *w)
{
	const struct setting *s = &setting_tables[w->scope][w->index];
	const char *field = (const char *)w->settings + s->offset;
	const struct strings *list = (const void *)field;

	if (s->public.key == NULL)
		return false;
	w->index++;
	w->key = s->public.key;
	w->list = s->type == SETTING_LIST;
	w->text = w->list || s->type == SETTING_STRING;
	w->values = w->list ? (const char *const *)list->items : &w->one;
	w->count = w->list ? list->count : 1;
	if (!w->list)
		w->one = w->text ? *(char *const *)(const void *)field :
		    settings_format(s, *(const int64_t *)(const void *)field,
		    w->buffer);
	w->bare = s->type == SETTING_INT || s->type == SETTING_BOOL;
	return true;
}

static int
settings_dump_value(const struct settings_walk *w, char **out)
{
	size_t i;

	if (w->bare)
		return strings_append(out, "%s\n", w->one);
	if (w->list && strings_append(out, "{") == -1)
		return -1;
	for (i = 0; i < w->count; i++)
		if ((i > 0 && strings_append(out, ", ") == -1) ||
		    section_quote(out, w->values[i]) == -1)
			return -1;
	return strings_append(out, w->list ? "}\n" : "\n");
}

/* Keys with a dot stand together in the table: a section of the first part. */
int
settings_dump(enum prong_scope scope, const void *settings, char **out,
    int indent)
{
	struct settings_walk w = { .scope = scope, .settings = settings };
	const char *dot, *open = NULL;
	size_t length = 0;

	while (settings_next(&w)) {
		dot = strchr(w.key, '.');
		if (open != NULL && (dot == NULL || strncmp(open,
		    w.key, length + 1) != 0)) {
			strings_append(out, "%*s}\n", indent, "");
			open = NULL;
		}
		if (dot != NULL && open == NULL) {
			open = w.key;
			length = (size_t)(dot - open);
			strings_append(out, "%*s%.*s {\n", indent, "",
			    (int)length, open);
		}
		if (strings_append(out, "%*s%s = ",
		    open != NULL ? indent + 2 : indent, "",
		    dot != NULL ? dot + 1 : w.key) == -1 ||
		    settings_dump_value(&w, out) == -1)
			return -1;
	}
	return open == NULL ? 0 : strings_append(out, "%*s}\n", indent, "");
}
