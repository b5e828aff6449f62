/* SPDX-License-Identifier: ISC */
/*
 * shm/ledger: counts of several processes, and the table of sources.  Being
 * killed in earnest is check_crash_ledger's.
 */
#include "shm/ledger.h"

#include <sys/mman.h>

#include <arpa/inet.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "seed.h"
#include "unit.h"

#define SLOTS		10
#define SERVICES	3
#define SECOND		1000000000ULL

static struct ledger ledger;

static void
start(uint32_t sources)
{
	ck_assert_int_eq(ledger_create(&ledger, SLOTS, SERVICES, sources), 0);
}

static void
setup(void)
{
	start(64);
}

static void
teardown(void)
{
	ledger_close(&ledger);
}

static uint32_t
count(uint32_t account)
{
	return ledger_count(ledger_account(&ledger, account));
}

static bool
take(uint32_t slot, uint32_t account, uint32_t limit)
{
	enum ledger_answer answer = ledger_take(&ledger, slot, account,
	    LEDGER_ANY, limit, 0, 1);

	ledger_end(&ledger, slot);
	ck_assert_int_ne(answer, LEDGER_LOST);
	return answer == LEDGER_TAKEN;
}

static void
give(uint32_t slot, uint32_t account)
{
	ledger_give(&ledger, slot, account, 0, 1);
	ledger_end(&ledger, slot);
}

/* --- counts -------------------------------------------------------------- */

START_TEST(test_ledger_counts)
{
	uint32_t slot;

	for (slot = 0; slot < SLOTS; slot++)
		ck_assert(take(slot, 1, SLOTS));
	ck_assert_uint_eq(count(1), SLOTS);
	ck_assert_uint_eq(count(0) + count(2) + count(3), 0);
	ck_assert(!take(0, 1, SLOTS));
	ck_assert(!take(0, 1, 1));
	ck_assert_uint_eq(count(1), SLOTS);
	give(7, 1);
	ck_assert(take(3, 1, SLOTS));
	for (slot = 0; slot < SLOTS; slot++)
		give(slot, 1);
	ck_assert_uint_eq(count(1), 0);
	ck_assert(!take(2, 1, 0));
	ck_assert(take(2, 1, 1));
}
END_TEST

/* A neighbour made it 0: what is given back then does not go below. */
START_TEST(test_ledger_never_below_zero)
{
	give(1, 2);
	ck_assert_uint_eq(count(2), 0);
	ck_assert(take(2, 2, 1));
	ledger_account(&ledger, 2)->count = 0;
	give(2, 2);
	ck_assert_uint_eq(count(2), 0);
}
END_TEST

/* A word that no process of ours wrote leads nobody out of the table. */
START_TEST(test_ledger_hostile_word)
{
	struct account *a = ledger_account(&ledger, 1);
	bool done;

	a->count = UINT64_MAX;
	take(1, 1, UINT32_MAX);
	a->count = UINT64_MAX << 24;
	ck_assert(take(1, 1, 1));
	ck_assert_uint_eq(count(1), 1);
	/* Nor does a journal. */
	ck_assert_int_eq(ledger_take(&ledger, 1, 1, LEDGER_ANY, 9, 0, 1),
	    LEDGER_TAKEN);
	__DECONST(struct ledger_journal *, ledger_interrupted(&ledger, 1,
	    &done))->account = ledger_accounts(&ledger);
	ck_assert_ptr_null(ledger_interrupted(&ledger, 1, &done));
}
END_TEST

START_TEST(test_ledger_interrupted)
{
	const struct ledger_journal *j;
	bool done;

	ck_assert_ptr_null(ledger_interrupted(&ledger, 4, &done));
	ck_assert_int_eq(ledger_take(&ledger, 4, 2, LEDGER_ANY, 9, 77, 2),
	    LEDGER_TAKEN);
	for (; _i >= 0; _i--) {
		/* Overwritten by others or not: it is known to be done. */
		j = ledger_interrupted(&ledger, 4, &done);
		ck_assert_ptr_nonnull(j);
		ck_assert(done);
		ck_assert_uint_eq(j->step, LEDGER_STEP_TAKE);
		ck_assert_uint_eq(j->account, 2);
		ck_assert_uint_eq(j->entry, 77);
		ck_assert_uint_eq(j->hold, 2);
		take(5, 2, 9);
	}
	ledger_end(&ledger, 4);
	ck_assert_ptr_null(ledger_interrupted(&ledger, 4, &done));
	ledger_give(&ledger, 4, 2, 77, 2);
	j = ledger_interrupted(&ledger, 4, &done);
	ck_assert(j != NULL && done && j->step == LEDGER_STEP_GIVE);
	ledger_end(&ledger, 4);
	/* What was refused leaves nothing open. */
	ck_assert_int_eq(ledger_take(&ledger, 4, 2, LEDGER_ANY, 0, 77, 2),
	    LEDGER_REFUSED);
	ck_assert_ptr_null(ledger_interrupted(&ledger, 4, &done));
}
END_TEST

