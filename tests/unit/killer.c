/* SPDX-License-Identifier: ISC */
/*
 * Killing a process at every instruction: see killer.h.
 */
#include "killer.h"

#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KILLER_TRIES	100000
#define KILLER_TRACE_MAX	2000000
#define KILLER_AGAIN		30	/* times that somebody may be late */
#define KILLER_HANGS_NS		3000000000ULL
#define KILLER_WITHIN		2000	/* steps within one instruction */

static uint64_t
killer_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- this machine's code ------------------------------------------------------ */

#ifdef __x86_64__
#define KILLER_BREAK		0xcc

static uint64_t
killer_at(pid_t pid)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, pid,
	    (void *)offsetof(struct user, regs.rip), NULL);
}

static void
killer_go_to(pid_t pid, uint64_t address)
{
	ptrace(PTRACE_POKEUSER, pid, (void *)offsetof(struct user, regs.rip),
	    (void *)address);
}
#else
#define KILLER_BREAK		0

static uint64_t
killer_at(pid_t pid)
{
	return 0;
}

static void
killer_go_to(pid_t pid, uint64_t address)
{
}
#endif

/* Writes a byte of its code; returns what stood there, -1: it cannot be. */
static int
killer_poke(pid_t pid, uint64_t address, int byte)
{
	uint64_t at = address & ~7ULL, word;
	unsigned int shift = (unsigned int)(address & 7) * 8;

	errno = 0;
	word = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, (void *)at, NULL);
	if (errno != 0 || ptrace(PTRACE_POKETEXT, pid, (void *)at,
	    (void *)((word & ~(0xffULL << shift)) |
	    (uint64_t)byte << shift)) == -1)
		return -1;
	return (int)(word >> shift & 0xff);
}

/* --- children that are led ------------------------------------------------------ */

static void __attribute__((noreturn))
killer_child(void (*warm)(void), void (*act)(void), void (*done)(void))
{
	pid_t self = getpid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	warm();
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(1);
	/* Not by raise(3), which is long. */
	syscall(SYS_kill, self, SIGSTOP);
	act();
	if (done != NULL)
		done();
	syscall(SYS_kill, self, SIGSTOP);
	_exit(0);
}

static pid_t
killer_start(void (*warm)(void), void (*act)(void), void (*done)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		killer_child(warm, act, done);
	ck_assert_int_ne(pid, -1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP,
	    "before its operation: status %#x", (unsigned int)status);
	return pid;
}

