/* SPDX-License-Identifier: ISC */
/*
 * A module for ruin.test: it sends lines back, and at the line "ruin HOW" its
 * worker writes over all memory that it shares with others, and is killed.
 */
#include <prong.h>

#include <sys/mman.h>

#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUINS_HEADER	64		/* so much only, with "headers" */

/* What is written, eight bytes of it each time. */
static uint64_t
ruins_word(const char *how)
{
	uint64_t master = (uint64_t)getppid();

	if (strcmp(how, "zeros") == 0)
		return 0;
	/* As a lock has it whose holder lives. */
	return strcmp(how, "master") == 0 ? master << 32 | master :
	    UINT64_MAX;
}

/* Only what is there: the rest of a table would fill the machine. */
static void
ruins_mapping(uintptr_t from, uintptr_t to, const char *how)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), at, i;
	bool headers = strcmp(how, "headers") == 0;
	size_t length = headers ? RUINS_HEADER : page;
	unsigned char resident;
	uint64_t *words;

	for (at = from; at < to && !(headers && at > from); at += page) {
		words = (uint64_t *)at;
		if (mincore(words, page, &resident) == -1)
			err(1, "mincore");
		for (i = 0; (resident & 1) != 0 && i < length / sizeof(*words);
		    i++)
			words[i] = ruins_word(how);
	}
}

static void __attribute__((noreturn))
ruins_all(const char *how)
{
	uintptr_t from[64], to[64];
	char line[512];
	size_t count = 0;
	FILE *maps;

	if ((maps = fopen("/proc/self/maps", "re")) == NULL)
		err(1, "/proc/self/maps");
	while (count < 64 && fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, "/memfd:") != NULL && sscanf(line,
		    "%" SCNxPTR "-%" SCNxPTR " rw-s", &from[count],
		    &to[count]) == 2)
			count++;
	while (count-- > 0)
		ruins_mapping(from[count], to[count], how);
	kill(getpid(), SIGKILL);
	abort();
}

static int
ruins_message(struct prong_conn *c, const void *data, size_t len)
{
	static const char command[] = "ruin ";
	char how[32];

	if (len < strlen(command) || memcmp(data, command,
	    strlen(command)) != 0)
		return prong_send(c, data, len);
	snprintf(how, sizeof(how), "%.*s", (int)(len - strlen(command)),
	    (const char *)data + strlen(command));
	ruins_all(how);
}

static PRONG_HANDLER(ruins,
	.summary = "writes over what is shared",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.message = ruins_message,
);

PRONG_MODULE(ruins);
