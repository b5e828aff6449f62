/* SPDX-License-Identifier: ISC */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* At most 256 bytes that nobody can guess. */
void random_fill(void *, size_t);
/* A number below a limit that is not 0. */
uint32_t random_below(uint32_t limit);

#endif
