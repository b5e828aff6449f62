/* SPDX-License-Identifier: ISC */
/*
 * Asking the former master.  It answers in the order of the questions.
 */
#include "server/former.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "server/control.h"
#include "server/link.h"
#include "server/takeover.h"

/* Questions whose answers are kept, and that may be without one. */
#define FORMER_QUESTIONS	128
#define FORMER_QUESTION(f, n)	(&(f)->questions[(n) % FORMER_QUESTIONS])
/*
 * How long an answer is waited for; those who ask on behalf of others have less
 * time than these, and all less than prongctl.
 */
#define FORMER_MS		2000
#define FORMER_EACH_MS		250

struct former_question {
	uint64_t number;
	uint64_t deadline;		/* process_milliseconds() */
	json_t *answer;			/* NULL: none yet */
};

struct former {
	struct master *master;
	struct link *link;		/* NULL: it says nothing any more */
	uint64_t asked, heard;		/* the last number; the last answered */
	struct former_question questions[FORMER_QUESTIONS];
};

static void
former_hear(struct link *l, json_t *message, void *arg)
{
	struct former *f = arg;

	if (message == NULL || f->heard == f->asked) {
		link_close(l);
		f->link = NULL;
		return;
	}
	f->heard++;
	FORMER_QUESTION(f, f->heard)->answer = json_incref(message);
	/* Somebody may wait for just that. */
	control_wake(f->master->control);
}

bool
former_is_there(const struct master *m)
{
	return m->former != NULL && m->former->link != NULL;
}

void
former_open(struct master *m, int fd)
{
	struct former *f = calloc(1, sizeof(*f));

	if (f != NULL) {
		f->master = m;
		f->link = link_open(m->loop, fd, former_hear, f);
		m->former = f;
	}
	if (former_is_there(m))
		return;
	close(fd);
	log_warning("upgrade: no memory: the connections of process %d are "
	    "not shown", (int)takeover_pid(m));
}

void
former_close(struct master *m)
{
	struct former *f = m->former;
	size_t i;

	if (f == NULL)
		return;
	loop_timer_stop(m->loop, &m->expelling.timer);
	link_close(f->link);
	for (i = 0; i < FORMER_QUESTIONS; i++)
		json_decref(f->questions[i].answer);
	free(f);
	m->former = NULL;
}

static bool
former_is_late(const struct former *f, uint64_t number)
{
	return process_milliseconds() >= FORMER_QUESTION(f, number)->deadline;
}

/* Whether what was asked is answered, or takes its time and no more. */
static bool
former_answers(const struct master *m)
{
	const struct former *f = m->former;

	return former_is_there(m) && (f->heard == f->asked ||
	    (!former_is_late(f, f->heard + 1) &&
	    f->asked - f->heard < FORMER_QUESTIONS));
}

uint64_t
former_ask(struct master *m, json_t *request)
{
	struct former *f = m->former;
	struct former_question *q;

	if (!former_answers(m)) {
		json_decref(request);
		return 0;
	}
	if (link_send(f->link, request) == -1)
		return 0;
	q = FORMER_QUESTION(f, ++f->asked);
	json_decref(q->answer);
	*q = (struct former_question){
		.number = f->asked,
		.deadline = process_milliseconds() + FORMER_MS +
		    FORMER_EACH_MS * takeover_behind(m),
	};
	return f->asked;
}

bool
former_is_answered(const struct master *m, uint64_t number)
{
	const struct former *f = m->former;

	return !former_is_there(m) || f->heard >= number ||
	    former_is_late(f, number);
}

bool
former_is_quiet(const struct master *m)
{
	return m->former == NULL || former_is_answered(m, m->former->asked);
}

json_t *
former_result(const struct master *m, uint64_t number)
{
	const struct former_question *q = m->former == NULL ? NULL :
	    FORMER_QUESTION(m->former, number);
	const json_t *answer = q != NULL && q->number == number ? q->answer :
	    NULL;
	json_t *result = json_object_get(answer, "result");
	const char *why = json_string_value(json_object_get(answer, "error"));

	if (json_is_object(result))
		return json_incref(result);
	if (answer == NULL)
		error_set(ETIMEDOUT, "process %d, which drains since an "
		    "upgrade, %s", (int)takeover_pid(m), former_is_there(m) ?
		    "does not answer" : "has ended");
	else
		error_set(EPERM, "%s", why == NULL ? "no reason" : why);
	return NULL;
}

void
former_note_silence(const struct master *m, const json_t *from,
    json_t *answer)
{
	json_t *other = json_object_get(from, "silent");
	const struct former *f = m->former;

	if (former_is_there(m) && f->heard < f->asked &&
	    former_is_late(f, f->heard + 1))
		json_object_set_new(answer, "silent",
		    json_integer(takeover_pid(m)));
	else if (json_is_integer(other))
		json_object_set(answer, "silent", other);
}
