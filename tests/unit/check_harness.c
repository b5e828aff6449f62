/* SPDX-License-Identifier: ISC */
/*
 * server/harness: what a handler's unit test sees of it, with a handler of
 * either style that does what a line of its client says.
 */
#include "server/harness.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "unit.h"

/* --- the handlers --------------------------------------------------------- */

static int inits, exits, closes, drains, writables, timers;
static enum prong_malformed malformed;
static struct prong_timer *circle;

enum { COUNT_LINES, COUNT_BYTES };

static const struct prong_counter counters[] = {
	[COUNT_LINES] = { "lines", "lines that came" },
	[COUNT_BYTES] = { "line_bytes", "their bytes" },
	{ NULL, NULL }
};

static const struct prong_option options[] = {
	{ .name = "greeting", .type = PRONG_STRING },
	{ .name = "size", .type = PRONG_SIZE, .value = "1000" },
	{ .name = NULL }
};

static int
obey_init(struct prong_service *s)
{
	inits++;
	if (prong_option_size(s, "size") == 0)
		return prong_set_error(EINVAL, "size is 0");
	prong_service_set_data(s, &inits);
	return prong_counter_add(s, COUNT_LINES, 10);
}

static void
obey_exit(struct prong_service *s)
{
	exits++;
	prong_timer_cancel(circle);
}

static int
obey_opened(struct prong_conn *c)
{
	const char *text = prong_option_string(prong_conn_service(c),
	    "greeting");

	return text == NULL ? 0 : prong_sendf(c, "%s", text);
}

static void
obey_closed(struct prong_conn *c)
{
	closes++;
}

static int
obey_draining(struct prong_conn *c)
{
	drains++;
	prong_sendf(c, "goodbye");
	prong_close(c);
	return 0;
}

static int
obey_malformed(struct prong_conn *c, enum prong_malformed what)
{
	malformed = what;
	return prong_sendf(c, "what?");
}

static int
obey_fill(struct prong_conn *c)
{
	static char line[1000];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	while (!prong_is_full(c))
		if (prong_send(c, line, sizeof(line)) == -1)
			return -1;
	return 0;
}

static int
obey_writable(struct prong_conn *c)
{
	writables++;
	return prong_data(c) == NULL ? 0 : obey_fill(c);
}

static void
obey_tick(void *arg)
{
	timers++;
	if (arg != NULL)
		circle = prong_timer(0, obey_tick, arg);
}

static int
obey(struct prong_conn *c, const char *line)
{
	char peer[64];

	if (strcmp(line, "close") == 0)
		prong_close(c);
	else if (strcmp(line, "abort") == 0)
		prong_abort(c);
	else if (strcmp(line, "fail") == 0)
		return prong_set_error(0, "on purpose");
	else if (strcmp(line, "silent") == 0)
		return -1;
	else if (strcmp(line, "fill") == 0)
		return obey_fill(c);
	else if (strcmp(line, "endless") == 0) {
		prong_set_data(c, c);
		return obey_fill(c);
	} else if (strcmp(line, "timer") == 0)
		prong_timer(1000, obey_tick, NULL);
	else if (strcmp(line, "circle") == 0)
		circle = prong_timer(0, obey_tick, &timers);
	else if (strncmp(line, "timeout", 7) == 0)
		prong_set_timeout(c, atoi(line + 7));
	else if (strcmp(line, "peer") == 0)
		return prong_sendf(c, "%s", prong_peer(c, peer, sizeof(peer)));
	else if (strncmp(line, "sleep", 5) == 0)
		return prong_sleep(atoi(line + 5)) == -1 ? -1 :
		    prong_sendf(c, "slept");
	else
		return prong_sendf(c, "<%s>", line);
	return 0;
}

static int
obey_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_service *s = prong_conn_service(c);
	char line[64];

	prong_counter_add(s, COUNT_LINES, 1);
	prong_counter_add(s, COUNT_BYTES, (int64_t)len);
	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	return obey(c, line);
}

static PRONG_HANDLER(obeying,
	.options = options,
	.counters = counters,
	.framing = PRONG_LINE,
	.init = obey_init,
	.exit = obey_exit,
	.opened = obey_opened,
	.message = obey_message,
	.writable = obey_writable,
	.malformed = obey_malformed,
	.draining = obey_draining,
	.closed = obey_closed,
);