/* --- several processes --------------------------------------------------- */

#define PROCESSES	8
#define LIMIT		3
#define ROUNDS		20000

static struct shared {
	uint32_t ready;
	uint32_t inside;	/* at most what is taken */
	uint32_t most;
	uint32_t over;		/* how often there were more than LIMIT */
	uint64_t refused;
	uint32_t places[2];
} *shared;

static void
setup_shared(void)
{
	setup();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void
teardown_shared(void)
{
	munmap(shared, sizeof(*shared));
	shared = NULL;
	teardown();
}

/* Waits until count have come by for the n-th time. */
static void
meet(uint32_t n, uint32_t processes)
{
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) <
	    n * processes)
		sched_yield();
}

static void
race_inside(void)
{
	uint32_t inside = __atomic_add_fetch(&shared->inside, 1,
	    __ATOMIC_SEQ_CST);

	if (inside > LIMIT)
		__atomic_add_fetch(&shared->over, 1, __ATOMIC_SEQ_CST);
	if (inside > shared->most)
		shared->most = inside;
	/* The others are to find the place taken. */
	sched_yield();
	__atomic_sub_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
}

static void __attribute__((noreturn))
race(uint32_t slot, uint32_t account)
{
	int i;

	meet(1, PROCESSES);
	for (i = 0; i < ROUNDS; i++) {
		if (!take(slot, account, LIMIT)) {
			__atomic_add_fetch(&shared->refused, 1,
			    __ATOMIC_RELAXED);
			continue;
		}
		race_inside();
		give(slot, account);
	}
	_exit(0);
}

/* Never more than the limit, and nothing is left over. */
START_TEST(test_ledger_race)
{
	uint32_t account = SERVICES + 5;
	pid_t pids[PROCESSES];
	uint32_t i;

	for (i = 0; i < PROCESSES; i++) {
		if ((pids[i] = fork()) == 0)
			race(i, account);
		ck_assert_int_ne(pids[i], -1);
	}
	for (i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
	ck_assert_uint_eq(count(account), 0);
	ck_assert_uint_eq(shared->over, 0);
	/* There was a race. */
	ck_assert_uint_gt(shared->most, 1);
	ck_assert_uint_gt(shared->refused, 0);
}
END_TEST

/* --- sources ------------------------------------------------------------- */

static uint32_t finder;			/* the slot of who looks for them */

static uint32_t
find_bytes(uint32_t service, uint8_t family, const void *bytes, size_t size,
    uint64_t now)
{
	uint8_t address[16] = { 0 };
	uint32_t account;
	uint64_t key;

	memcpy(address, bytes, size);
	key = ledger_source_key(&ledger, service, family, address);
	account = ledger_source(&ledger, finder, key, now);
	if (account != LEDGER_NONE) {
		ck_assert_uint_ge(account, SERVICES);
		ck_assert_uint_lt(account, ledger_accounts(&ledger));
		/* Another process may be about to give it to the same one. */
		ck_assert(shared != NULL || ledger_source_has(
		    ledger_account(&ledger, account), key));
	}
	return account;
}

static uint32_t
find(uint32_t service, const char *text, uint64_t now)
{
	uint8_t bytes[16] = { 0 };
	uint8_t family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	ck_assert_int_eq(inet_pton(family, text, bytes), 1);
	return find_bytes(service, family, bytes, sizeof(bytes), now);
}

/* The n-th of many. */
static uint32_t
find_number(uint32_t n, uint64_t now)
{
	return find_bytes(0, AF_INET, &n, sizeof(n), now);
}

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "192.0.2.1", "::ffff:192.0.2.1", true },
	{ "192.0.2.1", "::ffff:192.0.2.3", false },
	{ "192.0.2.1", "::192.0.2.1", false },
	{ "::ffff:192.0.2.1", "::fffe:192.0.2.1", false },
	{ "0.0.0.0", "::", false },
	{ "2001:db8::1", "2001:db8::2", true },
	{ "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", true },
	{ "2001:db8::1", "2001:db8:0:1::1", false },
	{ "2001:db8::1", "2001:db9::1", false },
	{ "::1", "::2", true },
	/* The bytes of an IPv4 address at the front of an IPv6 one. */
	{ "192.0.2.1", "c000:201::", false },
};

