/* SPDX-License-Identifier: ISC */
/*
 * The handler store: what each command answers, to the byte.
 */
#include <stdio.h>

#include "storing.h"

#define NOT_INTEGER	"-ERR value is not an integer or out of range\r\n"
#define SYNTAX		"-ERR syntax error\r\n"
#define ARITY(name) \
	"-ERR wrong number of arguments for '" name "' command\r\n"
#define WRONGTYPE \
	"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

/* A session: each line is a request and its answer. */
struct line {
	const char *request, *answer;
};

static const struct line connection[] = {
	{ "PING", "+PONG\r\n" },
	{ "ping hello", "$5\r\nhello\r\n" },
	{ "ping a b", ARITY("ping") },
	{ "ECHO \"a\\r\\nb\"", "$4\r\na\r\nb\r\n" },
	{ "echo", ARITY("echo") },
	{ "select 0", "+OK\r\n" },
	{ "select 1", "-ERR DB index is out of range\r\n" },
	{ "select x", NOT_INTEGER },
	{ "auth secret", "-ERR AUTH <password> called without any password "
	  "configured for the default user. Are you sure your configuration is "
	  "correct?\r\n" },
	{ "auth default secret", "+OK\r\n" },
	{ "auth eve secret", "-WRONGPASS invalid username-password pair or "
	  "user is disabled.\r\n" },
	{ "auth a b c", SYNTAX },
	{ "hello 3", "-NOPROTO unsupported protocol version\r\n" },
	{ "hello x", "-ERR Protocol version is not an integer or out of "
	  "range\r\n" },
	{ "hello 2 what", "-ERR Syntax error in HELLO option 'what'\r\n" },
	{ "hello 2 auth eve x", "-WRONGPASS invalid username-password pair or "
	  "user is disabled.\r\n" },
	{ "client getname", "$-1\r\n" },
	{ "client setname me", "+OK\r\n" },
	{ "client getname", "$2\r\nme\r\n" },
	{ "client setname \"two words\"", "-ERR Client names cannot contain "
	  "spaces, newlines or special characters.\r\n" },
	{ "client setname \"\"", "+OK\r\n" },
	{ "client getname", "$-1\r\n" },
	{ "client setinfo lib-name x", "+OK\r\n" },
	{ "client getname x", ARITY("client|getname") },
	{ "client what", "-ERR unknown subcommand 'what'. Try CLIENT "
	  "HELP.\r\n" },
	{ "client", ARITY("client") },
	{ "client list x", SYNTAX },
	{ "client list type", SYNTAX },
	{ "client list type what", "-ERR Unknown client type 'what'\r\n" },
	{ "client list type normal x", SYNTAX },
	{ "client list type pubsub", "$0\r\n\r\n" },
	{ "client list id", SYNTAX },
	{ "client list id x", "-ERR Invalid client ID\r\n" },
	{ "client list id 0 -1", "$0\r\n\r\n" },
	{ "client list id 0 x", "-ERR Invalid client ID\r\n" },
};

