/* SPDX-License-Identifier: ISC */
/*
 * net/admission: which limit is asked first, what a refusal leaves, sources,
 * unix peers.  How a client is refused is in check_admission_refuse.c.
 */
#include "net/admission.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "admission.h"
#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define SERVICE		1		/* its index, and its account */
#define FAR		(UINT64_MAX / 2)

/* --- what is held -------------------------------------------------------- */

static struct account *
service_account(void)
{
	return ledger_account(&fake.sb.ledger, SERVICE);
}

static struct account *
source_account(const char *ip)
{
	const struct address a = address_of(ip);
	const struct ledger *l = &fake.sb.ledger;
	uint8_t bytes[16] = { 0 };
	uint32_t account;

	if (a.sa.sa_family == AF_INET)
		memcpy(bytes, &a.in.sin_addr, 4);
	else
		memcpy(bytes, &a.in6.sin6_addr, 16);
	account = ledger_source(l, fake.net->table.slot, ledger_source_key(l,
	    SERVICE, (uint8_t)a.sa.sa_family, bytes),
	    loop_nanoseconds(fake.loop));
	ck_assert_uint_ne(account, LEDGER_NONE);
	return ledger_account(l, account);
}

/* All that the accounts count, but those of services. */
static uint64_t
held_by_sources(void)
{
	const struct ledger *l = &fake.sb.ledger;
	uint64_t sum = 0;
	uint32_t i;

	for (i = l->services; i < ledger_accounts(l); i++)
		sum += ledger_count(ledger_account(l, i));
	return sum;
}

/* Entries of the table that are not free. */
static uint32_t
entries_taken(void)
{
	const struct conntable *t = &fake.net->table;
	uint32_t taken = t->journal->used, next;

	for (next = t->free; next != CONN_NONE; taken--)
		next = (uint32_t)t->entries[next].id;
	return taken;
}

/* So many are open, and nothing else is held anywhere. */
static void
expect_held(uint32_t open)
{
	const struct admission *a = fake.service.admission;

	ck_assert_uint_eq(fake_active(), open);
	ck_assert_uint_eq(entries_taken(), open);
	ck_assert_uint_eq(ledger_count(service_account()),
	    a != NULL && a->connections != UINT32_MAX ? open : 0);
	ck_assert_uint_eq(held_by_sources(),
	    a != NULL && a->needs_source ? open : 0);
}

/* --- which is asked first ------------------------------------------------ */

/* Each of these refuses by itself; they stand in the order of being asked. */
static void
refuse_memory(void)
{
	fake.net->memory_max = 1;
	fake.net->memory_at = 0;
}

static void
refuse_acl(void)
{
	add_rule("deny " SOMEBODY);
}

static void
refuse_load(void)
{
	set->limit_load = 1500;
	fake.net->load = 1500;
	fake.net->load_at = clock_ms;
}

static void
refuse_table(void)
{
	fake.net->table.capacity = entries_taken();
}

static void
refuse_source(void)
{
	set->limit_per_source = 1;
}

static void
refuse_limit(void)
{
	set->limit_connections = 1;
}

static char slow_rate[] = "1/h", slow_source_rate[] = "1/m";

static void
refuse_source_rate(void)
{
	set->limit_source_rate = slow_source_rate;
	source_account(SOMEBODY)->due = FAR;
}

static void
refuse_rate(void)
{
	set->limit_rate = slow_rate;
	service_account()->due = FAR;
}

static const struct {
	void (*arrange)(void);
	enum counter reason;
	const char *text;
} reasons[] = {
	{ refuse_memory, COUNTER_REFUSED_MEMORY, "worker-memory is used up" },
	{ refuse_acl, COUNTER_REFUSED_ACL, "by an access rule" },
	{ refuse_load, COUNTER_REFUSED_LOAD,
	    "the machine's load is above limits.load" },
	{ refuse_table, COUNTER_REFUSED_MEMORY,
	    "connection: No space left on device" },
	{ refuse_source, COUNTER_REFUSED_SOURCE,
	    "limits.per-source is reached" },
	{ refuse_limit, COUNTER_REFUSED_LIMIT,
	    "limits.connections is reached" },
	{ refuse_source_rate, COUNTER_REFUSED_RATE, "its source comes "
	    "faster than limits.source-rate" },
	{ refuse_rate, COUNTER_REFUSED_RATE, "they come faster than "
	    "limits.rate" },
};

