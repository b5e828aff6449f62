/* SPDX-License-Identifier: ISC */
/*
 * server/assign: who is told to accept from which socket, as processes come
 * and go.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "server/channel.h"
#include "server/master.h"
#include "unit.h"

#define SLOTS	4
/* Socket 0 is everybody's, 1 to 4 are those of numbers 0 to 3. */
#define SOCKETS	(1 + SLOTS)

static struct master master;
static struct generation generation = {
	.master = &master, .accepts = true,
};
static struct process processes[SLOTS];
static struct listening_socket sockets[SOCKETS];
static struct prong_service service = { .index = 3 };
static struct prong_service other_service = { .index = 2 };
static bool paused[4];
static int ends[SLOTS];			/* where the processes listen */

static void
setup(void)
{
	int i, pair[2];

	for (i = 0; i < SOCKETS; i++)
		sockets[i] = (struct listening_socket){
			.fd = open("/dev/null", O_RDWR | O_CLOEXEC),
			.service = &service, .number = i - 1,
		};
	for (i = 0; i < SLOTS; i++) {
		ck_assert_int_eq(channel_open(pair), 0);
		processes[i] = (struct process){
			.master = &master, .generation = &generation,
			.slot = (uint32_t)i, .number = (uint32_t)i,
			.channel.fd = pair[0],
		};
		ends[i] = pair[1];
	}
	master.generations = master.current = &generation;
	master.processes = processes;
	master.slots = SLOTS;
	generation.paused = paused;
	generation.listening.sockets = sockets;
	generation.listening.count = SOCKETS;
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		free(processes[i].serves);
		close(processes[i].channel.fd);
		close(ends[i]);
	}
	for (i = 0; i < SOCKETS; i++)
		close(sockets[i].fd);
}

/* What a process was told since the last call: "+0 +2 -1 ". */
static const char *
told(int slot)
{
	static char text[128];
	struct channel_message m;
	uint64_t number = 0;
	char one[16];
	int fd;

	text[0] = '\0';
	while (channel_receive(ends[slot], &m, &fd) == 1) {
		ck_assert(m.kind == CHANNEL_ACCEPT ||
		    m.kind == CHANNEL_RELEASE);
		/* A descriptor comes with what is to be accepted from. */
		ck_assert_int_eq(fd != -1, m.kind == CHANNEL_ACCEPT);
		if (fd != -1)
			close(fd);
		ck_assert_uint_eq(m.service, sockets[m.key].service->index);
		/* Its own is its own; all others it may share. */
		ck_assert_int_eq(m.shared != 0, sockets[m.key].number != slot);
		/* Who pauses a service waits until all have let go of all. */
		if (m.kind == CHANNEL_RELEASE) {
			ck_assert_uint_eq(number, 0);
			number = m.number;
		} else
			ck_assert_uint_eq(m.number, 0);
		snprintf(one, sizeof(one), "%c%u ",
		    m.kind == CHANNEL_ACCEPT ? '+' : '-', m.key);
		strlcat(text, one, sizeof(text));
	}
	ck_assert_uint_eq(number, strchr(text, '-') != NULL ? master.release :
	    0);
	return text;
}

static void
expect(const char *a, const char *b, const char *c, const char *d)
{
	assign_sockets(&master);
	ck_assert_str_eq(told(0), a);
	ck_assert_str_eq(told(1), b);
	ck_assert_str_eq(told(2), c);
	ck_assert_str_eq(told(3), d);
}

START_TEST(test_assign_nobody)
{
	expect("", "", "", "");
	processes[0].state = PROCESS_STARTING;
	processes[1].state = PROCESS_DRAINING;
	processes[2].state = PROCESS_WAITING;
	expect("", "", "", "");
}
END_TEST

/* The first one serves all; each later one takes its own. */
START_TEST(test_assign_coming)
{
	processes[1].state = PROCESS_READY;
	expect("", "+0 +1 +2 +3 +4 ", "", "");
	/* Only differences are told. */
	expect("", "", "", "");
	processes[3].state = PROCESS_READY;
	expect("", "-3 -4 ", "", "+0 +3 +4 ");
	processes[0].state = PROCESS_READY;
	expect("+0 +1 ", "-1 ", "", "");
	processes[2].state = PROCESS_READY;
	expect("", "", "+0 +3 ", "-3 ");
	expect("", "", "", "");
}
END_TEST

