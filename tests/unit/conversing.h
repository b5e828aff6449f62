/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_CONVERSING_H
#define TESTS_UNIT_CONVERSING_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dispatch/conversation.h"
#include "dispatch/dispatch.h"
#include "fake_net.h"
#include "loop/task.h"

/*
 * The connections of fake_net.h with handlers that can wait: for a gate, which
 * the test opens, so that it sees what happens meanwhile.
 */

#define CONVERSING_GATES	4

static struct tasks conversing_tasks;
static struct peer *peer;
static int gates[CONVERSING_GATES][2];
static char trace[512];

static inline int64_t
conversing_mode(const struct dispatch_mode *mode)
{
	int64_t i = 0;

	while (dispatch_modes[i] != mode)
		i++;
	return i;
}

/* What fake.handler says is served by tasks. */
static inline void
conversing_start(enum prong_framing framing)
{
	int i;

	fake_start(framing);
	tasks_init(&conversing_tasks, fake.loop, 0);
	tasks_set_here(&conversing_tasks);
	fake.handler.name = "unit";
	fake.service.settings.dispatch = conversing_mode(&dispatch_coroutine);
	conversation_bind(&fake.service);
	for (i = 0; i < CONVERSING_GATES; i++)
		ck_assert_int_eq(pipe2(gates[i], O_NONBLOCK | O_CLOEXEC), 0);
}

/* The end of a test: whatever still waits is ended. */
static inline void
conversing_stop(void)
{
	int i;

	if (peer != NULL)
		peer_free(peer);
	fake_stop();
	ck_assert_ptr_null(task_self());
	tasks_fini(&conversing_tasks);
	tasks_set_here(NULL);
	for (i = 0; i < CONVERSING_GATES; i++) {
		close(gates[i][0]);
		close(gates[i][1]);
	}
}

static inline void
say(const char *text)
{
	strlcat(trace, text, sizeof(trace));
}

/* In a handler: 0 when the gate has been opened. */
static inline int
wait_at(int gate)
{
	char byte;

	if (prong_wait(gates[gate][0], PRONG_READ, -1) == -1)
		return -1;
	ck_assert_int_eq(read(gates[gate][0], &byte, 1), 1);
	return 0;
}

/* Lets one pass, and everything happen that comes of it. */
static inline void
open_gate(int gate)
{
	ck_assert_int_eq(write(gates[gate][1], "x", 1), 1);
	fake_settle();
}

static inline void
expect_error(ssize_t result, int error)
{
	ck_assert_int_eq(result, -1);
	ck_assert_msg(errno == error, "%s instead of %s: %s",
	    strerrorname_np(errno), strerrorname_np(error), prong_error());
	ck_assert_str_ne(prong_error(), "");
	errno = 0;
}

static inline bool
has_eof(void)
{
	return peer->eof;
}

static inline bool
is_over(void)
{
	return fake_active() == 0;
}

static inline bool
has_ended(void)
{
	return peer->eof && fake_active() == 0;
}

#endif
