/* SPDX-License-Identifier: ISC */
/*
 * What goes from process to process, and who gets it here.
 */
#include "net/letter.h"

#include <string.h>

#include "net/conn.h"
#include "net/mail.h"
#include "net/mailbox.h"

/* Messages to the same service, one behind the other. */
struct letter_run {
	const char *from, *to;
	uint16_t service;
};

bool
letter_next(const char *at, const char *end, struct letter_part *p)
{
	if ((size_t)(end - at) < sizeof(p->head))
		return false;
	memcpy(&p->head, at, sizeof(p->head));
	p->data = at + sizeof(p->head);
	if (p->head.length > PRONG_POST_MAX ||
	    p->head.length > (size_t)(end - p->data))
		return false;
	p->rest = p->data + p->head.length;
	return true;
}

size_t
letter_fit(const char *row, size_t len)
{
	const char *at = row;
	struct letter_part p;

	while (letter_next(at, row + len, &p) &&
	    p.rest - row <= MAILBOX_LETTER)
		at = p.rest;
	return (size_t)(at - row);
}

static void
letter_give_one(struct prong_conn *c, const struct letter_part *p)
{
	if (c->away != NULL)
		c->away->bring(c, p->data, p->head.length);
	else
		mail_give(c, p->data, p->head.length);
}

/* What is sent to one connection goes out by one call. */
static void
letter_give_run(struct prong_conn *c, void *arg)
{
	const struct letter_run *run = arg;
	const char *at = run->from;
	struct letter_part p;
	bool here = c->away == NULL;

	if (c->entry->service != run->service || (here && !mail_begin(c)))
		return;
	for (; letter_next(at, run->to, &p); at = p.rest)
		if (p.head.id == c->entry->id)
			continue;
		else if (here)
			mail_put(c, p.data, p.head.length);
		else
			c->away->bring(c, p.data, p.head.length);
	if (here)
		mail_end(c);
}

/* Returns where it goes on behind them. */
static const char *
letter_deliver_run(struct net *net, const char *at, const char *end)
{
	struct letter_run run = { .from = at, .to = at };
	struct letter_part p;

	while (letter_next(run.to, end, &p) && p.head.kind == LETTER_ALL &&
	    (run.to == run.from || p.head.service == run.service)) {
		run.service = p.head.service;
		run.to = p.rest;
	}
	roster_each(&net->roster, letter_give_run, &run);
	return run.to;
}

static void
letter_deliver_one(struct net *net, const struct letter_part *p,
    letter_relay_fn *relay)
{
	struct prong_conn *c;

	if (p->head.id % net->table.slots != net->table.slot) {
		relay(p);
		return;
	}
	/* It may have ended meanwhile. */
	if ((c = roster_find(&net->roster, p->head.id)) != NULL)
		letter_give_one(c, p);
}

void
letter_deliver(struct net *net, const char *letter, size_t len,
    letter_relay_fn *relay)
{
	const char *at = letter, *end = letter + len;
	struct letter_part p;

	while (letter_next(at, end, &p)) {
		at = p.rest;
		switch (p.head.kind) {
		case LETTER_ONE:
			letter_deliver_one(net, &p, relay);
			break;
		case LETTER_ALL:
			at = letter_deliver_run(net,
			    p.data - sizeof(p.head), end);
			break;
		case LETTER_RELAY:
			relay(&p);
			break;
		}
	}
}
