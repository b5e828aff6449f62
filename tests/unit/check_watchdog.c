/* SPDX-License-Identifier: ISC */
/*
 * server/watchdog: who is late, who is killed and how.  The processes are
 * children that only wait, and their beats are written by the test: no time
 * passes but what the watchdog itself takes to look.
 */
#include "server/watchdog.h"

#include <sys/resource.h>

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "content.h"
#include "helper.h"
#include "server/master.h"
#include "unit.h"

#define SLOTS		3
#define SECOND		1000000		/* of a setting, microseconds */
#define NEVER		UINT64_MAX	/* a beat that is always fresh */

static struct prong_server server;
static struct master master;
static struct generation generation = {
	.master = &master, .server = &server, .accepts = true,
};
static struct process processes[SLOTS];
static struct listening_socket sockets[SLOTS];
static char service_name[] = "lazy";
static char handler_name[] = "slow";
static struct prong_service service = {
	.settings = { .handler = handler_name }
};
static struct prong_service *services[] = { &service };
static bool paused[1];
static int ends[SLOTS], endings[SLOTS], turns;
static bool reaped[SLOTS];
static bool (*condition)(void);
static const char *log_file;

/* --- the master ---------------------------------------------------------- */

static void
beat(int slot, uint64_t when)
{
	scoreboard_slot(&master.scoreboard, (uint32_t)slot)->last_beat = when;
}

static void
beat_ago(int slot, uint64_t ms)
{
	beat(slot, process_milliseconds() - ms);
}

/* A child that waits until it is killed; it does when this returns. */
static pid_t
start_child(bool stubborn)
{
	const struct rlimit none = { 0, 0 };
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, stubborn ? SIG_IGN : SIG_DFL);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_ne(pid, -1);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
start_process(int slot, bool stubborn)
{
	struct process *p = &processes[slot];

	p->pid = start_child(stubborn);
	p->state = PROCESS_READY;
	p->started = 1;
	beat(slot, NEVER);
}

static void
setup(void)
{
	int i, pair[2];

	helper_make_folder();
	log_file = helper_path("log");
	ck_assert_int_eq(log_open(log_file, PRONG_INFO, false), 0);
	ck_assert_int_eq(scoreboard_create(&master.scoreboard, SLOTS, 1, 8, 0),
	    0);
	service.name = service_name;
	server.services = services;
	server.service_count = 1;
	server.settings.stuck_timeout = SECOND;
	master.server = &server;
	master.state = MASTER_RUNNING;
	master.loop = loop_new(LOOP_AUTO, 0);
	master.generations = master.current = &generation;
	master.processes = processes;
	master.slots = SLOTS;
	generation.paused = paused;
	generation.listening.sockets = sockets;
	generation.listening.count = SLOTS;
	for (i = 0; i < SLOTS; i++) {
		ck_assert_int_eq(channel_open(pair), 0);
		processes[i] = (struct process){
			.master = &master, .generation = &generation,
			.slot = (uint32_t)i, .number = (uint32_t)i,
			.channel.fd = pair[0], .report = -1,
		};
		snprintf(processes[i].name, sizeof(processes[i].name),
		    "worker %d", i);
		ends[i] = pair[1];
		sockets[i] = (struct listening_socket){
			.fd = open("/dev/null", O_RDWR | O_CLOEXEC),
			.service = &service, .number = i,
		};
		start_process(i, false);
	}
	assign_sockets(&master);
}

static void
teardown(void)
{
	int i;

	watchdog_stop(&master);
	for (i = 0; i < SLOTS; i++) {
		if (!reaped[i]) {
			kill(processes[i].pid, SIGKILL);
			helper_wait(processes[i].pid);
		}
		free(processes[i].serves);
	}
	loop_free(master.loop);
	scoreboard_close(&master.scoreboard);
	helper_remove_folder();
}

/* --- running ------------------------------------------------------------- */

static void
turn(void *arg)
{
	int i;

	turns++;
	for (i = 0; i < SLOTS; i++)
		if (processes[i].pid > 0 && waitpid(processes[i].pid,
		    &endings[i], WNOHANG) == processes[i].pid) {
			reaped[i] = true;
			processes[i].pid = 0;
		}
	if (condition())
		loop_stop(master.loop);
}

