/* SPDX-License-Identifier: ISC */
/*
 * net/access: rules from text, and whom they let in.
 */
#include "net/access.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define NO_ADDRESS(t)	"\"" t "\" is none of all, unix, uid, gid, and not " \
    "an address (write it like 10.0.0.0/8 or ::1, without host name, port " \
    "or scope)"
#define NO_PREFIX(t, m)	"\"" t "\": the prefix is a number from 0 to " m
#define NO_VERB(t)	"\"" t "\" is neither allow nor deny (write a rule " \
    "like \"allow 127.0.0.0/8\" or \"deny all\")"
#define BITS(t, n)	t " has bits set after the prefix: write " n
#define NUMBER_MAX	"4294967294"
#define X32	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X64	X32 X32
#define X256	X64 X64 X64 X64

/* A text, and what is wrong with it; NULL: it is a rule. */
static const struct {
	const char *text;
	const char *says;
} forms[] = {
	{ "allow all", NULL },
	{ "deny all", NULL },
	{ "allow unix", NULL },
	{ "deny unix", NULL },
	{ "allow 127.0.0.1", NULL },
	{ "allow 127.0.0.0/8", NULL },
	{ "deny 0.0.0.0/0", NULL },
	{ "deny 255.255.255.255/32", NULL },
	{ "allow ::1", NULL },
	{ "allow ::/0", NULL },
	{ "allow 2001:db8::/32", NULL },
	{ "allow 2001:DB8::1/128", NULL },
	{ "allow ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", NULL },
	{ "allow ::ffff:10.0.0.0/104", NULL },
	{ "allow ::ffff:0:0/96", NULL },
	{ "deny uid 0", NULL },
	{ "deny uid " NUMBER_MAX, NULL },
	{ "deny uid root", NULL },
	{ "allow gid 0", NULL },
	{ "allow gid root", NULL },
	{ "  allow\t all ", NULL },
	{ "allow  uid \t root\t", NULL },

	{ "", NO_VERB("") },
	{ " ", NO_VERB("") },
	{ "all", NO_VERB("all") },
	{ "127.0.0.1", NO_VERB("127.0.0.1") },
	{ "Allow all", NO_VERB("Allow") },
	{ "allowed all", NO_VERB("allowed") },
	{ "permit all", NO_VERB("permit") },
	{ "allow,all", NO_VERB("allow,all") },
	{ "allow\nall", NO_VERB("allow\nall") },
	{ "allow", "\"allow\" does not say whom (write it like \"allow "
	    "127.0.0.0/8\" or \"allow all\")" },
	{ "deny ", "\"deny\" does not say whom (write it like \"deny "
	    "127.0.0.0/8\" or \"deny all\")" },

	{ "allow all of them", "\"of them\" stands after \"all\", where the "
	    "rule should end" },
	{ "allow unix 0", "\"0\" stands after \"unix\", where the rule should "
	    "end" },
	{ "allow 10.0.0.0/8 ::1", "\"::1\" stands after \"10.0.0.0/8\", where "
	    "the rule should end" },
	{ "allow 10.0.0.0 /8", "\"/8\" stands after \"10.0.0.0\", where the "
	    "rule should end" },

	{ "allow everyone", NO_ADDRESS("everyone") },
	{ "allow ALL", NO_ADDRESS("ALL") },
	{ "allow uid=0", NO_ADDRESS("uid=0") },
	{ "allow localhost", NO_ADDRESS("localhost") },
	{ "allow 10", NO_ADDRESS("10") },
	{ "allow 10.0.0", NO_ADDRESS("10.0.0") },
	{ "allow 10.0/16", NO_ADDRESS("10.0/16") },
	{ "allow 10.0.0.256", NO_ADDRESS("10.0.0.256") },
	{ "allow 010.0.0.1", NO_ADDRESS("010.0.0.1") },
	{ "allow 0x7f.0.0.1", NO_ADDRESS("0x7f.0.0.1") },
	{ "allow 127.0.0.1:80", NO_ADDRESS("127.0.0.1:80") },
	{ "allow [::1]", NO_ADDRESS("[::1]") },
	{ "allow [::1]:80", NO_ADDRESS("[::1]:80") },
	{ "allow fe80::1%lo", NO_ADDRESS("fe80::1%lo") },
	{ "allow :::1", NO_ADDRESS(":::1") },
	{ "allow 1::2::3", NO_ADDRESS("1::2::3") },
	{ "allow /8", NO_ADDRESS("/8") },
	{ "allow *", NO_ADDRESS("*") },
	{ "allow !10.0.0.1", NO_ADDRESS("!10.0.0.1") },

	{ "allow 10.0.0.0/", NO_PREFIX("10.0.0.0/", "32") },
	{ "allow 10.0.0.0/33", NO_PREFIX("10.0.0.0/33", "32") },
	{ "allow 10.0.0.0/-8", NO_PREFIX("10.0.0.0/-8", "32") },
	{ "allow 0.0.0.0/-0", NO_PREFIX("0.0.0.0/-0", "32") },
	{ "allow 10.0.0.0/+8", NO_PREFIX("10.0.0.0/+8", "32") },
	{ "allow 10.0.0.0/08", NO_PREFIX("10.0.0.0/08", "32") },
	{ "allow 10.0.0.0/8/8", NO_PREFIX("10.0.0.0/8/8", "32") },
	{ "allow 10.0.0.0/8x", NO_PREFIX("10.0.0.0/8x", "32") },
	{ "allow 10.0.0.0/255.0.0.0", NO_PREFIX("10.0.0.0/255.0.0.0", "32") },
	{ "allow 0.0.0.0/4294967296", NO_PREFIX("0.0.0.0/4294967296", "32") },
	{ "allow ::/", NO_PREFIX("::/", "128") },
	{ "allow ::/129", NO_PREFIX("::/129", "128") },
	{ "allow ::1/18446744073709551744",
	    NO_PREFIX("::1/18446744073709551744", "128") },

	{ "allow 10.1.2.3/8", BITS("10.1.2.3/8", "10.0.0.0/8") },
	{ "allow 1.2.3.4/0", BITS("1.2.3.4/0", "0.0.0.0/0") },
	{ "allow 192.0.0.0/1", BITS("192.0.0.0/1", "128.0.0.0/1") },
	{ "allow 10.0.0.1/31", BITS("10.0.0.1/31", "10.0.0.0/31") },
	{ "allow 10.0.1.0/23", BITS("10.0.1.0/23", "10.0.0.0/23") },
	{ "allow 2001:db8::1/32", BITS("2001:db8::1/32", "2001:db8::/32") },
	{ "allow ::1/127", BITS("::1/127", "::/127") },
	{ "allow ::1/0", BITS("::1/0", "::/0") },
	{ "allow 1:2:3:4:8000::/64", BITS("1:2:3:4:8000::/64",
	    "1:2:3:4::/64") },
	{ "allow ::ffff:10.1.2.3/104", BITS("::ffff:10.1.2.3/104",
	    "::ffff:10.0.0.0/104") },
	{ "allow ::ffff:0:0/95", BITS("::ffff:0:0/95", "::fffe:0:0/95") },

	{ "allow uid", "\"uid\" wants a number or a name after it" },
	{ "allow gid \t", "\"gid\" wants a number or a name after it" },
	{ "allow uid 4294967295", "uid: 4294967295 is not from 0 to "
	    NUMBER_MAX },
	{ "allow gid 4294967296", "gid: 4294967296 is not from 0 to "
	    NUMBER_MAX },
	{ "allow uid 18446744073709551616", "uid: 18446744073709551616 is not "
	    "from 0 to " NUMBER_MAX },
	{ "allow uid 00", "uid: \"00\" is not a number" },
	{ "allow uid -1", "there is no user \"-1\"" },
	{ "allow uid 0x0", "there is no user \"0x0\"" },
	{ "allow uid prong-nobody-at-all",
	    "there is no user \"prong-nobody-at-all\"" },
	{ "allow gid prong no group", "there is no group \"prong no group\"" },

	{ "allow " X64 X64, NO_ADDRESS(X64) },
	{ "allow uid " X64 X64, "there is no user \"" X64 "\"" },
	{ "allow uid " X256 X256, "a rule of 522 bytes is too long" },
};