/* Whether it goes on: false when it has come to its end. */
static bool
killer_resume(pid_t pid, int how)
{
	int status;

	ck_assert_int_eq(ptrace(how, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "in its operation: status %#x",
	    (unsigned int)status);
	return WSTOPSIG(status) == SIGTRAP;
}

static void
killer_kill(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	while (waitpid(pid, &status, 0) == -1)
		ck_assert_int_eq(errno, EINTR);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* --- what it comes by ------------------------------------------------------------- */

/* A step to be killed at: the visit of an address, and steps from there on. */
struct killer_step {
	uint64_t address;
	int visit;			/* from 1 */
	int within;
};

struct killer_trace {
	struct killer_step *steps;	/* as they came; then those to try */
	int count;
	int length;			/* of the whole, in instructions */
};

static void
killer_append(struct killer_trace *t, uint64_t address, int visit, int within)
{
	if ((t->count & (t->count - 1)) == 0) {
		t->steps = reallocarray(t->steps, t->count == 0 ? 1 :
		    (size_t)t->count * 2, sizeof(*t->steps));
		ck_assert_ptr_nonnull(t->steps);
	}
	t->steps[t->count++] = (struct killer_step){ address, visit, within };
}

/*
 * Leads a child to its end.  An instruction that repeats itself stays where it
 * is: its steps are "within".
 */
static void
killer_follow(pid_t pid, struct killer_trace *t)
{
	uint64_t address, last = 0;

	do {
		address = killer_at(pid);
		if (address == last)
			t->steps[t->count - 1].within++;
		else
			killer_append(t, address, 0, 0);
		last = address;
		ck_assert_int_lt(t->length++, KILLER_TRACE_MAX);
	} while (killer_resume(pid, PTRACE_SINGLESTEP));
	killer_kill(pid);
}

static int
killer_compare(const void *a, const void *b)
{
	const struct killer_step *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->visit < y->visit ? -1 : x->visit > y->visit;
}

/* Of those of one address, the first and the last, and some way within them. */
static void
killer_choose_of(struct killer_trace *to, const struct killer_step *of, int n)
{
	int i, within;

	for (i = 0; i < n; i++) {
		if (i >= KILLER_REPEATS && i < n - KILLER_REPEATS)
			continue;
		killer_append(to, of->address, i + 1, 0);
		if ((within = of[i].within) == 0)
			continue;
		if (within > KILLER_WITHIN)
			within = KILLER_WITHIN;
		killer_append(to, of->address, i + 1, within);
		if (within > 1)
			killer_append(to, of->address, i + 1, within / 2);
	}
}

/* What came by, as the steps to try; the most of some runs. */
static struct killer_trace
killer_choose(struct killer_trace *all)
{
	struct killer_trace t = { .length = all->length };
	int i, begin = 0;

	for (i = 0; i < all->count; i++)
		all->steps[i].visit = i;
	qsort(all->steps, (size_t)all->count, sizeof(*all->steps),
	    killer_compare);
	for (i = 1; i <= all->count; i++)
		if (i == all->count ||
		    all->steps[i].address != all->steps[begin].address) {
			killer_choose_of(&t, &all->steps[begin], i - begin);
			begin = i;
		}
	free(all->steps);
	return t;
}

/* Lets a child come to a step; false: it did not come by. */
static bool
killer_lead(pid_t pid, const struct killer_step *s)
{
	int byte = killer_poke(pid, s->address, KILLER_BREAK), i;

	if (byte == -1)
		return false;
	for (i = 1; killer_resume(pid, PTRACE_CONT); i++) {
		killer_go_to(pid, s->address);
		killer_poke(pid, s->address, byte);
		if (i == s->visit) {
			for (i = 0; i < s->within; i++)
				if (!killer_resume(pid, PTRACE_SINGLESTEP))
					break;
			return true;
		}
		/* Past all of its repetitions. */
		do
			if (!killer_resume(pid, PTRACE_SINGLESTEP))
				return false;
		while (killer_at(pid) == s->address);
		killer_poke(pid, s->address, KILLER_BREAK);
	}
	return false;
}

/* --- those beside it ---------------------------------------------------------------- */

/* A process that does something once, or until it is told to rest. */
struct killer_beside {
	pid_t pid;
	int stat;			/* /proc/PID/stat */
	struct killer_word {
		uint32_t go;		/* a number that grows; rest if even */
		uint32_t begun, ended;
		bool right;
	} *word;
	void (*turn)(void);		/* again and again, or */
	bool (*once)(void);
};

static void __attribute__((noreturn))
killer_beside_live(struct killer_beside *b)
{
	struct killer_word *w = b->word;
	uint32_t go, last = w->ended;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		go = __atomic_load_n(&w->go, __ATOMIC_ACQUIRE);
		if (go == last || go % 2 == 0) {
			/* It may have been told to rest before it woke up. */
			if (go != last)
				__atomic_store_n(&w->ended, go - 1,
				    __ATOMIC_RELEASE);
			syscall(SYS_futex, &w->go, FUTEX_WAIT, go, NULL, NULL,
			    0);
			continue;
		}
		__atomic_store_n(&w->begun, go, __ATOMIC_RELEASE);
		if (b->once != NULL)
			w->right = b->once();
		else
			while (__atomic_load_n(&w->go, __ATOMIC_ACQUIRE) == go)
				b->turn();
		__atomic_store_n(&w->ended, go, __ATOMIC_RELEASE);
		last = go;
	}
}

static void
killer_beside_start(struct killer_beside *b)
{
	char path[64];

	if (b->turn == NULL && b->once == NULL)
		return;
	if (b->word == NULL)
		b->word = mmap(NULL, sizeof(*b->word), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(b->word, MAP_FAILED);
	b->word->ended = b->word->go;
	if ((b->pid = fork()) == 0)
		killer_beside_live(b);
	ck_assert_int_ne(b->pid, -1);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)b->pid);
	ck_assert_int_ne(b->stat = open(path, O_RDONLY | O_CLOEXEC), -1);
}