/* The time limit of the test is its guard. */
static void
run_until(bool (*done)(void))
{
	condition = done;
	loop_on_turn(master.loop, turn, NULL);
	watchdog_start(&master);
	ck_assert_int_eq(loop_run(master.loop), 0);
}

static bool
has_looked(void)
{
	return turns >= 1;
}

static bool
has_looked_often(void)
{
	return turns >= 6;
}

static bool
is_late(void)
{
	return processes[1].late;
}

static bool
is_not_late(void)
{
	return !processes[1].late;
}

static bool
is_dead(void)
{
	return reaped[1];
}

/* The line of the log with a word, or NULL. */
static const char *
logged(const char *word)
{
	return strstr(content(log_file), word);
}

/* What a process was told since the last call: "+1 -2 ". */
static const char *
told(int slot)
{
	static char list[128];
	struct channel_message m;
	char item[16];
	int fd;

	list[0] = '\0';
	while (channel_receive(ends[slot], &m, &fd) == 1) {
		if (fd != -1)
			close(fd);
		snprintf(item, sizeof(item), "%c%u ",
		    m.kind == CHANNEL_ACCEPT ? '+' : '-', m.key);
		strlcat(list, item, sizeof(list));
	}
	return list;
}

static void
assert_unharmed(int slot)
{
	ck_assert(!reaped[slot]);
	ck_assert(!processes[slot].stuck);
	ck_assert(!processes[slot].late);
}

/* --- the beat ------------------------------------------------------------ */

static const struct {
	int64_t timeout;		/* microseconds */
	uint64_t beat;			/* milliseconds */
} beats[] = {
	{ 0, 1000 },			/* never stuck, but late at times */
	{ 365LL * 86400 * SECOND, 1000 },
	{ 30 * SECOND, 1000 },
	{ 4 * SECOND, 1000 },
	{ 2 * SECOND, 500 },
	{ SECOND, 250 },
	{ SECOND / 10, 25 },
	{ 4000, 1 },
	/* Whatever it is, there is a beat within the time-out. */
	{ 3000, 1 },
	{ 1000, 1 },
};

START_TEST(test_watchdog_beat)
{
	const struct server_settings set = {
		.stuck_timeout = beats[_i].timeout
	};

	ck_assert_uint_eq(watchdog_beat(&set), beats[_i].beat);
}
END_TEST

/* --- late ---------------------------------------------------------------- */

START_TEST(test_watchdog_fresh)
{
	/* A beat is 250 ms, and a half more is not late yet. */
	beat_ago(1, 0);
	run_until(has_looked);
	assert_unharmed(0);
	assert_unharmed(1);
	ck_assert_str_eq(content(log_file), "");
}
END_TEST

/* Its neighbour accepts for it until it turns again; told once. */
START_TEST(test_watchdog_late)
{
	ck_assert_str_eq(told(1), "+1 ");
	ck_assert_str_eq(told(2), "+2 ");
	server.settings.stuck_timeout = 2 * SECOND;
	beat_ago(1, 1000);
	run_until(is_late);
	ck_assert(!processes[1].stuck);
	ck_assert_str_eq(told(2), "+1 ");
	ck_assert_str_eq(told(1), "");
	ck_assert_ptr_nonnull(logged("worker 1 (pid "));
	ck_assert_ptr_nonnull(logged("has missed a beat"));
	ck_assert_ptr_eq(strchr(text, '\n'), strrchr(text, '\n'));
	ck_assert_uint_eq(master.restarts_stuck, 0);

	beat(1, NEVER);
	run_until(is_not_late);
	ck_assert_str_eq(told(2), "-1 ");
	ck_assert_str_eq(told(0), "+0 ");
	assert_unharmed(1);
	ck_assert_uint_eq(processes[1].looks, 0);
}
END_TEST

/* While it starts it has no sockets that one could accept from for it. */
START_TEST(test_watchdog_starting)
{
	processes[1].state = PROCESS_STARTING;
	server.settings.stuck_timeout = 2 * SECOND;
	beat_ago(1, 1000);
	run_until(has_looked_often);
	ck_assert(!processes[1].late);
	/* But it has no more time than the others. */
	turns = 0;
	beat_ago(1, 3000);
	run_until(is_dead);
	ck_assert_int_eq(WTERMSIG(endings[1]), SIGABRT);
}
END_TEST

