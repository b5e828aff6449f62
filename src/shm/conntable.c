/* SPDX-License-Identifier: ISC */
/*
 * The connection table and its journal.  Runs in the process of the slot, or
 * in its successor (recovery, under the scoreboard's lock).
 *
 * The stores of a step are ordered by release stores: a kill leaves a prefix
 * of them, because a process's stores become visible in its own order.
 */
#include "shm/conntable.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory is asked for in pieces of so many entries (256 KiB). */
#define CONNTABLE_PIECE	4096

#define load_relaxed(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

static uint64_t *
conntable_counter(const struct conntable *t, uint32_t service,
    enum counter counter)
{
	return &t->rows[(size_t)service * t->stride + counter];
}

static uint32_t
conntable_index(const struct conntable *t, const struct conn_entry *e)
{
	return (uint32_t)(e - t->entries);
}

/* Sees to it that the memory of entry index is there. */
static int
conntable_back(struct conntable *t, uint32_t index)
{
	off_t offset;
	uint32_t n;

	if (index < t->backed)
		return 0;
	n = t->capacity - t->backed;
	if (n > CONNTABLE_PIECE)
		n = CONNTABLE_PIECE;
	offset = (char *)&t->entries[t->backed] - (char *)t->segment->base;
	if (segment_back(t->segment, offset,
	    (off_t)(n * sizeof(struct conn_entry))) == -1) {
		errno = ENOMEM;
		return -1;
	}
	t->backed += n;
	return 0;
}

struct conn_entry *
conntable_take(struct conntable *t)
{
	struct conn_entry *e;

	if (t->free != CONN_NONE) {
		e = &t->entries[t->free];
		t->free = (uint32_t)e->id;
		return e;
	}
	if (t->journal->used >= t->capacity) {
		errno = ENOSPC;
		return NULL;
	}
	if (conntable_back(t, t->journal->used) == -1)
		return NULL;
	return &t->entries[t->journal->used++];
}

/* A free entry's id is the index of the next free one. */
void
conntable_release(struct conntable *t, struct conn_entry *e)
{
	e->id = t->free;
	t->free = conntable_index(t, e);
}

static uint32_t
conntable_account(const struct conn_entry *e, enum conn_hold hold)
{
	return hold == CONN_HOLD_SERVICE ? e->service : (uint32_t)e->source;
}

/* Of an entry that a dead process left, which may have been hostile. */
static bool
conntable_is_account(const struct conntable *t, uint32_t account,
    enum conn_hold hold)
{
	if (hold == CONN_HOLD_SERVICE)
		return account < t->services;
	return account >= t->ledger->services &&
	    account < ledger_accounts(t->ledger);
}

/* The entry says what it holds before the ledger forgets that it took it. */
static void
conntable_set_hold(struct conntable *t, struct conn_entry *e,
    enum conn_hold hold, bool held)
{
	store_release(&e->holds, (uint8_t)(held ? e->holds | hold :
	    e->holds & ~hold));
	ledger_end(t->ledger, t->slot);
}

bool
conntable_hold(struct conntable *t, struct conn_entry *e, enum conn_hold hold,
    uint32_t limit)
{
	uint64_t key = hold == CONN_HOLD_SERVICE ? LEDGER_ANY :
	    ledger_source_key(t->ledger, e->service, e->family, e->address);
	enum ledger_answer answer;

	answer = ledger_take(t->ledger, t->slot, conntable_account(e, hold),
	    key, limit, conntable_index(t, e), hold);
	if (answer == LEDGER_LOST)
		e->source = LEDGER_NONE;
	if (answer != LEDGER_TAKEN)
		return false;
	conntable_set_hold(t, e, hold, true);
	return true;
}

static void
conntable_unhold_one(struct conntable *t, struct conn_entry *e,
    enum conn_hold hold)
{
	uint32_t account = conntable_account(e, hold);

	if ((e->holds & hold) == 0)
		return;
	if (!conntable_is_account(t, account, hold)) {
		e->holds &= (uint8_t)~hold;
		return;
	}
	ledger_give(t->ledger, t->slot, account, conntable_index(t, e), hold);
	conntable_set_hold(t, e, hold, false);
}

void
conntable_unhold(struct conntable *t, struct conn_entry *e)
{
	conntable_unhold_one(t, e, CONN_HOLD_SERVICE);
	conntable_unhold_one(t, e, CONN_HOLD_SOURCE);
}

/* What the dead was taking or giving back: it holds it now, or it does not. */
static void
conntable_recover_hold(struct conntable *t)
{
	const struct ledger_journal *j;
	enum conn_hold hold;
	bool done;

	j = ledger_interrupted(t->ledger, t->slot, &done);
	if (j == NULL || j->entry >= t->journal->used)
		return;
	hold = (enum conn_hold)(j->hold &
	    (CONN_HOLD_SERVICE | CONN_HOLD_SOURCE));
	if (done)
		conntable_set_hold(t, &t->entries[j->entry], hold,
		    j->step == LEDGER_STEP_TAKE);
}

/* Carries out the step in the journal; may be repeated. */
static void
conntable_step(struct conntable *t)
{
	struct conn_journal *j = t->journal;
	struct conn_entry *e = &t->entries[j->entry];
	bool opens = j->step == CONN_STEP_OPEN;

	store_release(&e->state, opens ? CONN_STATE_OPEN : CONN_STATE_FREE);
	store_release(conntable_counter(t, j->service, j->counter), j->value);
	store_release(&j->step, CONN_STEP_NONE);
}

