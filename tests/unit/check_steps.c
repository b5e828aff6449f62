/* SPDX-License-Identifier: ISC */
/*
 * A process that is stopped at any instruction of accepting a connection
 * delays no accept of the others, nor makes one of them wrong.
 *
 * A child with a slot of its own is led through it, step by step; at a step
 * the test accepts a connection from the same source itself.  While the child
 * stands still nothing else changes the accounts, so the test knows what each
 * verdict must be.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_net.h"
#include "net/admission.h"
#include "stepper.h"
#include "unit.h"

#define THEIRS		0		/* the child's slot; fake_net has 1 */
#define SERVICE		1
#define HOUR		(3600ULL * 1000000000)
/* Far more than an accept takes, and far less than waiting for anybody. */
#define ACCEPT_NS	20000000

/*
 * In how many steps the test comes in between once: more than a round of any
 * loop of the child's that begins anew when an account has changed.
 */
#ifdef PRONG_SANITIZED
#define APART		256
#else
#define APART		64
#endif

static struct service_settings *set = &fake.service.settings;
static char nothing[] = "", many[] = "1/h burst 1000";
static struct address from, their_from;
static struct account *source, *service;
static int spare = -1;			/* is copied for each connection */
static uint64_t slowest;		/* accept of ours, in nanoseconds */
static int accepts, admitted;

/* --- the child ----------------------------------------------------------- */

static struct prong_service their_service;
static struct conn_entry *their_entry;
static struct conn_entry their_peer;
static enum counter *their_verdict;	/* shared */

static void
their_report(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
}

static void
their_accept(void)
{
	struct net *net = their_service.net;

	fake.last = NULL;
	if (conn_open(&their_service, fcntl(spare, F_DUPFD_CLOEXEC, 0),
	    &their_from) == 0)
		conn_end(fake.last, COUNTER_CLOSED_SERVER);
	net_end_turn(net);
}

static void
their_start(void)
{
	struct loop *loop = loop_new(LOOP_AUTO, 0);
	struct conntable table;
	struct net *net;

	if (scoreboard_claim(&fake.sb, THEIRS, 1000, &table) == -1 ||
	    loop == NULL ||
	    (net = net_new(loop, 16 * 1024, their_report)) == NULL)
		_exit(1);
	net->table = table;
	net->live = &scoreboard_slot(&fake.sb, THEIRS)->live;
	net->serving_entry = &scoreboard_slot(&fake.sb, THEIRS)->serving;
	their_service = fake.service;
	their_service.net = net;
	their_service.counters = scoreboard_row(&fake.sb, THEIRS, SERVICE);
	their_service.row = their_service.counters;
}

/* With its first connection behind it, so that all is bound and touched. */
static void
before_accept(void)
{
	their_start();
	their_accept();
}

static void
before_enter(void)
{
	their_start();
	their_entry = conntable_take(&their_service.net->table);
	*their_entry = their_peer;
	admission_enter(&their_service, their_entry);
	conntable_unhold(&their_service.net->table, their_entry);
	*their_entry = their_peer;
}

static void
act_enter(void)
{
	*their_verdict = admission_enter(&their_service, their_entry);
}

/* --- the test's own accepts ---------------------------------------------- */

static uint64_t
nanoseconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool
we_accept(const struct address *peer)
{
	uint64_t cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID), took;
	bool open;

	fake.last = NULL;
	open = conn_open(&fake.service, fcntl(spare, F_DUPFD_CLOEXEC, 0),
	    peer) == 0;
	took = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
	ck_assert_uint_lt(took, ACCEPT_NS);
	if (took > slowest)
		slowest = took;
	accepts++;
	admitted += open;
	return open;
}

static bool
rate_has_room(const struct account *a, const struct rate *r)
{
	uint64_t now = loop_nanoseconds(fake.loop);

	return a->due <= now || a->due - now <= (r->burst - 1) * r->interval;
}

/* What must come of an accept now; 0: it is let in. */
static enum counter
verdict(void)
{
	const struct admission *a = fake.service.admission;

	if (ledger_count(source) >= a->per_source)
		return COUNTER_REFUSED_SOURCE;
	if (ledger_count(service) >= a->connections)
		return COUNTER_REFUSED_LIMIT;
	if (!rate_has_room(source, &a->source_rate) ||
	    !rate_has_room(service, &a->rate))
		return COUNTER_REFUSED_RATE;
	return 0;
}

