/* SPDX-License-Identifier: Apache-2.0 */
/* Options and operands of one command, from a table; durations, times and numbers as people type them. */
#ifndef WEIR_CLI_ARGS_H
#define WEIR_CLI_ARGS_H

#include "lib/base/base.h"

#define ARGS_LIST_MAX 64
#define ARGS_ITEMS_MAX 10000 /* the most that --limit may ask for */

enum args_kind {
	ARGS_FLAG,     /* bool */
	ARGS_STR,      /* const char * */
	ARGS_LIST,     /* const char *[ARGS_LIST_MAX + 1], may be given again and again */
	ARGS_U64,      /* uint64_t */
	ARGS_DURATION, /* uint64_t seconds: "90s", "10m", "1h", "7d" */
	ARGS_TIME,     /* uint64_t Unix time: "2026-11-01", "2026-11-01T00:00:00Z", "1793491200" */
};

struct args_opt {
	const char *name; /* "--since" */
	enum args_kind kind;
	void *dest; /* untouched when the option is absent */
};

/*
 * "--name VALUE" or "--name=VALUE"; "--" ends the options. Operands (pointers into argv) go to
 * operands; fewer than min or more than max are refused with `what` ("DIR CLASS") in the line.
 */
int args_parse(const struct args_opt *opts, size_t n, int argc, char **argv, const char *what,
	       const char **operands, size_t min, size_t max, struct weir_err *err);

/* Is a --limit within what the aggregator gives? */
int args_check_limit(uint64_t limit, struct weir_err *err);

int args_u64(const char *s, uint64_t *ret);
int args_duration(const char *s, uint64_t *ret_s);
int args_time(const char *s, uint64_t *ret_s);

#endif