static int
talk_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	if (obey_opened(c) == -1)
		return -1;
	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (obey_message(c, data, len) == -1)
			return -1;
	if (r == -1 && errno == EPIPE)
		return 0;
	return r == 0 ? prong_sendf(c, "end") : -1;
}

static PRONG_HANDLER(talking,
	.options = options,
	.counters = counters,
	.framing = PRONG_LINE,
	.init = obey_init,
	.exit = obey_exit,
	.converse = talk_converse,
	.malformed = obey_malformed,
	.draining = obey_draining,
	.closed = obey_closed,
);

static const struct prong_handler *const handlers[] = {
	&obeying_handler, &talking_handler
};

/* --- what most tests need ------------------------------------------------- */

static struct prong_harness *h;
static struct prong_client *c;

static void
begin(const struct prong_handler *handler, const char *const *settings,
    const char *const *values)
{
	h = prong_harness_new(handler, settings, values);
	ck_assert_msg(h != NULL, "%s", prong_error());
	ck_assert_int_eq(inits, 1);
	c = prong_harness_connect(h);
	ck_assert_ptr_nonnull(c);
}

static void
begin_plainly(void)
{
	begin(&obeying_handler, NULL, NULL);
}

static void
finish(void)
{
	prong_harness_free(h);
	ck_assert_int_eq(exits, 1);
}

static void
feed(const char *text)
{
	ck_assert_int_eq(prong_client_feed(c, text, strlen(text)), 0);
}

static void
ask(const char *text, const char *answer)
{
	feed(text);
	ck_assert_str_eq(prong_client_output(c, NULL), answer);
}

static void
counted(const char *name, int64_t n)
{
	ck_assert_msg(prong_harness_counter(h, name) == n, "%s is %lld", name,
	    (long long)prong_harness_counter(h, name));
}

static void
ended(enum prong_end how)
{
	ck_assert_int_eq(prong_client_end(c), (int)how);
	ck_assert(how == PRONG_OPEN || prong_client_conn(c) == NULL);
}

/* --- talking -------------------------------------------------------------- */

/* Both styles, the first both inline and as a coroutine. */
static void
begin_style(int i)
{
	static const char *const coroutine[] = { "dispatch", "coroutine", NULL };

	begin(handlers[i / 2], i == 1 ? coroutine : NULL, NULL);
}

