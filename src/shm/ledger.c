/* SPDX-License-Identifier: ISC */
/*
 * Accounts, and counting that survives a death.
 */
#include "shm/ledger.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/random.h"

/*
 * The word of a count: from the top the number of the operation that wrote it,
 * the slot of its process, the count.
 */
#define COUNT_BITS	24
#define SLOT_BITS	LEDGER_SLOT_BITS
#define NUMBER_BITS	(64 - COUNT_BITS - SLOT_BITS)

#define COUNT_OF(w)	((uint32_t)((w) & ((1U << COUNT_BITS) - 1)))
#define SLOT_OF(w)	((uint32_t)((w) >> COUNT_BITS & ((1U << SLOT_BITS) - 1)))
#define NUMBER_OF(w)	((w) >> (COUNT_BITS + SLOT_BITS))
#define NUMBER_MASK	((1ULL << NUMBER_BITS) - 1)

struct ledger_layout {
	struct segment_header header;
	uint64_t secret[2];		/* of the hash */
	uint64_t behind;		/* former masters; see ledger_former */
	struct ledger_journal journals[];	/* then the accounts */
};

#define store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define load_acquire(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)

static size_t
ledger_accounts_offset(const struct ledger *l)
{
	return sizeof(struct ledger_layout) +
	    l->slots * sizeof(struct ledger_journal);
}

uint32_t
ledger_accounts(const struct ledger *l)
{
	return l->services + l->sources;
}

static size_t
ledger_size(const struct ledger *l)
{
	return ledger_accounts_offset(l) + ledger_accounts(l) *
	    sizeof(struct account);
}

int
ledger_adopt(struct ledger *l, int fd)
{
	return segment_adopt(&l->segment, "prong-ledger", ledger_size(l), fd);
}

int
ledger_create(struct ledger *l, uint32_t slots, uint32_t services,
    uint32_t sources)
{
	struct ledger_layout *layout;

	*l = (struct ledger){ .slots = slots };
	/* Account 0 is a service's, so that LEDGER_NONE is no source. */
	l->services = services > 0 ? services : 1;
	l->sources = sources;
	if (segment_create(&l->segment, "prong-ledger", LEDGER_LAYOUT,
	    ledger_size(l), false) == -1)
		return -1;
	if (segment_back(&l->segment, 0, (off_t)(ledger_accounts_offset(l) +
	    l->services * sizeof(struct account))) == -1) {
		ledger_close(l);
		return error_errno("shared memory for limits");
	}
	layout = l->segment.base;
	random_fill(layout->secret, sizeof(layout->secret));
	return 0;
}

int
ledger_back_sources(struct ledger *l)
{
	if (segment_back(&l->segment, 0, (off_t)l->segment.size) == -1)
		return error_errno("shared memory for limits by source");
	l->has_sources = true;
	return 0;
}

void
ledger_close(struct ledger *l)
{
	while (l->former_count > 0)
		ledger_former_close(&l->formers[--l->former_count]);
	free(l->formers);
	l->formers = NULL;
	segment_close(&l->segment);
}

struct account *
ledger_account(const struct ledger *l, uint32_t account)
{
	return (struct account *)((char *)l->segment.base +
	    ledger_accounts_offset(l)) + account;
}

static struct ledger_journal *
ledger_journal(const struct ledger *l, uint32_t slot)
{
	struct ledger_layout *layout = l->segment.base;

	return &layout->journals[slot];
}

uint32_t
ledger_count(const struct account *a)
{
	return COUNT_OF(__atomic_load_n(&a->count, __ATOMIC_RELAXED));
}

uint64_t *
ledger_behind(const struct ledger *l)
{
	struct ledger_layout *layout = l->segment.base;

	return &layout->behind;
}

const uint64_t *
ledger_secret(const struct ledger *l)
{
	const struct ledger_layout *layout = l->segment.base;

	return layout->secret;
}

