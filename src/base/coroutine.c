/* SPDX-License-Identifier: ISC */
/*
 * Coroutines switched by hand: the calls prong_co_*() of <prong.h>.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/coroutine.h"
#include "base/error.h"
#include "base/stack.h"
#include "prong.h"

/* What the coroutines of a thread share. */
struct coroutines {
	struct context root;		/* where who is none stands */
	struct holder *root_holder;	/* and who that is */
	struct stack_pool stacks;
	size_t count;
	bool begun;
};

struct prong_co {
	struct context context;
	struct coroutines *thread;
	struct prong_co *creator;	/* NULL: who is none */
	struct stack *stack;
	prong_co_fn *fn;
	void *arg;
	struct holder holder;
	size_t references;		/* its owner's, and of those it created */
	bool over;
};

static __thread struct coroutines coroutines = { .stacks.size = STACK_SIZE };
static pthread_once_t coroutines_once = PTHREAD_ONCE_INIT;
static pthread_key_t coroutines_key;	/* whose destructor ends them */
static bool coroutines_has_key;

/* The one that runs; NULL: whoever does is none. */
__thread struct prong_co *coroutine_current;

static struct context *
coroutine_context(struct prong_co *co)
{
	return co == NULL ? &coroutines.root : &co->context;
}

static struct holder *
coroutine_holder(struct prong_co *co)
{
	return co == NULL ? coroutines.root_holder : &co->holder;
}

/* The first creator up the line that has not ended. */
static struct prong_co *
coroutine_heir(const struct prong_co *co)
{
	struct prong_co *heir = co->creator;

	while (heir != NULL && heir->over)
		heir = heir->creator;
	return heir;
}

static void
coroutine_run(void *arg)
{
	struct prong_co *co = arg;

	co->fn(co->arg);
	holder_end(&co->holder);
	co->over = true;
	coroutine_current = coroutine_heir(co);
	holder_enter(coroutine_holder(coroutine_current));
	context_leave(&co->context, coroutine_context(coroutine_current));
}

/* A thread's stacks go with it, unless a coroutine that nobody freed has one. */
static void
coroutines_end(void *arg)
{
	struct coroutines *thread = arg;

	if (thread->count == 0)
		stack_pool_free(&thread->stacks);
}

static void
coroutines_register(void)
{
	coroutines_has_key =
	    pthread_key_create(&coroutines_key, coroutines_end) == 0;
}

/* Without the means to hear of the thread's end its stacks outlive it. */
static void
coroutines_begin(void)
{
	coroutines.begun = true;
	pthread_once(&coroutines_once, coroutines_register);
	if (coroutines_has_key)
		pthread_setspecific(coroutines_key, &coroutines);
}

struct prong_co *
prong_co_create(prong_co_fn *fn, void *arg)
{
	struct prong_co *co;

	if ((co = calloc(1, sizeof(*co))) == NULL) {
		error_errno("a coroutine");
		return NULL;
	}
	if ((co->stack = stack_take(&coroutines.stacks)) == NULL) {
		free(co);
		return NULL;
	}
	if (!coroutines.begun)
		coroutines_begin();
	coroutines.count++;
	co->thread = &coroutines;
	co->references = 1;
	if ((co->creator = coroutine_current) != NULL)
		co->creator->references++;
	co->fn = fn;
	co->arg = arg;
	context_make(&co->context, co->stack->bottom, co->stack->size,
	    coroutine_run, co);
	return co;
}

int
prong_co_switch(struct prong_co *co)
{
	struct prong_co *self = coroutine_current;

	if (co == NULL && self != NULL)
		co = coroutine_heir(self);
	if (co == self)
		return error_set(EINVAL, "the coroutine runs");
	if (co != NULL && co->thread != &coroutines)
		return error_set(EINVAL, "the coroutine is another thread's");
	if (co != NULL && co->over)
		return error_set(EINVAL, "the coroutine has ended");
	if (self == NULL)
		coroutines.root_holder = holder_current;
	coroutine_current = co;
	holder_enter(coroutine_holder(co));
	return context_switch(coroutine_context(self), coroutine_context(co));
}

struct prong_co *
prong_co_self(void)
{
	return coroutine_current;
}

bool
prong_co_is_over(const struct prong_co *co)
{
	return co->over;
}

/* Those that it created still look for the one above it. */
static void
coroutine_drop(struct prong_co *co)
{
	struct prong_co *creator;

	while (co != NULL && --co->references == 0) {
		creator = co->creator;
		free(co);
		co = creator;
	}
}

void
prong_co_free(struct prong_co *co)
{
	struct coroutines *thread;

	if (co == NULL || co == coroutine_current)
		return;
	thread = co->thread;
	holder_end(&co->holder);
	co->over = true;
	context_forget(&co->context);
	stack_give(&thread->stacks, co->stack);
	coroutine_drop(co);
	thread->count--;
}

void
coroutine_leave_some(struct coroutine_place *p)
{
	p->root = coroutines.root;
	p->root_holder = coroutines.root_holder;
	coroutine_current = NULL;
}

void
coroutine_return_some(const struct coroutine_place *p)
{
	coroutines.root = p->root;
	coroutines.root_holder = p->root_holder;
	coroutine_current = p->current;
}
