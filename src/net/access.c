/* SPDX-License-Identifier: ISC */
/*
 * Access rules: from text to what a peer is compared with.
 *
 * Made before privileges and the root folder are given up, used by workers for
 * every connection.  A rule never changes once it is made.
 */
#include "net/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/units.h"

enum access_kind {
	ACCESS_ALL,
	ACCESS_IPV4,
	ACCESS_IPV6,
	ACCESS_UNIX,
	ACCESS_UID,
	ACCESS_GID,
};

/* The longest rule: names of users and groups may be long. */
#define ACCESS_TEXT_MAX	512

struct access_rule {
	union {
		uint8_t bytes[16];	/* the network, in network order */
		struct in6_addr in6;
		uint32_t id;		/* a uid or gid */
	};
	uint8_t kind;			/* enum access_kind */
	uint8_t prefix;			/* bits that must be the same */
	bool allow;
};

struct access {
	size_t count;
	bool needs_credentials;
	struct access_rule rules[];
};

/* What a look-up says that found no such thing. */
static int
access_no_such(int found, const char *what, const char *name)
{
	if (found == 0)
		return error_set(EINVAL, "there is no %s \"%.64s\"", what,
		    name);
	return error_errno("cannot look up the %s \"%.64s\"", what, name);
}

static int
access_find_user(const char *name, uint32_t *id)
{
	struct names_user user;
	int found = names_user(name, &user);

	if (found != 1)
		return access_no_such(found, "user", name);
	*id = user.uid;
	return 0;
}

static int
access_find_group(const char *name, uint32_t *id)
{
	int found = names_group(name, id);

	return found == 1 ? 0 : access_no_such(found, "group", name);
}

/* What stands after allow and deny when it is no address. */
static const struct access_word {
	const char *word;
	enum access_kind kind;
	int (*find)(const char *name, uint32_t *id);
} access_words[] = {
	{ "all", ACCESS_ALL, NULL },
	{ "unix", ACCESS_UNIX, NULL },
	{ "uid", ACCESS_UID, access_find_user },
	{ "gid", ACCESS_GID, access_find_group },
};

static int
access_parse_id(const struct access_word *w, const char *name, uint32_t *id)
{
	int64_t n;

	if (name[0] == '\0')
		return error_set(EINVAL, "\"%s\" wants a number or a name "
		    "after it", w->word);
	if (name[strspn(name, "0123456789")] != '\0')
		return w->find(name, id);
	/* The largest number stands for "unknown". */
	if (units_integer(name, 0, (int64_t)UINT32_MAX - 1, &n) == -1) {
		errno = EINVAL;
		return error_prefix("%s", w->word);
	}
	*id = (uint32_t)n;
	return 0;
}

/* Copies the first bits of an address; the others become 0. */
static void
access_cut(uint8_t *to, const uint8_t *from, unsigned int size,
    unsigned int bits)
{
	unsigned int i, n;

	for (i = 0; i < size; i++, bits -= n) {
		n = bits < 8 ? bits : 8;
		to[i] = from[i] & (uint8_t)(0xff00 >> n);
	}
}

/* "/8" or nothing, after an address of so many bytes. */
static int
access_parse_prefix(const char *text, const char *slash, unsigned int size,
    struct access_rule *rule)
{
	int family = size == 4 ? AF_INET : AF_INET6;
	char address[INET6_ADDRSTRLEN];
	uint8_t network[16];
	int64_t n = size * 8;

	if (slash != NULL && (slash[1] == '-' ||
	    units_integer(slash + 1, 0, size * 8, &n) == -1))
		return error_set(EINVAL, "\"%.64s\": the prefix is a number "
		    "from 0 to %u", text, size * 8);
	access_cut(network, rule->bytes, size, (unsigned int)n);
	if (memcmp(network, rule->bytes, size) != 0)
		return error_set(EINVAL, "%.64s has bits set after the prefix: "
		    "write %s/%u", text, inet_ntop(family, network, address,
		    sizeof(address)), (unsigned int)n);
	rule->prefix = (uint8_t)n;
	return 0;
}

static int
access_parse_address(const char *text, struct access_rule *rule)
{
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char host[INET6_ADDRSTRLEN] = "";

	if (length < sizeof(host))
		memcpy(host, text, length);
	rule->kind = ACCESS_IPV4;
	if (inet_pton(AF_INET, host, rule->bytes) == 1)
		return access_parse_prefix(text, slash, 4, rule);
	rule->kind = ACCESS_IPV6;
	if (inet_pton(AF_INET6, host, rule->bytes) != 1)
		return error_set(EINVAL, "\"%.64s\" is none of all, unix, uid, "
		    "gid, and not an address (write it like 10.0.0.0/8 or ::1, "
		    "without host name, port or scope)", text);
	if (access_parse_prefix(text, slash, 16, rule) == -1)
		return -1;
	/* With a shorter prefix there would be bits set after it. */
	if (IN6_IS_ADDR_V4MAPPED(&rule->in6)) {
		rule->kind = ACCESS_IPV4;
		rule->prefix -= 96;
		memmove(rule->bytes, rule->bytes + 12, 4);
	}
	return 0;
}

