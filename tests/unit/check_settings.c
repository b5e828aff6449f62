/* SPDX-License-Identifier: ISC */
/*
 * server/settings: every setting's default, its bounds, and what is written
 * reads back.
 */
#include "net/admission.h"
#include "server/settings.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "loop/loop.h"
#include "unit.h"

#define SECOND	INT64_C(1000000)
#define DAY	(86400 * SECOND)

union settings {
	struct server_settings server;
	struct service_settings service;
};

#define SERVER(field)	PRONG_SERVER, offsetof(struct server_settings, field)
#define SERVICE(field)	PRONG_SERVICE, offsetof(struct service_settings, field)

/* Numbers: the default, and the least and the greatest text and value. */
static const struct {
	enum prong_scope scope;
	size_t offset;
	const char *key;
	int64_t value;
	const char *least;
	int64_t min;
	const char *most;
	int64_t max;
	const char *below, *above;	/* NULL: no bound there */
} numbers[] = {
	{ SERVER(workers), "workers", 0, "0", 0, "4096", 4096, "-1", "4097" },
	{ SERVER(events), "events", LOOP_AUTO, "auto", LOOP_AUTO, "select",
	    LOOP_SELECT, NULL, NULL },
	{ SERVER(busy_poll), "busy-poll", 0, "0", 0, "1s", SECOND, NULL,
	    "1000001us" },
	{ SERVER(drain_timeout), "drain-timeout", 30 * SECOND, "0", 0,
	    "365d", 365 * DAY, NULL, "366d" },
	{ SERVER(stuck_timeout), "stuck-timeout", 30 * SECOND, "0", 0,
	    "365d", 365 * DAY, NULL, "8761h" },
	{ SERVER(canary_time), "canary-time", SECOND, "0", 0, "1d", DAY, NULL,
	    "25h" },
	{ SERVER(upgrade_timeout), "upgrade-timeout", 30 * SECOND, "1ms",
	    1000, "1d", DAY, "999us", "25h" },
	{ SERVER(slow_handler), "slow-handler", SECOND / 10, "0", 0, "1d",
	    DAY, NULL, "25h" },
	{ SERVER(max_processes), "max-processes", 64, "1", 1, "4096", 4096,
	    "0", "4097" },
	{ SERVER(max_services), "max-services", 64, "1", 1, "4096", 4096,
	    "0", "4097" },
	{ SERVER(umask), "umask", 027, "0", 0, "777", 0777, NULL, "07777" },
	{ SERVER(max_sources), "max-sources", 65536, "64", 64, "4186112",
	    4186112, "63", "4186113" },
	{ SERVER(worker_memory), "worker-memory", 0, "0", 0, "1024T",
	    1LL << 50, NULL, "1025T" },
	{ SERVER(sandbox), "sandbox", SANDBOX_AUTO, "off", SANDBOX_OFF,
	    "required", SANDBOX_REQUIRED, NULL, NULL },
	{ SERVER(log_level), "log.level", PRONG_INFO, "error", PRONG_ERROR,
	    "debug", PRONG_DEBUG, NULL, NULL },
	{ SERVER(log_format), "log.format", 0, "text", 0, "json", 1, NULL,
	    NULL },
	{ SERVER(log_access_sample), "log.access-sample", 1, "1", 1, "1000000",
	    1000000, "0", "1000001" },
	{ SERVER(control_mode), "control.mode", 0660, "0000", 0, "0777", 0777,
	    NULL, "1000" },
	{ SERVICE(dispatch), "dispatch", 0, "inline", 0, "fork", 4, NULL,
	    NULL },
	{ SERVICE(threads), "threads", 0, "0", 0, "65536", 65536, "-1",
	    "65537" },
	{ SERVICE(pool_unit), "pool-unit", POOL_CONNECTION, "connection",
	    POOL_CONNECTION, "message", POOL_MESSAGE, NULL, NULL },
	{ SERVICE(at_exit), "at-exit", EXIT_JOIN, "join", EXIT_JOIN, "abandon",
	    EXIT_ABANDON, NULL, NULL },
	{ SERVICE(max_message), "max-message", 65536, "1", 1, "1G",
	    1 << 30, "0", "1025M" },
	{ SERVICE(read_size), "read-size", 16384, "512", 512, "16M", 16 << 20,
	    "511", "16777217" },
	{ SERVICE(backlog), "backlog", 511, "1", 1, "2147483647", INT_MAX,
	    "0", "2147483648" },
	{ SERVICE(nodelay), "nodelay", 1, "false", 0, "true", 1, NULL, NULL },
	{ SERVICE(keepalive), "keepalive", 0, "0", 0, "32767s",
	    32767 * SECOND, NULL, "32768s" },
	{ SERVICE(mode), "mode", 0660, "0", 0, "777", 0777, NULL, "07777" },
	{ SERVICE(accept), "accept", ACCEPT_AUTO, "auto", ACCEPT_AUTO,
	    "reuseport", ACCEPT_REUSEPORT, NULL, NULL },
	{ SERVICE(idle_timeout), "idle-timeout", 0, "0", 0, "49d", 49 * DAY,
	    NULL, "50d" },
	{ SERVICE(drain_idle), "drain-idle", 5 * SECOND, "0", 0, "49d",
	    49 * DAY, NULL, "50d" },
	{ SERVICE(refuse), "refuse", ANSWER_CLOSE, "close", ANSWER_CLOSE,
	    "banner", ANSWER_BANNER, NULL, NULL },
	{ SERVICE(limit_connections), "limits.connections", 0, "0", 0,
	    "16777215", 16777215, "-1", "16777216" },
	{ SERVICE(limit_per_source), "limits.per-source", 0, "0", 0,
	    "16777215", 16777215, "-1", "16777216" },
	{ SERVICE(limit_memory), "limits.memory", 0, "0", 0, "1T", 1LL << 40,
	    NULL, "1025G" },
};

