/* SPDX-License-Identifier: ISC */
#ifndef NET_ACCESS_H
#define NET_ACCESS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/strings.h"

/*
 * Who may connect: the ordered rules of a service.  A rule is allow or deny
 * and one of
 *
 *	all			every peer
 *	ADDRESS[/PREFIX]	TCP peers with this IPv4 or IPv6 address, or
 *				within this network
 *	unix			every peer of a unix socket
 *	uid N|NAME		the peers of a unix socket that run as this user
 *	gid N|NAME		those that are in this group, be it their
 *				primary or a supplementary one
 *
 * The first rule that matches decides.  A peer that none matches is allowed,
 * so a list that is to let in only some ends with "deny all".
 *
 * An IPv4-mapped IPv6 address (::ffff:a.b.c.d), of a rule or of a peer, is the
 * IPv4 address in it: ::/0 is every IPv6 peer and no IPv4 one, whatever socket
 * it came in by.  The scope of a link-local peer is not looked at.
 */

struct access;

/*
 * One who asks to be let in.  What follows the address is of unix peers alone.
 * No uid or gid rule, be it allow or deny, matches credentials that are not
 * known (-1): who cannot get them while access_needs_credentials() should
 * refuse.
 */
struct access_peer {
	const struct address *address;
	uid_t uid;
	gid_t gid;
	const gid_t *groups;		/* supplementary */
	size_t group_count;
};

/*
 * Whether the text is a rule.  EINVAL: it is not, or names a user or group
 * that there is not.  Another errno: users or groups could not be read.
 */
int access_check_rule(const char *text);

/*
 * The rules in their order; without any, everyone is allowed.  Names become
 * numbers here and are not looked up again.  Fails as access_check_rule(), or
 * with ENOMEM.
 */
struct access *access_new(const struct strings *rules);
void access_free(struct access *);

/* Neither allocates, nor locks, nor calls the system. */
bool access_allows(const struct access *, const struct access_peer *);

/* Whether a rule asks for the uid or gid of a peer. */
bool access_needs_credentials(const struct access *);

#endif
