/* SPDX-License-Identifier: ISC */
/*
 * A dict against a model of it: several processes do random things to keys of
 * their own, among each other, and compare every answer with what the model
 * says; some are killed at any moment, and others take over their keys.
 *
 * The model stands in shared memory too.  A process notes what a key is going
 * to be before each change, so that of a killed one it is known that the key is
 * either as it was or as it was to be.
 *
 * PRONG_OPERATIONS says how many there are in all.
 */
#include <sys/mman.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dicting.h"
#include "helper.h"
#include "seed.h"
#include "unit.h"

#define MEMORY		(16 << 20)
#define PROCESSES	3
#define KEYS		400	/* of each process */
#define VALUE_MAX	6000
#define COUNTERS	5	/* that all of them add to */
#define PHASES		20

/* What a key is: its value is some bytes of a stream, or an integer. */
struct entry {
	enum { NONE, BYTES, INTEGER } kind;
	uint32_t length;
	int64_t number;		/* which stream, or which integer */
	int64_t expiry;		/* 0: never */
};

static struct shared {
	struct process {
		struct entry entries[KEYS];
		int pending;		/* a key; -1: none */
		struct entry pending_entry;
		uint64_t done, added[COUNTERS];
		int adding;		/* a counter; -1: none */
	} processes[PROCESSES];
	uint64_t todo;			/* of each, in this phase */
} *shared;

static struct prong_dict *dict;
static struct process *self;
static int self_number;

/* --- what the model says -------------------------------------------------- */

static void
fill(const struct entry *e, char *to)
{
	uint32_t i;

	if (e->kind == INTEGER) {
		snprintf(to, 32, "%" PRId64, e->number);
		return;
	}
	for (i = 0; i < e->length; i++)
		to[i] = (char)((uint64_t)e->number * 31 + i * 7 + (i >> 8));
}

static size_t
key_of(int process, int key, char *to)
{
	int n = snprintf(to, 128, "%d:%d", process, key);

	/* Some keys are of several blocks. */
	while (key % 7 == 0 && n < 100)
		to[n++] = 'k';
	return (size_t)n;
}

/* An expired key is none. */
static struct entry
entry_of(const struct process *p, int key)
{
	struct entry e = p->entries[key];

	if (e.kind != NONE && e.expiry != 0 && e.expiry <= dicting_time)
		e.kind = NONE;
	return e;
}

static bool
is_expected(const struct entry *e, const char *value, ssize_t length)
{
	char expected[VALUE_MAX];

	if (e->kind == NONE)
		return length == -1;
	if (length != (ssize_t)e->length)
		return false;
	fill(e, expected);
	return memcmp(value, expected, e->length) == 0;
}

/* Whether the dict has a key as the model. */
static bool
is_as(int process, int key, const struct entry *e)
{
	char name[128], value[VALUE_MAX];
	size_t length = key_of(process, key, name);
	int64_t ms = 0;
	ssize_t n;

	n = prong_dict_get(dict, name, length, value, sizeof(value));
	if (!is_expected(e, value, n))
		return false;
	return prong_dict_ttl(dict, name, length, &ms) == (e->kind != NONE) &&
	    (e->kind == NONE || ms == (e->expiry == 0 ? PRONG_DICT_FOREVER :
	    e->expiry - dicting_time));
}

/* --- what is done to it --------------------------------------------------- */

