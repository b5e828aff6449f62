/* SPDX-License-Identifier: ISC */
/*
 * The table of sources: which account is whose.
 *
 * A source has a window of places, from one that its key says.  It is looked
 * for, and put, there.  No process waits for another, and still no source has
 * two accounts: one that is put comes first, visible but of no use yet, and is
 * settled when it is the only one; whoever meets several that come settles the
 * first of them and takes the others away (after C. Purcell, T. Harris,
 * "Non-blocking Hashtables with Open Addressing", DISC 2005).
 */
#include "shm/ledger.h"

#include <stddef.h>
#include <string.h>

#include "base/siphash.h"

/*
 * The low bits of a key are a mark: 0 when it is settled; who is about to give
 * the account to another source, his slot + 1; or who put it, with COMING.
 */
#define MARK_BITS	(LEDGER_SLOT_BITS + 2)
#define MARK_COMING	(1ULL << (LEDGER_SLOT_BITS + 1))
#define KEY_OF(k)	((k) & ~((1ULL << MARK_BITS) - 1))
#define IS_COMING(k)	(((k) & MARK_COMING) != 0)
/* Of a place that is nobody's any more: no source has this key. */
#define KEY_NOBODY	(1ULL << MARK_BITS)

#define LEDGER_WINDOW	32

#define load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define exchange(p, old, new)	__atomic_compare_exchange_n((p), (old), (new), \
    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

uint64_t
ledger_source_key(const struct ledger *l, uint32_t service, uint8_t family,
    const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t source[16] = { 0 };
	uint64_t key;

	memcpy(source, &service, sizeof(service));
	source[4] = family;
	if (family == AF_INET6 &&
	    memcmp(address, mapped, sizeof(mapped)) == 0) {
		/* The same machine, by way of an IPv6 socket. */
		source[4] = AF_INET;
		memcpy(source + 8, address + 12, 4);
	} else if (family == AF_INET6)
		memcpy(source + 8, address, 8);
	else if (family == AF_UNIX)
		memcpy(source + 8, address + offsetof(struct ucred, uid),
		    sizeof(uid_t));
	else
		memcpy(source + 8, address, 4);
	key = KEY_OF(siphash(ledger_secret(l), source, sizeof(source)));
	return key > KEY_NOBODY ? key : 2 * KEY_NOBODY;
}

/* Place i of a key's window; LEDGER_NONE behind its end. */
static uint32_t
ledger_source_place(const struct ledger *l, uint64_t key, uint32_t i)
{
	if (i >= LEDGER_WINDOW || i >= l->sources)
		return LEDGER_NONE;
	return l->services +
	    (uint32_t)(((key >> MARK_BITS) + i) % l->sources);
}

static bool
ledger_source_is_idle(const struct account *a, uint64_t now)
{
	return ledger_count(a) == 0 && rate_is_idle(&a->due, now);
}

/* What one look over a window finds of a key. */
struct ledger_source_look {
	uint32_t settled;
	uint32_t coming;	/* the first one */
	uint64_t word;		/* that is there */
	bool changed;		/* while we looked: look again */
};

/*
 * All that come but the first are taken away.  A place never becomes unused
 * again, so no key stands behind an unused one.
 */
static void
ledger_source_look(const struct ledger *l, uint64_t key,
    struct ledger_source_look *look)
{
	uint32_t i, account;
	uint64_t *word, there;

	*look = (struct ledger_source_look){ .settled = LEDGER_NONE,
	    .coming = LEDGER_NONE };
	for (i = 0; (account = ledger_source_place(l, key, i)) != LEDGER_NONE;
	    i++) {
		word = &ledger_account(l, account)->key;
		if ((there = load_acquire(word)) == 0)
			return;
		if (KEY_OF(there) != key)
			continue;
		if (!IS_COMING(there)) {
			look->settled = account;
			return;
		}
		if (look->coming == LEDGER_NONE) {
			look->coming = account;
			look->word = there;
		} else if (!exchange(word, &there, KEY_NOBODY))
			look->changed = true;
	}
}

/*
 * The settled account of a key; LEDGER_NONE when there is none, and none that
 * comes.  One that comes is settled when a look that began after it was there
 * has found no other: whoever puts one later looks later, and sees it.
 */
static uint32_t
ledger_source_settle(const struct ledger *l, uint64_t key)
{
	struct ledger_source_look look, before = { .coming = LEDGER_NONE };

	for (;;) {
		ledger_source_look(l, key, &look);
		if (look.settled != LEDGER_NONE)
			return look.settled;
		if (look.changed)
			continue;
		if (look.coming == LEDGER_NONE)
			return LEDGER_NONE;
		if (look.coming == before.coming && look.word == before.word)
			exchange(&ledger_account(l, look.coming)->key,
			    &look.word, key);
		before = look;
	}
}

uint32_t
ledger_source_find(const struct ledger *l, uint64_t key)
{
	uint32_t i, account;
	uint64_t there;

	for (i = 0; (account = ledger_source_place(l, key, i)) != LEDGER_NONE;
	    i++) {
		there = load_acquire(&ledger_account(l, account)->key);
		if (there == 0)
			break;
		if (KEY_OF(there) == key && !IS_COMING(there))
			return account;
	}
	return LEDGER_NONE;
}

/*
 * Gives an account to a source, as one that comes, if it is still idle.  The
 * mark comes first.  Whoever has found the account for its old source, and
 * takes of it now, either looked whose it is before the mark was there: then
 * he has taken, and it is not idle, or his word of the count is renewed and he
 * looks again.  Or he sees the mark and clears it (ledger_source_has): then
 * the last exchange fails.
 */
static void
ledger_source_put(const struct ledger *l, uint32_t account, uint64_t key,
    uint32_t slot, uint64_t now)
{
	struct account *a = ledger_account(l, account);
	uint64_t there = load_acquire(&a->key), marked;
	uint64_t coming = key | MARK_COMING | (slot + 1);

	if (there == 0) {
		exchange(&a->key, &there, coming);
		return;
	}
	marked = KEY_OF(there) | (slot + 1);
	if (exchange(&a->key, &there, marked) &&
	    ledger_renew(l, slot, account) && rate_is_idle(&a->due, now))
		exchange(&a->key, &marked, coming);
}

/* The first place of a window that can be had; LEDGER_NONE. */
static uint32_t
ledger_source_free(const struct ledger *l, uint64_t key, uint64_t now)
{
	uint32_t i, account;
	struct account *a;

	for (i = 0; (account = ledger_source_place(l, key, i)) != LEDGER_NONE;
	    i++) {
		a = ledger_account(l, account);
		if (load_acquire(&a->key) == 0 || ledger_source_is_idle(a, now))
			break;
	}
	return account;
}

uint32_t
ledger_source(const struct ledger *l, uint32_t slot, uint64_t key,
    uint64_t now)
{
	uint32_t account;

	while ((account = ledger_source_settle(l, key)) == LEDGER_NONE) {
		account = ledger_source_free(l, key, now);
		if (account == LEDGER_NONE)
			break;
		ledger_source_put(l, account, key, slot, now);
	}
	return account;
}

bool
ledger_source_has(struct account *a, uint64_t key)
{
	uint64_t there = load_acquire(&a->key);

	while (KEY_OF(there) == key && !IS_COMING(there))
		if (there == key || exchange(&a->key, &there, key))
			return true;
	return false;
}