static void
conntable_begin(struct conntable *t, enum conn_step step,
    const struct conn_entry *e, uint32_t service, enum counter counter)
{
	struct conn_journal *j = t->journal;

	j->entry = conntable_index(t, e);
	j->service = service;
	j->counter = counter;
	j->value = *conntable_counter(t, service, counter) + 1;
	store_release(&j->step, step);
	conntable_step(t);
}

void
conntable_open(struct conntable *t, struct conn_entry *e, uint32_t service)
{
	assert(service < t->services);
	e->id = ++t->journal->next_id * t->slots + t->slot;
	e->service = (uint16_t)service;
	conntable_begin(t, CONN_STEP_OPEN, e, service, COUNTER_ACCEPTED);
}

void
conntable_close(struct conntable *t, struct conn_entry *e, enum counter counter)
{
	assert(COUNTER_IS_CLOSED(counter) && e->service < t->services);
	conntable_begin(t, CONN_STEP_CLOSE, e, e->service, counter);
	if (e->holds != 0)
		conntable_unhold(t, e);
}

void
conntable_copy(struct conn_entry *to, const struct conn_entry *e)
{
	*to = (struct conn_entry){
		.id = e->id,
		.bytes_in = load_relaxed(&e->bytes_in),
		.bytes_out = load_relaxed(&e->bytes_out),
		.last = load_relaxed(&e->last),
		.opened = e->opened,
		.source = e->source,
		.port = e->port,
		.service = e->service,
		.state = e->state,
		.family = e->family,
		.holds = e->holds,
		.phase = load_relaxed(&e->phase),
	};
	memcpy(to->address, e->address, sizeof(to->address));
}

void
conntable_show_closing(struct conn_entry *e)
{
	uint8_t phase = __atomic_load_n(&e->phase, __ATOMIC_RELAXED);

	while ((phase == CONN_PHASE_OPEN || phase == CONN_PHASE_PAUSED) &&
	    !__atomic_compare_exchange_n(&e->phase, &phase, CONN_PHASE_CLOSING,
	    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
}

const char *
conntable_peer(const struct conn_entry *e, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN];
	struct ucred cred;

	if (e->family == AF_INET || e->family == AF_INET6) {
		inet_ntop(e->family, e->address, host, sizeof(host));
		snprintf(buf, size, e->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		    host, e->port);
	} else {
		memcpy(&cred, e->address, sizeof(cred));
		snprintf(buf, size, "unix:uid=%u,pid=%d", (unsigned int)cred.uid,
		    (int)cred.pid);
	}
	return buf;
}

/* "127.0.0.1:40000", "[::1]:40000" */
static int
conntable_read_address(const char *text, struct conn_entry *e)
{
	const char *colon = strrchr(text, ':'), *error;
	bool is_v6 = text[0] == '[';
	char host[INET6_ADDRSTRLEN + 2] = "";
	size_t length = colon == NULL ? 0 : (size_t)(colon - text);

	if (length < 3 || length >= sizeof(host) ||
	    (is_v6 && text[length - 1] != ']'))
		return -1;
	memcpy(host, text + is_v6, length - 2 * is_v6);
	e->family = is_v6 ? AF_INET6 : AF_INET;
	e->port = (uint16_t)strtonum(colon + 1, 0, UINT16_MAX, &error);
	return error == NULL && inet_pton(e->family, host, e->address) == 1 ?
	    0 : -1;
}

int
conntable_read_peer(const char *text, struct conn_entry *e)
{
	struct ucred cred = { .gid = (gid_t)-1 };
	char rest;			/* there is none */

	memset(e, 0, sizeof(*e));
	if (strncmp(text, "unix:", 5) != 0)
		return conntable_read_address(text, e);
	if (sscanf(text, "unix:uid=%10u,pid=%10d%c", &cred.uid, &cred.pid,
	    &rest) != 2)
		return -1;
	e->family = AF_UNIX;
	memcpy(e->address, &cred, sizeof(cred));
	return 0;
}

void
conntable_recover(struct conntable *t)
{
	struct conn_journal *j = t->journal;
	struct conn_entry *e;
	uint32_t i;

	/* The dead may have been hostile: nothing of its is believed. */
	if (j->used > t->capacity)
		j->used = t->capacity;
	if (j->step != CONN_STEP_NONE && j->entry < j->used &&
	    j->service < t->services && j->counter < COUNTERS)
		conntable_step(t);
	j->step = CONN_STEP_NONE;
	conntable_recover_hold(t);
	ledger_end(t->ledger, t->slot);
	t->free = CONN_NONE;
	for (i = 0; i < j->used; i++) {
		if (conntable_back(t, i) == -1)
			break;
		e = &t->entries[i];
		if (e->state == CONN_STATE_OPEN && e->service < t->services)
			conntable_close(t, e, COUNTER_CLOSED_CRASH);
		/* One that was not open yet, or not any more, may hold too. */
		conntable_unhold(t, e);
		e->state = CONN_STATE_FREE;
	}
	/* Every entry is free again: the table starts afresh. */
	j->used = 0;
	t->free = CONN_NONE;
}
