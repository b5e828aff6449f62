/* SPDX-License-Identifier: ISC */
/*
 * From a value of JSON to text for people.  All text comes from another
 * process and is made harmless with vis(3) first.
 */
#include "prongctl/cell.h"

#include <inttypes.h>
#include <libutil.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "base/strings.h"

#define CELL_VIS	(VIS_CSTYLE | VIS_TAB | VIS_NL | VIS_NOLOCALE)
#define CELL_VIS_MAX	5	/* what vis(3) may write, with its NUL */
#define CELL_KEY	32	/* room for the name of a member */

const char *
cell_safe(const char *text, char *buf, size_t size)
{
	char *p = buf;

	*p = '\0';
	for (; *text != '\0' && buf + size - p >= CELL_VIS_MAX; text++)
		p = vis(p, (unsigned char)text[0], CELL_VIS,
		    (unsigned char)text[1]);
	return buf;
}

/* --- values ------------------------------------------------------------- */

static char *
cell_of_string(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t size;
	char *buf;

	if (text == NULL)
		return strdup("-");
	size = 4 * strlen(text) + CELL_VIS_MAX;
	if ((buf = malloc(size)) != NULL)
		cell_safe(text, buf, size);
	return buf;
}

static char *
cell_of_integer(const json_t *value)
{
	char *buf;

	if (!json_is_integer(value))
		return strdup("-");
	if (asprintf(&buf, "%lld", (long long)json_integer_value(value)) == -1)
		return NULL;
	return buf;
}

/* The shortest decimal number that reads back as the same. */
static char *
cell_of_real(double x)
{
	char text[32];
	int digits;

	for (digits = 15; digits < 18; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	return strdup(text);
}

static char *
cell_of_number(const json_t *value)
{
	if (json_is_real(value))
		return cell_of_real(json_real_value(value));
	return json_is_string(value) ? cell_of_string(value) :
	    cell_of_integer(value);
}

static char *
cell_of_bytes(const json_t *value)
{
	char buf[5];		/* "1023", "9.9K", "128M" */

	if (!json_is_integer(value) ||
	    humanize_number(buf, sizeof(buf), json_integer_value(value), "",
	    HN_AUTOSCALE, HN_DECIMAL | HN_NOSPACE) == -1)
		return strdup("-");
	return strdup(buf);
}

const char *
cell_format_duration(const json_t *value, char buf[CELL_SHORT])
{
	double seconds = json_number_value(value);
	long long s;

	if (!json_is_number(value) || !(seconds >= 0 && seconds < 1e12)) {
		strlcpy(buf, "-", CELL_SHORT);
		return buf;
	}
	s = (long long)seconds;
	if (seconds < 10)
		snprintf(buf, CELL_SHORT, "%.1fs", seconds);
	else if (s < 60)
		snprintf(buf, CELL_SHORT, "%llds", s);
	else if (s < 3600)
		snprintf(buf, CELL_SHORT, "%lldm %llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, CELL_SHORT, "%lldh %lldm", s / 3600,
		    s / 60 % 60);
	else
		snprintf(buf, CELL_SHORT, "%lldd %lldh", s / 86400,
		    s / 3600 % 24);
	return buf;
}

/* --- members of a row --------------------------------------------------- */

char *
cell_string(const json_t *row, const char *key)
{
	return cell_of_string(json_object_get(row, key));
}

char *
cell_integer(const json_t *row, const char *key)
{
	return cell_of_integer(json_object_get(row, key));
}

char *
cell_duration(const json_t *row, const char *key)
{
	char buf[CELL_SHORT];

	return strdup(cell_format_duration(json_object_get(row, key), buf));
}

char *
cell_bytes(const json_t *row, const char *key)
{
	return cell_of_bytes(json_object_get(row, key));
}

char *
cell_number(const json_t *row, const char *key)
{
	return cell_of_number(json_object_get(row, key));
}

char *
cell_escaped(const char *text)
{
	char *buf, *to;

	if (text == NULL)
		return strdup("-");
	if ((buf = to = malloc(4 * strlen(text) + 1)) == NULL)
		return NULL;
	for (; *text != '\0'; text++)
		to += sprintf(to, *text >= ' ' && *text <= '~' ? "%c" :
		    "\\x%02x", (unsigned char)*text);
	*to = '\0';
	return buf;
}

char *
cell_bytes_text(const json_t *row, const char *key)
{
	return cell_escaped(json_string_value(json_object_get(row, key)));
}

char *
cell_list(const json_t *row, const char *key)
{
	json_t *list = json_object_get(row, key), *value;
	char *cell = NULL, *one;
	size_t i;

	if (json_array_size(list) == 0)
		return strdup("-");
	json_array_foreach(list, i, value) {
		one = cell_of_string(value);
		if (one == NULL || strings_append(&cell, "%s%s",
		    i > 0 ? "," : "", one) == -1) {
			free(one);
			free(cell);
			return NULL;
		}
		free(one);
	}
	return cell;
}

char *
cell_counter(const json_t *row, const char *key)
{
	return cell_integer(json_object_get(row, "counters"), key);
}

char *
cell_counter_bytes(const json_t *row, const char *key)
{
	return cell_bytes(json_object_get(row, "counters"), key);
}

char *
cell_counter_sum(const json_t *row, const char *key)
{
	json_t *counters = json_object_get(row, "counters"), *value;
	const char *name, *word;
	uint64_t n = 0;
	char *cell;

	if (!json_is_object(counters))
		return strdup("-");
	json_object_foreach(counters, name, value)
		for (word = key; *word != '\0'; word += strcspn(word, " "),
		    word += strspn(word, " "))
			if (strncmp(name, word, strcspn(word, " ")) == 0)
				n += (uint64_t)json_integer_value(value);
	return asprintf(&cell, "%" PRIu64, n) == -1 ? NULL : cell;
}

json_int_t
cell_amount(const json_t *row, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(row, key));

	return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : n;
}

/* --- lines -------------------------------------------------------------- */

/* Appends the member that is called by the len bytes at key. */
static int
cell_append(char **line, const json_t *result, const char *key, size_t len)
{
	const json_t *value;
	char name[CELL_KEY], *cell;
	int r;

	snprintf(name, sizeof(name), "%.*s", (int)len, key);
	value = json_object_get(result, name);
	cell = cell_of_number(value);
	r = cell == NULL ? -1 : strings_append(line, "%s", cell);
	free(cell);
	return r;
}

char *
cell_line(const char *text, const json_t *result)
{
	char *line = NULL;
	size_t len;
	int r = 0;

	/* Plain text and names of members take turns. */
	while (r == 0 && *text != '\0') {
		len = strcspn(text, "{");
		r = strings_append(&line, "%.*s", (int)len, text);
		text += len;
		if (r == -1 || *text == '\0')
			break;
		len = strcspn(++text, "}");
		r = cell_append(&line, result, text, len);
		text += len + 1;
	}
	if (r == 0)
		return line;
	free(line);
	return NULL;
}
