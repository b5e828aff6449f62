/* SPDX-License-Identifier: ISC */
/*
 * What was posted to a connection.
 *
 * A connection above high water is sent nothing more: its mail waits, and who
 * does not read until it is too much is cut off.  A gap in what it was sent
 * would be worse: nobody would know of it.
 */
#include "net/mail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/conn.h"

struct mail {
	struct mail *next;
	size_t length;
	char data[];
};

struct mails {
	struct mail *first, **end;
	size_t bytes;
};

static int
mails_make(struct mails **mails)
{
	if (*mails != NULL)
		return 0;
	if ((*mails = calloc(1, sizeof(**mails))) == NULL)
		return error_errno("mail");
	(*mails)->end = &(*mails)->first;
	return 0;
}

int
mails_add(struct mails **mails, const void *data, size_t len)
{
	struct mail *m;

	if (mails_bytes(*mails) + len + sizeof(*m) > MAILS_MAX)
		return error_set(ENOBUFS, "too much mail waits");
	if ((m = malloc(sizeof(*m) + len)) == NULL)
		return error_errno("mail");
	if (mails_make(mails) == -1) {
		free(m);
		return -1;
	}
	m->next = NULL;
	m->length = len;
	if (len > 0)
		memcpy(m->data, data, len);
	*(*mails)->end = m;
	(*mails)->end = &m->next;
	(*mails)->bytes += len + sizeof(*m);
	return 0;
}

void
mails_move(struct mails **to, struct mails **from)
{
	if (*from == NULL)
		return;
	if (*to == NULL) {
		*to = *from;
	} else {
		*(*to)->end = (*from)->first;
		(*to)->end = (*from)->end;
		(*to)->bytes += (*from)->bytes;
		free(*from);
	}
	*from = NULL;
}

const void *
mails_first(const struct mails *mails, size_t *len)
{
	*len = mails->first->length;
	return mails->first->data;
}

void
mails_drop(struct mails **mails)
{
	struct mail *m = (*mails)->first;

	(*mails)->first = m->next;
	(*mails)->bytes -= m->length + sizeof(*m);
	free(m);
	if ((*mails)->first == NULL) {
		free(*mails);
		*mails = NULL;
	}
}

size_t
mails_bytes(const struct mails *mails)
{
	return mails == NULL ? 0 : mails->bytes;
}

void
mails_free(struct mails **mails)
{
	while (*mails != NULL)
		mails_drop(mails);
}

void
mail_overflow(struct prong_conn *c)
{
	c->service->net->report(PRONG_WARNING, c,
	    "closed: it does not read what is posted to it");
	conn_end(c, COUNTER_CLOSED_ERROR);
}

void
mail_put(struct prong_conn *c, const void *data, size_t len)
{
	if ((c->flags & (CONN_CLOSING | CONN_DEAD)) != 0)
		return;
	/* What cannot be sent has ended it, or is the end of it. */
	if ((c->flags & CONN_PAUSED) == 0 && c->held == NULL)
		prong_send(c, data, len);
	else if (!conn_has_room(c, mails_bytes(c->held) + len))
		return;
	else if (mails_add(&c->held, data, len) == -1)
		mail_overflow(c);
}

void
mail_resume(struct prong_conn *c)
{
	const void *data;
	size_t len;

	while (c->held != NULL && (c->flags & CONN_PAUSED) == 0) {
		if ((c->flags & (CONN_CLOSING | CONN_DEAD)) != 0) {
			mails_free(&c->held);
			return;
		}
		data = mails_first(c->held, &len);
		prong_send(c, data, len);
		mails_drop(&c->held);
	}
}

bool
mail_begin(struct prong_conn *c)
{
	if ((c->flags & (CONN_CLOSING | CONN_DEAD)) != 0)
		return false;
	conn_serve(c);
	return true;
}

void
mail_end(struct prong_conn *c)
{
	struct net *net = c->service->net;

	conn_update(c);
	net->serving = NULL;
}

void
mail_give(struct prong_conn *c, const void *data, size_t len)
{
	if (!mail_begin(c))
		return;
	mail_put(c, data, len);
	mail_end(c);
}

void
mail_give_all(struct prong_conn *c, struct mails **mails)
{
	const void *data;
	size_t len;

	if (mail_begin(c)) {
		mail_resume(c);
		while (mails != NULL && *mails != NULL) {
			data = mails_first(*mails, &len);
			mail_put(c, data, len);
			mails_drop(mails);
		}
		mail_end(c);
	}
	if (mails != NULL)
		mails_free(mails);
}
