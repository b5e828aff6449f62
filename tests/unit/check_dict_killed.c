/* SPDX-License-Identifier: ISC */
/*
 * Crash consistency of a dict: a process is stopped at every instruction of
 * each call, and what its successor would find there, having put back what was
 * half done, is looked at: the dict is whole, the call's key is as before or as
 * after, all else is untouched but for what was to make room.
 *
 * What a kill leaves is what stands in the shared memory: a process that is
 * stopped is as good as a dead one.  So the memory is kept aside, looked at
 * after a repair, also after one that was itself cut short, and put back for
 * the next step.
 */
#include <stdio.h>
#include <string.h>

#include "dict_calls.h"
#include "stepper.h"

/* Of so many instructions one is looked at, but for the campaign. */
#define STRIDE		7

static int stride = STRIDE;

static struct rlock unlocked;		/* the lock's bytes when it is free */

static struct dict_head *
head(void)
{
	struct dict_stripe s;

	ck_assert_int_eq(dict_lock_number(dict, 0, &s), 0);
	dict_unlock(&s);
	return s.head;
}

/* A repair that dies when it has put so many words back. */
static void
repair_some(struct dict_head *h, uint64_t words)
{
	uint64_t i;

	for (i = h->undo.count; i-- > 0 && words > 0; words--)
		*(uint64_t *)(void *)((char *)dict->segment.base +
		    h->undo.entry[i].offset) = h->undo.entry[i].old;
}

/* Looks at the memory as it would be found; it is put back afterwards. */
static const char *
look(const struct call *c, struct dict_head *h, const char *memory)
{
	const char *wrong = NULL;
	uint64_t count = h->undo.count, words;

	for (words = 0; words <= count && wrong == NULL; words++) {
		memcpy(&h->lock, &unlocked, sizeof(unlocked));
		repair_some(h, words);
		undo_repair(&h->undo, dict->segment.base, dict->segment.size);
		wrong = find_fault(c);
		memcpy(dict->segment.base, memory, dict->segment.size);
	}
	return wrong;
}

/* What is long when it is called for the first time. */
static void
warm_up(void)
{
	prong_dict_lock(dict, RLOCK_FOREVER);
	prong_dict_unlock(dict);
}

/* Leads a child through the call; returns what was wrong, and the steps. */
static const char *
walk(const struct call *c, struct dict_head *h, char *memory, int *steps,
    int *looks)
{
	const char *wrong = NULL;
	pid_t pid = stepper_start(warm_up, c->act);

	memset(memory, 0, dict->segment.size);
	while (wrong == NULL && stepper_walk(pid, stride) == stride) {
		*steps += stride;
		if (memcmp(memory, dict->segment.base, dict->segment.size) == 0)
			continue;
		memcpy(memory, dict->segment.base, dict->segment.size);
		wrong = look(c, h, memory);
		++*looks;
	}
	stepper_kill(pid);
	return wrong;
}

START_TEST(test_dict_killed)
{
	const struct call *c = &calls[_i];
	char *memory = malloc(MEMORY);
	struct dict_head *h;
	const char *wrong;
	int i, gone = 0, steps = 0, looks = 0;

	ck_assert_ptr_nonnull(memory);
	begin_call(c, memory);
	h = head();
	memcpy(&unlocked, &h->lock, sizeof(unlocked));
	for (i = 0; i < OTHERS; i++)
		gone += content_before.others[i] != 0 && content_after.others[i] == 0;
	wrong = walk(c, h, memory, &steps, &looks);
	printf("# %s: %d steps, %d looks, %d gone%s%s\n", c->name, steps,
	    looks, gone, wrong != NULL ? ": " : "",
	    wrong != NULL ? wrong : "");
	fflush(stdout);
	if (c->is_planted)
		ck_assert_msg(wrong != NULL, "nothing was noticed");
	else
		ck_assert_msg(wrong == NULL, "step %d: %s", steps, wrong);
	dict_free(dict);
	free(memory);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

#ifdef PRONG_SANITIZED
	/* Most of the steps would be the sanitizer's: it takes minutes. */
	printf("1..0 # SKIP the steps would be those of a sanitizer\n");
	return EXIT_SUCCESS;
#endif
	if (!stepper_can_trace())
		return stepper_skip();
	s = unit_suite("dict_killed", &tc);
	if (getenv("PRONG_KILL_ALL") != NULL)
		stride = 1;
	tcase_set_timeout(tc, stride == 1 ? 3600 : 120);
	tcase_add_loop_test(tc, test_dict_killed, 0, UNIT_COUNT(calls));
	return unit_run(s);
}
