/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capability ladder: what weir wants of a kernel, asked by trying it, never by version. A rung that
 * is needed and refused ends the start with one sentence; for any other the next best is used.
 */
#ifndef WEIR_AGENT_PROBE_LADDER_H
#define WEIR_AGENT_PROBE_LADDER_H

#include "lib/base/base.h"

/* Order of the table in probe_ladder.c, which is the order in which they are asked and printed. */
enum rung {
	RUNG_BTF,
	RUNG_SKB_IN,
	RUNG_SKB_OUT,
	RUNG_SOCKOPS,
	RUNG_CMPXCHG,
	RUNG_CLOCK,
	RUNG_STORAGE,
	RUNG_MMAP,
	RUNG_TC,
	RUNG_TCX,
	RUNG_XDP,
	RUNG_XDP_FRAGS,
	RUNG_NETNS,
	RUNG_CAST,
	RUNG_KFREE,
	RUNG_KFREE_RX,
	RUNG_TCP_TRACE,
	RUNG_TCP_ITER,
	RUNGS,
};

#define LADDER_XDP_HAS_FRAGS (1u << 5) /* BPF_F_XDP_HAS_FRAGS, younger than the minimum distribution */

struct ladder {
	int said[RUNGS]; /* 0 = given, else -errno */
};

/* Asks the kernel everything; takes some milliseconds, attaches nothing, leaves nothing. */
void ladder_ask(struct ladder *ret);
static inline bool ladder_has(const struct ladder *l, enum rung rung)
{
	return !l->said[rung];
}
/* 0, or the error of the first needed rung that is refused, with the sentence for the administrator. */
int ladder_check(const struct ladder *l, struct weir_err *err);
/* "name: errno N (text); instead: ..." of a refused rung; malloc'ed, NULL when it is given. */
char *ladder_refusal(const struct ladder *l, enum rung rung);
const char *ladder_name(enum rung rung);
const char *ladder_use(enum rung rung);

#endif
