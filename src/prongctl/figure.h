/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_FIGURE_H
#define PRONGCTL_FIGURE_H

/* Numbers in five places, for people. */

#define FIGURE_WIDTH	5
#define FIGURE_MAX	8	/* room for one */

/*
 * "0", "0.25", "9.5", "999", "1.23k", "12.3k", "123k", "1.23M"; "-" for what is
 * not known (NAN) and for what is less than 0.
 */
const char *figure_count(double x, char buf[FIGURE_MAX]);

/* The same in units of 1024: "1023", "1.5K", "12K". */
const char *figure_bytes(double x, char buf[FIGURE_MAX]);

#endif
