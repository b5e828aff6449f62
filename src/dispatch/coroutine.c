/* SPDX-License-Identifier: ISC */
/*
 * dispatch = coroutine: in the loop of the worker, on stacks of their own.
 */
#include "dispatch/conversation.h"
#include "dispatch/dispatch.h"

const struct dispatch_mode dispatch_coroutine = {
	.bind = conversation_bind,
	.can_wait = true,
};