/*
 * One is open and holds its shares; every limit would refuse another, from the
 * one of this test on.  The first of them does, and leaves nothing behind.
 */
START_TEST(test_admission_order)
{
	struct account *source = source_account(SOMEBODY);
	uint64_t due[2] = { 0, 0 };
	char expected[256];
	int i, before;

	set->limit_per_source = set->limit_connections = 10;
	prepare();
	ck_assert(comes_from(SOMEBODY));
	expect_held(1);
	for (i = _i; i < UNIT_COUNT(reasons); i++)
		reasons[i].arrange();
	prepare();
	due[0] = source->due;
	due[1] = service_account()->due;
	before = helper_descriptors();

	ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_eq(fake_count(reasons[_i].reason), 1);
	ck_assert_uint_eq(fake_count(COUNTER_ACCEPTED), 1);
	expect_held(1);
	ck_assert_uint_eq(ledger_count(source), 1);
	/* Nor is it booked as one that came. */
	ck_assert_uint_eq(source->due, due[0]);
	ck_assert_uint_eq(service_account()->due, due[1]);
	ck_assert_int_eq(helper_descriptors(), before + 1);
	ck_assert_int_eq(fake.opens, 1);

	snprintf(expected, sizeof(expected), "service=unit peer=" SOMEBODY
	    ":4711: connection refused: %s", reasons[_i].text);
	ck_assert_str_eq(fake.reported, expected);
	ck_assert_int_eq(fake.reported_level, PRONG_WARNING);
	ck_assert_int_eq(records, 1);
	ck_assert_int_eq(recorded, reasons[_i].reason);
	ck_assert_uint_eq(recorded_entry.port, 4711);
	ck_assert_uint_eq(recorded_entry.id, 0);
}
END_TEST

/* One limit alone refuses too, and does not keep others out. */
START_TEST(test_admission_alone)
{
	prepare();
	ck_assert(comes_from(SOMEBODY));
	reasons[_i].arrange();
	prepare();
	/* What is open from before does not count: it holds nothing. */
	if (reasons[_i].reason == COUNTER_REFUSED_SOURCE ||
	    reasons[_i].reason == COUNTER_REFUSED_LIMIT)
		ck_assert(comes_from(SOMEBODY));
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_eq(fake_count(reasons[_i].reason), 1);
	ck_assert_int_eq(comes_from("192.0.2.2"),
	    reasons[_i].arrange == refuse_acl ||
	    reasons[_i].arrange == refuse_source ||
	    reasons[_i].arrange == refuse_source_rate);
}
END_TEST

START_TEST(test_admission_open)
{
	int i;

	prepare();
	for (i = 0; i < 10; i++)
		ck_assert(comes_from(SOMEBODY));
	expect_held(10);
	ck_assert_str_eq(fake_counts(), "accepted=10");
	ck_assert_int_eq(fake.reports, 0);
}
END_TEST

/* --- shares -------------------------------------------------------------- */

/* What ends gives back, whatever it ends by; the next one has its place. */
START_TEST(test_admission_gives_back)
{
	int i;

	set->limit_per_source = 2;
	set->limit_connections = 3;
	prepare();
	for (i = 0; i < 10; i++) {
		ck_assert(comes_from(SOMEBODY));
		ck_assert(comes_from(SOMEBODY));
		ck_assert(!comes_from(SOMEBODY));
		ck_assert(comes_from("2001:db8::1"));
		ck_assert(!comes_from("192.0.2.2"));
		expect_held(3);
		while (client_count > 0)
			close(clients[--client_count]);
		fake_settle();
		expect_held(0);
	}
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_SOURCE), 10);
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_LIMIT), 10);
}
END_TEST