/* Texts: the default, one that is right and one that is not. */
static const struct {
	enum prong_scope scope;
	size_t offset;
	const char *key, *value, *right, *wrong;
} texts[] = {
	{ SERVER(pidfile), "pidfile", PRONG_RUNSTATEDIR "/prongd.pid", "/x",
	    "relative" },
	{ SERVER(user), "user", "", "root", NULL },
	{ SERVER(group), "group", "", "root", NULL },
	{ SERVER(chroot), "chroot", "", "/x", "relative" },
	{ SERVER(module_path), "module-path", PRONG_MODULESDIR, "/x",
	    "relative" },
	{ SERVER(log_access), "log.access", "", "stderr", "nowhere" },
	{ SERVER(rlimit_nofile), "rlimit.nofile", "", "100", "many" },
	{ SERVER(rlimit_core), "rlimit.core", "", "unlimited", "huge" },
	{ SERVER(rlimit_as), "rlimit.as", "", "1G", "x" },
	{ SERVER(log_target), "log.target", "syslog", "/var/log/x", "nowhere" },
	{ SERVER(control_socket), "control.socket", PRONG_RUNSTATEDIR
	    "/prongd/control.sock", "", "x.sock" },
	{ SERVICE(handler), "handler", "", "echo", NULL },
	{ SERVICE(framing), "framing", "", "netstring", "letters" },
	{ SERVICE(owner), "owner", "", "root", NULL },
	{ SERVICE(group), "group", "", "root", NULL },
	{ SERVICE(banner), "banner", "", "busy", NULL },
	{ SERVICE(drain_timeout), "drain-timeout", "", "365d", "soon" },
	{ SERVICE(limit_rate), "limits.rate", "", "200/s", "5" },
	{ SERVICE(limit_source_rate), "limits.source-rate", "",
	    "10/m burst 3", "5/x" },
};

/* What is a value of none of the numbers. */
static const char *const nonsense[] = { "", "x", "-", "1 ", " 1", "1.5", "9z" };

static union settings settings;

static int64_t
number_at(size_t offset)
{
	return *(int64_t *)((char *)&settings + offset);
}

static const char *
text_at(size_t offset)
{
	return *(char **)((char *)&settings + offset);
}