static const struct line server_lines[] = {
	{ "dbsize", ":0\r\n" },
	{ "set a 1", "+OK\r\n" },
	{ "dbsize", ":1\r\n" },
	{ "flushall later", SYNTAX },
	{ "flushall sync", "+OK\r\n" },
	{ "info keyspace", "$12\r\n# Keyspace\r\n\r\n" },
	{ "flushdb", "+OK\r\n" },
	{ "info nothing", "$0\r\n\r\n" },
	{ "config get save", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n" },
	{ "config get a* x", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n" },
	{ "config get x", "*0\r\n" },
	{ "config get", ARITY("config|get") },
	{ "config set x y", "-ERR unknown subcommand 'set'. Try CONFIG "
	  "HELP.\r\n" },
	{ "command info nothing", "*1\r\n$-1\r\n" },
	{ "command info get", "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n"
	  "+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n" },
	{ "command docs nothing dbsize", "*2\r\n$6\r\ndbsize\r\n*6\r\n"
	  "$7\r\nsummary\r\n$23\r\nhow many keys there are\r\n"
	  "$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nserver\r\n" },
	{ "command count x", ARITY("command|count") },
	{ "command list x", SYNTAX },
	{ "command what", "-ERR unknown subcommand 'what'. Try COMMAND "
	  "HELP.\r\n" },
	{ "what", "-ERR unknown command 'what', with args beginning with: "
	  "\r\n" },
	{ "what a \"b\\r\\nc\"", "-ERR unknown command 'what', with args "
	  "beginning with: 'a' 'b  c' \r\n" },
};

static const struct line values[] = {
	{ "get k", "$-1\r\n" },
	{ "set k v", "+OK\r\n" },
	{ "GET k", "$1\r\nv\r\n" },
	{ "get k k", ARITY("get") },
	{ "set k \"\"", "+OK\r\n" },
	{ "get k", "$0\r\n\r\n" },
	{ "set \"\" empty", "+OK\r\n" },
	{ "get \"\"", "$5\r\nempty\r\n" },
	{ "set k w nx", "$-1\r\n" },
	{ "set k w xx", "+OK\r\n" },
	{ "set l w xx", "$-1\r\n" },
	{ "set l w nx", "+OK\r\n" },
	{ "set l w nx xx", SYNTAX },
	{ "set l w what", SYNTAX },
	{ "set l w ex", SYNTAX },
	{ "set l w ex 10 px 10", SYNTAX },
	{ "set l w keepttl ex 10", SYNTAX },
	{ "set l w ex 10 keepttl", SYNTAX },
	{ "set l w ex x", NOT_INTEGER },
	{ "set l w ex 0", "-ERR invalid expire time in 'set' command\r\n" },
	{ "set l w px -1", "-ERR invalid expire time in 'set' command\r\n" },
	{ "set l w ex 9223372036854775807",
	  "-ERR invalid expire time in 'set' command\r\n" },
	{ "set l new get", "$1\r\nw\r\n" },
	{ "set l newer nx get", "$3\r\nnew\r\n" },
	{ "set m first get", "$-1\r\n" },
	{ "set m second xx get ex 100000", "$5\r\nfirst\r\n" },
	{ "ttl m", ":100000\r\n" },
	{ "set m third keepttl", "+OK\r\n" },
	{ "set m fourth", "+OK\r\n" },
	{ "ttl m", ":-1\r\n" },
	{ "set m fifth exat 1", "+OK\r\n" },
	{ "get m", "$-1\r\n" },
	{ "set m w pxat 1 xx", "$-1\r\n" },
	{ "set m v", "+OK\r\n" },
	{ "set m w pxat 1 nx", "$-1\r\n" },
	{ "set m w pxat 1 nx get", "$1\r\nv\r\n" },
	{ "get m", "$1\r\nv\r\n" },
	{ "set m w pxat 1 get", "$1\r\nv\r\n" },
	{ "exists m", ":0\r\n" },
	{ "getset g 1", "$-1\r\n" },
	{ "getset g 2", "$1\r\n1\r\n" },
	{ "getdel g", "$1\r\n2\r\n" },
	{ "getdel g", "$-1\r\n" },
	{ "setnx n 1", ":1\r\n" },
	{ "setnx n 2", ":0\r\n" },
	{ "setex e 100 v", "+OK\r\n" },
	{ "setex e 0 v", "-ERR invalid expire time in 'setex' command\r\n" },
	{ "setex e x v", NOT_INTEGER },
	{ "psetex e 200000 v", "+OK\r\n" },
	{ "psetex e 0 v", "-ERR invalid expire time in 'psetex' command\r\n" },
	{ "append a ab", ":2\r\n" },
	{ "append a cd", ":4\r\n" },
	{ "get a", "$4\r\nabcd\r\n" },
	{ "strlen a", ":4\r\n" },
	{ "strlen nothing", ":0\r\n" },
};

static const struct line counts[] = {
	{ "incr n", ":1\r\n" },
	{ "incr n", ":2\r\n" },
	{ "decr n", ":1\r\n" },
	{ "incrby n 41", ":42\r\n" },
	{ "decrby n 43", ":-1\r\n" },
	{ "get n", "$2\r\n-1\r\n" },
	{ "incrby n x", NOT_INTEGER },
	{ "incrby n 01", NOT_INTEGER },
	{ "incrby n 9223372036854775808", NOT_INTEGER },
	{ "decrby n -9223372036854775808",
	  "-ERR decrement would overflow\r\n" },
	{ "incrby n 9223372036854775807", ":9223372036854775806\r\n" },
	{ "incrby n 2", "-ERR increment or decrement would overflow\r\n" },
	{ "set s abc", "+OK\r\n" },
	{ "incr s", NOT_INTEGER },
	{ "set s \" 1\"", "+OK\r\n" },
	{ "decr s", NOT_INTEGER },
	{ "set s 5", "+OK\r\n" },
	{ "incr s", ":6\r\n" },
	{ "ttl s", ":-1\r\n" },
};

static const struct line many[] = {
	{ "mset a 1 b 2", "+OK\r\n" },
	{ "mset a 1 b", ARITY("mset") },
	{ "mset a", ARITY("mset") },
	{ "mget a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n" },
	{ "mget a", "*1\r\n$1\r\n1\r\n" },
	{ "msetnx c 3 b 9", ":0\r\n" },
	{ "mget b c", "*2\r\n$1\r\n2\r\n$-1\r\n" },
	{ "msetnx c 3 d 4", ":1\r\n" },
	{ "mget c d", "*2\r\n$1\r\n3\r\n$1\r\n4\r\n" },
	{ "msetnx c 3 d", ARITY("msetnx") },
	{ "mset e 1 e 2", "+OK\r\n" },
	{ "get e", "$1\r\n2\r\n" },
	{ "exists a b a x", ":3\r\n" },
	{ "del a b x", ":2\r\n" },
	{ "unlink c", ":1\r\n" },
	{ "exists a", ":0\r\n" },
	{ "exists d", ":1\r\n" },
};

static const struct line keys[] = {
	{ "randomkey", "$-1\r\n" },
	{ "keys *", "*0\r\n" },
	{ "scan 0", "*2\r\n$1\r\n0\r\n*0\r\n" },
	{ "set k v", "+OK\r\n" },
	{ "randomkey", "$1\r\nk\r\n" },
	{ "type k", "+string\r\n" },
	{ "type l", "+none\r\n" },
	{ "keys k", "*1\r\n$1\r\nk\r\n" },
	{ "keys ?", "*1\r\n$1\r\nk\r\n" },
	{ "keys [^k]", "*0\r\n" },
	{ "scan 0 count 1000", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n" },
	{ "scan 0 match x* count 1000", "*2\r\n$1\r\n0\r\n*0\r\n" },
	{ "scan 0 type hash count 1000", "*2\r\n$1\r\n0\r\n*0\r\n" },
	{ "scan 0 type string count 1000",
	  "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n" },
	{ "scan x", "-ERR invalid cursor\r\n" },
	{ "scan 1x", "-ERR invalid cursor\r\n" },
	{ "scan \" 0\"", "-ERR invalid cursor\r\n" },
	{ "scan 18446744073709551616", "-ERR invalid cursor\r\n" },
	/* What no scan has ever given is a number all the same. */
	{ "scan 99999999999", "*2\r\n$1\r\n0\r\n*0\r\n" },
	{ "scan -1", "*2\r\n$1\r\n0\r\n*0\r\n" },
	{ "scan 00 count 1000", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n" },
	{ "scan 0 count 0", SYNTAX },
	{ "scan 0 count x", NOT_INTEGER },
	{ "scan 0 match", SYNTAX },
	{ "scan 0 what x", SYNTAX },
	{ "ttl k", ":-1\r\n" },
	{ "pttl k", ":-1\r\n" },
	{ "ttl l", ":-2\r\n" },
	{ "pttl l", ":-2\r\n" },
	{ "persist k", ":0\r\n" },
	{ "expire k 100000", ":1\r\n" },
	{ "ttl k", ":100000\r\n" },
	{ "expire k 50 gt", ":0\r\n" },
	{ "expire k 200000 lt", ":0\r\n" },
	{ "expire k 200000 nx", ":0\r\n" },
	{ "expire k 200000 xx gt", ":1\r\n" },
	{ "ttl k", ":200000\r\n" },
	{ "persist k", ":1\r\n" },
	{ "ttl k", ":-1\r\n" },
	{ "expire k 200 gt", ":0\r\n" },
	{ "expire k 200 xx", ":0\r\n" },
	{ "pexpire k 300000000 lt", ":1\r\n" },
	{ "ttl k", ":300000\r\n" },
	{ "expire k 1 nx gt", "-ERR NX and XX, GT or LT options at the same "
	  "time are not compatible\r\n" },
	{ "expire k 1 lt gt", "-ERR GT and LT options at the same time are not "
	  "compatible\r\n" },
	{ "expire k 1 what", "-ERR Unsupported option what\r\n" },
	{ "expire k x", NOT_INTEGER },
	{ "expire k 9223372036854775807",
	  "-ERR invalid expire time in 'expire' command\r\n" },
	{ "expire l 100", ":0\r\n" },
	{ "persist l", ":0\r\n" },
	{ "expireat k 1", ":1\r\n" },
	{ "exists k", ":0\r\n" },
	{ "set k v", "+OK\r\n" },
	{ "pexpireat k 99999999999999", ":1\r\n" },
	{ "exists k", ":1\r\n" },
	{ "expire k -1", ":1\r\n" },
	{ "exists k", ":0\r\n" },
};

static const struct line arrays[] = {
	{ "alen hits", ":4\r\n" },
	{ "aget hits 0", ":0\r\n" },
	{ "aset hits 0 -5", "+OK\r\n" },
	{ "aincrby hits 0 7", ":2\r\n" },
	{ "aincrby hits 3 40", ":40\r\n" },
	{ "asum hits", ":42\r\n" },
	{ "aset hits 0 x", NOT_INTEGER },
	{ "aset hits 0 1.5", NOT_INTEGER },
	{ "aget hits 4", "-ERR index out of range: the array has 4 cells, "
	  "counted from 0\r\n" },
	{ "aget hits -1", "-ERR index out of range: the array has 4 cells, "
	  "counted from 0\r\n" },
	{ "aget hits x", "-ERR index out of range: the array has 4 cells, "
	  "counted from 0\r\n" },
	{ "aget nothing 0", "-ERR there is no array 'nothing' in the "
	  "configuration\r\n" },
	{ "alen nothing", "-ERR there is no array 'nothing' in the "
	  "configuration\r\n" },
	{ "asum \"hits\\x00\"", "-ERR there is no array 'hits' in the "
	  "configuration\r\n" },
	{ "set k v", "+OK\r\n" },
	{ "aget k 0", WRONGTYPE },
	{ "aset naturals 1 18446744073709551615", "+OK\r\n" },
	{ "aget naturals 1", "$20\r\n18446744073709551615\r\n" },
	{ "aset naturals 0 -1", NOT_INTEGER },
	{ "aset ratios 0 0.5", "+OK\r\n" },
	{ "aincrby ratios 1 2.5", "$3\r\n2.5\r\n" },
	{ "asum ratios", "$1\r\n3\r\n" },
	{ "aset ratios 0 x", "-ERR value is not a valid float\r\n" },
	{ "aset ratios 0 inf", "-ERR value is not a valid float\r\n" },
	{ "aset hits 0", ARITY("aset") },
};

static const struct {
	const struct line *lines;
	int count;
} sessions[] = {
	{ connection, UNIT_COUNT(connection) },
	{ server_lines, UNIT_COUNT(server_lines) },
	{ values, UNIT_COUNT(values) },
	{ counts, UNIT_COUNT(counts) },
	{ many, UNIT_COUNT(many) },
	{ keys, UNIT_COUNT(keys) },
	{ arrays, UNIT_COUNT(arrays) },
};

START_TEST(store_answers)
{
	int i;

	storing_begin();
	for (i = 0; i < sessions[_i].count; i++)
		ask(sessions[_i].lines[i].request,
		    sessions[_i].lines[i].answer);
	ck_assert_int_eq(prong_client_end(c), PRONG_OPEN);
	ck_assert_int_eq(prong_harness_counter(h, "protocol_errors"), 0);
	storing_end();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("store", &tc);

	tcase_add_loop_test(tc, store_answers, 0, UNIT_COUNT(sessions));
	return unit_run(s);
}