START_TEST(test_ledger_source_is)
{
	uint8_t b[16] = { 0 };
	uint8_t family = strchr(pairs[_i].b, ':') != NULL ? AF_INET6 : AF_INET;
	uint32_t account = find(1, pairs[_i].a, 0);

	ck_assert_uint_ne(account, LEDGER_NONE);
	/* Held, so that it is not had for another. */
	ck_assert(take(1, account, 1));
	ck_assert_int_eq(find(1, pairs[_i].b, 0) == account, pairs[_i].same);
	inet_pton(family, pairs[_i].b, b);
	ck_assert_int_eq(ledger_source_has(ledger_account(&ledger, account),
	    ledger_source_key(&ledger, 1, family, b)), pairs[_i].same);
	/* Of another service it is another. */
	ck_assert_uint_ne(find(2, pairs[_i].a, 0), account);
	ck_assert_uint_eq(find(1, pairs[_i].a, 0), account);
}
END_TEST

/* Who comes by a unix socket is told apart by user, whatever process it is. */
START_TEST(test_ledger_source_unix)
{
	const struct ucred a = { 100, 1000, 1000 }, b = { 101, 1000, 1000 };
	const struct ucred c = { 100, 1001, 1000 };
	uint32_t account = find_bytes(0, AF_UNIX, &a, sizeof(a), 0);

	ck_assert(take(1, account, 1));
	ck_assert_uint_eq(find_bytes(0, AF_UNIX, &b, sizeof(b), 0), account);
	ck_assert_uint_ne(find_bytes(0, AF_UNIX, &c, sizeof(c), 0), account);
}
END_TEST

START_TEST(test_ledger_no_sources)
{
	teardown();
	start(0);
	ck_assert_uint_eq(ledger_accounts(&ledger), SERVICES);
	ck_assert_uint_eq(find(0, "192.0.2.1", 0), LEDGER_NONE);
	ck_assert(take(0, SERVICES - 1, 1));
	ck_assert_uint_eq(count(SERVICES - 1), 1);
	ledger_close(&ledger);
	/* Account 0 is no source's even where there is no service. */
	ck_assert_int_eq(ledger_create(&ledger, SLOTS, 0, 2), 0);
	ck_assert_uint_eq(ledger_accounts(&ledger), 3);
}
END_TEST

static const uint32_t sizes[] = { 1, 2, 3, 31, 32, 33, 64 };

/*
 * Every account of a table is had, and each is one source's alone; then there
 * is none; and what falls idle is had again.
 */
START_TEST(test_ledger_small_table)
{
	uint32_t size = sizes[_i], held[64], n, i, tries, account;
	uint32_t newcomer = UINT32_MAX;
	bool used[SERVICES + 64] = { false };

	teardown();
	start(size);
	/* Where the window is less than all, some sources do not get one. */
	for (n = 0, tries = 0; n < size && tries < 100000; tries++) {
		account = find_number(tries, 0);
		if (account == LEDGER_NONE) {
			ck_assert_uint_gt(size, 32);
			ck_assert_uint_ge(n, 32);
			continue;
		}
		ck_assert(!used[account]);
		used[account] = true;
		ck_assert(take(1, account, 1));
		held[n++] = tries;
	}
	ck_assert_uint_eq(n, size);
	ck_assert_uint_eq(find_number(newcomer, 0), LEDGER_NONE);
	/* Those that are in it are still found. */
	for (i = 0; i < n; i++) {
		account = find_number(held[i], 0);
		ck_assert_uint_eq(count(account), 1);
		give(1, account);
		ck_assert_uint_eq(find_number(held[i], 0), account);
		/* Nobody else's is idle: this one is had. */
		while (find_number(--newcomer, 0) == LEDGER_NONE)
			continue;
		ck_assert_uint_eq(find_number(newcomer, 0), account);
		ck_assert(take(2, account, 1));
	}
}
END_TEST

/* Idle is who holds nothing and whose rate has run out. */
START_TEST(test_ledger_reuse)
{
	const struct rate r = { SECOND, 5 };
	uint32_t account;

	teardown();
	start(1);
	account = find(0, "192.0.2.1", SECOND);
	ck_assert_uint_eq(account, SERVICES);
	ck_assert(rate_take(&ledger_account(&ledger, account)->due, &r,
	    10 * SECOND));
	ck_assert_uint_eq(find(0, "192.0.2.2", 10 * SECOND), LEDGER_NONE);
	ck_assert_uint_eq(find(0, "192.0.2.2", 11 * SECOND - 1), LEDGER_NONE);
	ck_assert_uint_eq(find(0, "192.0.2.2", 11 * SECOND), account);
	ck_assert(take(4, account, 1));
	ck_assert_uint_eq(find(0, "192.0.2.1", 99 * SECOND), LEDGER_NONE);
	give(4, account);
	ck_assert_uint_eq(find(0, "192.0.2.1", 99 * SECOND), account);
}
END_TEST

/* --- a model of the table ------------------------------------------------ */

#define CROWD	60

static struct client {
	uint32_t held;
	uint32_t account;	/* while it is not idle */
	uint64_t due;
} clients[CROWD];

