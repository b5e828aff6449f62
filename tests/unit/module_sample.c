/* SPDX-License-Identifier: ISC */
/*
 * A module for check_module.c, which tells it by PRONG_SAMPLE what to be.  It
 * calls nothing of libprong: the engine is in the test itself.
 */
#include <prong.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct prong_handler sample = {
	.abi = PRONG_ABI, .name = "sample",
};
static const struct prong_handler older = {
	.abi = PRONG_ABI - 1, .name = "older",
};

PRONG_API extern const struct prong_handler *prong_module;
const struct prong_handler *prong_module = &sample;

static void __attribute__((constructor))
sample_loaded(void)
{
	const char *wish = getenv("PRONG_SAMPLE");

	if (wish == NULL)
		return;
	if (strcmp(wish, "abort") == 0)
		abort();
	if (strcmp(wish, "exit") == 0)
		_exit(7);
	while (strcmp(wish, "hang") == 0)
		pause();
	if (strcmp(wish, "null") == 0)
		prong_module = NULL;
	if (strcmp(wish, "older") == 0)
		prong_module = &older;
}
