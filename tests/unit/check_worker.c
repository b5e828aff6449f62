/* SPDX-License-Identifier: ISC */
/*
 * server/worker: one worker with the test as its master, over its channel.
 */
#include "server/worker.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "server/channel.h"
#include "unit.h"

#define SLOT	1
#define KEY	7
#define WAIT_MS	10000

static struct prong_server *server;
static struct prong_service *service;
static struct scoreboard sb;
static struct worker_start given;
static struct mailbox mailboxes[2];
static int ends[2], report[2], listening, errors[2];
static struct privilege privilege;
static struct sockaddr_in where = { .sin_family = AF_INET };
static pid_t worker;

static bool
serves(const struct prong_service *s)
{
	return true;
}

/* --- the handler: an echo that can refuse to start ----------------------- */

static int
init(struct prong_service *s)
{
	if (prong_option_bool(s, "refuse"))
		return prong_set_error(EINVAL, "not today");
	prong_service_set_data(s, s);
	return 0;
}

static void
leave(struct prong_service *s)
{
	prong_log(PRONG_INFO, "exit of %s", prong_service_name(s));
}

static int
message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_service *s = prong_conn_service(c);

	if (prong_service_data(s) != s)
		return prong_set_error(EINVAL, "init has not run");
	return prong_send(c, data, len);
}

static int
draining(struct prong_conn *c)
{
	return prong_send(c, "draining", 8);
}

static const struct prong_option options[] = {
	{ .name = "refuse", .type = PRONG_BOOL, .value = "no" },
	{ .name = NULL }
};

static const struct prong_handler handler = {
	.abi = PRONG_ABI, .name = "unit", .options = options, .init = init,
	.exit = leave, .message = message, .draining = draining,
};

/* --- master -------------------------------------------------------------- */

static void
no_fault(const struct prong_service *s, const char *key, void *arg)
{
	ck_abort_msg("%s: %s", key, prong_error());
}

static void
setup(void)
{
	socklen_t length = sizeof(where);

	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_int_eq(prong_server_handler(server, &handler), 0);
	ck_assert_ptr_nonnull(service = prong_server_add(server, "s"));
	ck_assert_int_eq(prong_service_set(service, "handler", "unit"), 0);
	ck_assert_int_eq(prong_service_set(service, "listen", "127.0.0.1:0"),
	    0);
	ck_assert_int_eq(server_resolve(service, no_fault, NULL), 0);
	ck_assert_int_eq(scoreboard_create(&sb, 2, 1, 100, 64), 0);
	ck_assert_int_eq(channel_open(ends), 0);
	ck_assert_int_eq(pipe(report), 0);
	ck_assert_int_eq(privilege_find(&privilege, "", ""), 0);
	ck_assert_int_eq(pipe(errors), 0);
	ck_assert_int_eq(mailbox_open(&mailboxes[0]), 0);
	ck_assert_int_eq(mailbox_open(&mailboxes[1]), 0);
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&where, length),
	    0);
	ck_assert_int_eq(listen(listening, 8), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&where,
	    &length), 0);
	given = (struct worker_start){
		.server = server, .scoreboard = &sb, .slot = SLOT,
		.channel = ends[1], .master = getpid(),
		.privilege = &privilege, .report = report[1],
		.serves = serves, .name = "worker 1", .mailboxes = mailboxes,
	};
}

static void
teardown(void)
{
	close(listening);
	if (ends[0] != -1)
		close(ends[0]);
	close(errors[0]);
	mailbox_close(&mailboxes[0]);
	mailbox_close(&mailboxes[1]);
	scoreboard_close(&sb);
	prong_server_free(server);
}

static void
start(void)
{
	fflush(NULL);
	if ((worker = fork()) == 0) {
		dup2(errors[1], STDERR_FILENO);
		worker_main(&given);
	}
	ck_assert_int_ne(worker, -1);
	close(ends[1]);
	close(errors[1]);
}

static void
wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, WAIT_MS), 1);
}

static void
wait_ready(void)
{
	struct channel_message m;
	int fd;

	wait_readable(ends[0]);
	ck_assert_int_eq(channel_receive(ends[0], &m, &fd), 1);
	ck_assert_uint_eq(m.kind, CHANNEL_READY);
	ck_assert_int_eq(fd, -1);
}