/* The access object of a list of rules that ends with NULL. */
static struct access *
access_of(const char *const *texts)
{
	struct strings rules = { 0 };
	struct access *a;
	int error;

	for (; *texts != NULL; texts++)
		ck_assert_int_eq(strings_add(&rules, *texts), 0);
	a = access_new(&rules);
	error = errno;
	/* Nothing of the list is needed any more. */
	strings_free(&rules);
	errno = error;
	return a;
}

#define ACCESS(...)	access_of((const char *const []){ __VA_ARGS__, NULL })

static struct address
address_of(const char *text)
{
	struct address a = { .length = sizeof(a.in6) };

	/* Port and scope are there as with a real peer. */
	a.in6.sin6_port = htons(40000);
	if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
		a.sa.sa_family = AF_INET6;
		a.in6.sin6_scope_id = 3;
		return a;
	}
	a.length = sizeof(a.in);
	a.sa.sa_family = AF_INET;
	ck_assert_int_eq(inet_pton(AF_INET, text, &a.in.sin_addr), 1);
	return a;
}

static bool
is_allowed(const struct access *a, const char *text)
{
	struct address address = address_of(text);
	struct access_peer peer = { .address = &address };

	return access_allows(a, &peer);
}

START_TEST(test_access_check_rule)
{
	errno = 0;
	error_clear();
	ck_assert_int_eq(access_check_rule(forms[_i].text),
	    forms[_i].says == NULL ? 0 : -1);
	if (forms[_i].says == NULL)
		return;
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), forms[_i].says);
}
END_TEST