/* An accept, right in itself and in what it books; and its end. */
static void
accept_rightly(int step)
{
	const struct admission *a = fake.service.admission;
	enum counter must = verdict();
	uint32_t held = ledger_count(source), all = ledger_count(service);
	uint64_t due = source->due, due_all = service->due;
	uint64_t refused = must != 0 ? fake_count(must) : 0;

	if (we_accept(&from) != (must == 0))
		ck_abort_msg("step %d: the verdict should have been %s", step,
		    must == 0 ? "yes" : counter_table[must].name);
	if (must != 0) {
		ck_assert_uint_eq(fake_count(must), refused + 1);
	} else {
		ck_assert_uint_eq(ledger_count(source), held + 1);
		ck_assert_uint_eq(ledger_count(service), all + 1);
		ck_assert_uint_eq(source->due, due + a->source_rate.interval);
		ck_assert_uint_eq(service->due, due_all + a->rate.interval);
		conn_end(fake.last, COUNTER_CLOSED_SERVER);
	}
	net_end_turn(fake.net);
	ck_assert_uint_eq(ledger_count(source), held);
	ck_assert_uint_eq(ledger_count(service), all);
}

/* --- where the accounts stand when it begins ----------------------------- */

static void
limit_nothing(void)
{
}

static void
limit_source(void)
{
	set->limit_per_source = 1;
}

static void
limit_service(void)
{
	set->limit_connections = 1;
}

/* There is room for one more. */
static void
limit_source_rate(void)
{
	source->due = loop_nanoseconds(fake.loop) + 999 * HOUR;
}

static void
limit_rate(void)
{
	service->due = loop_nanoseconds(fake.loop) + 999 * HOUR;
}

static const struct scenario {
	const char *name;
	void (*arrange)(void);
	/* Both verdicts are seen at one step or another. */
	bool refuses;
} scenarios[] = {
	{ "room for both", limit_nothing, false },
	{ "the last place of the source", limit_source, true },
	{ "the last place of the service", limit_service, true },
	{ "the last of the source's rate", limit_source_rate, true },
	{ "the last of the service's rate", limit_rate, true },
};

static struct address
address_of(const char *ip)
{
	struct address a;

	memset(&a, 0, sizeof(a));
	a.in.sin_family = AF_INET;
	a.length = sizeof(a.in);
	ck_assert_int_eq(inet_pton(AF_INET, ip, &a.in.sin_addr), 1);
	return a;
}

static struct account *
account_of(const struct address *a)
{
	const struct ledger *l = &fake.sb.ledger;
	uint8_t bytes[16] = { 0 };

	memcpy(bytes, &a->in.sin_addr, 4);
	return ledger_account(l, ledger_source(l, fake.net->table.slot,
	    ledger_source_key(l, SERVICE, AF_INET, bytes),
	    loop_nanoseconds(fake.loop)));
}

static void
setup(void)
{
	int pair[2];

	fake_start(PRONG_RAW);
	set->banner = nothing;
	set->limit_rate = set->limit_source_rate = many;
	set->limit_per_source = set->limit_connections = 10;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, pair), 0);
	spare = pair[0];
	from = their_from = address_of("192.0.2.1");
	source = account_of(&from);
	service = ledger_account(&fake.sb.ledger, SERVICE);
}

static void
teardown(void)
{
	fake_stop();
	admission_free(fake.service.admission);
}

/* The child has done its act and is ended; what it held it gave back. */
static void
end_child(pid_t pid)
{
	stepper_kill(pid);
	ck_assert_uint_eq(ledger_count(source), 0);
	ck_assert_uint_eq(ledger_count(service), 0);
}

static uint64_t
their_count(enum counter c)
{
	return scoreboard_row(&fake.sb, THEIRS, SERVICE)[c];
}

/* The rates of the beginning, which the child's first connection has used. */
static pid_t
start_child(const struct scenario *s)
{
	pid_t pid;

	source->due = service->due = loop_nanoseconds(fake.loop) + HOUR;
	pid = stepper_start(before_accept, their_accept);
	source->due = service->due = loop_nanoseconds(fake.loop) + HOUR;
	s->arrange();
	ck_assert_int_eq(admission_prepare(&fake.service), 0);
	return pid;
}

/*
 * The limits are those of the child too, which has them from the start: but
 * for the rates, whose words are shared, they are arranged before.
 */
static void
arrange_first(const struct scenario *s)
{
	s->arrange();
	ck_assert_int_eq(admission_prepare(&fake.service), 0);
}

/*
 * At every instruction: what the accept has changed in the accounts is put
 * back, so that the child goes on as if it had been alone.
 */
START_TEST(test_steps_every)
{
	const struct scenario *s = &scenarios[_i];
	struct account kept[2];
	int step = 0;
	pid_t pid;

	arrange_first(s);
	pid = start_child(s);
	do {
		kept[0] = *source;
		kept[1] = *service;
		accept_rightly(step);
		*source = kept[0];
		*service = kept[1];
		step++;
	} while (stepper_step(pid));
	end_child(pid);
	/* Its first connection, and this one. */
	ck_assert_uint_eq(their_count(COUNTER_ACCEPTED), 2);
	ck_assert_uint_eq(their_count(COUNTER_CLOSED_SERVER), 2);
	ck_assert_int_gt(admitted, 0);
	ck_assert_int_eq(admitted < accepts, s->refuses);
	printf("# %s: stopped at each of %d steps; of %d accepts %d were let "
	    "in; the slowest took %ju us\n", s->name, step, accepts, admitted,
	    (uintmax_t)(slowest / 1000));
	fflush(stdout);
}
END_TEST

