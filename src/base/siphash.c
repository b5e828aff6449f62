/* SPDX-License-Identifier: ISC */
/*
 * SipHash-2-4, after section 2 of the paper.
 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t
siphash_rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void
siphash_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = siphash_rotate(v[1], 13) ^ v[0];
		v[3] = siphash_rotate(v[3], 16) ^ v[2];
		v[0] = siphash_rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = siphash_rotate(v[1], 17) ^ v[2];
		v[3] = siphash_rotate(v[3], 21) ^ v[0];
		v[2] = siphash_rotate(v[2], 32);
	}
}

static void
siphash_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	siphash_rounds(v, 2);
	v[0] ^= word;
}

uint64_t
siphash(const uint64_t key[2], const void *data, size_t length)
{
	const unsigned char *p = data;
	uint64_t word, v[4] = {
		key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
		key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL,
	};
	size_t left;

	for (left = length; left >= sizeof(word); left -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		siphash_word(v, le64toh(word));
		p += sizeof(word);
	}
	/* The last word: what is left, and the length in its top byte. */
	word = 0;
	memcpy(&word, p, left);
	siphash_word(v, le64toh(word) | (uint64_t)length << 56);
	v[2] ^= 0xff;
	siphash_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
