/* SPDX-License-Identifier: ISC */
/*
 * The connections of a worker without the worker.
 */
#include "fake_net.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUARD_MS	10000
#define SLOT		1

struct fake_net fake;

static struct timer guard, wake;
static bool (*condition)(void);
static int quiet_turns;
static int peer_events;

/* --- the service --------------------------------------------------------- */

static int
fake_opened(struct prong_conn *c)
{
	fake.opens++;
	fake.last = c;
	return fake.opened == NULL ? 0 : fake.opened(c);
}

static int
fake_message(struct prong_conn *c, const void *data, size_t len)
{
	size_t n = strlen(fake.heard);

	fake.messages++;
	fake.heard_bytes += len;
	snprintf(fake.heard + n, sizeof(fake.heard) - n, "[%.*s]", (int)len,
	    (const char *)data);
	return fake.message == NULL ? 0 : fake.message(c, data, len);
}

static int
fake_writable(struct prong_conn *c)
{
	fake.writables++;
	return fake.writable == NULL ? 0 : fake.writable(c);
}

static int
fake_malformed(struct prong_conn *c, enum prong_malformed what)
{
	fake.malformeds++;
	fake.last_malformed = what;
	return fake.malformed == NULL ? 0 : fake.malformed(c, what);
}

static int
fake_draining(struct prong_conn *c)
{
	fake.drains++;
	return fake.draining == NULL ? 0 : fake.draining(c);
}

static void
fake_closed(struct prong_conn *c)
{
	fake.closes++;
	if (fake.closed != NULL)
		fake.closed(c);
}

static int
fake_nothing(struct prong_conn *c)
{
	return 0;
}

static const struct service_ops fake_ops = {
	.opened = fake_opened,
	.message = fake_message,
	.writable = fake_writable,
	.malformed = fake_malformed,
	.draining = fake_draining,
	.finished = fake_nothing,
	.full = fake_nothing,
	.closed = fake_closed,
};

static void
fake_report(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
	fake.reports++;
	fake.reported_level = level;
	snprintf(fake.reported, sizeof(fake.reported), "%s", text);
}

static char fake_name[] = "unit";

void
fake_start_with(enum loop_mechanism mechanism, enum prong_framing framing)
{
	struct conntable table;

	ck_assert_int_eq(scoreboard_create(&fake.sb, 2, 2, 1000, 64), 0);
	ck_assert_int_eq(scoreboard_claim(&fake.sb, SLOT, 1000, &table), 0);
	fake.loop = loop_new(mechanism, 0);
	ck_assert_ptr_nonnull(fake.loop);
	fake.net = net_new(fake.loop, 16 * 1024, fake_report);
	ck_assert_ptr_nonnull(fake.net);
	fake.net->table = table;
	fake.net->live = &scoreboard_slot(&fake.sb, SLOT)->live;
	fake.net->serving_entry = &scoreboard_slot(&fake.sb, SLOT)->serving;
	fake.service.name = fake_name;
	fake.service.handler = &fake.handler;
	fake.service.framing = framing;
	fake.service.settings.max_message = 64 * 1024;
	fake.service.settings.read_size = 16 * 1024;
	fake.service.settings.drain_idle = 5000000;
	fake.service.read_size = 16 * 1024;
	fake.service.index = 1;
	fake.service.ops = &fake_ops;
	fake.service.net = fake.net;
	fake.service.home = &fake.service;
	fake.service.row = scoreboard_row(&fake.sb, SLOT, 1);
	fake.service.counters = fake.service.row;
}

void
fake_start(enum prong_framing framing)
{
	fake_start_with(LOOP_AUTO, framing);
}

void
fake_stop(void)
{
	uint64_t closed = 0;
	int c;

	net_free(fake.net);
	for (c = 0; c < COUNTERS; c++)
		if (COUNTER_IS_CLOSED(c))
			closed += fake_count((enum counter)c);
	ck_assert_uint_eq(fake_count(COUNTER_ACCEPTED), closed);
	ck_assert_uint_eq(fake_active(), 0);
	ck_assert_uint_eq(scoreboard_slot(&fake.sb, SLOT)->live, 0);
	ck_assert_int_eq(fake.opens, fake.closes);
	loop_timer_stop(fake.loop, &guard);
	loop_timer_stop(fake.loop, &wake);
	loop_free(fake.loop);
	scoreboard_close(&fake.sb);
}

uint64_t
fake_count(enum counter c)
{
	return scoreboard_row(&fake.sb, SLOT, 1)[c];
}

const char *
fake_counts(void)
{
	static char text[512];
	size_t n = 0;
	int c;

	text[0] = '\0';
	for (c = 0; c < COUNTERS; c++)
		if (fake_count((enum counter)c) != 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s%s=%ju", n > 0 ? " " : "", counter_table[c].name,
			    (uintmax_t)fake_count((enum counter)c));
	return text;
}

uint64_t
fake_active(void)
{
	uint64_t active[2] = { 0 };

	scoreboard_add_active(&fake.sb, SLOT, active);
	ck_assert_uint_eq(active[0], 0);
	return active[1];
}

/* --- running ------------------------------------------------------------- */

static void
fake_guard(struct timer *t)
{
	ck_abort_msg("what is waited for does not happen: %s", fake_counts());
}

static void
fake_turn(void *arg)
{
	net_end_turn(fake.net);
	if (condition())
		loop_stop(fake.loop);
}