static const struct prong_setting *
published(enum prong_scope scope, const char *key)
{
	const struct prong_setting *p;

	for (p = prong_settings(scope); p->key != NULL; p++)
		if (strcmp(p->key, key) == 0)
			return p;
	ck_abort_msg("%s is not published", key);
	return NULL;
}

START_TEST(test_settings_number)
{
	enum prong_scope scope = numbers[_i].scope;
	const char *key = numbers[_i].key;
	const struct prong_setting *p = published(scope, key);
	int i;

	ck_assert_int_eq(settings_init(scope, &settings), 0);
	ck_assert_int_eq(number_at(numbers[_i].offset), numbers[_i].value);
	ck_assert(!p->list);
	ck_assert_int_eq(settings_set(scope, &settings, key,
	    numbers[_i].least), 0);
	ck_assert_int_eq(number_at(numbers[_i].offset), numbers[_i].min);
	ck_assert_int_eq(settings_set(scope, &settings, key,
	    numbers[_i].most), 0);
	ck_assert_int_eq(number_at(numbers[_i].offset), numbers[_i].max);
	/* The default that is told is the one that is. */
	ck_assert_int_eq(settings_set(scope, &settings, key, p->value), 0);
	ck_assert_int_eq(number_at(numbers[_i].offset), numbers[_i].value);

	if (numbers[_i].below != NULL) {
		errno = 0;
		ck_assert_int_eq(settings_set(scope, &settings, key,
		    numbers[_i].below), -1);
		ck_assert_int_eq(errno, ERANGE);
		ck_assert_ptr_eq(strstr(error_text(), key), error_text());
	}
	if (numbers[_i].above != NULL) {
		errno = 0;
		ck_assert_int_eq(settings_set(scope, &settings, key,
		    numbers[_i].above), -1);
		ck_assert_int_eq(errno, ERANGE);
		ck_assert_ptr_eq(strstr(error_text(), key), error_text());
	}
	for (i = 0; i < UNIT_COUNT(nonsense); i++) {
		errno = 0;
		ck_assert_msg(settings_set(scope, &settings, key,
		    nonsense[i]) == -1, "%s = \"%s\"", key, nonsense[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
	/* It is as it was before the errors. */
	ck_assert_int_eq(number_at(numbers[_i].offset), numbers[_i].value);
	settings_free(scope, &settings);
}
END_TEST

START_TEST(test_settings_text)
{
	enum prong_scope scope = texts[_i].scope;
	const char *key = texts[_i].key;

	ck_assert_int_eq(settings_init(scope, &settings), 0);
	ck_assert_str_eq(text_at(texts[_i].offset), texts[_i].value);
	ck_assert_str_eq(published(scope, key)->value, texts[_i].value);
	ck_assert_int_eq(settings_set(scope, &settings, key, texts[_i].right),
	    0);
	ck_assert_str_eq(text_at(texts[_i].offset), texts[_i].right);
	if (texts[_i].wrong != NULL) {
		errno = 0;
		ck_assert_int_eq(settings_set(scope, &settings, key,
		    texts[_i].wrong), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_ptr_eq(strstr(error_text(), key), error_text());
		ck_assert_ptr_nonnull(strstr(error_text(), texts[_i].wrong));
	}
	ck_assert_str_eq(text_at(texts[_i].offset), texts[_i].right);
	settings_free(scope, &settings);
}
END_TEST

/* A list is added to; each item is checked. */
START_TEST(test_settings_listen)
{
	struct service_settings *s = &settings.service;
	static const char *const wrong[] = { "", "here", "127.0.0.1", ":7",
	    "unix:relative", "127.0.0.1:70000" };
	int i;

	ck_assert_int_eq(settings_init(PRONG_SERVICE, s), 0);
	ck_assert_uint_eq(s->listen.count, 0);
	ck_assert(published(PRONG_SERVICE, "listen")->list);
	ck_assert_str_eq(published(PRONG_SERVICE, "listen")->value, "");
	ck_assert_int_eq(settings_set(PRONG_SERVICE, s, "listen",
	    "127.0.0.1:7"), 0);
	ck_assert_int_eq(settings_set(PRONG_SERVICE, s, "listen", "unix:/x"),
	    0);
	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_msg(settings_set(PRONG_SERVICE, s, "listen",
		    wrong[i]) == -1, "listen = \"%s\"", wrong[i]);
		ck_assert_int_ne(errno, 0);
	}
	ck_assert_uint_eq(s->listen.count, 2);
	ck_assert_str_eq(s->listen.items[0], "127.0.0.1:7");
	ck_assert_str_eq(s->listen.items[1], "unix:/x");
	settings_free(PRONG_SERVICE, s);
}
END_TEST

/* A number with decimals is kept in thousandths, and shown as it was. */
START_TEST(test_settings_decimal)
{
	static const char *const wrong[] = { "", "x", "-1", "1.", ".5", "1.2345",
	    "01", "1000000.001" };
	struct service_settings *s = &settings.service;
	char *out = NULL;
	int i;

	ck_assert_int_eq(settings_init(PRONG_SERVICE, s), 0);
	ck_assert_int_eq(s->limit_load, 0);
	ck_assert_int_eq(settings_set(PRONG_SERVICE, s, "limits.load",
	    "7.25"), 0);
	for (i = 0; i < UNIT_COUNT(wrong); i++)
		ck_assert_msg(settings_set(PRONG_SERVICE, s, "limits.load",
		    wrong[i]) == -1, "limits.load = \"%s\"", wrong[i]);
	ck_assert_int_eq(s->limit_load, 7250);
	ck_assert_int_eq(settings_dump(PRONG_SERVICE, s, &out, 2), 0);
	ck_assert_msg(strstr(out, "\n  limits {\n    connections = 0\n") !=
	    NULL && strstr(out, "\n    load = \"7.25\"\n    memory = \"0\"\n"
	    "  }\n") != NULL, "%s", out);
	free(out);
	settings_free(PRONG_SERVICE, s);
}
END_TEST

/* Each rule is checked when it is set. */
START_TEST(test_settings_access)
{
	struct service_settings *s = &settings.service;

	ck_assert_int_eq(settings_init(PRONG_SERVICE, s), 0);
	ck_assert(published(PRONG_SERVICE, "access")->list);
	ck_assert_int_eq(settings_set(PRONG_SERVICE, s, "access",
	    "allow 10.0.0.0/8"), 0);
	ck_assert_int_eq(settings_set(PRONG_SERVICE, s, "access",
	    "permit all"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(settings_set(PRONG_SERVICE, s, "access",
	    "deny all"), 0);
	ck_assert_uint_eq(s->access.count, 2);
	settings_free(PRONG_SERVICE, s);
}
END_TEST

START_TEST(test_settings_mode_texts)
{
	static const char *const wrong[] = {
		"0668", "rw", "-1", "+660", "0x1b0", "660 ", "0o660",
	};
	int i;

	ck_assert_int_eq(settings_init(PRONG_SERVICE, &settings), 0);
	ck_assert_int_eq(settings_set(PRONG_SERVICE, &settings, "mode", "640"),
	    0);
	ck_assert_int_eq(settings.service.mode, 0640);
	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_msg(settings_set(PRONG_SERVICE, &settings, "mode",
		    wrong[i]) == -1, "mode = \"%s\"", wrong[i]);
		ck_assert_int_eq(errno, EINVAL);
	}
	errno = 0;
	ck_assert_int_eq(settings_set(PRONG_SERVICE, &settings, "mode",
	    "7777777777777777777777777"), -1);
	ck_assert_int_eq(errno, ERANGE);
	settings_free(PRONG_SERVICE, &settings);
}
END_TEST

START_TEST(test_settings_unknown)
{
	static const char *const unknown[] = {
		"", "Workers", "log", "log.", "log.nothing", "listen",
	};
	int i;

	ck_assert_int_eq(settings_init(PRONG_SERVER, &settings), 0);
	for (i = 0; i < UNIT_COUNT(unknown); i++) {
		errno = 0;
		ck_assert_int_eq(settings_set(PRONG_SERVER, &settings,
		    unknown[i], "1"), -1);
		ck_assert_int_eq(errno, ENOENT);
	}
	settings_free(PRONG_SERVER, &settings);
}
END_TEST

START_TEST(test_settings_sandbox_paths)
{
	static const char *const keys[] = { "sandbox-read", "sandbox-write" };
	const struct strings *const lists[] = {
		&settings.server.sandbox_read, &settings.server.sandbox_write,
	};
	int i;

	ck_assert_int_eq(settings_init(PRONG_SERVER, &settings), 0);
	for (i = 0; i < UNIT_COUNT(keys); i++) {
		ck_assert_uint_eq(lists[i]->count, 0);
		ck_assert_int_eq(settings_set(PRONG_SERVER, &settings,
		    keys[i], "/a"), 0);
		ck_assert_int_eq(settings_set(PRONG_SERVER, &settings,
		    keys[i], "/b"), 0);
		ck_assert_uint_eq(lists[i]->count, 2);
		ck_assert_str_eq(lists[i]->items[1], "/b");
		errno = 0;
		ck_assert_int_eq(settings_set(PRONG_SERVER, &settings,
		    keys[i], "a"), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_int_eq(settings_set(PRONG_SERVER, &settings,
		    keys[i], ""), -1);
		ck_assert_uint_eq(lists[i]->count, 2);
		ck_assert(published(PRONG_SERVER, keys[i])->list);
	}
	settings_free(PRONG_SERVER, &settings);
}
END_TEST

/* Every setting is published, with help, and tested here. */
START_TEST(test_settings_published)
{
	const struct prong_setting *p;
	int i, scope, n = 0;

	for (scope = PRONG_SERVER; scope <= PRONG_DICT; scope++)
		for (p = prong_settings((enum prong_scope)scope);
		    p->key != NULL; p++) {
			ck_assert_ptr_nonnull(p->value);
			ck_assert_uint_gt(strlen(p->help), 5);
			ck_assert_ptr_null(strchr(p->help, '\n'));
			n += scope < PRONG_ARRAY;
		}
	/* What has a test of its own: listen, access, limits.load, paths. */
	i = UNIT_COUNT(numbers) + UNIT_COUNT(texts) + 3 + 2;
	ck_assert_int_eq(n, i);
	ck_assert_str_eq(published(PRONG_ARRAY, "type")->value, "int64");
	ck_assert_str_eq(published(PRONG_ARRAY, "slots")->value, "1");
	ck_assert(published(PRONG_ARRAY, "values")->list);
	ck_assert_str_eq(published(PRONG_DICT, "memory")->value, "16M");
	ck_assert_str_eq(published(PRONG_DICT, "evict")->value, "none");
}
END_TEST

/* --- what is written reads back ------------------------------------------ */

/* A value as it is written, without its quotes. */
static void
unquote(char *text)
{
	char *from = text, *to = text;

	if (*from++ != '"')
		return;
	for (; *from != '"'; from++) {
		ck_assert_int_ne(*from, '\0');
		if (*from == '\\')
			from++;
		*to++ = *from;
	}
	*to = '\0';
}

/* Sets what one line says; items of a list one after another. */
static void
read_value(enum prong_scope scope, union settings *to, const char *key,
    char *value)
{
	char *item, *next;

	if (value[0] != '{') {
		unquote(value);
		ck_assert_msg(settings_set(scope, to, key, value) == 0,
		    "%s = %s: %s", key, value, error_text());
		return;
	}
	value[strlen(value) - 1] = '\0';
	for (item = value + 1; item != NULL && *item != '\0'; item = next) {
		if ((next = strstr(item, ", ")) != NULL) {
			*next = '\0';
			next += 2;
		}
		unquote(item);
		ck_assert_int_eq(settings_set(scope, to, key, item), 0);
	}
}

static void
read_back(enum prong_scope scope, union settings *to, char *text)
{
	char *line, *equals, *rest, section[32] = "", key[96];

	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " ");
		if (strcmp(line, "}") == 0) {
			section[0] = '\0';
			continue;
		}
		if ((equals = strstr(line, " = ")) == NULL) {
			ck_assert_ptr_nonnull(strstr(line, " {"));
			snprintf(section, sizeof(section), "%.*s.",
			    (int)strcspn(line, " "), line);
			continue;
		}
		*equals = '\0';
		snprintf(key, sizeof(key), "%s%s", section, line);
		read_value(scope, to, key, equals + 3);
	}
	ck_assert_str_eq(section, "");
}

/* Written, read into fresh settings, written again: the same text. */
static void
assert_reads_back(enum prong_scope scope)
{
	union settings again;
	char *first = NULL, *copy, *second = NULL;

	ck_assert_int_eq(settings_dump(scope, &settings, &first, 2), 0);
	ck_assert_ptr_nonnull(copy = strdup(first));
	memset(&again, 0, sizeof(again));
	ck_assert_int_eq(settings_init(scope, &again), 0);
	read_back(scope, &again, copy);
	ck_assert_int_eq(settings_dump(scope, &again, &second, 2), 0);
	ck_assert_str_eq(first, second);
	settings_free(scope, &again);
	free(first);
	free(copy);
	free(second);
}

START_TEST(test_settings_dump)
{
	enum prong_scope scope = _i == 0 ? PRONG_SERVER : PRONG_SERVICE;
	int i, pass;

	ck_assert_int_eq(settings_init(scope, &settings), 0);
	assert_reads_back(scope);
	if (scope == PRONG_SERVICE) {
		settings_set(scope, &settings, "listen", "127.0.0.1:7007");
		settings_set(scope, &settings, "listen", "[::1]:7007");
		settings_set(scope, &settings, "listen", "unix:/a \"b\"");
	}
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < UNIT_COUNT(numbers); i++)
			if (numbers[i].scope == scope)
				ck_assert_int_eq(settings_set(scope, &settings,
				    numbers[i].key, pass == 0 ?
				    numbers[i].least : numbers[i].most), 0);
		for (i = 0; i < UNIT_COUNT(texts); i++)
			if (texts[i].scope == scope)
				ck_assert_int_eq(settings_set(scope, &settings,
				    texts[i].key, texts[i].right), 0);
		assert_reads_back(scope);
	}
	settings_free(scope, &settings);
}
END_TEST

START_TEST(test_settings_dump_form)
{
	char *out = NULL;

	ck_assert_int_eq(settings_init(PRONG_SERVER, &settings), 0);
	settings_set(PRONG_SERVER, &settings, "busy-poll", "50us");
	ck_assert_int_eq(settings_dump(PRONG_SERVER, &settings, &out, 0), 0);
	ck_assert_ptr_eq(strstr(out, "user = \"\"\n"), out);
	ck_assert_ptr_nonnull(strstr(out, "\nworkers = 0\n"
	    "events = \"auto\"\nbusy-poll = \"50us\"\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nlog {\n  target = \"syslog\"\n"
	    "  level = \"info\"\n  format = \"text\"\n  access = \"\"\n"
	    "  access-sample = 1\n}\ncontrol {\n"));
	ck_assert_ptr_nonnull(strstr(out, "\n  mode = \"0660\"\n}\n"));
	free(out);
	settings_free(PRONG_SERVER, &settings);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("settings", &tc);

	tcase_add_loop_test(tc, test_settings_number, 0, UNIT_COUNT(numbers));
	tcase_add_loop_test(tc, test_settings_text, 0, UNIT_COUNT(texts));
	tcase_add_test(tc, test_settings_listen);
	tcase_add_test(tc, test_settings_mode_texts);
	tcase_add_test(tc, test_settings_unknown);
	tcase_add_test(tc, test_settings_decimal);
	tcase_add_test(tc, test_settings_access);
	tcase_add_test(tc, test_settings_sandbox_paths);
	tcase_add_test(tc, test_settings_published);
	tcase_add_loop_test(tc, test_settings_dump, 0, 2);
	tcase_add_test(tc, test_settings_dump_form);
	return unit_run(s);
}