START_TEST(test_harness_messages)
{
	size_t length;

	begin_style(_i);
	ck_assert_str_eq(prong_client_output(c, &length), "");
	ck_assert_uint_eq(length, 0);
	ask("a\n", "<a>\n");
	ask("b\n\nc\n", "<b>\n<>\n<c>\n");
	ask("d", "");
	ask("e", "");
	ask("\nf\r\n", "<de>\n<f>\r\n");
	ask("", "");
	counted("messages", 6);
	counted("lines", 16);
	counted("line_bytes", 6);
	counted("accepted", 1);
	counted("active", 1);
	ended(PRONG_OPEN);
	ck_assert_ptr_nonnull(prong_client_conn(c));
	ck_assert_int_eq(prong_client_finish(c), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), _i == 2 ? "end\r\n" : "");
	ended(PRONG_END_CLIENT);
	ck_assert_int_eq(closes, 1);
	counted("closed_client", 1);
	counted("active", 0);
	errno = 0;
	ck_assert_int_eq(prong_client_feed(c, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	finish();
	ck_assert_int_eq(closes, 1);
}
END_TEST

START_TEST(test_harness_ends)
{
	static const struct {
		const char *line, *answer, *report, *counter;
		enum prong_end end;
	} ends[] = {
		{ "close\n", "", "", "closed_server", PRONG_END_SERVER },
		{ "abort\n", "", "", "closed_server", PRONG_END_ABORT },
		{ "fail\n", "", "the handler failed: on purpose", "handler_errors",
		  PRONG_END_ERROR },
		{ "silent\n", "", "the handler failed", "closed_error",
		  PRONG_END_ERROR },
	};
	size_t i = (size_t)_i / 3;

	begin_style(_i % 3);
	ask(ends[i].line, ends[i].answer);
	ended(ends[i].end);
	ck_assert_str_eq(prong_harness_report(h), ends[i].report);
	counted(ends[i].counter, 1);
	ck_assert_int_eq(closes, 1);
	/* It has gone, and another may come. */
	ck_assert_int_eq(prong_client_feed(c, "x", 1), -1);
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
	ask("x\n", "<x>\n");
	finish();
	ck_assert_int_eq(closes, 2);
}
END_TEST

START_TEST(test_harness_reset)
{
	begin_style(_i);
	feed("x\n");
	ck_assert_int_eq(prong_client_reset(c), 0);
	ended(PRONG_END_ERROR);
	counted("closed_error", 1);
	ck_assert_int_eq(closes, 1);
	ck_assert_str_eq(prong_client_output(c, NULL), "<x>\n");
	ck_assert_int_eq(prong_client_reset(c), 0);
	errno = 0;
	ck_assert_int_eq(prong_client_feed(c, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	finish();
}
END_TEST

START_TEST(test_harness_malformed)
{
	static const char *const settings[] = { "max-message", "10",
	    "framing", "netstring", NULL };
	static const struct {
		const char *input;
		enum prong_malformed what;
		const char *counter;
	} bad[] = {
		{ "1:a,x", PRONG_BAD_FRAME, "closed_error" },
		{ "1:a,11:", PRONG_OVERSIZE, "oversize" },
		{ "1:a,2:a", PRONG_TRUNCATED, "closed_error" },
	};
	size_t i = (size_t)_i / 2;

	begin(handlers[_i % 2], settings, NULL);
	malformed = (enum prong_malformed)99;
	feed(bad[i].input);
	prong_client_finish(c);
	ck_assert_str_eq(prong_client_output(c, NULL), "3:<a>,5:what?,");
	ck_assert_int_eq(malformed, (int)bad[i].what);
	ended(PRONG_END_ERROR);
	counted(bad[i].counter, 1);
	ck_assert_str_ne(prong_harness_report(h), "");
	finish();
}
END_TEST

START_TEST(test_harness_binary)
{
	static const char *const raw[] = { "framing", "length32", NULL };
	const char *output;
	size_t length;

	begin(&obeying_handler, raw, NULL);
	ck_assert_int_eq(prong_client_feed(c, "\0\0\0\3a\0b", 7), 0);
	output = prong_client_output(c, &length);
	ck_assert_uint_eq(length, 7);
	ck_assert_mem_eq(output, "\0\0\0\3<a>\0", 8);
	finish();
}
END_TEST

START_TEST(test_harness_several)
{
	struct prong_client *second;

	begin_style(_i);
	second = prong_harness_connect(h);
	ask("peer\n", "127.0.0.1:40001\n");
	ck_assert_int_eq(prong_client_feed(second, "peer\n", 5), 0);
	ck_assert_str_eq(prong_client_output(second, NULL),
	    "127.0.0.1:40002\n");
	ck_assert_ptr_ne(prong_client_conn(c), prong_client_conn(second));
	counted("active", 2);
	ck_assert_int_eq(prong_client_finish(second), 0);
	ask("x\n", "<x>\n");
	counted("active", 1);
	ck_assert_ptr_eq(prong_conn_service(prong_client_conn(c)),
	    prong_harness_service(h));
	ck_assert_ptr_eq(prong_service_data(prong_harness_service(h)), &inits);
	finish();
	ck_assert_int_eq(closes, 2);
}
END_TEST

/* --- time ----------------------------------------------------------------- */

START_TEST(test_harness_idle_timeout)
{
	static const char *const settings[] = { "idle-timeout", "10s", NULL };

	begin(handlers[_i], settings, NULL);
	ck_assert_int_eq(prong_harness_advance(h, 9999), 0);
	ask("x\n", "<x>\n");
	ck_assert_int_eq(prong_harness_advance(h, 9999), 0);
	ended(PRONG_OPEN);
	ck_assert_int_eq(prong_harness_advance(h, 1), 0);
	ended(PRONG_END_TIMEOUT);
	counted("closed_timeout", 1);
	finish();
}
END_TEST

START_TEST(test_harness_set_timeout)
{
	begin_style(_i);
	feed("timeout 3600000\n");
	ck_assert_int_eq(prong_harness_advance(h, 3599999), 0);
	ended(PRONG_OPEN);
	ck_assert_int_eq(prong_harness_advance(h, 1), 0);
	ended(PRONG_END_TIMEOUT);
	finish();
}
END_TEST

/* No time goes by but what the test lets go by. */
START_TEST(test_harness_time_stands_still)
{
	begin_plainly();
	feed("timeout 1\n");
	poll(NULL, 0, 20);
	feed("x\n");
	ck_assert_int_eq(prong_harness_advance(h, 0), 0);
	ended(PRONG_OPEN);
	ck_assert_int_eq(prong_harness_advance(h, 1), 0);
	ended(PRONG_END_TIMEOUT);
	finish();
}
END_TEST

START_TEST(test_harness_timers)
{
	begin_style(_i);
	feed("timer\n");
	ck_assert_int_eq(prong_harness_advance(h, 500), 0);
	feed("timer\n");
	ck_assert_int_eq(prong_harness_advance(h, 499), 0);
	ck_assert_int_eq(timers, 0);
	ck_assert_int_eq(prong_harness_advance(h, 1), 0);
	ck_assert_int_eq(timers, 1);
	ck_assert_int_eq(prong_harness_advance(h, 100000), 0);
	ck_assert_int_eq(timers, 2);
	errno = 0;
	ck_assert_int_eq(prong_harness_advance(h, -1), -1);
	ck_assert_int_eq(errno, EINVAL);
	finish();
}
END_TEST

START_TEST(test_harness_sleep)
{
	begin_style(1 + _i);
	ask("sleep 5000\nx\n", "");
	poll(NULL, 0, 20);
	ck_assert_int_eq(prong_harness_advance(h, 4999), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), "");
	ck_assert_int_eq(prong_harness_advance(h, 1), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), "slept\n<x>\n");
	/* The end of a harness ends it as the end of a process would. */
	feed("sleep 5000\n");
	finish();
	ck_assert_int_eq(closes, 1);
}
END_TEST

/* What would block the loop is told, as in a worker. */
START_TEST(test_harness_sleep_inline)
{
	begin_plainly();
	feed("sleep 5\n");
	ended(PRONG_END_ERROR);
	ck_assert_str_eq(prong_harness_report(h), "the handler failed: "
	    "the loop itself cannot wait");
	finish();
}
END_TEST

START_TEST(test_harness_no_rest)
{
	begin_plainly();
	errno = 0;
	ck_assert_int_eq(prong_client_feed(c, "circle\n", 7), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_str_eq(prong_error(), "it does not come to rest");
	ck_assert_int_gt(timers, 1000);
	finish();
}
END_TEST

/* --- much of it ----------------------------------------------------------- */

START_TEST(test_harness_slow_reader)
{
	size_t length, all;

	begin_plainly();
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	feed("fill\n");
	ck_assert(prong_is_full(prong_client_conn(c)));
	/* It is not read from meanwhile. */
	feed("x\n");
	counted("messages", 1);
	prong_client_output(c, &length);
	ck_assert_uint_eq(length, 0);
	ck_assert_int_eq(writables, 0);
	ck_assert_int_eq(prong_client_window(c, 1000), 0);
	prong_client_output(c, &all);
	ck_assert_uint_eq(all, 1000);
	ck_assert_int_eq(prong_client_window(c, SIZE_MAX), 0);
	ck_assert_int_eq(writables, 1);
	counted("messages", 2);
	prong_client_output(c, &length);
	counted("bytes_out", (int64_t)(all + length));
	ck_assert_uint_eq((all + length) % 1000, 4);
	finish();
}
END_TEST

/* What would go on for ever stops when nobody looks at it. */
START_TEST(test_harness_endless)
{
	size_t length;

	begin_plainly();
	feed("endless\n");
	prong_client_output(c, &length);
	ck_assert_uint_eq(length, 1024 * 1024);
	ck_assert_int_eq(prong_harness_advance(h, 0), 0);
	prong_client_output(c, &length);
	ck_assert_uint_eq(length, 1024 * 1024);
	ck_assert_int_ge(writables, 2);
	finish();
	ck_assert_int_eq(closes, 1);
}
END_TEST

/* More than the socket takes waits with the client. */
START_TEST(test_harness_large)
{
	enum { COUNT = 300000 };
	char *input = malloc(COUNT * 2);
	const char *output;
	size_t length, i;

	begin_style(_i);
	for (i = 0; i < COUNT; i++)
		memcpy(input + 2 * i, "a\n", 2);
	ck_assert_int_eq(prong_client_window(c, 5000), 0);
	ck_assert_int_eq(prong_client_feed(c, input, COUNT * 2), 0);
	ck_assert_int_eq(prong_client_finish(c), 0);
	counted("closed_client", 0);
	ck_assert_int_eq(prong_client_window(c, SIZE_MAX), 0);
	output = prong_client_output(c, &length);
	ck_assert_uint_eq(length, COUNT * 4 + (_i == 2 ? 4 : 0));
	ck_assert_mem_eq(output + length - 4, _i == 2 ? "end\n" : "<a>\n", 4);
	counted("messages", COUNT);
	ended(PRONG_END_CLIENT);
	free(input);
	finish();
}
END_TEST

/* --- the service ---------------------------------------------------------- */

START_TEST(test_harness_settings)
{
	static const char *const settings[] = { "framing", "line",
	    "limits.connections", "1", "access", "allow 127.0.0.1",
	    "refuse", "banner", "banner", "no room\n", NULL };
	static const char *const values[] = { "greeting", "hi", NULL };

	begin(handlers[_i], settings, values);
	ck_assert_str_eq(prong_client_output(c, NULL), "hi\n");
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
	ended(PRONG_END_REFUSED);
	ck_assert_str_eq(prong_client_output(c, NULL), "no room\n");
	counted("refused_limit", 1);
	ck_assert_ptr_nonnull(strstr(prong_harness_report(h), "refused"));
	finish();
	ck_assert_int_eq(closes, 1);
}
END_TEST

START_TEST(test_harness_drain)
{
	begin_style(_i);
	feed("x\n");
	ck_assert_int_eq(prong_harness_drain(h), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), "<x>\ngoodbye\n");
	ck_assert_int_eq(drains, 1);
	ended(PRONG_END_SERVER);
	finish();
}
END_TEST

static PRONG_HANDLER(counting_badly,
	.counters = (const struct prong_counter[]){ { "a", "b" }, { "a", "b" },
	    { NULL, NULL } },
	.message = obey_message,
);

static const struct prong_handler old_handler = { .abi = PRONG_ABI - 1,
    .name = "old" };
static const struct prong_handler bad_name_handler = { .abi = PRONG_ABI,
    .name = "a b" };

static const struct {
	const struct prong_handler *handler;
	const char *settings[3], *values[3];
	int error;
	const char *text;		/* what it ends with */
} wrong[] = {
	{ &obeying_handler, { "framng", "line" }, { NULL }, ENOENT,
	  "there is no setting \"framng\"" },
	{ &obeying_handler, { "framing", "lines" }, { NULL }, EINVAL, "" },
	{ &obeying_handler, { "framing" }, { NULL }, EINVAL,
	  "framing has no value" },
	{ &obeying_handler, { NULL }, { "sise", "1" }, EINVAL,
	  "handler \"obeying\" has no option \"sise\"" },
	{ &obeying_handler, { NULL }, { "size", "much" }, EINVAL, "" },
	{ &obeying_handler, { NULL }, { "size", "0" }, EINVAL, "size is 0" },
	{ &obeying_handler, { "dispatch", "thread" }, { NULL }, EINVAL,
	  "handler \"obeying\" is not made for several threads" },
	{ &obeying_handler, { "dispatch", "fork" }, { NULL }, EINVAL,
	  "a harness has one thread: dispatch is inline or coroutine" },
	{ &talking_handler, { "dispatch", "inline" }, { NULL }, EINVAL,
	  "handler \"talking\" waits in its conversations and cannot run "
	  "inline" },
	{ &counting_badly_handler, { NULL }, { NULL }, EINVAL,
	  "handler \"counting_badly\": it has two counters \"a\"" },
	{ &old_handler, { NULL }, { NULL }, EINVAL, "this is 4" },
	{ &bad_name_handler, { NULL }, { NULL }, EINVAL, "" },
};

START_TEST(test_harness_wrong)
{
	const char *text;
	int descriptors = helper_descriptors();

	errno = 0;
	ck_assert_ptr_null(prong_harness_new(wrong[_i].handler,
	    wrong[_i].settings, wrong[_i].values));
	ck_assert_int_eq(errno, wrong[_i].error);
	text = prong_error();
	ck_assert_uint_ge(strlen(text), strlen(wrong[_i].text));
	ck_assert_str_ne(text, "");
	ck_assert_str_eq(text + strlen(text) - strlen(wrong[_i].text),
	    wrong[_i].text);
	ck_assert_int_eq(exits, 0);
	ck_assert_int_eq(helper_descriptors(), descriptors);
}
END_TEST

START_TEST(test_harness_counters)
{
	begin_plainly();
	errno = 0;
	ck_assert_int_eq(prong_harness_counter(h, "line"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(prong_error(), "there is no counter \"line\"");
	finish();
	prong_harness_free(NULL);
}
END_TEST

/* Two services of a server, which share its array, one after the other too. */
START_TEST(test_harness_serve)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *a, *b;
	struct prong_section *array;
	struct prong_harness *one, *two;
	union prong_value n;
	int i;

	ck_assert_int_eq(prong_server_handler(server, &obeying_handler), 0);
	ck_assert_ptr_nonnull(a = prong_server_add(server, "a"));
	ck_assert_ptr_nonnull(b = prong_server_add(server, "b"));
	ck_assert_int_eq(prong_service_set(a, "handler", "obeying"), 0);
	ck_assert_int_eq(prong_service_set(b, "handler", "obeying"), 0);
	ck_assert_ptr_nonnull(array = prong_server_section(server, "array", "n"));
	ck_assert_int_eq(prong_section_set(array, "slots", "1"), 0);
	for (i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(one = prong_harness_serve(a));
		ck_assert_ptr_nonnull(two = prong_harness_serve(b));
		errno = 0;
		ck_assert_ptr_null(prong_harness_serve(a));
		ck_assert_int_eq(errno, EBUSY);
		n.integer = 1;
		ck_assert_int_eq(prong_array_add(prong_array_open(a, "n"), 0,
		    n, &n), 0);
		ck_assert_int_eq(prong_array_add(prong_array_open(b, "n"), 0,
		    n, &n), 0);
		c = prong_harness_connect(one);
		ask("x\n", "<x>\n");
		c = prong_harness_connect(two);
		ask("y\n", "<y>\n");
		prong_harness_free(one);
		ask("z\n", "<z>\n");
		prong_harness_free(two);
	}
	ck_assert_int_eq(inits, 4);
	ck_assert_int_eq(exits, 4);
	prong_server_free(server);
}
END_TEST

static void
add_talking(TCase *tc)
{
	tcase_add_loop_test(tc, test_harness_messages, 0, 3);
	tcase_add_loop_test(tc, test_harness_ends, 0, 12);
	tcase_add_loop_test(tc, test_harness_reset, 0, 3);
	tcase_add_loop_test(tc, test_harness_malformed, 0, 6);
	tcase_add_test(tc, test_harness_binary);
	tcase_add_loop_test(tc, test_harness_several, 0, 3);
}

static void
add_time(TCase *tc)
{
	tcase_add_loop_test(tc, test_harness_idle_timeout, 0, 2);
	tcase_add_loop_test(tc, test_harness_set_timeout, 0, 3);
	tcase_add_test(tc, test_harness_time_stands_still);
	tcase_add_loop_test(tc, test_harness_timers, 0, 3);
	tcase_add_loop_test(tc, test_harness_sleep, 0, 2);
	tcase_add_test(tc, test_harness_sleep_inline);
	tcase_add_test(tc, test_harness_no_rest);
}

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("harness", &tc);

	add_talking(tc);
	add_time(tc);
	tcase_add_test(tc, test_harness_slow_reader);
	tcase_add_test(tc, test_harness_endless);
	tcase_add_loop_test(tc, test_harness_large, 0, 3);
	tcase_add_loop_test(tc, test_harness_settings, 0, 2);
	tcase_add_loop_test(tc, test_harness_drain, 0, 3);
	tcase_add_loop_test(tc, test_harness_wrong, 0, UNIT_COUNT(wrong));
	tcase_add_test(tc, test_harness_counters);
	tcase_add_test(tc, test_harness_serve);
	return unit_run(s);
}