/* Tells the process that wrote a word that its operation has taken place. */
static void
ledger_tell(const struct ledger *l, uint64_t word)
{
	uint64_t told = NUMBER_OF(word) << 1;

	/* A hostile process may have written anything. */
	if (SLOT_OF(word) >= l->slots)
		return;
	/* Not if it has gone on to another operation since. */
	__atomic_compare_exchange_n(&ledger_journal(l, SLOT_OF(word))->told,
	    &told, told | 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void
ledger_begin(const struct ledger *l, uint32_t slot, enum ledger_step step,
    uint32_t account, uint32_t entry, uint32_t hold)
{
	struct ledger_journal *j = ledger_journal(l, slot);

	j->account = account;
	j->entry = entry;
	j->hold = hold;
	/* 0 is in the words that nobody has written. */
	j->number = j->number >= NUMBER_MASK ? 1 : j->number + 1;
	__atomic_store_n(&j->told, j->number << 1, __ATOMIC_SEQ_CST);
	store_release(&j->step, step);
}

void
ledger_end(const struct ledger *l, uint32_t slot)
{
	store_release(&ledger_journal(l, slot)->step, LEDGER_STEP_NONE);
}

/*
 * Sets the count to count + change while it is below limit.  Whose the account
 * is, is asked between reading the word and writing it: it cannot have become
 * another's meanwhile, since who gives it away writes the word too (see
 * ledger_renew).  That holds for a refusal as well.
 */
static enum ledger_answer
ledger_change(const struct ledger *l, uint32_t slot, uint32_t account,
    uint64_t key, int change, uint32_t limit)
{
	struct account *a = ledger_account(l, account);
	uint64_t number = ledger_journal(l, slot)->number;
	uint64_t old = load_acquire(&a->count), new;
	bool full;

	do {
		if (key != LEDGER_ANY && !ledger_source_has(a, key))
			return LEDGER_LOST;
		full = COUNT_OF(old) >= limit;
		if (!full && SLOT_OF(old) != slot)
			ledger_tell(l, old);
		new = full ? old : number << (COUNT_BITS + SLOT_BITS) |
		    (uint64_t)slot << COUNT_BITS |
		    COUNT_OF(COUNT_OF(old) + (uint32_t)change);
	} while (!__atomic_compare_exchange_n(&a->count, &old, new, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return full ? LEDGER_REFUSED : LEDGER_TAKEN;
}

enum ledger_answer
ledger_take(const struct ledger *l, uint32_t slot, uint32_t account,
    uint64_t key, uint32_t limit, uint32_t entry, uint32_t hold)
{
	enum ledger_answer answer;

	ledger_begin(l, slot, LEDGER_STEP_TAKE, account, entry, hold);
	answer = ledger_change(l, slot, account, key, 1, limit);
	if (answer != LEDGER_TAKEN)
		ledger_end(l, slot);
	return answer;
}

void
ledger_give(const struct ledger *l, uint32_t slot, uint32_t account,
    uint32_t entry, uint32_t hold)
{
	ledger_begin(l, slot, LEDGER_STEP_GIVE, account, entry, hold);
	/* Only a hostile neighbour can have made it 0. */
	if (ledger_count(ledger_account(l, account)) > 0)
		ledger_change(l, slot, account, LEDGER_ANY, -1, UINT32_MAX);
}

bool
ledger_renew(const struct ledger *l, uint32_t slot, uint32_t account)
{
	/* Only the number is new: nobody has to know whether it was done. */
	ledger_begin(l, slot, LEDGER_STEP_NONE, account, 0, 0);
	return ledger_change(l, slot, account, LEDGER_ANY, 0, 1) ==
	    LEDGER_TAKEN;
}

const struct ledger_journal *
ledger_interrupted(const struct ledger *l, uint32_t slot, bool *done)
{
	const struct ledger_journal *j = ledger_journal(l, slot);
	uint64_t word;

	/* What the dead left is not believed: it may have been hostile. */
	if (j->step == LEDGER_STEP_NONE || j->account >= ledger_accounts(l))
		return NULL;
	word = load_acquire(&ledger_account(l, j->account)->count);
	*done = (SLOT_OF(word) == slot && NUMBER_OF(word) == j->number) ||
	    load_acquire(&j->told) == (j->number << 1 | 1);
	return j;
}
