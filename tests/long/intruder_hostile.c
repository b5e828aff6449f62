/* SPDX-License-Identifier: ISC */
/*
 * The hostile process.  It is told by lines over a connection of its own:
 *
 *	flip SEED COUNT		overwrites so many words of the memory that it
 *				shares with the server, at random, lock words
 *				included; a pause now and then
 *	pull SEED		tries to take memory away from under the others
 *
 * and answers each with a line.  It leaves at the end of the connection.
 */
#include "intruder.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Objects bear the names of the configuration. */
#define NAME		"/memfd:"
#define MAPPINGS_MAX	32
#define DESCRIPTORS_MAX	64
#define DECOYS_MAX	16
#define FLIPS_A_PAUSE	64
#define PAUSE_NS	1000000
#define WORD_TRIES	10000

#define HOSTILE_COUNT(a)	(sizeof(a) / sizeof((a)[0]))

struct mapping {
	unsigned char *base;
	size_t size;
	unsigned char *resident;	/* a byte for each page */
};

static struct hostile {
	struct mapping mappings[MAPPINGS_MAX];
	size_t mapping_count;
	int fds[MAPPINGS_MAX];
	size_t fd_count;
	uint64_t decoys[DECOYS_MAX];
	size_t decoy_count;
	uint64_t random;
	size_t page;
} hostile;

static uint64_t
hostile_random(void)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = hostile.random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static size_t
hostile_below(size_t limit)
{
	return (size_t)(hostile_random() % limit);
}

/* --- what it has -------------------------------------------------------- */

static void
hostile_add_mapping(uintptr_t from, uintptr_t to)
{
	struct mapping *m = &hostile.mappings[hostile.mapping_count];

	if (hostile.mapping_count == MAPPINGS_MAX)
		return;
	m->base = (unsigned char *)from;
	m->size = to - from;
	m->resident = malloc(m->size / hostile.page + 1);
	if (m->resident == NULL)
		err(1, "mapping");
	hostile.mapping_count++;
}

static void
hostile_find_mappings(void)
{
	uintptr_t from, to;
	char line[512];
	FILE *maps;

	if ((maps = fopen("/proc/self/maps", "re")) == NULL)
		err(1, "/proc/self/maps");
	while (fgets(line, sizeof(line), maps) != NULL)
		if (strstr(line, NAME) != NULL && sscanf(line,
		    "%" SCNxPTR "-%" SCNxPTR " rw", &from, &to) == 2)
			hostile_add_mapping(from, to);
	fclose(maps);
}

/* Keeps the descriptors of shared memory; the rest is of no use to it. */
static void
hostile_find_descriptors(void)
{
	char path[64], to[128];
	ssize_t n;
	int fd;

	for (fd = 0; fd < DESCRIPTORS_MAX; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if ((n = readlink(path, to, sizeof(to) - 1)) == -1)
			continue;
		to[n] = '\0';
		if (strncmp(to, NAME, strlen(NAME)) == 0 &&
		    hostile.fd_count < MAPPINGS_MAX)
			hostile.fds[hostile.fd_count++] = fd;
		else if (fd != STDERR_FILENO)
			close(fd);
	}
	close_range(DESCRIPTORS_MAX, ~0U, 0);
}

static void
hostile_read_argument(const char *argument, struct sockaddr_in *to)
{
	char *end;

	to->sin_family = AF_INET;
	to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to->sin_port = htons((uint16_t)strtoul(argument, &end, 10));
	while (*end != '\0' && hostile.decoy_count < DECOYS_MAX)
		hostile.decoys[hostile.decoy_count++] =
		    strtoull(end, &end, 10);
}

/* --- overwriting -------------------------------------------------------- */

/*
 * A word that lies in memory that is there, so that most of them are live; if
 * none is found so, any.
 */
static uint64_t *
hostile_word(void)
{
	int tries = WORD_TRIES;
	struct mapping *m;
	size_t page;

	do {
		m = &hostile.mappings[hostile_below(hostile.mapping_count)];
		page = hostile_below(m->size / hostile.page);
	} while ((m->resident[page] & 1) == 0 && --tries > 0);
	return (uint64_t *)(void *)(m->base + page * hostile.page) +
	    hostile_below(hostile.page / sizeof(uint64_t));
}

static uint64_t
hostile_value(uint64_t old)
{
	static const uint64_t odd[] = {
		0, 1, 2, 255, UINT32_MAX, UINT64_MAX, INT64_MAX, 1ULL << 63,
		0x100000001, 0x7fffffff,
	};

	switch (hostile_below(8)) {
	case 0:
		return hostile_random();
	case 1:
		return odd[hostile_below(HOSTILE_COUNT(odd))];
	case 2:
		return hostile.decoys[hostile_below(hostile.decoy_count)];
	case 3:
		return hostile.decoys[hostile_below(hostile.decoy_count)] << 32;
	case 4:
		return *hostile_word();
	case 5:
		/* Where it points to is mapped in every process. */
		return (uint64_t)(uintptr_t)hostile_word();
	default:
		return old ^ 1ULL << hostile_below(64);
	}
}

