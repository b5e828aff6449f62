/* SPDX-License-Identifier: ISC */
#ifndef SHM_ROBUST_H
#define SHM_ROBUST_H

#include <linux/futex.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Taking and giving back a robust mutex that nobody else wants, without the
 * library.
 *
 * A robust mutex is a word that holds its owner's thread, and a place in a list
 * of the thread's own that the kernel walks when the thread ends (see
 * get_robust_list(2)).  The library does the same stores through two calls,
 * which take half as long again as a mutex that is not robust; done in place
 * they cost next to nothing.  The list is the library's: it is kept in its
 * form, entries of both stand in it side by side, and whatever is not the usual
 * case is left to the library, for which nothing has happened yet.
 *
 * What is in the memory of a mutex is believed as much as the library does.
 *
 * ThreadSanitizer sees a mutex by the library's calls only.
 */
#if defined(__GLIBC__) && defined(__PTHREAD_MUTEX_HAVE_PREV) && \
    !defined(__SANITIZE_THREAD__)
#if __PTHREAD_MUTEX_HAVE_PREV
#define ROBUST_LIST	1
#endif
#endif

#ifdef ROBUST_LIST
/* Of this thread; 0: not known yet, or everything is the library's. */
extern __thread uint32_t robust_thread;
extern __thread struct robust_list_head *robust_list;

/* Asks the kernel for them, once in each thread. */
void robust_introduce(void);

/* The end of giving one back that others wait for. */
void robust_wake(pthread_mutex_t *);

/*
 * What a pointer of the list leads to: its lowest bit says something of that
 * mutex.  Pointers back are those of the library alone, which stand before
 * those that the kernel follows.
 */
static inline __pthread_list_t *
robust_entry(void *pointer)
{
	return (__pthread_list_t *)(void *)((char *)((uintptr_t)pointer &
	    ~(uintptr_t)1) - offsetof(__pthread_list_t, __next));
}

/*
 * While it is on its way into the list or out of it, "pending" has the kernel
 * look at it all the same.  A kill sees these stores in the order of the
 * program; only the compiler could change that.
 */
static inline void
robust_pend(struct robust_list_head *head, void *pointer)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store_n(&head->list_op_pending, pointer, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Whether it is taken; if not, nothing has happened. */
static inline bool
robust_take(pthread_mutex_t *mutex)
{
	struct robust_list_head *head = robust_list;
	__pthread_list_t *list = &mutex->__data.__list;
	uint32_t thread = robust_thread;
	int nobody = 0;

	/* The library's notes of an owner: none by us. */
	if (__builtin_expect(thread == 0 || mutex->__data.__owner != 0, 0))
		return false;
	robust_pend(head, &list->__next);
	if (__builtin_expect(!__atomic_compare_exchange_n(
	    &mutex->__data.__lock, &nobody, (int)thread, false,
	    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED), 0)) {
		robust_pend(head, NULL);
		return false;
	}
	robust_entry(head->list.next)->__prev = (void *)&list->__next;
	list->__next = (void *)head->list.next;
	list->__prev = (void *)&head->list;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	head->list.next = (void *)&list->__next;
	robust_pend(head, NULL);
	return true;
}

/* Whether it is given back; if not, nothing has happened. */
static inline bool
robust_give(pthread_mutex_t *mutex)
{
	struct robust_list_head *head = robust_list;
	__pthread_list_t *list = &mutex->__data.__list;
	uint32_t word = (uint32_t)__atomic_load_n(&mutex->__data.__lock,
	    __ATOMIC_RELAXED);

	if (__builtin_expect((word & FUTEX_TID_MASK) != robust_thread ||
	    mutex->__data.__owner != 0 || robust_thread == 0, 0))
		return false;
	robust_pend(head, &list->__next);
	robust_entry(list->__next)->__prev = list->__prev;
	robust_entry(list->__prev)->__next = list->__next;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	word = (uint32_t)__atomic_exchange_n(&mutex->__data.__lock, 0,
	    __ATOMIC_RELEASE);
	if (__builtin_expect((word & FUTEX_WAITERS) != 0, 0))
		robust_wake(mutex);
	else
		robust_pend(head, NULL);
	return true;
}

#else

static inline void
robust_introduce(void)
{
}

static inline bool
robust_take(pthread_mutex_t *mutex)
{
	return false;
}

static inline bool
robust_give(pthread_mutex_t *mutex)
{
	return false;
}

#endif
#endif
