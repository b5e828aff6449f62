/* SPDX-License-Identifier: ISC */
/*
 * Events, and threads that wait for them.  How tasks wait is dispatch/bells.
 */
#include "shm/event.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/process.h"

/*
 * Who waits goes on looking for so long, where a wait has just been short: a
 * sleep and the waking from it take several times as long.  Two who answer each
 * other and both sleep would never find that out, so now and then it is so long
 * as the two take together.
 */
#define EVENT_SPIN_NS	4000
#define EVENT_LOOKS	16	/* between two looks at the clock */
#define EVENT_SHORT_NS	50000	/* the sleep itself included */
#define EVENT_VAIN	64

#define EVENT_MS_MAX	(INT64_MAX / 2000000)

static uint64_t event_serials;

static __thread bool event_was_short;
static __thread uint32_t event_vain;	/* looked for it so often in a row */

static struct prong_event *
event_describe(const char *name)
{
	struct prong_event *e = calloc(1, sizeof(*e));

	if (e == NULL || (e->name = strdup(name)) == NULL) {
		free(e);
		error_errno("event \"%s\"", name);
		return NULL;
	}
	e->bell = e->segment.fd = -1;
	e->serial = __atomic_add_fetch(&event_serials, 1, __ATOMIC_RELAXED);
	return e;
}

struct prong_event *
event_new(const char *name, bool set)
{
	struct prong_event *e = event_describe(name);

	if (e == NULL)
		return NULL;
	if (segment_create(&e->segment, "prong-event", EVENT_LAYOUT,
	    sizeof(struct event_layout), true) == -1)
		goto fail;
	e->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->bell == -1) {
		error_errno("event \"%s\"", name);
		goto fail;
	}
	e->layout = e->segment.base;
	e->layout->word = set ? EVENT_IS_SET + EVENT_ONCE : 0;
	return e;
fail:
	event_free(e);
	return NULL;
}

struct prong_event *
event_adopt(const char *name, int fd, int bell)
{
	struct prong_event *e = event_describe(name);

	if (e == NULL) {
		close(fd);
		close(bell);
		return NULL;
	}
	e->bell = bell;
	if (segment_adopt(&e->segment, "prong-event",
	    sizeof(struct event_layout), fd) == -1) {
		error_prefix("event \"%s\"", name);
		event_free(e);
		return NULL;
	}
	e->layout = e->segment.base;
	return e;
}

void
event_free(struct prong_event *e)
{
	int error = errno;

	if (e == NULL)
		return;
	if (e->bell != -1)
		close(e->bell);
	segment_close(&e->segment);
	free(e->name);
	free(e);
	errno = error;
}

/* --- setting it ------------------------------------------------------------- */

/* The half of the word that changes with each set. */
static uint32_t *
event_futex(const struct prong_event *e)
{
	return (uint32_t *)(void *)&e->layout->word +
	    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 1 : 0);
}

static void
event_wake(const struct prong_event *e, uint64_t whom)
{
	static const uint64_t one = 1;
	ssize_t n;

	if ((whom & EVENT_SLEEPERS) != 0)
		syscall(SYS_futex, event_futex(e), FUTEX_WAKE, INT_MAX, NULL,
		    NULL, 0);
	if ((whom & EVENT_LOOPS) == 0)
		return;
	/* Should somebody have filled it, they look again without it. */
	n = write(e->bell, &one, sizeof(one));
	(void)n;
}

/*
 * Written in any case: what the caller has stored before is to be seen by who
 * finds the event set, be it by an earlier one.
 */
int
prong_event_set(struct prong_event *e)
{
	struct event_layout *l = e->layout;
	uint64_t word = __atomic_load_n(&l->word, __ATOMIC_RELAXED), next;

	__atomic_store_n(&l->cpu, sched_getcpu(), __ATOMIC_RELAXED);
	do {
		next = word;
		if ((word & EVENT_IS_SET) == 0)
			next = (word & ~(EVENT_ONCE - 1)) + EVENT_ONCE +
			    EVENT_IS_SET;
	} while (!__atomic_compare_exchange_n(&l->word, &word, next, false,
	    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	if (next != word && (word & (EVENT_SLEEPERS | EVENT_LOOPS)) != 0)
		event_wake(e, word);
	return 0;
}

int
prong_event_clear(struct prong_event *e)
{
	__atomic_fetch_and(&e->layout->word, ~EVENT_IS_SET, __ATOMIC_ACQ_REL);
	return 0;
}

bool
prong_event_is_set(const struct prong_event *e)
{
	return (event_word(e) & EVENT_IS_SET) != 0;
}

/* --- waiting ------------------------------------------------------------------ */

static bool
event_look(const struct prong_event *e, uint64_t since)
{
	int i;

	for (i = 0; i < EVENT_LOOKS; i++) {
		if (event_has_come(e, since))
			return true;
		spin_pause();
	}
	return false;
}

/* Who set it last can do so again only when it gets this CPU. */
static bool
event_needs_us(const struct prong_event *e)
{
	return __atomic_load_n(&e->layout->cpu, __ATOMIC_RELAXED) ==
	    sched_getcpu();
}

bool
event_spin(const struct prong_event *e, uint64_t since)
{
	uint64_t end;

	if (!event_was_short || event_needs_us(e))
		return false;
	if (event_look(e, since)) {
		event_vain = 0;
		return true;
	}
	end = process_nanoseconds() + (++event_vain % EVENT_VAIN == 0 ?
	    EVENT_SHORT_NS : EVENT_SPIN_NS);
	do
		if (event_look(e, since)) {
			event_vain = 0;
			return true;
		}
	while (process_nanoseconds() < end);
	return false;
}

void
event_waited(uint64_t begin)
{
	event_was_short = process_nanoseconds() - begin < EVENT_SHORT_NS;
}

uint64_t
event_announce(struct prong_event *e, uint64_t since, uint64_t whom)
{
	uint64_t word = event_word(e);

	while ((word & EVENT_IS_SET) == 0 &&
	    word / EVENT_ONCE == since / EVENT_ONCE) {
		if ((word & whom) != 0)
			break;
		if (__atomic_compare_exchange_n(&e->layout->word, &word,
		    word | whom, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return word | whom;
	}
	return word;
}

int
event_is_late(const struct prong_event *e)
{
	return error_set(ETIMEDOUT, "event \"%s\" was not set in time",
	    e->name);
}

/* One sleep, until the word is another one or the time is over. */
static void
event_doze(const struct prong_event *e, uint64_t word, uint64_t ns)
{
	struct timespec left = { (time_t)(ns / 1000000000),
	    (long)(ns % 1000000000) };

	syscall(SYS_futex, event_futex(e), FUTEX_WAIT, (uint32_t)word, &left,
	    NULL, 0);
}

int
event_sleep(struct prong_event *e, uint64_t since, int64_t ms)
{
	uint64_t begin, now, end, left, word;

	if (event_spin(e, since))
		return 0;
	begin = now = process_nanoseconds();
	end = ms < 0 || ms > EVENT_MS_MAX ? UINT64_MAX :
	    begin + (uint64_t)ms * 1000000;
	while (word = event_announce(e, since, EVENT_SLEEPERS),
	    !event_has_come(e, since)) {
		if (now >= end) {
			event_waited(begin);
			return event_is_late(e);
		}
		left = end - now;
		if (left > EVENT_LOOK_MS * 1000000ULL)
			left = EVENT_LOOK_MS * 1000000ULL;
		event_doze(e, word, left);
		now = process_nanoseconds();
	}
	event_waited(begin);
	return 0;
}