static void
killer_beside_end(struct killer_beside *b)
{
	if (b->pid == 0)
		return;
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	close(b->stat);
	b->pid = 0;
}

static void
killer_beside_go(struct killer_beside *b)
{
	uint32_t go = b->word->go;

	__atomic_store_n(&b->word->go, go + 1 + go % 2, __ATOMIC_RELEASE);
	syscall(SYS_futex, &b->word->go, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool
killer_beside_has_ended(const struct killer_beside *b, uint32_t go)
{
	return __atomic_load_n(&b->word->ended, __ATOMIC_ACQUIRE) == go;
}

static bool
killer_beside_sleeps(const struct killer_beside *b)
{
	char text[256], *end;
	ssize_t n = pread(b->stat, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end != NULL && end[1] == ' ' && end[2] == 'S';
}

/* Until who was told to begin has begun. */
static void
killer_beside_begins(const struct killer_beside *b)
{
	uint64_t end = killer_now() + KILLER_HANGS_NS;

	while (__atomic_load_n(&b->word->begun, __ATOMIC_ACQUIRE) !=
	    b->word->go && killer_now() < end)
		sched_yield();
}

/* Until who was told to begin is through with it, or asleep in it: which. */
static bool
killer_beside_settles(const struct killer_beside *b)
{
	uint32_t go = b->word->go;
	uint64_t end = killer_now() + KILLER_HANGS_NS;

	while (killer_now() < end) {
		if (killer_beside_has_ended(b, go))
			return false;
		if (__atomic_load_n(&b->word->begun, __ATOMIC_ACQUIRE) == go &&
		    killer_beside_sleeps(b))
			return true;
		sched_yield();
	}
	return false;
}

/* How long it took to come to an end, or KILLER_HANGS_NS. */
static uint64_t
killer_beside_await(struct killer_beside *b, uint32_t go)
{
	uint64_t begin = killer_now(), took = 0;

	while (!killer_beside_has_ended(b, go) && took < KILLER_HANGS_NS) {
		sched_yield();
		took = killer_now() - begin;
	}
	if (took < KILLER_HANGS_NS)
		return took;
	killer_beside_end(b);
	killer_beside_start(b);
	return KILLER_HANGS_NS;
}

/* Ends the turns of one; as above. */
static uint64_t
killer_beside_rest(struct killer_beside *b)
{
	uint32_t go = __atomic_fetch_add(&b->word->go, 1, __ATOMIC_RELEASE);

	return killer_beside_await(b, go);
}

/* --- a run ----------------------------------------------------------------------------- */

struct killer_case {
	const struct killer *k;
	struct killer_result r;
	struct killer_beside contender, waiter;
	int most;			/* steps */
};

/* What a victim does first; one at a time runs in this process's children. */
static const struct killer *killer_current;

static void
killer_warm(void)
{
	const struct killer *k = killer_current;

	if (k->warm != NULL) {
		k->warm();
		return;
	}
	k->act();
	if (k->done != NULL)
		k->done();
	k->arrange();
}

static void
killer_warm_next(void)
{
	killer_current->next();
	killer_current->arrange();
}

static void
killer_act_next(void)
{
	killer_current->next();
}

static pid_t
killer_victim(const struct killer *k)
{
	return killer_start(killer_warm, k->act, k->done);
}

static void
killer_wrong(struct killer_case *c, const struct killer_step *s,
    const struct killer_step *second, const char *what)
{
	char more[64] = "";

	if (second != NULL)
		snprintf(more, sizeof(more), ", then at %#jx (visit %d + %d)",
		    (uintmax_t)second->address, second->visit, second->within);
	if (c->r.wrong++ == 0)
		snprintf(c->r.first, sizeof(c->r.first), "%s: killed at %#jx "
		    "(visit %d + %d)%s: %s", c->k->name,
		    (uintmax_t)s->address, s->visit, s->within, more, what);
}

/*
 * The next one, timed; the reason if it is late, or the waiter was, or it went
 * wrong.
 */
static const char *
killer_ask(struct killer_case *c, uint64_t waited)
{
	int may = c->k->wait_ms > 0 ? c->k->wait_ms : KILLER_NEXT_MS;
	uint64_t begin = killer_now(), took;

	if (!c->k->next())
		return "the next one does not get on";
	took = killer_now() - begin;
	if (took > KILLER_NEXT_MS * 1000000ULL ||
	    waited > (uint64_t)may * 1000000)
		return "late";
	if (took < waited)
		took = waited;
	if (took > c->r.slowest)
		c->r.slowest = took;
	return c->k->check() ? NULL : "something is not as it must be";
}

static void
killer_wait(struct killer_case *c)
{
	killer_beside_go(&c->waiter);
	c->r.slept += killer_beside_settles(&c->waiter);
}

/* How long the waiter took from now on; 0: there is none. */
static uint64_t
killer_await(struct killer_case *c)
{
	if (c->waiter.pid == 0)
		return 0;
	if (c->k->release != NULL)
		c->k->release();
	return killer_beside_await(&c->waiter, c->waiter.word->go);
}

/* A victim that stands before its operation, and who is to be beside it. */
static pid_t
killer_begin(struct killer_case *c)
{
	pid_t pid;

	c->k->arrange();
	pid = killer_victim(c->k);
	if (c->k->release != NULL)
		killer_wait(c);
	if (c->contender.pid != 0) {
		killer_beside_go(&c->contender);
		killer_beside_begins(&c->contender);
	}
	return pid;
}

/* One victim, at one step. */
static const char *
killer_try(struct killer_case *c, const struct killer_step *s)
{
	struct killer_beside *w = &c->waiter, *b = &c->contender;
	pid_t pid = killer_begin(c);
	uint64_t late;

	if (!killer_lead(pid, s))
		c->r.missed++;
	if (w->pid != 0 && c->k->release == NULL)
		killer_wait(c);
	killer_kill(pid);
	late = killer_await(c);
	if (b->pid != 0) {
		if (killer_beside_rest(b) == KILLER_HANGS_NS)
			return "the contender does not get on";
	}
	if (late == KILLER_HANGS_NS)
		return "the waiter does not get on";
	if (w->pid != 0 && !w->word->right)
		return "the waiter found it wrong";
	return killer_ask(c, late);
}

static void
killer_try_well(struct killer_case *c, const struct killer_step *s)
{
	const char *why;
	int i = 0, missed = c->r.missed;

	do {
		c->r.missed = missed;
		why = killer_try(c, s);
	} while (why != NULL && strcmp(why, "late") == 0 &&
	    ++i < KILLER_AGAIN);
	c->r.tried++;
	if (why != NULL)
		killer_wrong(c, s, NULL, why);
}

/* --- second victims --------------------------------------------------------------------- */

/* One that stands before next, when the first has been killed at a step. */
static pid_t
killer_second(struct killer_case *c, const struct killer_step *s)
{
	pid_t first, second;

	c->k->arrange();
	second = killer_start(killer_warm_next, killer_act_next, NULL);
	c->k->arrange();
	first = killer_victim(c->k);
	killer_lead(first, s);
	killer_kill(first);
	return second;
}

static void
killer_try_second(struct killer_case *c, const struct killer_step *s,
    const struct killer_step *then)
{
	const char *why;
	pid_t second;
	int i = 0;

	do {
		second = killer_second(c, s);
		killer_lead(second, then);
		killer_kill(second);
		why = killer_ask(c, 0);
	} while (why != NULL && strcmp(why, "late") == 0 &&
	    ++i < KILLER_AGAIN);
	c->r.repair_steps++;
	if (why != NULL)
		killer_wrong(c, s, then, why);
}

static void
killer_repairs(struct killer_case *c, const struct killer_trace *t)
{
	struct killer_trace all, then;
	int i, j, stride = t->count / (c->k->repairs + 1) + 1;
	int tries = c->most / c->k->repairs;

	for (i = stride / 2; i < t->count; i += stride) {
		all = (struct killer_trace){ .count = 0 };
		killer_follow(killer_second(c, &t->steps[i]), &all);
		then = killer_choose(&all);
		for (j = 0; j < then.count; j += then.count / tries + 1)
			killer_try_second(c, &t->steps[i], &then.steps[j]);
		free(then.steps);
	}
}

/* --------------------------------------------------------------------------------------- */

/* With others beside it, it does not always go the same way. */
#define KILLER_TRACES	3

static struct killer_trace
killer_steps(struct killer_case *c)
{
	struct killer_trace all, best = { .count = 0 }, t;
	struct killer_beside *b = &c->contender;
	int i;

	for (i = 0; i < (b->pid == 0 ? 1 : KILLER_TRACES); i++) {
		all = (struct killer_trace){ .count = 0 };
		killer_follow(killer_begin(c), &all);
		if (c->k->release != NULL)
			killer_await(c);
		if (b->pid != 0)
			killer_beside_rest(b);
		t = killer_choose(&all);
		if (t.count <= best.count) {
			free(t.steps);
			continue;
		}
		free(best.steps);
		best = t;
	}
	return best;
}

struct killer_result
killer_run(const struct killer *k)
{
	struct killer_case c = {
		.k = k, .contender.turn = k->contend, .waiter.once = k->wait,
	};
	uint64_t begin = killer_now();
	struct killer_trace t;
	int i, stride;

	killer_current = k;
	k->arrange();
	killer_beside_start(&c.contender);
	killer_beside_start(&c.waiter);
	t = killer_steps(&c);
	c.r.steps = t.length;
	c.most = k->most > 0 && k->most < KILLER_TRIES &&
	    !killer_tries_all() ? k->most : KILLER_TRIES;
	stride = (t.count + c.most - 1) / c.most;
	for (i = 0; i < t.count; i += stride)
		killer_try_well(&c, &t.steps[i]);
	killer_beside_end(&c.contender);
	killer_beside_end(&c.waiter);
	if (k->repairs > 0)
		killer_repairs(&c, &t);
	free(t.steps);
	c.r.seconds = (double)(killer_now() - begin) / 1e9;
	return c.r;
}

void
killer_print(const struct killer *k, const struct killer_result *r)
{
	printf("# %s: %d instructions, killed at %d (%d not come by, %d with a "
	    "waiter asleep), in repairs at %d; the next one after %ju us at "
	    "most; %.0f a second\n", k->name, r->steps, r->tried, r->missed,
	    r->slept, r->repair_steps, (uintmax_t)(r->slowest / 1000),
	    (r->tried + r->repair_steps) / r->seconds);
	fflush(stdout);
}

bool
killer_tries_all(void)
{
	return getenv("PRONG_KILL_ALL") != NULL;
}

double
killer_timeout(void)
{
	return killer_tries_all() ? 3600 : 180;
}

bool
killer_can(void)
{
	int status;
	bool can;
	pid_t pid;

	/* The steps would be those of the sanitizer. */
#ifdef PRONG_SANITIZED
	return false;
#endif
	if (KILLER_BREAK == 0 || (pid = fork()) == -1)
		return false;
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(1);
		kill(getpid(), SIGSTOP);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	can = ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 &&
	    waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return can;
}

int
killer_skip(void)
{
	printf("1..0 # SKIP processes cannot be traced here, or their steps "
	    "are a sanitizer's\n");
	return EXIT_SUCCESS;
}