/* "all" and the like, or an address; rest is what stands behind. */
static int
access_parse_who(const char *who, const char *rest, struct access_rule *rule)
{
	const struct access_word *w = access_words;
	const struct access_word *end = w +
	    sizeof(access_words) / sizeof(access_words[0]);

	while (w < end && strcmp(w->word, who) != 0)
		w++;
	if (w < end)
		rule->kind = (uint8_t)w->kind;
	if (w < end && w->find != NULL)
		return access_parse_id(w, rest, &rule->id);
	if (w == end && access_parse_address(who, rule) == -1)
		return -1;
	if (rest[0] != '\0')
		return error_set(EINVAL, "\"%.64s\" stands after \"%.64s\", "
		    "where the rule should end", rest, who);
	return 0;
}

/* Cuts the first word off, with the blanks around it. */
static char *
access_next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");
	char *end = word + strcspn(word, " \t");

	*rest = end + strspn(end, " \t");
	*end = '\0';
	return word;
}

static int
access_parse(const char *text, struct access_rule *rule)
{
	char copy[ACCESS_TEXT_MAX], *verb, *who, *rest = copy;
	size_t length = strlcpy(copy, text, sizeof(copy));

	if (length >= sizeof(copy))
		return error_set(EINVAL, "a rule of %zu bytes is too long",
		    length);
	while (length > 0 && strchr(" \t", copy[length - 1]) != NULL)
		copy[--length] = '\0';
	*rule = (struct access_rule){ .kind = ACCESS_ALL };
	verb = access_next_word(&rest);
	who = access_next_word(&rest);
	rule->allow = strcmp(verb, "allow") == 0;
	if (!rule->allow && strcmp(verb, "deny") != 0)
		return error_set(EINVAL, "\"%.64s\" is neither allow nor deny "
		    "(write a rule like \"allow 127.0.0.0/8\" or "
		    "\"deny all\")", verb);
	if (who[0] == '\0')
		return error_set(EINVAL, "\"%s\" does not say whom (write it "
		    "like \"%s 127.0.0.0/8\" or \"%s all\")", verb, verb, verb);
	/* A name may have blanks in it: rest is not cut into words. */
	return access_parse_who(who, rest, rule);
}

int
access_check_rule(const char *text)
{
	struct access_rule rule;

	return access_parse(text, &rule);
}

struct access *
access_new(const struct strings *rules)
{
	struct access *a;
	struct access_rule *rule;
	size_t i;

	a = malloc(sizeof(*a) + rules->count * sizeof(a->rules[0]));
	if (a == NULL) {
		error_errno("access rules");
		return NULL;
	}
	a->count = rules->count;
	a->needs_credentials = false;
	for (i = 0; i < a->count; i++) {
		rule = &a->rules[i];
		if (access_parse(rules->items[i], rule) == -1) {
			access_free(a);
			return NULL;
		}
		if (rule->kind == ACCESS_UID || rule->kind == ACCESS_GID)
			a->needs_credentials = true;
	}
	return a;
}

void
access_free(struct access *a)
{
	free(a);
}

bool
access_needs_credentials(const struct access *a)
{
	return a->needs_credentials;
}

/* The kind of rule that is for such an address, and what it compares. */
static enum access_kind
access_source(const struct address *a, const uint8_t **bytes)
{
	switch (a->sa.sa_family) {
	case AF_INET:
		*bytes = (const uint8_t *)&a->in.sin_addr;
		return ACCESS_IPV4;
	case AF_INET6:
		*bytes = a->in6.sin6_addr.s6_addr;
		if (!IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
			return ACCESS_IPV6;
		*bytes += 12;
		return ACCESS_IPV4;
	case AF_UNIX:
		return ACCESS_UNIX;
	default:
		return ACCESS_ALL;
	}
}

static bool
access_is_within(const struct access_rule *r, const uint8_t *bytes)
{
	unsigned int whole = r->prefix / 8, rest = r->prefix % 8;

	return memcmp(r->bytes, bytes, whole) == 0 && (rest == 0 ||
	    (r->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}

static bool
access_is_member(const struct access_peer *peer, gid_t gid)
{
	size_t i;

	if (peer->gid == gid)
		return true;
	for (i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

static bool
access_is_match(const struct access_rule *r, const struct access_peer *peer,
    enum access_kind source, const uint8_t *bytes)
{
	switch (r->kind) {
	case ACCESS_ALL:
		return true;
	case ACCESS_UID:
		return source == ACCESS_UNIX && peer->uid == r->id;
	case ACCESS_GID:
		return source == ACCESS_UNIX && access_is_member(peer, r->id);
	case ACCESS_UNIX:
		return source == ACCESS_UNIX;
	default:
		return source == r->kind && access_is_within(r, bytes);
	}
}

bool
access_allows(const struct access *a, const struct access_peer *peer)
{
	const uint8_t *bytes = NULL;
	enum access_kind source = access_source(peer->address, &bytes);
	size_t i;

	for (i = 0; i < a->count; i++)
		if (access_is_match(&a->rules[i], peer, source, bytes))
			return a->rules[i].allow;
	return true;
}
