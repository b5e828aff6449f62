/* SPDX-License-Identifier: ISC */
/*
 * One of so many events.
 */
#include "base/sample.h"

#include <assert.h>
#include <stdlib.h>

void
sample_choose(struct sample *s)
{
	s->place = 0;
	/* Nobody outside can tell which it will be, and stay out of the log. */
	s->chosen = s->of == 1 ? 0 : arc4random_uniform(s->of);
}

void
sample_init(struct sample *s, uint32_t of)
{
	assert(of >= 1);
	s->of = of;
	sample_choose(s);
}
