/* SPDX-License-Identifier: ISC */
/*
 * The handler store: what went wrong, in the words that clients of Redis know.
 */
#include <errno.h>

#include "handlers/store.h"

void
store_error_syntax(struct store_request *q)
{
	store_reply_error(&q->reply, "ERR syntax error");
}

void
store_error_arity(struct store_request *q, const char *subcommand)
{
	store_reply_error(&q->reply, "ERR wrong number of arguments for "
	    "'%s%s%s' command", q->command->name,
	    subcommand != NULL ? "|" : "",
	    subcommand != NULL ? subcommand : "");
}

void
store_error_integer(struct store_request *q)
{
	store_reply_error(&q->reply,
	    "ERR value is not an integer or out of range");
}

void
store_error_subcommand(struct store_request *q)
{
	const char *p;
	char name[16];
	size_t n = 0;

	for (p = q->command->name; *p != '\0' && n < sizeof(name) - 1; p++)
		name[n++] = (char)(*p - 'a' + 'A');
	name[n] = '\0';
	store_reply_error(&q->reply, "ERR unknown subcommand '%.*s'. "
	    "Try %s HELP.", STORE_WORD(&q->argv[1]), name);
}

void
store_error_dict(struct store_request *q)
{
	if (errno == ENOSPC)
		store_reply_error(&q->reply, "OOM command not allowed when the "
		    "memory is used up: %s", prong_error());
	else
		store_reply_error(&q->reply, "ERR %s", prong_error());
}

void
store_error_memory(struct store_request *q)
{
	store_reply_error(&q->reply, "ERR the server has no memory for the "
	    "answer");
}