/* The list is read by the same rules, wherever the wrong one stands. */
START_TEST(test_access_new_checks)
{
	struct access *a;

	errno = 0;
	error_clear();
	a = ACCESS("allow ::1", forms[_i].text, "deny all");
	if (forms[_i].says == NULL) {
		ck_assert_ptr_nonnull(a);
	} else {
		ck_assert_ptr_null(a);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_str_eq(error_text(), forms[_i].says);
	}
	access_free(a);
}
END_TEST

/* A database that cannot be read is no mistake of who wrote the rule. */
START_TEST(test_access_cannot_look_up)
{
	struct rlimit before, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(access_check_rule("allow uid root"), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_str_eq(error_text(), "cannot look up the user \"root\": "
	    "Too many open files");
	ck_assert_int_eq(access_check_rule("allow gid root"), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_str_eq(error_text(), "cannot look up the group \"root\": "
	    "Too many open files");
	ck_assert_int_eq(access_check_rule("allow uid 0"), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

/* The first and the last of a network, and their neighbours outside. */
static const struct {
	const char *network, *first, *last;
	const char *before, *after;	/* NULL: there is none */
} networks[] = {
	{ "0.0.0.0/0", "0.0.0.0", "255.255.255.255", NULL, NULL },
	{ "0.0.0.0/1", "0.0.0.0", "127.255.255.255", NULL, "128.0.0.0" },
	{ "128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255",
	    NULL },
	{ "10.0.0.0/7", "10.0.0.0", "11.255.255.255", "9.255.255.255",
	    "12.0.0.0" },
	{ "10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255",
	    "11.0.0.0" },
	{ "10.128.0.0/9", "10.128.0.0", "10.255.255.255", "10.127.255.255",
	    "11.0.0.0" },
	{ "192.168.1.0/24", "192.168.1.0", "192.168.1.255", "192.168.0.255",
	    "192.168.2.0" },
	{ "10.0.0.4/31", "10.0.0.4", "10.0.0.5", "10.0.0.3", "10.0.0.6" },
	{ "10.0.0.5/32", "10.0.0.5", "10.0.0.5", "10.0.0.4", "10.0.0.6" },
	{ "10.0.0.5", "10.0.0.5", "10.0.0.5", "10.0.0.4", "10.0.0.6" },
	{ "::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255",
	    "9.255.255.255", "11.0.0.0" },
	{ "::ffff:0:0/96", "0.0.0.0", "255.255.255.255", "::fffe:ffff:ffff",
	    "::1:0:0:0" },
	{ "::ffff:10.0.0.5", "10.0.0.5", "10.0.0.5", "10.0.0.4", "10.0.0.6" },
	{ "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
	{ "8000::/1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
	{ "fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	    "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::" },
	{ "2001:db8:0:2::/63", "2001:db8:0:2::",
	    "2001:db8:0:3:ffff:ffff:ffff:ffff",
	    "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:4::" },
	{ "2001:db8:0:1::/64", "2001:db8:0:1::",
	    "2001:db8:0:1:ffff:ffff:ffff:ffff",
	    "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:2::" },
	{ "2001:db8::8000:0:0:0/65", "2001:db8::8000:0:0:0",
	    "2001:db8::ffff:ffff:ffff:ffff",
	    "2001:db8::7fff:ffff:ffff:ffff", "2001:db8:0:1::" },
	{ "2001:db8::4/127", "2001:db8::4", "2001:db8::5", "2001:db8::3",
	    "2001:db8::6" },
	{ "2001:db8::5/128", "2001:db8::5", "2001:db8::5", "2001:db8::4",
	    "2001:db8::6" },
	{ "::1", "::1", "::1", "::", "::2" },
};

START_TEST(test_access_borders)
{
	char allow[80], deny[80];
	struct access *only, *but;

	snprintf(allow, sizeof(allow), "allow %s", networks[_i].network);
	snprintf(deny, sizeof(deny), "deny %s", networks[_i].network);
	only = ACCESS(allow, "deny all");
	but = ACCESS(deny);
	ck_assert(is_allowed(only, networks[_i].first));
	ck_assert(is_allowed(only, networks[_i].last));
	ck_assert(!is_allowed(but, networks[_i].first));
	ck_assert(!is_allowed(but, networks[_i].last));
	if (networks[_i].before != NULL) {
		ck_assert(!is_allowed(only, networks[_i].before));
		ck_assert(is_allowed(but, networks[_i].before));
	}
	if (networks[_i].after != NULL) {
		ck_assert(!is_allowed(only, networks[_i].after));
		ck_assert(is_allowed(but, networks[_i].after));
	}
	access_free(only);
	access_free(but);
}
END_TEST

START_TEST(test_access_families)
{
	struct access *a;

	/* The bytes of an IPv4 address say nothing about an IPv6 one. */
	a = ACCESS("allow 32.1.13.184", "deny all");
	ck_assert(is_allowed(a, "32.1.13.184"));
	ck_assert(is_allowed(a, "::ffff:32.1.13.184"));
	ck_assert(!is_allowed(a, "2001:db8::"));
	ck_assert(!is_allowed(a, "::32.1.13.184"));
	ck_assert(!is_allowed(a, "64:ff9b::32.1.13.184"));
	access_free(a);
	a = ACCESS("allow 2001:db8::/32", "deny all");
	ck_assert(!is_allowed(a, "32.1.13.184"));
	access_free(a);

	/* A mapped peer is an IPv4 one: not within any IPv6 network. */
	a = ACCESS("allow ::/0", "deny all");
	ck_assert(is_allowed(a, "::1"));
	ck_assert(!is_allowed(a, "::ffff:127.0.0.1"));
	ck_assert(!is_allowed(a, "127.0.0.1"));
	access_free(a);
	a = ACCESS("allow 0.0.0.0/0", "deny all");
	ck_assert(is_allowed(a, "127.0.0.1"));
	ck_assert(is_allowed(a, "::ffff:127.0.0.1"));
	ck_assert(!is_allowed(a, "::1"));
	ck_assert(!is_allowed(a, "::127.0.0.1"));
	access_free(a);
}
END_TEST

START_TEST(test_access_first_match)
{
	struct access *a;

	a = ACCESS("deny 10.1.0.0/16", "allow 10.0.0.0/8", "deny 10.2.0.0/16",
	    "deny all", "allow 192.0.2.1");
	ck_assert(!is_allowed(a, "10.1.0.1"));
	ck_assert(is_allowed(a, "10.0.0.1"));
	ck_assert(is_allowed(a, "10.2.0.1"));
	ck_assert(!is_allowed(a, "192.0.2.1"));
	access_free(a);
	a = ACCESS("allow all", "deny all");
	ck_assert(is_allowed(a, "192.0.2.1"));
	access_free(a);
	a = ACCESS("deny all", "allow all");
	ck_assert(!is_allowed(a, "192.0.2.1"));
	access_free(a);
}
END_TEST

START_TEST(test_access_no_match)
{
	struct access *a;

	a = access_new(&(struct strings){ 0 });
	ck_assert_ptr_nonnull(a);
	ck_assert(is_allowed(a, "192.0.2.1"));
	ck_assert(is_allowed(a, "::1"));
	ck_assert(!access_needs_credentials(a));
	access_free(a);
	a = ACCESS("deny 10.0.0.0/8", "deny ::1", "deny unix");
	ck_assert(is_allowed(a, "192.0.2.1"));
	ck_assert(is_allowed(a, "::2"));
	access_free(a);
	access_free(NULL);
}
END_TEST

/* A rule before "deny all", and whom of the peers below it lets in. */
static const struct {
	const char *rule;
	bool from_unix, from_tcp;
} unix_rules[] = {
	{ "allow all", true, true },
	{ "allow unix", true, false },
	{ "allow uid 1000", true, false },
	{ "allow uid 1001", false, false },
	{ "allow uid 50", false, false },	/* the gid */
	{ "allow uid root", false, false },
	{ "allow gid 50", true, false },
	{ "allow gid 100", true, false },
	{ "allow gid 200", true, false },
	{ "allow gid 300", true, false },
	{ "allow gid 400", false, false },	/* behind the last */
	{ "allow gid 1000", false, false },	/* the uid */
	{ "allow 0.0.0.0/0", false, true },
	{ "allow ::ffff:0:0/96", false, true },
	{ "allow ::/0", false, false },
};

START_TEST(test_access_unix)
{
	static const gid_t groups[] = { 100, 200, 300, 400 };
	/* The address of most clients: nothing but the family. */
	const struct address local = {
		.sa.sa_family = AF_UNIX, .length = sizeof(sa_family_t),
	};
	const struct address tcp = address_of("127.0.0.1");
	struct access_peer peer = { &local, 1000, 50, groups, 3 };
	struct access *a = ACCESS(unix_rules[_i].rule, "deny all");

	ck_assert(access_allows(a, &peer) == unix_rules[_i].from_unix);
	peer.address = &tcp;
	ck_assert(access_allows(a, &peer) == unix_rules[_i].from_tcp);
	access_free(a);
}
END_TEST

START_TEST(test_access_unknown_credentials)
{
	const struct address from = {
		.sa.sa_family = AF_UNIX, .length = sizeof(sa_family_t),
	};
	const struct access_peer peer = {
		.address = &from, .uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct access *a;

	a = ACCESS("allow uid 0", "allow gid 0", "allow uid " NUMBER_MAX,
	    "allow gid " NUMBER_MAX, "deny all");
	ck_assert(!access_allows(a, &peer));
	access_free(a);
	a = ACCESS("deny uid 0", "deny gid 0");
	ck_assert(access_allows(a, &peer));
	access_free(a);
}
END_TEST

START_TEST(test_access_names)
{
	static const char *const names[] = { "root", "daemon", "nobody" };
	const struct address local = { .sa.sa_family = AF_UNIX };
	struct access_peer peer = { .address = &local };
	char uid[64], gid[64];
	const struct passwd *user;
	const struct group *group;
	struct access *a;
	int i;

	for (i = 0; i < UNIT_COUNT(names); i++) {
		/* Every system has the first, not every one the others. */
		user = getpwnam(names[i]);
		group = getgrnam(names[i]);
		if (i > 0 && (user == NULL || group == NULL))
			continue;
		snprintf(uid, sizeof(uid), "allow uid %s", names[i]);
		snprintf(gid, sizeof(gid), "allow gid %s", names[i]);
		a = ACCESS(uid, gid, "deny all");
		peer.uid = user->pw_uid;
		peer.gid = group->gr_gid + 1;
		ck_assert(access_allows(a, &peer));
		peer.uid++;
		ck_assert(!access_allows(a, &peer));
		peer.gid--;
		ck_assert(access_allows(a, &peer));
		access_free(a);
	}
}
END_TEST

START_TEST(test_access_needs_credentials)
{
	static const struct {
		const char *rule;
		bool needs;
	} rules[] = {
		{ "allow all", false }, { "deny unix", false },
		{ "allow 10.0.0.0/8", false }, { "allow ::1", false },
		{ "deny uid 0", true }, { "allow gid 0", true },
	};
	struct access *a;
	int i;

	for (i = 0; i < UNIT_COUNT(rules); i++) {
		a = ACCESS("allow 10.0.0.0/8", rules[i].rule, "deny all");
		ck_assert(access_needs_credentials(a) == rules[i].needs);
		access_free(a);
	}
}
END_TEST

/*
 * What a worker does for each connection asks nothing of the system: in this
 * mode of the kernel any call but read, write and exit is death.
 */
START_TEST(test_access_calls_nothing)
{
	const struct address local = { .sa.sa_family = AF_UNIX };
	const struct access_peer peer = { .address = &local, .uid = 1 };
	struct access *a = ACCESS("deny 10.0.0.0/8", "deny ::1",
	    "deny uid root", "allow uid 1", "deny all");
	bool allowed;
	pid_t pid;

	ck_assert_ptr_nonnull(a);
	if ((pid = fork()) == 0) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == -1)
			_exit(77);
		allowed = is_allowed(a, "10.0.0.1") || is_allowed(a, "::1") ||
		    !access_allows(a, &peer);
		syscall(SYS_exit, allowed ? 1 : 0);
	}
	if (helper_wait_exit(pid) == 77)
		printf("# skipped: this kernel has no seccomp\n");
	access_free(a);
}
END_TEST

/*
 * The model: addresses as texts of bits, compared a character at a time.
 */

struct model_address {
	int family;
	char bits[129];
};

struct model_rule {
	bool allow, all;
	struct model_address network;
	size_t prefix;
	char text[80];
};

static unsigned int seed;

/* What the bits stand for, an IPv4 address perhaps as a mapped one. */
static void
model_print(const struct model_address *m, bool mapped, char *text, size_t size)
{
	unsigned char bytes[16] = { 0 };
	char address[INET6_ADDRSTRLEN];
	size_t i;

	for (i = 0; m->bits[i] != '\0'; i++)
		if (m->bits[i] == '1')
			bytes[i / 8] |= (unsigned char)(0x80 >> i % 8);
	inet_ntop(m->family, bytes, address, sizeof(address));
	snprintf(text, size, "%s%s", mapped ? "::ffff:" : "", address);
}

static size_t
model_size(const struct model_address *m)
{
	return m->family == AF_INET ? 32 : 128;
}

/* IPv4 in one of two. */
static void
model_random_address(struct model_address *m)
{
	size_t i;

	m->family = random() % 2 ? AF_INET : AF_INET6;
	for (i = 0; i < model_size(m); i++)
		m->bits[i] = random() % 2 ? '1' : '0';
	m->bits[i] = '\0';
}

/* Prefixes beside the borders of bytes are as many as all the others. */
static size_t
model_random_prefix(size_t size)
{
	size_t n = (size_t)random() % (size + 1);

	if (random() % 2)
		return n;
	n = n / 8 * 8 + (size_t)random() % 3;
	return n == 0 ? 0 : n - 1 > size ? size : n - 1;
}

/* A rule about a network that the address is in. */
static void
model_random_rule(struct model_rule *r, const struct model_address *near)
{
	bool mapped = near->family == AF_INET && random() % 4 == 0;
	size_t i, size = model_size(near);
	char address[64];

	r->allow = random() % 2;
	r->all = random() % 16 == 0;
	if (r->all) {
		snprintf(r->text, sizeof(r->text), "%s all",
		    r->allow ? "allow" : "deny");
		return;
	}
	r->network = *near;
	r->prefix = model_random_prefix(size);
	for (i = r->prefix; i < size; i++)
		r->network.bits[i] = '0';
	model_print(&r->network, mapped, address, sizeof(address));
	snprintf(r->text, sizeof(r->text), "%s %s/%zu", r->allow ? "allow" :
	    "deny", address, r->prefix + (mapped ? 96 : 0));
}

static bool
model_allows(const struct model_rule *rules, size_t count,
    const struct model_address *peer)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (rules[i].all || (rules[i].network.family == peer->family &&
		    strncmp(rules[i].network.bits, peer->bits,
		    rules[i].prefix) == 0))
			return rules[i].allow;
	return true;
}

#define MODEL_RULES	8

/*
 * Rules that crowd around one address of each round, asked about that address
 * with one bit after another the other way round.
 */
START_TEST(test_access_model)
{
	struct model_rule rules[MODEL_RULES];
	struct model_address near, peer;
	struct strings texts = { 0 };
	struct access *a;
	char text[64];
	size_t i, count;
	int verdicts[2] = { 0, 0 }, round;
	bool expected;

	srandom(seed);
	for (round = 0; round < 2000; round++) {
		count = 1 + (size_t)random() % MODEL_RULES;
		model_random_address(&near);
		for (i = 0; i < count; i++) {
			model_random_rule(&rules[i], &near);
			ck_assert_int_eq(strings_add(&texts, rules[i].text), 0);
		}
		a = access_new(&texts);
		ck_assert_msg(a != NULL, "PRONG_SEED=%u: %s", seed,
		    error_text());
		for (i = 0; i <= model_size(&near); i++) {
			peer = near;
			if (near.bits[i] != '\0')
				peer.bits[i] ^= '0' ^ '1';
			model_print(&peer, peer.family == AF_INET &&
			    random() % 2, text, sizeof(text));
			expected = model_allows(rules, count, &peer);
			ck_assert_msg(is_allowed(a, text) == expected,
			    "PRONG_SEED=%u round %d: %s is not %s", seed,
			    round, text, expected ? "allowed" : "denied");
			verdicts[expected]++;
		}
		access_free(a);
		strings_free(&texts);
	}
	/* Both are of some weight, or the rounds say little. */
	ck_assert_int_gt(verdicts[0], 10000);
	ck_assert_int_gt(verdicts[1], 10000);
}
END_TEST

int
main(void)
{
	const char *again = getenv("PRONG_SEED");
	TCase *tc;
	Suite *s = unit_suite("access", &tc);

	seed = again != NULL ? (unsigned int)strtoul(again, NULL, 10) :
	    (unsigned int)time(NULL) ^ (unsigned int)getpid() << 16;
	printf("# PRONG_SEED=%u\n", seed);
	fflush(stdout);
	tcase_add_loop_test(tc, test_access_check_rule, 0, UNIT_COUNT(forms));
	tcase_add_loop_test(tc, test_access_new_checks, 0, UNIT_COUNT(forms));
	tcase_add_test(tc, test_access_cannot_look_up);
	tcase_add_loop_test(tc, test_access_borders, 0, UNIT_COUNT(networks));
	tcase_add_test(tc, test_access_families);
	tcase_add_test(tc, test_access_first_match);
	tcase_add_test(tc, test_access_no_match);
	tcase_add_loop_test(tc, test_access_unix, 0, UNIT_COUNT(unix_rules));
	tcase_add_test(tc, test_access_unknown_credentials);
	tcase_add_test(tc, test_access_names);
	tcase_add_test(tc, test_access_needs_credentials);
	/* ThreadSanitizer's thread goes on when exit(2) has ended the other. */
	if (!UNIT_TSAN)
		tcase_add_test(tc, test_access_calls_nothing);
	tcase_add_test(tc, test_access_model);
	return unit_run(s);
}