static void
tell(enum channel_kind kind, int fd)
{
	struct channel_message m = { .kind = kind, .key = KEY };

	ck_assert_int_eq(channel_send(ends[0], &m, fd), 0);
}

/* What the worker has written to standard error until its end. */
static const char *
complaints(void)
{
	static char text[4096];
	size_t n = 0;
	ssize_t r;

	while ((r = read(errors[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	text[n] = '\0';
	return text;
}

static int
client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&where, sizeof(where)),
	    0);
	return fd;
}

static void
expect(int fd, const char *text)
{
	char buf[64] = "";
	size_t n = 0, length = strlen(text);
	ssize_t r;

	while (n < length) {
		wait_readable(fd);
		ck_assert_int_gt(r = read(fd, buf + n, length - n), 0);
		n += (size_t)r;
	}
	ck_assert_int_eq(memcmp(buf, text, length), 0);
}

static uint64_t
count(enum counter c)
{
	return scoreboard_row(&sb, SLOT, 0)[c];
}

START_TEST(test_worker_ready_and_stop)
{
	start();
	wait_ready();
	ck_assert_uint_eq(scoreboard_slot(&sb, SLOT)->pid, (uint64_t)worker);
	tell(CHANNEL_STOP, -1);
	ck_assert_int_eq(helper_wait_exit(worker), 0);
	ck_assert_str_eq(complaints(), "worker 1: exit of s\n");
	ck_assert_uint_gt(scoreboard_slot(&sb, SLOT)->loops, 0);
	ck_assert_uint_gt(scoreboard_slot(&sb, SLOT)->last_beat, 0);
}
END_TEST

START_TEST(test_worker_serves)
{
	int fd, other;

	start();
	wait_ready();
	fd = client();
	tell(CHANNEL_ACCEPT, listening);
	ck_assert_int_eq(write(fd, "hello", 5), 5);
	expect(fd, "hello");
	ck_assert_uint_eq(scoreboard_slot(&sb, SLOT)->live, 1);

	/* No longer from that socket: who comes waits, and is not refused. */
	tell(CHANNEL_RELEASE, -1);
	tell(CHANNEL_RELEASE, -1);
	ck_assert_int_eq(write(fd, "still", 5), 5);
	expect(fd, "still");
	other = client();
	ck_assert_int_eq(write(other, "later", 5), 5);
	tell(CHANNEL_ACCEPT, listening);
	expect(other, "later");
	close(fd);
	close(other);
	tell(CHANNEL_DRAIN, -1);
	ck_assert_int_eq(helper_wait_exit(worker), 0);
	ck_assert_uint_eq(count(COUNTER_ACCEPTED), 2);
	ck_assert_uint_eq(count(COUNTER_CLOSED_CLIENT), 2);
	ck_assert_uint_eq(count(COUNTER_MESSAGES), 3);
	ck_assert_uint_eq(scoreboard_slot(&sb, SLOT)->live, 0);
}
END_TEST

/* What waits in the queue is served; the end comes with the last client. */
START_TEST(test_worker_drains)
{
	int fd, waiting;

	start();
	wait_ready();
	tell(CHANNEL_ACCEPT, listening);
	fd = client();
	ck_assert_int_eq(write(fd, "a", 1), 1);
	expect(fd, "a");
	waiting = client();
	tell(CHANNEL_DRAIN, -1);
	tell(CHANNEL_DRAIN, -1);
	expect(fd, "draining");
	expect(waiting, "draining");
	ck_assert_int_eq(write(waiting, "b", 1), 1);
	expect(waiting, "b");
	close(waiting);
	ck_assert_int_eq(write(fd, "c", 1), 1);
	expect(fd, "c");
	ck_assert_int_eq(waitpid(worker, NULL, WNOHANG), 0);
	close(fd);
	ck_assert_int_eq(helper_wait_exit(worker), 0);
	ck_assert_uint_eq(count(COUNTER_CLOSED_CLIENT), 2);
}
END_TEST

/* Connections of a worker that is stopped are booked as the server's. */
START_TEST(test_worker_stops_at_once)
{
	char c;
	int fd;

	start();
	wait_ready();
	tell(CHANNEL_ACCEPT, listening);
	fd = client();
	ck_assert_int_eq(write(fd, "a", 1), 1);
	expect(fd, "a");
	tell(CHANNEL_STOP, -1);
	ck_assert_int_eq(helper_wait_exit(worker), 0);
	ck_assert_int_eq(read(fd, &c, 1), 0);
	close(fd);
	ck_assert_uint_eq(count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* One that is killed leaves its connections for the next to book. */
START_TEST(test_worker_killed)
{
	uint64_t active = 0;
	int fd;

	start();
	wait_ready();
	tell(CHANNEL_ACCEPT, listening);
	fd = client();
	ck_assert_int_eq(write(fd, "a", 1), 1);
	expect(fd, "a");
	ck_assert_int_eq(kill(worker, SIGKILL), 0);
	helper_wait(worker);
	scoreboard_add_active(&sb, SLOT, &active);
	ck_assert_uint_eq(active, 1);
	ck_assert_int_eq(scoreboard_settle(&sb, SLOT, worker, 1000), 0);
	ck_assert_uint_eq(count(COUNTER_ACCEPTED), 1);
	ck_assert_uint_eq(count(COUNTER_CLOSED_CRASH), 1);
	close(fd);
}
END_TEST

/* Signals of a terminal are the master's business. */
START_TEST(test_worker_ignores_signals)
{
	static const int ignored[] = { SIGINT, SIGQUIT, SIGHUP, SIGUSR1,
	    SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH };
	int i, fd;

	start();
	wait_ready();
	for (i = 0; i < UNIT_COUNT(ignored); i++)
		ck_assert_int_eq(kill(worker, ignored[i]), 0);
	tell(CHANNEL_ACCEPT, listening);
	fd = client();
	ck_assert_int_eq(write(fd, "a", 1), 1);
	expect(fd, "a");
	close(fd);
	tell(CHANNEL_STOP, -1);
	ck_assert_int_eq(helper_wait_exit(worker), 0);
}
END_TEST

START_TEST(test_worker_init_fails)
{
	struct channel_message m;
	int fd;

	prong_service_option(service, "refuse", "yes");
	start();
	ck_assert_int_eq(helper_wait_exit(worker), WORKER_HOPELESS);
	/* Never ready. */
	ck_assert_int_eq(channel_receive(ends[0], &m, &fd), -1);
	ck_assert_str_eq(complaints(), "error: worker 1: service \"s\": not "
	    "today\n");
}
END_TEST

/* The end of the channel is the end of the worker. */
START_TEST(test_worker_master_gone)
{
	start();
	wait_ready();
	close(ends[0]);
	ends[0] = -1;
	ck_assert_int_eq(helper_wait_exit(worker), 0);
}
END_TEST

START_TEST(test_worker_wrong_master)
{
	given.master = getppid();
	start();
	ck_assert_int_eq(helper_wait_exit(worker), 1);
	ck_assert_ptr_nonnull(strstr(complaints(), "the master has gone"));
}
END_TEST

/* A service that is not there, a message without its descriptor, nonsense. */
START_TEST(test_worker_odd_messages)
{
	struct channel_message m = { CHANNEL_ACCEPT, KEY, 99 };

	start();
	wait_ready();
	ck_assert_int_eq(channel_send(ends[0], &m, listening), 0);
	m.service = 0;
	ck_assert_int_eq(channel_send(ends[0], &m, -1), 0);
	m.kind = 4711;
	ck_assert_int_eq(channel_send(ends[0], &m, -1), 0);
	tell(CHANNEL_DRAIN, -1);
	ck_assert_int_eq(helper_wait_exit(worker), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("worker", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_worker_ready_and_stop);
	tcase_add_test(tc, test_worker_serves);
	tcase_add_test(tc, test_worker_drains);
	tcase_add_test(tc, test_worker_stops_at_once);
	tcase_add_test(tc, test_worker_killed);
	tcase_add_test(tc, test_worker_ignores_signals);
	tcase_add_test(tc, test_worker_init_fails);
	tcase_add_test(tc, test_worker_master_gone);
	tcase_add_test(tc, test_worker_wrong_master);
	tcase_add_test(tc, test_worker_odd_messages);
	return unit_run(s);
}