static bool
client_is_idle(const struct client *c, uint64_t now)
{
	return c->held == 0 && c->due <= now;
}

/* Each that is not idle has an account of its own, with what it holds. */
static void
check_crowd(uint64_t now, int round)
{
	bool used[SERVICES + 64] = { false };
	uint32_t i;

	for (i = 0; i < CROWD; i++) {
		if (client_is_idle(&clients[i], now))
			continue;
		ck_assert_msg(!used[clients[i].account],
		    "PRONG_SEED=%u round %d: two have account %u", seed, round,
		    clients[i].account);
		used[clients[i].account] = true;
		ck_assert_uint_eq(count(clients[i].account), clients[i].held);
		ck_assert_uint_eq(find_number(i, now), clients[i].account);
	}
}

static void
client_comes(uint32_t n, uint64_t now, uint32_t size, uint32_t *busy)
{
	static const struct rate r = { SECOND, 3 };
	struct client *c = &clients[n];
	uint32_t account = find_number(n, now), others = 0, i;

	for (i = 0; i < CROWD; i++)
		others += !client_is_idle(&clients[i], now);
	if (account == LEDGER_NONE) {
		/* Only for want of room, as far as it is looked for. */
		ck_assert(client_is_idle(c, now));
		ck_assert_uint_ge(others, size < 32 ? size : 32);
		(*busy)++;
		return;
	}
	if (!client_is_idle(c, now))
		ck_assert_uint_eq(account, c->account);
	if (seed_below(2) == 0) {
		if (rate_take(&ledger_account(&ledger, account)->due, &r, now))
			c->due = (c->due > now ? c->due : now) + r.interval;
	} else if (take((uint32_t)seed_below(SLOTS), account, 4))
		c->held++;
	c->account = account;
}

START_TEST(test_ledger_crowd)
{
	uint32_t size = sizes[_i], n, busy = 0;
	uint64_t now = SECOND;
	int round;

	seed_use();
	teardown();
	start(size);
	memset(clients, 0, sizeof(clients));
	for (round = 0; round < 20000; round++) {
		now += seed_below(SECOND / 4);
		n = (uint32_t)seed_below(CROWD);
		if (clients[n].held > 0 && seed_below(3) > 0) {
			give((uint32_t)seed_below(SLOTS), clients[n].account);
			clients[n].held--;
		} else
			client_comes(n, now, size, &busy);
		if (round % 50 == 0)
			check_crowd(now, round);
	}
	/* All but the largest were too small at times. */
	if (size < 32)
		ck_assert_uint_gt(busy, 100);
}
END_TEST

/* --- the same new source, by two processes at once ----------------------- */

#define MEETINGS	4000

/* How often it does not find what the other finds, each time a new one. */
static int
meet_sources(uint32_t me)
{
	uint32_t i, account;
	int differ = 0;

	finder = me;
	for (i = 0; i < MEETINGS; i++) {
		meet(3 * i + 1, 2);
		account = find_number(i, SECOND);
		shared->places[me] = account;
		if (!take(me, account, 2))
			return MEETINGS;
		meet(3 * i + 2, 2);
		differ += shared->places[0] != shared->places[1] ||
		    count(account) != 2;
		meet(3 * i + 3, 2);
		give(me, account);
	}
	return differ;
}

START_TEST(test_ledger_new_to_both)
{
	pid_t pid;

	/* In a table with room, and in one where old ones are had again. */
	teardown();
	start(_i == 0 ? 65536 : 40);
	if ((pid = fork()) == 0)
		_exit(meet_sources(0) == 0 ? 0 : 1);
	ck_assert_int_ne(pid, -1);
	ck_assert_int_eq(meet_sources(1), 0);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("ledger", &tc);
	TCase *several = tcase_create("several");

	seed_init();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_ledger_counts);
	tcase_add_test(tc, test_ledger_never_below_zero);
	tcase_add_test(tc, test_ledger_hostile_word);
	tcase_add_loop_test(tc, test_ledger_interrupted, 0, 3);
	tcase_add_loop_test(tc, test_ledger_source_is, 0, UNIT_COUNT(pairs));
	tcase_add_test(tc, test_ledger_source_unix);
	tcase_add_test(tc, test_ledger_no_sources);
	tcase_add_loop_test(tc, test_ledger_small_table, 0, UNIT_COUNT(sizes));
	tcase_add_test(tc, test_ledger_reuse);
	tcase_add_loop_test(tc, test_ledger_crowd, 0, UNIT_COUNT(sizes));
	suite_add_tcase(s, several);
	tcase_set_timeout(several, 60);
	tcase_add_checked_fixture(several, setup_shared, teardown_shared);
	tcase_add_test(several, test_ledger_race);
	tcase_add_loop_test(several, test_ledger_new_to_both, 0, 2);
	return unit_run(s);
}
