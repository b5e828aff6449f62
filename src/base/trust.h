/* SPDX-License-Identifier: ISC */
#ifndef BASE_TRUST_H
#define BASE_TRUST_H

#include <sys/types.h>

/*
 * Whether nobody but root and the owner, who starts us, can change what a path
 * leads to: the file belongs to one of them and nobody else can write to it,
 * nor to the folder that it is in; and no folder above lets another replace
 * what is in it, which a sticky one does not.  Whatever is written for the
 * group is for others, too, unless the group is root's or, where the owner is
 * not root, the one that we are in; above the folder that the file is in, groups
 * are as they are.  -1 with EPERM, or errno when it cannot be found out; the
 * text begins with the path and says what to do.
 */
int trust_check(const char *path, uid_t owner);

#endif
