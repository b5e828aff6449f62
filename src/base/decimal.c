/* SPDX-License-Identifier: ISC */
/*
 * Integers as decimal text.
 */
#include "base/decimal.h"

#include <string.h>

bool
decimal_read(const char *text, size_t length, int64_t *n)
{
	bool negative = length > 0 && text[0] == '-';
	uint64_t value = 0;
	size_t i = negative;

	/* Twenty digits may be more than 2^64, nineteen are not. */
	if (length == i || length - i > DECIMAL_MAX - 1 ||
	    (text[i] == '0' && length > 1))
		return false;
	for (; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (value > (uint64_t)INT64_MAX + negative)
		return false;
	*n = (int64_t)(negative ? 0 - value : value);
	return true;
}

size_t
decimal_write(char *to, int64_t n)
{
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char text[DECIMAL_MAX], *p = text + sizeof(text);

	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (n < 0)
		*--p = '-';
	memcpy(to, p, (size_t)(text + sizeof(text) - p));
	return (size_t)(text + sizeof(text) - p);
}