/* Whoever comes from a network, or the same machine in two ways, is one. */
START_TEST(test_admission_source)
{
	set->limit_per_source = 1;
	prepare();
	ck_assert(comes_from("2001:db8::1"));
	ck_assert(!comes_from("2001:db8::ffff:1"));
	ck_assert(comes_from("2001:db8:0:1::1"));
	ck_assert(comes_from("192.0.2.1"));
	ck_assert(!comes_from("::ffff:192.0.2.1"));
	ck_assert(comes_from("192.0.2.2"));
	ck_assert(comes_by_unix());
	ck_assert(!comes_by_unix());
}
END_TEST

START_TEST(test_admission_rates)
{
	static char two[] = "2/h", three[] = "3/h";
	struct account *a;
	uint64_t due;

	set->limit_source_rate = two;
	set->limit_rate = three;
	prepare();
	ck_assert(comes_from(SOMEBODY));
	ck_assert(comes_from(SOMEBODY));
	ck_assert(!comes_from(SOMEBODY));
	/* Refused for its own rate, it has used up nothing of the others'. */
	a = service_account();
	due = a->due;
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_eq(a->due, due);
	ck_assert(comes_from("192.0.2.2"));
	ck_assert(!comes_from("192.0.2.3"));
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_RATE), 3);
	/* Later there is room again. */
	a->due -= 3600 * 1000000000ULL;
	ck_assert(comes_from("192.0.2.3"));
	expect_held(4);
}
END_TEST

/* Nor is its own rate used up by what is refused for the others'. */
START_TEST(test_admission_rate_of_all)
{
	static char two[] = "2/h";
	struct account *source = source_account(SOMEBODY);
	uint64_t due;
	int i;

	set->limit_source_rate = set->limit_rate = two;
	prepare();
	ck_assert(comes_from(SOMEBODY));
	due = source->due;
	service_account()->due = FAR;
	for (i = 0; i < 3; i++)
		ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_eq(source->due, due);
	service_account()->due = 0;
	ck_assert(comes_from(SOMEBODY));
}
END_TEST

/* Made and then refused for want of a watch: it gives back what it had. */
START_TEST(test_admission_no_watch)
{
	const struct address a = address_of(SOMEBODY);
	struct rlimit limit;
	int fd[2], high;

	teardown();
	memset(&fake, 0, sizeof(fake));
	fake_start_with(LOOP_SELECT, PRONG_RAW);
	set->limit_rate = set->limit_source_rate = set->banner = nothing;
	set->limit_per_source = set->limit_connections = 5;
	prepare();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
	high = fcntl(fd[0], F_DUPFD_CLOEXEC, 1024);
	ck_assert_int_ge(high, 1024);
	close(fd[0]);
	clients[client_count++] = fd[1];
	ck_assert_int_eq(conn_open(&fake.service, high, &a), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_str_eq(fake_counts(), "refused_limit=1");
	expect_held(0);
	ck_assert_int_eq(fcntl(high, F_GETFD), -1);
}
END_TEST

/* --- a full table of sources --------------------------------------------- */

static void
fill_sources(void)
{
	const struct ledger *l = &fake.sb.ledger;
	uint32_t i;

	for (i = l->services; i < ledger_accounts(l); i++) {
		ledger_account(l, i)->key = i;
		ledger_account(l, i)->due = FAR;
	}
}

/* Then they are let in, which is told once; the service's limit holds. */
START_TEST(test_admission_sources_full)
{
	set->limit_per_source = 1;
	set->limit_connections = 3;
	prepare();
	fill_sources();
	ck_assert(comes_from(SOMEBODY));
	ck_assert_int_eq(fake.reports, 1);
	ck_assert_ptr_nonnull(strstr(fake.reported, "service=unit: the table "
	    "of sources is full"));
	ck_assert_ptr_nonnull(strstr(fake.reported, "max-sources"));
	ck_assert(comes_from(SOMEBODY));
	ck_assert(comes_from("192.0.2.2"));
	ck_assert_int_eq(fake.reports, 1);
	ck_assert(!comes_from("192.0.2.3"));
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_LIMIT), 1);
	ck_assert_uint_eq(ledger_count(service_account()), 3);
	ck_assert_uint_eq(held_by_sources(), 0);
}
END_TEST

