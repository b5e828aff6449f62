/* SPDX-License-Identifier: ISC */
/*
 * The patterns of KEYS, SCAN and CONFIG GET: "*", "?", "[a-z]", "[^a]", and a
 * backslash before what is meant as it stands.
 *
 * Only the last "*" is ever tried anew, since what an earlier one could do it
 * can do too: no pattern takes longer than its length times the text's.
 */
#include "handlers/store.h"

/*
 * Whether a byte is in the set that begins at p, behind "[".  *next is behind
 * its end; a set that has none goes on to the end of the pattern.
 */
static bool
glob_set(const char *p, const char *end, unsigned char c, const char **next)
{
	bool inverse = p < end && *p == '^', found = false;
	unsigned char from, to, swap;

	for (p += inverse; p < end && *p != ']'; p++) {
		if (*p == '\\' && end - p >= 2)
			p++;
		else if (end - p >= 3 && p[1] == '-') {
			from = (unsigned char)p[0];
			to = (unsigned char)p[2];
			if (from > to) {
				swap = from;
				from = to;
				to = swap;
			}
			found = found || (c >= from && c <= to);
			p += 2;
			continue;
		}
		found = found || (unsigned char)*p == c;
	}
	*next = p < end ? p + 1 : end;
	return found != inverse;
}

/* Whether one byte is what the pattern has at p; *next is behind that. */
static bool
glob_one(const char *p, const char *end, char c, const char **next)
{
	switch (*p) {
	case '?':
		*next = p + 1;
		return true;
	case '[':
		return glob_set(p + 1, end, (unsigned char)c, next);
	case '\\':
		p += end - p >= 2;
		/* FALLTHROUGH */
	default:
		*next = p + 1;
		return *p == c;
	}
}

bool
store_glob(const struct store_bytes *pattern, const struct store_bytes *text)
{
	const char *p = pattern->data, *pend = p + pattern->length;
	const char *t = text->data, *tend = t + text->length;
	const char *star = NULL, *again = NULL, *next;

	while (t < tend || (p < pend && *p == '*')) {
		if (p < pend && *p == '*') {
			star = ++p;
			again = t;
		} else if (p < pend && glob_one(p, pend, *t, &next)) {
			p = next;
			t++;
		} else if (star != NULL) {
			p = star;
			t = ++again;
		} else
			return false;
	}
	return p == pend;
}