static void
hostile_look(void)
{
	size_t i;

	for (i = 0; i < hostile.mapping_count; i++)
		if (mincore(hostile.mappings[i].base, hostile.mappings[i].size,
		    hostile.mappings[i].resident) == -1)
			err(1, "mincore");
}

static void
hostile_flip(FILE *out, size_t count)
{
	static const struct timespec pause = { 0, PAUSE_NS };
	uint64_t *word;
	size_t i;

	hostile_look();
	for (i = 0; i < count; i++) {
		word = hostile_word();
		__atomic_store_n(word, hostile_value(*word),
		    __ATOMIC_RELAXED);
		if (i % FLIPS_A_PAUSE == 0)
			nanosleep(&pause, NULL);
	}
	fprintf(out, "flipped %zu\n", count);
}

/* --- pulling the ground away -------------------------------------------- */

struct pull {
	const char *name;
	int (*fn)(int fd, off_t at, off_t length);
};

static int
pull_truncate(int fd, off_t at, off_t length)
{
	return ftruncate(fd, at);
}

static int
pull_empty(int fd, off_t at, off_t length)
{
	return ftruncate(fd, 0);
}

static int
pull_grow(int fd, off_t at, off_t length)
{
	return fallocate(fd, 0, 1LL << 40, length);
}

static int
pull_punch(int fd, off_t at, off_t length)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
	    length);
}

static int
pull_seal(int fd, off_t at, off_t length)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

static const struct pull pulls[] = {
	{ "truncate", pull_truncate }, { "empty", pull_empty },
	{ "grow", pull_grow }, { "punch", pull_punch }, { "seal", pull_seal },
};

static const struct {
	const char *name;
	int advice;
} advices[] = {
	{ "remove", MADV_REMOVE }, { "dontneed", MADV_DONTNEED },
	{ "free", MADV_FREE }, { "pageout", MADV_PAGEOUT },
};

/* By way of a descriptor: its own, or one that /proc might give it. */
static void
hostile_pull_descriptors(FILE *out)
{
	struct stat st;
	size_t i, k;
	off_t at;

	for (i = 0; i < hostile.fd_count; i++) {
		if (fstat(hostile.fds[i], &st) == -1)
			err(1, "stat");
		for (k = 0; k < HOSTILE_COUNT(pulls); k++) {
			at = (off_t)hostile_below((size_t)st.st_size) &
			    ~(off_t)(hostile.page - 1);
			fprintf(out, " %s=%d", pulls[k].name,
			    pulls[k].fn(hostile.fds[i], at,
			    (off_t)hostile.page) == 0 ? 0 : errno);
		}
	}
}

static void
hostile_pull_mappings(FILE *out)
{
	const struct mapping *m;
	size_t i, k, at;

	for (i = 0; i < hostile.mapping_count; i++)
		for (k = 0; k < HOSTILE_COUNT(advices); k++) {
			m = &hostile.mappings[i];
			at = hostile_below(m->size / hostile.page);
			fprintf(out, " %s=%d", advices[k].name,
			    madvise(m->base + at * hostile.page, hostile.page,
			    advices[k].advice) == 0 ? 0 : errno);
		}
}

/* --- its life ----------------------------------------------------------- */

static void
hostile_obey(FILE *out, const char *line)
{
	size_t count;

	if (sscanf(line, "flip %" SCNu64 " %zu", &hostile.random, &count) == 2)
		hostile_flip(out, count);
	else if (sscanf(line, "pull %" SCNu64, &hostile.random) == 1) {
		fputs("pulled", out);
		hostile_pull_descriptors(out);
		hostile_pull_mappings(out);
		fputc('\n', out);
	} else
		errx(64, "unknown line: %s", line);
	fflush(out);
}

void
intruder_hostile(const char *argument)
{
	struct sockaddr_in to = { 0 };
	char line[128];
	FILE *in, *out;
	int fd;

	hostile.page = (size_t)sysconf(_SC_PAGESIZE);
	hostile_read_argument(argument, &to);
	hostile_find_descriptors();
	hostile_find_mappings();
	if (hostile.mapping_count == 0 || hostile.decoy_count == 0)
		errx(1, "nothing to work with");
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    (in = fdopen(fd, "r")) == NULL ||
	    (out = fdopen(dup(fd), "w")) == NULL)
		err(1, "connection");
	while (fgets(line, sizeof(line), in) != NULL)
		hostile_obey(out, line);
	_exit(0);
}