void
fake_run_until(bool (*done)(void))
{
	if (done())
		return;
	condition = done;
	guard.fn = fake_guard;
	ck_assert_int_eq(loop_timer(fake.loop, &guard, GUARD_MS), 0);
	loop_on_turn(fake.loop, fake_turn, NULL);
	ck_assert_int_eq(loop_run(fake.loop), 0);
	loop_timer_stop(fake.loop, &guard);
}

/* Everything is in this process: what comes, comes at once. */
static bool
fake_is_quiet(void)
{
	return ++quiet_turns >= 30;
}

static uint64_t
fake_activity(void)
{
	return (uint64_t)peer_events + fake_count(COUNTER_BYTES_IN) +
	    fake_count(COUNTER_BYTES_OUT);
}

static void
fake_wake(struct timer *t)
{
	loop_timer(fake.loop, t, 0);
}

void
fake_settle(void)
{
	uint64_t before;

	wake.fn = fake_wake;
	do {
		before = fake_activity();
		quiet_turns = 0;
		ck_assert_int_eq(loop_timer(fake.loop, &wake, 0), 0);
		fake_run_until(fake_is_quiet);
	} while (fake_activity() != before);
	loop_timer_stop(fake.loop, &wake);
}

static bool
fake_never(void)
{
	return false;
}

/* What the end of the last turn has closed, the peer sees in another. */
static void
fake_rest(void)
{
	int i;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(loop_settle(fake.loop, 100), 0);
}

void
fake_pass(uint64_t ms)
{
	loop_freeze(fake.loop);
	condition = fake_never;
	loop_on_turn(fake.loop, fake_turn, NULL);
	fake_rest();
	while (ms > 0) {
		ms = loop_skip(fake.loop, ms);
		fake_rest();
	}
}

/* --- peers --------------------------------------------------------------- */

static void
peer_read(struct peer *p)
{
	char buf[65536];
	ssize_t n;

	n = recv(p->watch.fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n > 0) {
		p->got = realloc(p->got, p->length + (size_t)n + 1);
		ck_assert_ptr_nonnull(p->got);
		memcpy(p->got + p->length, buf, (size_t)n);
		p->length += (size_t)n;
		p->got[p->length] = '\0';
		return;
	}
	if (n == -1 && errno == EAGAIN)
		return;
	p->eof = n == 0;
	p->reset = n == -1;
	peer_stall(p);
}

static void
peer_event(struct watch *w, unsigned int events)
{
	peer_events++;
	peer_read((struct peer *)w);
}

static struct peer *
peer_new(int fd)
{
	struct peer *p = calloc(1, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(p->got = calloc(1, 1));
	p->watch = (struct watch){ peer_event, fd, PRONG_READ };
	peer_resume(p);
	return p;
}

struct peer *
peer_unix(void)
{
	struct address a = { .sa.sa_family = AF_UNIX };
	struct peer *p;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
	a.length = sizeof(a.sa.sa_family);
	fake.last = NULL;
	p = peer_new(fd[1]);
	conn_open(&fake.service, fd[0], &a);
	p->conn = fake.last;
	return p;
}

struct peer *
peer_tcp(void)
{
	struct address a = { .in = { .sin_family = AF_INET } }, from;
	int listening, fd, accepted, small = 64 * 1024;
	struct peer *p;

	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.length = sizeof(a.in);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, &a.sa, a.length), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, &a.sa, &a.length), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Or the kernel would take megabytes that nobody reads. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	ck_assert_int_eq(connect(fd, &a.sa, a.length), 0);
	from.length = sizeof(from.storage);
	accepted = accept4(listening, &from.sa, &from.length, SOCK_NONBLOCK |
	    SOCK_CLOEXEC);
	ck_assert_int_ne(accepted, -1);
	setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	close(listening);
	fake.last = NULL;
	p = peer_new(fd);
	conn_open(&fake.service, accepted, &from);
	p->conn = fake.last;
	return p;
}

void
peer_free(struct peer *p)
{
	peer_close(p);
	free(p->got);
	free(p);
}

void
peer_send_bytes(struct peer *p, const char *data, size_t len)
{
	ck_assert_int_eq(send(p->watch.fd, data, len, MSG_NOSIGNAL |
	    MSG_DONTWAIT), (ssize_t)len);
}

void
peer_send(struct peer *p, const char *text)
{
	peer_send_bytes(p, text, strlen(text));
}

void
peer_shutdown(struct peer *p)
{
	ck_assert_int_eq(shutdown(p->watch.fd, SHUT_WR), 0);
}

void
peer_close(struct peer *p)
{
	if (p->watch.fd == -1)
		return;
	peer_stall(p);
	close(p->watch.fd);
	p->watch.fd = -1;
}

void
peer_reset(struct peer *p)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(setsockopt(p->watch.fd, SOL_SOCKET, SO_LINGER, &reset,
	    sizeof(reset)), 0);
	peer_close(p);
}

void
peer_stall(struct peer *p)
{
	if (p->watched)
		loop_del(fake.loop, &p->watch);
	p->watched = false;
}

void
peer_resume(struct peer *p)
{
	ck_assert_int_eq(loop_add(fake.loop, &p->watch), 0);
	p->watched = true;
}

void
peer_expect_bytes(const struct peer *p, const char *data, size_t len)
{
	ck_assert_uint_eq(p->length, len);
	ck_assert(memcmp(p->got, data, len) == 0);
}

void
peer_expect(const struct peer *p, const char *text)
{
	ck_assert_str_eq(p->got, text);
	ck_assert_uint_eq(p->length, strlen(text));
}
