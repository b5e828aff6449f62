/* SPDX-License-Identifier: ISC */
/*
 * Access rules, limits, and how a connection is refused.
 *
 * What costs nothing and takes nothing comes first.  A source that is over its
 * own limit does not use up what the others share: its share is asked for
 * before the service's, and rates are booked last.
 */
#include "net/admission.h"

#include <sys/socket.h>
#include <sys/sysinfo.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/units.h"
#include "net/access.h"

/* How often each reason is told of, and the load and memory looked at. */
#define ADMISSION_TELL_MS	1000
#define ADMISSION_LOAD_MS	1000
#define ADMISSION_MEMORY_MS	100
/* What a refused client has sent already is read up to here. */
#define ADMISSION_DISCARD_MAX	(64 * 1024)

static const char *const admission_reasons[] = {
	[COUNTER_REFUSED_ACL] = "by an access rule",
	[COUNTER_REFUSED_LIMIT] = "limits.connections is reached",
	[COUNTER_REFUSED_SOURCE] = "limits.per-source is reached",
	[COUNTER_REFUSED_RATE] = "they come faster than limits.rate",
	[COUNTER_REFUSED_LOAD] = "the machine's load is above limits.load",
	[COUNTER_REFUSED_MEMORY] = "worker-memory is used up",
};

static struct rate
admission_rate(const char *text)
{
	struct units_rate r = { 0, 1 };

	/* Checked when it was set. */
	units_rate(text, &r);
	return (struct rate){ .interval = r.interval_ns, .burst = r.burst };
}

static uint32_t
admission_limit(int64_t n)
{
	return n == 0 ? UINT32_MAX : (uint32_t)n;
}

/* Whether there is nothing to ask of anybody. */
static bool
admission_is_open(const struct admission *a)
{
	return a->access == NULL && a->connections == UINT32_MAX &&
	    !a->needs_source && a->rate.interval == 0 && a->load == 0;
}

int
admission_prepare(struct prong_service *s)
{
	const struct service_settings *set = &s->settings;
	struct admission *a;

	admission_free(s->admission);
	s->admission = NULL;
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return error_errno("limits");
	a->connections = admission_limit(set->limit_connections);
	a->per_source = admission_limit(set->limit_per_source);
	a->rate = admission_rate(set->limit_rate);
	a->source_rate = admission_rate(set->limit_source_rate);
	a->load = set->limit_load;
	a->needs_source = a->per_source != UINT32_MAX ||
	    a->source_rate.interval != 0;
	if (set->access.count > 0 &&
	    (a->access = access_new(&set->access)) == NULL) {
		free(a);
		return -1;
	}
	a->is_open = admission_is_open(a);
	s->admission = a;
	return 0;
}

void
admission_free(struct admission *a)
{
	if (a == NULL)
		return;
	access_free(a->access);
	free(a);
}

bool
admission_allows_entry(const struct prong_service *s,
    const struct conn_entry *e)
{
	const struct access *rules = s->admission->access;
	struct address a = { .length = sizeof(a.storage) };
	const struct access_peer who = { .address = &a, .uid = (uid_t)-1,
	    .gid = (gid_t)-1 };

	a.sa.sa_family = e->family;
	if (rules == NULL)
		return true;
	switch (e->family) {
	case AF_INET:
		memcpy(&a.in.sin_addr, e->address, sizeof(a.in.sin_addr));
		break;
	case AF_INET6:
		memcpy(&a.in6.sin6_addr, e->address, sizeof(a.in6.sin6_addr));
		break;
	default:
		if (access_needs_credentials(rules))
			return true;
	}
	return access_allows(rules, &who);
}