/* A process that is not ready is stood in for by the next one that is. */
START_TEST(test_assign_going)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		processes[i].state = PROCESS_READY;
	expect("+0 +1 ", "+0 +2 ", "+0 +3 ", "+0 +4 ");
	processes[3].state = PROCESS_DRAINING;
	expect("+4 ", "", "", "");
	processes[0].state = PROCESS_WAITING;
	expect("", "+1 +4 ", "", "");
	processes[1].state = PROCESS_NONE;
	expect("", "", "+1 +2 +4 ", "");
}
END_TEST

/* A new process in a slot is told everything again. */
START_TEST(test_assign_replaced)
{
	processes[0].state = processes[1].state = PROCESS_READY;
	expect("+0 +1 +3 +4 ", "+0 +2 ", "", "");
	/* As process_gone() leaves it. */
	free(processes[1].serves);
	processes[1].serves = NULL;
	processes[1].serves_size = 0;
	processes[1].state = PROCESS_NONE;
	expect("+2 ", "", "", "");
	processes[1].state = PROCESS_READY;
	expect("-2 ", "+0 +2 ", "", "");
}
END_TEST

/* A socket more, for a worker more. */
START_TEST(test_assign_more_sockets)
{
	generation.listening.count = SOCKETS - 1;
	processes[0].state = PROCESS_READY;
	expect("+0 +1 +2 +3 ", "", "", "");
	generation.listening.count = SOCKETS;
	expect("+4 ", "", "", "");
	processes[3].state = PROCESS_READY;
	expect("-2 -3 -4 ", "", "", "+0 +2 +3 +4 ");
}
END_TEST

static void
all_ready(void)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		processes[i].state = PROCESS_READY;
	expect("+0 +1 ", "+0 +2 ", "+0 +3 ", "+0 +4 ");
}

/*
 * One that is there but not well keeps what it has, and another helps it; its
 * own neighbour it helps no more.
 */
START_TEST(test_assign_not_well)
{
	bool *const ills[] = {
		&processes[1].late, &processes[1].full, &processes[1].stuck
	};

	all_ready();
	*ills[_i] = true;
	expect("", "", "+2 ", "");
	processes[0].state = PROCESS_DRAINING;
	/* Not by slot 1, which is next but not well. */
	expect("", "", "+1 ", "");
	*ills[_i] = false;
	expect("", "+1 ", "-1 -2 ", "");
}
END_TEST

/* When nobody is well, who is ready does what it can. */
START_TEST(test_assign_nobody_well)
{
	int i;

	all_ready();
	for (i = 0; i < SLOTS; i++)
		processes[i].late = true;
	expect("", "", "", "");
	processes[3].state = PROCESS_WAITING;
	expect("+4 ", "", "", "");
	processes[2].late = false;
	expect("-4 ", "", "+1 +2 +4 ", "");
}
END_TEST

/* Everybody lets go of a paused service, and of no other. */
START_TEST(test_assign_paused)
{
	sockets[0].service = &other_service;
	master.release = 17;
	all_ready();
	paused[3] = true;
	expect("-1 ", "-2 ", "-3 ", "-4 ");
	/* A new one does not begin with it, nor does a deputy. */
	processes[2].state = PROCESS_WAITING;
	processes[3].late = true;
	expect("", "", "", "");
	paused[2] = true;
	expect("-0 ", "-0 ", "", "-0 ");
	paused[2] = paused[3] = false;
	expect("+0 +1 +3 +4 ", "+0 +2 ", "", "+0 +4 ");
	/* Of several at once the last is the one that is waited for. */
	paused[2] = paused[3] = true;
	expect("-0 -1 -3 -4 ", "-0 -2 ", "", "-0 -4 ");
}
END_TEST

START_TEST(test_assign_leaves_nothing)
{
	int before = helper_descriptors();

	processes[0].state = PROCESS_READY;
	expect("+0 +1 +2 +3 +4 ", "", "", "");
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("assign", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_assign_nobody);
	tcase_add_test(tc, test_assign_coming);
	tcase_add_test(tc, test_assign_going);
	tcase_add_test(tc, test_assign_replaced);
	tcase_add_test(tc, test_assign_more_sockets);
	tcase_add_loop_test(tc, test_assign_not_well, 0, 3);
	tcase_add_test(tc, test_assign_nobody_well);
	tcase_add_test(tc, test_assign_paused);
	tcase_add_test(tc, test_assign_leaves_nothing);
	return unit_run(s);
}