/* Refused in the moment of telling that: for the reason that it was. */
START_TEST(test_admission_sources_full_and_refused)
{
	set->limit_per_source = set->limit_connections = 1;
	prepare();
	ck_assert(comes_from(SOMEBODY));
	fill_sources();
	ck_assert(!comes_from("192.0.2.2"));
	ck_assert_int_eq(fake.reports, 2);
	ck_assert_str_eq(fake.reported, "service=unit peer=192.0.2.2:4711: "
	    "connection refused: limits.connections is reached");
}
END_TEST

/* --- access -------------------------------------------------------------- */

static const struct {
	const char *rule;		/* %u: who we are */
	bool of_group, allowed;
} unix_rules[] = {
	{ "allow uid %u", false, true },
	{ "deny uid %u", false, false },
	{ "allow gid %u", true, true },
	{ "deny gid %u", true, false },
	{ "allow unix", false, true },
	{ "deny unix", false, false },
	{ "allow 0.0.0.0/0", false, false },
};

/* The first rule is of the table; whoever it does not match, the last. */
START_TEST(test_admission_unix)
{
	char rule[64];

	snprintf(rule, sizeof(rule), "%.*s%u", (int)strcspn(
	    unix_rules[_i].rule, "%"), unix_rules[_i].rule,
	    unix_rules[_i].of_group ? getegid() : geteuid());
	if (strchr(unix_rules[_i].rule, '%') == NULL)
		strlcpy(rule, unix_rules[_i].rule, sizeof(rule));
	add_rule(rule);
	add_rule(unix_rules[_i].allowed ? "deny all" :
	    strncmp(rule, "deny", 4) == 0 ? "allow all" : "deny unix");
	prepare();
	ck_assert_int_eq(comes_by_unix(), unix_rules[_i].allowed);
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_ACL),
	    !unix_rules[_i].allowed);
	if (!unix_rules[_i].allowed) {
		snprintf(rule, sizeof(rule), "peer=unix:uid=%u,pid=%d: ",
		    geteuid(), (int)getpid());
		ck_assert_ptr_nonnull(strstr(fake.reported, rule));
	}
}
END_TEST

/* A list that cannot be made ready leaves no half of it. */
START_TEST(test_admission_prepare_fails)
{
	add_rule("deny all");
	prepare();
	ck_assert_ptr_nonnull(fake.service.admission);
	add_rule("allow uid no-such-user-here");
	ck_assert_int_eq(admission_prepare(&fake.service), -1);
	ck_assert_ptr_nonnull(strstr(error_text(), "no-such-user-here"));
	ck_assert_ptr_null(fake.service.admission);
	admission_free(NULL);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("admission", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_admission_order, 0, UNIT_COUNT(reasons));
	tcase_add_loop_test(tc, test_admission_alone, 0, UNIT_COUNT(reasons));
	tcase_add_test(tc, test_admission_open);
	tcase_add_test(tc, test_admission_gives_back);
	tcase_add_test(tc, test_admission_source);
	tcase_add_test(tc, test_admission_rates);
	tcase_add_test(tc, test_admission_rate_of_all);
	tcase_add_test(tc, test_admission_no_watch);
	tcase_add_test(tc, test_admission_sources_full);
	tcase_add_test(tc, test_admission_sources_full_and_refused);
	tcase_add_loop_test(tc, test_admission_unix, 0, UNIT_COUNT(unix_rules));
	tcase_add_test(tc, test_admission_prepare_fails);
	return unit_run(s);
}