void
admission_describe(struct conn_entry *e, const struct prong_service *s,
    int fd, const struct address *peer)
{
	socklen_t size = sizeof(struct ucred);

	memset(e, 0, sizeof(*e));
	e->last = *s->net->now;
	e->opened = *s->net->now & ((1ULL << 42) - 1);
	e->service = (uint16_t)s->index;
	e->family = (uint8_t)peer->sa.sa_family;
	if (peer->sa.sa_family == AF_INET) {
		memcpy(e->address, &peer->in.sin_addr, 4);
		e->port = ntohs(peer->in.sin_port);
	} else if (peer->sa.sa_family == AF_INET6) {
		memcpy(e->address, &peer->in6.sin6_addr, 16);
		e->port = ntohs(peer->in6.sin6_port);
	} else if (peer->sa.sa_family == AF_UNIX)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, e->address, &size);
}

/* --- the gate ----------------------------------------------------------- */

/* One with more groups than this is not let in where groups decide. */
#define ADMISSION_GROUPS	1024

static bool
admission_is_allowed(const struct admission *a, int fd,
    const struct address *peer)
{
	gid_t groups[ADMISSION_GROUPS];
	struct access_peer who = { .address = peer, .groups = groups };
	struct ucred cred = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	socklen_t size = sizeof(cred), all = sizeof(groups);

	if (address_is_unix(peer) && access_needs_credentials(a->access)) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred,
		    &size) == -1 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS,
		    groups, &all) == -1)
			return false;
		who.group_count = all / sizeof(groups[0]);
	}
	who.uid = cred.uid;
	who.gid = cred.gid;
	return access_allows(a->access, &who);
}

/* The load average of the last minute, in thousandths; looked at at times. */
static int64_t
admission_load(struct net *net)
{
	struct sysinfo info;

	if (net->load_at == 0 || *net->now - net->load_at >= ADMISSION_LOAD_MS) {
		net->load_at = *net->now;
		if (sysinfo(&info) == 0)
			net->load = (int64_t)(info.loads[0] * 1000 >>
			    SI_LOAD_SHIFT);
	}
	return net->load;
}

static bool
admission_has_memory(struct net *net)
{
	if (net->memory_at == 0 ||
	    *net->now - net->memory_at >= ADMISSION_MEMORY_MS) {
		net->memory_at = *net->now;
		net->memory = process_memory();
	}
	return net->memory < net->memory_max;
}

enum counter
admission_gate(struct prong_service *s, int fd, const struct address *peer)
{
	const struct admission *a = s->admission;

	if (s->net->memory_max > 0 && !admission_has_memory(s->net))
		return COUNTER_REFUSED_MEMORY;
	if (a == NULL || a->is_open)
		return 0;
	if (a->access != NULL && !admission_is_allowed(a, fd, peer))
		return COUNTER_REFUSED_ACL;
	if (a->load > 0 && admission_load(s->net) >= a->load)
		return COUNTER_REFUSED_LOAD;
	return 0;
}

/* --- shares ------------------------------------------------------------- */

/*
 * Its account, and one of it.  Between finding the account and taking of it,
 * it may have been idle and become another's: then it is looked for again.
 */
static bool
admission_take_source(struct prong_service *s, struct conn_entry *e,
    uint64_t now)
{
	struct conntable *t = &s->net->table;
	uint64_t key = ledger_source_key(t->ledger, s->index, e->family,
	    e->address);
	uint32_t left = ledger_left_source(t->ledger, s->index, e->family,
	    e->address, s->admission->per_source);

	do {
		e->source = ledger_source(t->ledger, t->slot, key, now) &
		    ((1U << 22) - 1);
		if (e->source == LEDGER_NONE)
			return true;
		if (conntable_hold(t, e, CONN_HOLD_SOURCE, left))
			return true;
	} while (e->source == LEDGER_NONE);
	return false;
}

/* A client is let in rather than refused for the others' number. */
static void
admission_tell_full(struct prong_service *s, const struct conn_entry *e)
{
	if (e->source != LEDGER_NONE || s->admission->full_told)
		return;
	s->admission->full_told = true;
	error_set(ENOSPC, "service=%s: the table of sources is full: further "
	    "ones are let in without a limit of their own (see max-sources)",
	    s->name);
	s->net->report(PRONG_WARNING, NULL, error_text());
	/* It is not why this one is refused, should it be. */
	error_clear();
}

