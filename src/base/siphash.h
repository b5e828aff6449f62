/* SPDX-License-Identifier: ISC */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4: a keyed hash, so that whoever does not know the key cannot
 * choose inputs that meet.  J.-P. Aumasson and D. J. Bernstein, "SipHash: a
 * fast short-input PRF", INDOCRYPT 2012.
 */
uint64_t siphash(const uint64_t key[2], const void *data, size_t length);

#endif
