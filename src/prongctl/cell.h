/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_CELL_H
#define PRONGCTL_CELL_H

#include <jansson.h>
#include <stddef.h>

/*
 * One value of a result as people read it, to be freed by the caller; NULL: no
 * memory.  What is missing, or of another type than it should be, is "-".
 */
typedef char *cell_fn(const json_t *row, const char *key);

cell_fn cell_string;
cell_fn cell_integer;
cell_fn cell_duration;		/* of seconds: "3d 4h" */
cell_fn cell_bytes;		/* in units of 1024: "9.9K" */
cell_fn cell_list;		/* of strings: "a,b" */
cell_fn cell_number;		/* of any kind, or a string that is one */
cell_fn cell_bytes_text;	/* a string in which bytes are escaped */

/* The same of a member of the row's object "counters". */
cell_fn cell_counter;
cell_fn cell_counter_bytes;
/* The sum of every counter whose name begins with one of the words of key. */
cell_fn cell_counter_sum;

/* A count that can be added to another: what is none is 0. */
json_int_t cell_amount(const json_t *row, const char *key);

/*
 * A text in which {key} stands for that member of the result, a string or a
 * number.
 */
char *cell_line(const char *text, const json_t *result);

#define CELL_SHORT	32	/* room for any duration */

/* The two largest units that count: "3d 4h", "12m 5s", "0.2s". */
const char *cell_format_duration(const json_t *value, char buf[CELL_SHORT]);

/* Text from the server made harmless for a terminal; cut to size. */
const char *cell_safe(const char *text, char *buf, size_t size);

/*
 * What the server has escaped, fit for a terminal; NULL is "-".  Its
 * backslashes stay, and others like them are added: so it can be an argument
 * again.  To be freed by the caller; NULL: no memory.
 */
char *cell_escaped(const char *text);

#endif