/* What its predecessor wrote says nothing of a new process. */
START_TEST(test_watchdog_new)
{
	processes[1].started = process_milliseconds();
	beat_ago(1, 10000);
	run_until(has_looked);
	assert_unharmed(1);
}
END_TEST

/* --- stuck --------------------------------------------------------------- */

START_TEST(test_watchdog_stuck)
{
	beat_ago(1, 1500);
	run_until(is_dead);
	/* Aborted, so that it says where; seen more than once before that. */
	ck_assert(WIFSIGNALED(endings[1]));
	ck_assert_int_eq(WTERMSIG(endings[1]), SIGABRT);
	ck_assert_int_ge(turns, 3);
	ck_assert(processes[1].stuck);
	ck_assert_uint_eq(master.restarts_stuck, 1);
	ck_assert_ptr_nonnull(logged("has not turned for 1."));
	ck_assert_ptr_nonnull(logged("; its state is sleeping: aborted\n"));
	assert_unharmed(0);
	assert_unharmed(2);
}
END_TEST

/* One that does not die of that is killed; and counted once. */
START_TEST(test_watchdog_stubborn)
{
	kill(processes[1].pid, SIGKILL);
	helper_wait(processes[1].pid);
	start_process(1, true);
	beat_ago(1, 5000);
	run_until(is_dead);
	ck_assert_int_eq(WTERMSIG(endings[1]), SIGKILL);
	ck_assert_uint_eq(master.restarts_stuck, 1);
	/* Not before it had the time to report. */
	ck_assert_uint_ge(process_milliseconds() - processes[1].aborted, 300);
	ck_assert_ptr_nonnull(logged(": aborted\n"));
}
END_TEST