/*
 * At every instruction, by and by: in each round at some of them, far enough
 * apart that the child gets on; and what is booked then is booked.  What has
 * so many steps that it would take too long has fewer rounds.
 */
START_TEST(test_steps_apart)
{
	const struct scenario *s = &scenarios[0];
	uint64_t begin = loop_nanoseconds(fake.loop) + HOUR;
	int round, rounds = 0, stride = 1, step, steps = 0;
	pid_t pid;

	arrange_first(s);
	for (round = 0; round < APART; round += stride) {
		accepts = admitted = step = 0;
		pid = start_child(s);
		do
			if (step++ % APART == round)
				accept_rightly(step);
		while (stepper_step(pid));
		end_child(pid);
		ck_assert_int_eq(admitted, accepts);
		/* All of ours, and the child's one. */
		ck_assert_uint_eq(source->due, begin +
		    (uint64_t)(admitted + 1) * HOUR);
		ck_assert_uint_eq(service->due, source->due);
		steps += step;
		rounds++;
		stride = step * APART / STEPPER_MAX / 2 + 1;
	}
	ck_assert_uint_eq(their_count(COUNTER_ACCEPTED), 2 * (uint64_t)rounds);
	ck_assert_uint_eq(their_count(COUNTER_CLOSED_SERVER),
	    2 * (uint64_t)rounds);
	printf("# %d rounds of %d steps, with an accept at each %dth; the "
	    "slowest took %ju us\n", rounds, steps / rounds, APART,
	    (uintmax_t)(slowest / 1000));
	fflush(stdout);
}
END_TEST

/* --- an account that changes hands --------------------------------------- */

/* Another address that is looked for in the same place first. */
static struct address
find_rival(void)
{
	const struct ledger *l = &fake.sb.ledger;
	struct address rival;
	char ip[32];
	int i;

	for (i = 0; i < 10000; i++) {
		snprintf(ip, sizeof(ip), "198.51.%d.%d", i / 250, i % 250);
		rival = address_of(ip);
		memset(ledger_account(l, l->services), 0, l->sources *
		    sizeof(struct account));
		if (account_of(&rival) == source)
			break;
	}
	ck_assert_int_lt(i, 10000);
	memset(ledger_account(l, l->services), 0, l->sources *
	    sizeof(struct account));
	return rival;
}

/*
 * The account of a source is idle.  One process is about to make it that of
 * another source, while the first source comes again by way of another; either
 * is stopped at any instruction.  Each of the two sources may have one
 * connection, and no more.
 */
static bool
changes_hands_at(int step, const struct address *idle, int *steps)
{
	const struct ledger *l = &fake.sb.ledger;
	pid_t pid = stepper_start(before_enter, act_enter);
	bool right;

	/* As after a connection that has ended. */
	memset(ledger_account(l, l->services), 0, l->sources *
	    sizeof(struct account));
	ck_assert_ptr_eq(account_of(idle), source);
	*steps = stepper_walk(pid, step);
	right = we_accept(&from);
	if (*steps == step)
		stepper_finish(pid);
	/* Both have theirs now. */
	right &= *their_verdict == 0 && !we_accept(&from) &&
	    !we_accept(&their_from);
	stepper_kill(pid);
	net_close_all(fake.net);
	net_end_turn(fake.net);
	ck_assert_int_eq(scoreboard_settle(&fake.sb, THEIRS, pid, 1000), 0);
	return right;
}

START_TEST(test_steps_account_changes_hands)
{
	int step, steps = 0, stride, looked = 0, wrong = 0, first = -1;

	set->limit_rate = set->limit_source_rate = nothing;
	set->limit_per_source = 1;
	ck_assert_int_eq(admission_prepare(&fake.service), 0);
	their_from = find_rival();
	admission_describe(&their_peer, &fake.service, spare, &their_from);
	their_verdict = mmap(NULL, sizeof(*their_verdict),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(their_verdict, MAP_FAILED);
	stride = stepper_stride(stepper_trial(before_enter, act_enter,
	    INT32_MAX));
	for (step = 0; steps >= step - stride; step += stride) {
		looked++;
		if (changes_hands_at(step, _i == 0 ? &from : &their_from,
		    &steps))
			continue;
		wrong++;
		if (first == -1)
			first = step;
	}
	ck_assert_msg(wrong == 0, "wrong at %d of the %d steps looked at, "
	    "first at %d", wrong, looked, first);
	printf("# %d steps, stopped at each %dth\n", steps, stride);
	fflush(stdout);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!stepper_can_trace())
		return stepper_skip();
	s = unit_suite("steps", &tc);
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_steps_every, 0, UNIT_COUNT(scenarios));
	tcase_add_test(tc, test_steps_apart);
	tcase_add_loop_test(tc, test_steps_account_changes_hands, 0, 2);
	return unit_run(s);
}
