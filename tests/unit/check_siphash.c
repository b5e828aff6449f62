/* SPDX-License-Identifier: ISC */
/*
 * base/siphash: against the outputs that its authors published, and that it
 * keeps what a keyed hash is taken for.
 */
#include "base/siphash.h"

#include <string.h>

#include "seed.h"
#include "unit.h"

/* Key 00 01 ... 0f, input 00 01 02 ... of so many bytes. */
static const struct {
	size_t length;
	unsigned char hash[8];
} published[] = {
	{ 0, { 0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72 } },
	{ 1, { 0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74 } },
	{ 2, { 0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d } },
	{ 3, { 0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85 } },
	{ 4, { 0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf } },
	{ 5, { 0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18 } },
	{ 6, { 0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb } },
	{ 7, { 0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab } },
	{ 8, { 0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93 } },
	{ 15, { 0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1 } },
};

static void
known(uint64_t key[2], unsigned char *data, size_t length)
{
	unsigned char bytes[16];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	memcpy(&key[0], bytes, 8);
	memcpy(&key[1], bytes + 8, 8);
	for (i = 0; i < length; i++)
		data[i] = (unsigned char)i;
}

START_TEST(test_siphash_published)
{
	unsigned char data[16];
	uint64_t key[2], hash;

	known(key, data, published[_i].length);
	hash = siphash(key, data, published[_i].length);
	ck_assert_mem_eq(&hash, published[_i].hash, sizeof(hash));
}
END_TEST

/* Where the input stands in memory is no matter. */
START_TEST(test_siphash_unaligned)
{
	unsigned char data[16], moved[24];
	uint64_t key[2];
	size_t i;

	known(key, data, 15);
	for (i = 0; i < 8; i++) {
		memset(moved, 0xa5, sizeof(moved));
		memcpy(moved + i, data, 15);
		ck_assert_uint_eq(siphash(key, moved + i, 15),
		    siphash(key, data, 15));
	}
}
END_TEST

/*
 * Any bit of the input or of the key turns about half of the hash: the mean
 * of 192 x 64 bits strays from 32 by less than 2, or chance has been had.
 */
START_TEST(test_siphash_spreads)
{
	uint64_t key[2], data[1], other[3], hash;
	int i, turned = 0, bits = 192;

	seed_use();
	for (i = 0; i < 2; i++)
		key[i] = seed_below(UINT64_MAX);
	data[0] = seed_below(UINT64_MAX);
	hash = siphash(key, data, sizeof(data));
	for (i = 0; i < bits; i++) {
		memcpy(other, key, sizeof(key));
		other[2] = data[0];
		other[i / 64] ^= 1ULL << i % 64;
		turned += __builtin_popcountll(hash ^
		    siphash(other, &other[2], sizeof(data)));
	}
	ck_assert_int_gt(turned, bits * 30);
	ck_assert_int_lt(turned, bits * 34);
}
END_TEST

/* Zeros more at the end are another input. */
START_TEST(test_siphash_length_counts)
{
	static const unsigned char zeros[32];
	const uint64_t key[2] = { 1, 2 };
	size_t a, b;

	for (a = 0; a <= sizeof(zeros); a++)
		for (b = 0; b < a; b++)
			ck_assert_uint_ne(siphash(key, zeros, a),
			    siphash(key, zeros, b));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("siphash", &tc);

	seed_init();
	tcase_add_loop_test(tc, test_siphash_published, 0,
	    UNIT_COUNT(published));
	tcase_add_test(tc, test_siphash_unaligned);
	tcase_add_test(tc, test_siphash_spreads);
	tcase_add_test(tc, test_siphash_length_counts);
	return unit_run(s);
}