/* A stopped one could not report: it is killed, without a delay. */
START_TEST(test_watchdog_stopped)
{
	int how;

	ck_assert_int_eq(kill(processes[1].pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(processes[1].pid, &how, WUNTRACED),
	    processes[1].pid);
	ck_assert(WIFSTOPPED(how));
	beat_ago(1, 1500);
	run_until(is_dead);
	ck_assert_int_eq(WTERMSIG(endings[1]), SIGKILL);
	ck_assert_uint_eq(master.restarts_stuck, 1);
	ck_assert_ptr_nonnull(logged("; its state is stopped: killed\n"));
	assert_unharmed(0);
}
END_TEST

/* Whom it served, if it served anybody, is in the line. */
START_TEST(test_watchdog_names_the_peer)
{
	struct conn_entry *e;
	struct conntable t;

	ck_assert_int_eq(scoreboard_claim(&master.scoreboard, 1, 1000, &t), 0);
	ck_assert_ptr_nonnull(e = conntable_take(&t));
	memset(e, 0, sizeof(*e));
	e->family = AF_INET;
	inet_pton(AF_INET, "192.0.2.7", e->address);
	e->port = 4711;
	e->opened = process_milliseconds() - 5000;
	conntable_open(&t, e, 0);
	scoreboard_slot(&master.scoreboard, 1)->serving = 0;
	scoreboard_slot(&master.scoreboard, 1)->pid =
	    (uint64_t)processes[1].pid;
	beat_ago(1, 1500);
	run_until(is_dead);
	ck_assert_ptr_nonnull(logged(" while serving service=lazy handler=slow "
	    "peer=192.0.2.7:4711 id="));
	ck_assert_ptr_nonnull(strstr(text, ", connected for 5."));
}
END_TEST

/* With stuck-timeout 0 nobody is killed, but a neighbour still helps. */
START_TEST(test_watchdog_never)
{
	server.settings.stuck_timeout = 0;
	beat_ago(1, 10000);
	run_until(has_looked_often);
	ck_assert(processes[1].late);
	ck_assert(!processes[1].stuck);
	ck_assert(!reaped[1]);
}
END_TEST

/* A slot without a process has no beat, and nobody is killed for it. */
START_TEST(test_watchdog_no_process)
{
	pid_t pid = processes[1].pid;

	processes[1].pid = 0;
	processes[1].state = PROCESS_WAITING;
	beat(1, 0);
	run_until(has_looked_often);
	processes[1].pid = pid;
	assert_unharmed(1);
}
END_TEST

/* --- the master was away ------------------------------------------------- */

/* From the first look on, which is late itself. */
static void
run_away(uint64_t ms, bool (*done)(void))
{
	condition = done;
	loop_on_turn(master.loop, turn, NULL);
	watchdog_start(&master);
	/* As if the timer had been due long ago. */
	master.watched -= ms;
	ck_assert_int_eq(loop_run(master.loop), 0);
}

static bool
master_was_away(void)
{
	return master.away != 0;
}

/*
 * A master that was stopped, or the whole machine, sees old beats when it comes
 * back: all of them get the time again that they had then, and no more.
 */
START_TEST(test_watchdog_master_away)
{
	uint64_t back;
	int i;

	for (i = 0; i < SLOTS; i++)
		beat_ago(i, 10000);
	run_away(10000, master_was_away);
	back = process_milliseconds();
	for (i = 0; i < SLOTS; i++)
		assert_unharmed(i);

	/* The others turn again; this one does not. */
	beat(0, NEVER);
	beat(2, NEVER);
	condition = is_dead;
	ck_assert_int_eq(loop_run(master.loop), 0);
	ck_assert_uint_gt(processes[1].aborted - back, 800);
	ck_assert_uint_eq(master.restarts_stuck, 1);
	assert_unharmed(0);
	assert_unharmed(2);
}
END_TEST

static bool
is_dead_after_absences(void)
{
	/* Short ones, of which none matters by itself. */
	if (turns < 3)
		master.watched -= 600;
	return is_dead();
}

START_TEST(test_watchdog_master_away_often)
{
	uint64_t start = process_milliseconds();

	beat_ago(1, 1900);
	/* It was seen to turn before all of them. */
	processes[1].turned = start - 1900;
	beat(1, processes[1].turned);
	run_away(600, is_dead_after_absences);
	ck_assert_uint_ge(processes[1].aborted - start, 800);
	ck_assert_uint_eq(master.restarts_stuck, 1);
	assert_unharmed(0);
}
END_TEST

/* --- a machine with too much to do --------------------------------------- */

/* Only ever runs, on that CPU. */
static pid_t
start_spinning(int cpu, int niceness)
{
	cpu_set_t set;
	pid_t pid;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if ((pid = fork()) == 0) {
		sched_setaffinity(0, sizeof(set), &set);
		if (setpriority(PRIO_PROCESS, 0, niceness) == -1)
			_exit(1);
		for (;;)
			continue;
	}
	ck_assert_int_ne(pid, -1);
	return pid;
}

/*
 * One that is ready to run and does not get a CPU is not stuck; but it is when
 * that has taken as long again.
 */
START_TEST(test_watchdog_starved)
{
	uint64_t start = process_milliseconds();
	int cpu = sched_getcpu();
	pid_t others = start_spinning(cpu, 0);

	kill(processes[1].pid, SIGKILL);
	helper_wait(processes[1].pid);
	processes[1].pid = start_spinning(cpu, 5);
	beat(1, start);
	run_until(is_dead);
	kill(others, SIGKILL);
	helper_wait(others);
	ck_assert(WIFSIGNALED(endings[1]));
	ck_assert_uint_ge(processes[1].aborted - start, 1300);
	ck_assert_ptr_nonnull(logged("has not turned for "));
	ck_assert_ptr_nonnull(strstr(text, " s of it without a CPU; its state "
	    "is running: aborted\n"));
	assert_unharmed(0);
}
END_TEST

int
main(void)
{
	TCase *tc, *plain = tcase_create("beat");
	Suite *s = unit_suite("watchdog", &tc);

	suite_add_tcase(s, plain);
	tcase_add_loop_test(plain, test_watchdog_beat, 0, UNIT_COUNT(beats));
	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_watchdog_fresh);
	tcase_add_test(tc, test_watchdog_late);
	tcase_add_test(tc, test_watchdog_starting);
	tcase_add_test(tc, test_watchdog_new);
	tcase_add_test(tc, test_watchdog_stuck);
	tcase_add_test(tc, test_watchdog_stubborn);
	tcase_add_test(tc, test_watchdog_stopped);
	tcase_add_test(tc, test_watchdog_names_the_peer);
	tcase_add_test(tc, test_watchdog_never);
	tcase_add_test(tc, test_watchdog_no_process);
	tcase_add_test(tc, test_watchdog_master_away);
	tcase_add_test(tc, test_watchdog_master_away_often);
	tcase_add_test(tc, test_watchdog_starved);
	return unit_run(s);
}
