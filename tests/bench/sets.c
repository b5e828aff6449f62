/* SPDX-License-Identifier: ISC */
/*
 * A dict in shared memory: how often in a second so many processes together set
 * keys of it, get them, add to them.  Keys and values are some bytes; each
 * process draws among the same keys.
 *
 *	sets SECONDS PROCESSES
 *
 * prints one line for each, name and rate.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/dict.h"

#define MEMORY		(64 << 20)
#define KEYS		100000
#define PROCESSES_MAX	64

static struct prong_dict *dict;
static struct {
	uint64_t ready, go, stop;
	struct {
		uint64_t done;
	} counts[PROCESSES_MAX] __attribute__((aligned(64)));
} *shared;

static void
make_key(char key[8], uint32_t number)
{
	memcpy(key, "key:", 4);
	memcpy(key + 4, &number, sizeof(number));
}

typedef int call_fn(const char *key, size_t length);

/* Ten bytes, never the same twice in a row. */
static const char *
next_value(void)
{
	static char value[16];
	static uint32_t number;

	memcpy(value, "value:", 6);
	number++;
	memcpy(value + 6, &number, sizeof(number));
	return value;
}

static int
do_set(const char *key, size_t length)
{
	return prong_dict_set(dict, key, length, next_value(), 10, 0,
	    PRONG_DICT_FOREVER);
}

/* More than the entry itself has room for. */
static int
do_set_longer(const char *key, size_t length)
{
	char value[100];

	memset(value, 'x', sizeof(value));
	memcpy(value, next_value(), 10);
	return prong_dict_set(dict, key, length, value, sizeof(value), 0,
	    PRONG_DICT_FOREVER);
}

static int
do_set_expiring(const char *key, size_t length)
{
	return prong_dict_set(dict, key, length, next_value(), 10, 0, 60000);
}

static int
do_get(const char *key, size_t length)
{
	char value[16];

	return (int)prong_dict_get(dict, key, length, value, sizeof(value));
}

static int
do_add(const char *key, size_t length)
{
	char counter[16];

	counter[0] = 'n';
	memcpy(counter + 1, key, length);
	return prong_dict_add(dict, counter, length + 1, 1, NULL);
}

static const struct {
	const char *name;
	call_fn *fn;
} loads[] = {
	{ "set", do_set },
	{ "set, expiring", do_set_expiring },
	{ "get", do_get },
	{ "add", do_add },
	{ "set, 100 bytes", do_set_longer },
};

static bool
is_over(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED) != 0;
}

static void __attribute__((noreturn))
work(int number, call_fn *fn)
{
	uint64_t state = (uint64_t)number * 7919 + 1, done = 0;
	char key[8];

	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
	for (; !is_over(); done++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		make_key(key, (uint32_t)((state >> 33) % KEYS));
		if (fn(key, sizeof(key)) == -1)
			errx(1, "%s", prong_error());
	}
	shared->counts[number].done = done;
	_exit(0);
}

static double
rate(call_fn *fn, int processes, double seconds)
{
	struct timespec pause = { (time_t)seconds,
	    (long)((seconds - (double)(time_t)seconds) * 1e9) };
	uint64_t sum = 0;
	int i, status;

	memset(shared, 0, sizeof(*shared));
	for (i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid == -1)
			err(1, "fork");
		if (pid == 0)
			work(i, fn);
	}
	while (__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE) <
	    (uint64_t)processes)
		sched_yield();
	__atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
	nanosleep(&pause, NULL);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < processes; i++)
		if (wait(&status) == -1 || status != 0)
			errx(1, "a process has failed");
	for (i = 0; i < processes; i++)
		sum += shared->counts[i].done;
	return (double)sum / seconds;
}

int
main(int argc, char **argv)
{
	double seconds = argc == 3 ? atof(argv[1]) : 0;
	int processes = argc == 3 ? atoi(argv[2]) : 0;
	char key[8];
	uint32_t i;

	if (seconds <= 0 || processes < 1 || processes > PROCESSES_MAX)
		errx(64, "usage: sets SECONDS PROCESSES");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	if ((dict = dict_new("bench", MEMORY, DICT_EVICT_LRU, true)) == NULL)
		errx(1, "%s", prong_error());
	for (i = 0; i < KEYS; i++) {
		make_key(key, i);
		do_set(key, sizeof(key));
	}
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		printf("%s: %.0f\n", loads[i].name,
		    rate(loads[i].fn, processes, seconds));
		fflush(stdout);
	}
	dict_free(dict);
	return 0;
}