/* Its own rate first; one that is refused uses up nothing of either. */
static bool
admission_is_slow_enough(struct prong_service *s, const struct conn_entry *e,
    uint64_t now)
{
	const struct ledger *l = s->net->table.ledger;
	const struct admission *a = s->admission;
	uint64_t *own = &ledger_account(l, (uint32_t)e->source)->due;
	bool has_own = e->source != LEDGER_NONE;
	uint64_t booked = RATE_NONE;

	if (has_own && (booked = rate_book(own, &a->source_rate, now)) == 0) {
		error_set(EAGAIN, "its source comes faster than "
		    "limits.source-rate");
		return false;
	}
	if (rate_take(&ledger_account(l, s->index)->due, &a->rate, now))
		return true;
	if (has_own)
		rate_return(own, &a->source_rate, booked);
	return false;
}

static enum counter
admission_ask(struct prong_service *s, struct conn_entry *e, uint64_t now)
{
	const struct admission *a = s->admission;
	enum counter why = 0;

	if (a->needs_source) {
		if (!admission_take_source(s, e, now))
			return COUNTER_REFUSED_SOURCE;
		admission_tell_full(s, e);
	}
	if (a->connections != UINT32_MAX && !conntable_hold(&s->net->table, e,
	    CONN_HOLD_SERVICE, ledger_left(s->net->table.ledger, s->index,
	    a->connections)))
		why = COUNTER_REFUSED_LIMIT;
	else if (!admission_is_slow_enough(s, e, now))
		why = COUNTER_REFUSED_RATE;
	if (why != 0)
		conntable_unhold(&s->net->table, e);
	return why;
}

enum counter
admission_enter(struct prong_service *s, struct conn_entry *e)
{
	uint64_t now = loop_nanoseconds(s->net->loop);
	enum counter why;

	if (s->admission == NULL || s->admission->is_open)
		return 0;
	why = admission_ask(s, e, now);
	if (s->net->trace != NULL)
		s->net->trace(s, e, why, now);
	return why;
}

/* --- refusing ----------------------------------------------------------- */

/* A close with unread input is a reset, and takes the banner with it. */
static void
admission_discard(int fd)
{
	char buf[4096];
	ssize_t n, left = ADMISSION_DISCARD_MAX;

	shutdown(fd, SHUT_WR);
	while (left > 0 && (n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		left -= n;
}

static void
admission_reply(const struct prong_service *s, int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const char *banner = s->settings.banner;

	if (s->settings.refuse == ANSWER_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	else if (s->settings.refuse == ANSWER_BANNER &&
	    send(fd, banner, strlen(banner), MSG_NOSIGNAL) >= 0)
		admission_discard(fd);
	close(fd);
}

static void
admission_tell(struct prong_service *s, const struct conn_entry *who,
    enum counter reason, const char *why)
{
	struct admission_refusals none = { 0, 0 }, *r = &none;
	uint64_t now = *s->net->now;
	char peer[ADDRESS_MAX], more[64] = "";

	if (s->admission != NULL)
		r = &s->admission->refusals[reason - COUNTER_REFUSED_FIRST];
	if (r->told != 0 && now - r->told < ADMISSION_TELL_MS) {
		r->untold++;
		return;
	}
	if (r->untold > 0)
		snprintf(more, sizeof(more), " (and %llu more since %llu s "
		    "ago)", (unsigned long long)r->untold,
		    (unsigned long long)((now - r->told) / 1000));
	r->told = now;
	r->untold = 0;
	error_set(EPERM, "service=%s peer=%s: connection refused: %s%s",
	    s->name, conntable_peer(who, peer, sizeof(peer)),
	    why != NULL ? why : admission_reasons[reason], more);
	s->net->report(PRONG_WARNING, NULL, error_text());
}

void
admission_refuse(struct prong_service *s, int fd, const struct conn_entry *who,
    enum counter reason, const char *why)
{
	counter_add(s->row, reason, 1);
	admission_tell(s, who, reason, why);
	if (s->net->record != NULL)
		s->net->record(s, who, reason);
	admission_reply(s, fd);
}
