/* SPDX-License-Identifier: ISC */
/*
 * Where this thread's list of robust mutexes is.
 */
#include "shm/robust.h"

#ifdef ROBUST_LIST

#include <sys/syscall.h>

#include <stddef.h>
#include <unistd.h>

#include "base/compiler.h"

__thread uint32_t robust_thread;
__thread struct robust_list_head *robust_list;

static __thread bool robust_asked;
static pthread_once_t robust_once = PTHREAD_ONCE_INIT;

/* A child is another thread, whose list the library has made anew. */
static void
robust_forget(void)
{
	robust_thread = 0;
	robust_asked = false;
}

static void
robust_register(void)
{
	pthread_atfork(NULL, NULL, robust_forget);
}

/*
 * The kernel goes from an entry to its word by one number, which is the
 * library's: where it is another than that of these headers, or the kernel
 * does not tell, everything stays with the library.
 */
void
robust_introduce(void)
{
	long distance = (long)offsetof(pthread_mutex_t, __data.__lock) -
	    (long)offsetof(pthread_mutex_t, __data.__list.__next);
	size_t size;

	if (robust_asked)
		return;
	robust_asked = true;
	pthread_once(&robust_once, robust_register);
	if (syscall(SYS_get_robust_list, 0, &robust_list, &size) != 0 ||
	    robust_list == NULL || size != sizeof(*robust_list) ||
	    robust_list->futex_offset != distance)
		return;
	robust_thread = (uint32_t)gettid();
}

/* It is pending until then: who dies before has it done by the kernel. */
UNUSUAL void
robust_wake(pthread_mutex_t *mutex)
{
	syscall(SYS_futex, &mutex->__data.__lock, FUTEX_WAKE, 1, NULL, NULL, 0);
	robust_pend(robust_list, NULL);
}

#endif