#define MUST(x)								\
	do {								\
		if (!(x)) {						\
			printf("# line %d, key %d:%d: %s\n", __LINE__,	\
			    self_number, key, #x);			\
			fflush(stdout);					\
			_exit(1);					\
		}							\
	} while (0)

static struct entry
random_entry(void)
{
	struct entry e = { .kind = BYTES };
	int64_t ms = (int64_t)seed_below(200);
	char text[32];

	if (seed_below(4) == 0) {
		e.kind = INTEGER;
		e.number = (int64_t)seed_below(1ULL << 40) - (1LL << 39);
		e.length = (uint32_t)snprintf(text, sizeof(text), "%" PRId64,
		    e.number);
	} else {
		e.number = (int64_t)seed_below(256);
		e.length = (uint32_t)seed_below(seed_below(10) == 0 ?
		    VALUE_MAX / 2 : 150);
	}
	e.expiry = ms < 30 ? dicting_time + ms + 1 : 0;
	return e;
}

static int64_t
ms_of(const struct entry *e)
{
	return e->expiry == 0 ? PRONG_DICT_FOREVER : e->expiry - dicting_time;
}

static void
begin(int key, const struct entry *to)
{
	self->pending_entry = *to;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->pending = key;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void
end(int key)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->entries[key] = self->pending_entry;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->pending = -1;
}

static void
do_set(int key, const char *name, size_t length, struct entry old)
{
	static const unsigned int all[] = { 0, PRONG_DICT_ABSENT,
	    PRONG_DICT_PRESENT, PRONG_DICT_KEEP,
	    PRONG_DICT_KEEP | PRONG_DICT_PRESENT };
	unsigned int flags = all[seed_below(5)];
	struct entry e = random_entry();
	char value[VALUE_MAX], was[VALUE_MAX];
	struct prong_dict_value v = { was, sizeof(was), 0 };
	int64_t ms = ms_of(&e);
	int r, is_set = !(flags & (old.kind == NONE ? PRONG_DICT_PRESENT :
	    PRONG_DICT_ABSENT));

	fill(&e, value);
	if (flags & PRONG_DICT_KEEP && old.kind != NONE)
		e.expiry = old.expiry;
	begin(key, is_set ? &e : &old);
	if (seed_below(2) == 0)
		r = prong_dict_set(dict, name, length, value, e.length, flags,
		    ms);
	else {
		r = prong_dict_swap(dict, name, length, value, e.length, flags,
		    ms, &v);
		MUST(r == -1 || is_expected(&old, was, v.length));
	}
	MUST(r == is_set);
	end(key);
}

static void
do_delete(int key, const char *name, size_t length, struct entry old)
{
	struct entry none = { .kind = NONE };
	char was[VALUE_MAX];

	begin(key, &none);
	if (seed_below(2) == 0)
		MUST(prong_dict_delete(dict, name, length) ==
		    (old.kind != NONE));
	else
		MUST(is_expected(&old, was, prong_dict_take(dict, name, length,
		    was, sizeof(was))));
	end(key);
}

static void
do_add(int key, const char *name, size_t length, struct entry old)
{
	struct entry e = old;
	int64_t n = (int64_t)seed_below(2000) - 1000, sum = 0;
	char text[32];

	if (old.kind == BYTES) {
		/* Its bytes may happen to be one. */
		return;
	}
	e.kind = INTEGER;
	e.number = old.kind == NONE ? n : old.number + n;
	e.expiry = old.kind == NONE ? 0 : old.expiry;
	e.length = (uint32_t)snprintf(text, sizeof(text), "%" PRId64,
	    e.number);
	begin(key, &e);
	MUST(prong_dict_add(dict, name, length, n, &sum) == 0);
	MUST(sum == e.number);
	end(key);
}

static void
do_append(int key, const char *name, size_t length, struct entry old)
{
	struct entry e = old;
	char value[VALUE_MAX];

	if (old.kind == INTEGER)
		return;
	if (old.kind == NONE) {
		e = random_entry();
		if (e.kind == INTEGER)
			return;
		e.expiry = 0;
		old.length = 0;
	} else
		e.length += (uint32_t)seed_below(200);
	if (e.length > VALUE_MAX)
		return;
	fill(&e, value);
	begin(key, &e);
	MUST(prong_dict_append(dict, name, length, value + old.length,
	    e.length - old.length) == (ssize_t)e.length);
	end(key);
}

static void
do_cas(int key, const char *name, size_t length, struct entry old)
{
	struct entry e = random_entry();
	char value[VALUE_MAX], expected[VALUE_MAX] = "";
	bool right = seed_below(3) != 0;

	fill(&e, value);
	e.expiry = old.kind == NONE ? 0 : old.expiry;
	if (old.kind != NONE)
		fill(&old, expected);
	if (!right && old.kind != NONE && old.length > 0)
		expected[seed_below(old.length)] ^= 1;
	else
		right = true;
	begin(key, right ? &e : &old);
	MUST(prong_dict_cas(dict, name, length,
	    old.kind == NONE ? NULL : expected,
	    old.kind == NONE ? 0 : old.length, value, e.length) == right);
	end(key);
}

static void
do_expire(int key, const char *name, size_t length, struct entry old)
{
	struct entry e = old;

	e.expiry = random_entry().expiry;
	begin(key, &e);
	MUST(prong_dict_expire(dict, name, length, ms_of(&e)) ==
	    (old.kind != NONE));
	end(key);
}

static void
do_look(int key, const char *name, size_t length, struct entry old)
{
	MUST(is_as(self_number, key, &old));
}

/* All processes add to the same ones. */
static void
do_count(int key, const char *name, size_t length, struct entry old)
{
	int counter = (int)seed_below(COUNTERS);
	char text[32];

	snprintf(text, sizeof(text), "counter-%d", counter);
	self->adding = counter;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	MUST(prong_dict_add(dict, text, strlen(text), 1, NULL) == 0);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->added[counter]++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->adding = -1;
}

static void (*const things[])(int, const char *, size_t, struct entry) = {
	do_set, do_set, do_set, do_delete, do_add, do_add, do_append,
	do_append, do_cas, do_expire, do_look, do_look, do_count,
};

static void __attribute__((noreturn))
work(int number, unsigned int chance)
{
	char name[128];
	size_t length;
	int key;

	self_number = number;
	self = &shared->processes[number];
	srandom(chance);
	for (; self->done < shared->todo; self->done++) {
		key = (int)seed_below(KEYS);
		length = key_of(number, key, name);
		things[seed_below(UNIT_COUNT(things))](key, name, length,
		    entry_of(self, key));
	}
	_exit(0);
}

/* --- the phases ----------------------------------------------------------- */

static int kills;
static uint64_t unsure[COUNTERS];	/* may have been counted or not */

/* What a killed process was at: done or not, and nothing else. */
static void
settle(int number)
{
	struct process *p = &shared->processes[number];
	struct entry old;

	if (p->pending != -1) {
		old = entry_of(p, p->pending);
		if (is_as(number, p->pending, &p->pending_entry))
			p->entries[p->pending] = p->pending_entry;
		else
			ck_assert_msg(is_as(number, p->pending, &old),
			    "key %d:%d is neither as before nor as after",
			    number, p->pending);
		p->pending = -1;
	}
	if (p->adding != -1)
		unsure[p->adding]++;
	p->adding = -1;
}

static void
check_all(void)
{
	struct entry e;
	int i, key;

	for (i = 0; i < PROCESSES; i++)
		for (key = 0; key < KEYS; key++) {
			e = entry_of(&shared->processes[i], key);
			ck_assert_msg(is_as(i, key, &e), "key %d:%d", i, key);
		}
	dicting_check(dict);
}

static pid_t
start(int number)
{
	unsigned int chance = (unsigned int)random();
	pid_t pid = fork();

	if (pid == 0)
		work(number, chance);
	ck_assert_int_ne(pid, -1);
	return pid;
}

/* Kills some of them, and starts others in their place. */
static void
run_phase(int to_kill)
{
	struct timespec pause = { 0, 0 };
	pid_t pids[PROCESSES];
	int i, status;

	for (i = 0; i < PROCESSES; i++) {
		shared->processes[i].done = 0;
		pids[i] = start(i);
	}
	while (to_kill-- > 0) {
		i = (int)seed_below(PROCESSES);
		pause.tv_nsec = (long)seed_below(3000000);
		nanosleep(&pause, NULL);
		kill(pids[i], SIGKILL);
		status = helper_wait(pids[i]);
		ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		kills += WIFSIGNALED(status);
		settle(i);
		pids[i] = start(i);
	}
	for (i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	check_all();
}

static void
check_counters(void)
{
	uint64_t value, sum;
	char text[32];
	int c, i;

	for (c = 0; c < COUNTERS; c++) {
		snprintf(text, sizeof(text), "counter-%d", c);
		value = strtoull(dicting_get(dict, text), NULL, 10);
		for (i = 0, sum = 0; i < PROCESSES; i++)
			sum += shared->processes[i].added[c];
		ck_assert_uint_ge(value, sum);
		ck_assert_uint_le(value, sum + unsure[c]);
	}
}

START_TEST(test_dict_model)
{
	const char *operations = getenv("PRONG_OPERATIONS");
	uint64_t all = operations != NULL ?
	    strtoull(operations, NULL, 10) : 100000;
	int i;

	seed_use();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	dict = dicting_new(MEMORY, DICT_EVICT_NONE);
	for (i = 0; i < PROCESSES; i++)
		shared->processes[i].pending = shared->processes[i].adding = -1;
	shared->todo = all / PHASES / PROCESSES + 1;
	for (i = 0; i < PHASES; i++) {
		run_phase(_i == 0 ? 0 : 5 + (int)(shared->todo / 4000));
		dicting_time += (int64_t)seed_below(20);
	}
	check_counters();
	printf("# %" PRIu64 " operations, %d killed, %" PRIu64 " recovered\n",
	    shared->todo * PHASES * PROCESSES, kills, dict_recovered(dict));
	dict_free(dict);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("dict_model", &tc);

	seed_init();
	tcase_set_timeout(tc, getenv("PRONG_OPERATIONS") != NULL ? 0 : 120);
	tcase_add_loop_test(tc, test_dict_model, 0, 2);
	return unit_run(s);
}
