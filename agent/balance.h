/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of a node: per interface and direction, what the observer saw against what sockets
 * and named terms explain. All numbers are cumulative since the counters began.
 *
 *   unexplained = INTERFACE - sockets - (TIME_WAIT .. DROPPED_IN) + DROPPED_OUT
 *
 * `sockets` is the sum of rows. Egress rows that were dropped (DENY, LIMITED) never reached the
 * interface and are left out; ingress rows that were dropped did arrive. Rows are given back, so the
 * sum is kept here and grows by what each window found; the kernel keeps it beside the bases, of the
 * same two halves. Exact when traffic rests between the reads.
 */
#ifndef WEIR_AGENT_BALANCE_H
#define WEIR_AGENT_BALANCE_H

#include <net/if.h>

#include "lib/wire/msg.h"

struct balance_line {
	char interface[IF_NAMESIZE]; /* "" = other namespaces' interfaces: no observer, sockets only
				      */
	uint8_t dir;
	struct weir_count terms[WEIR_TERMS];
	struct weir_count sockets; /* with the window under way */
	struct weir_count spooled; /* without it */
	bool observed;		   /* in this window */
};

struct balance {
	struct balance_line lines[WEIR_LINES];
	size_t count;
};

/* A window begins: terms are zero, sums are those of the last window that was spooled. */
void balance_begin(struct balance *b);
/* The window is spooled. */
void balance_commit(struct balance *b);
/* Beyond the last line everything goes to the one without interface. */
void balance_term(struct balance *b, const char *interface, const struct weir_term_key *k,
		  const struct weir_count *c);
/* Whether a row's packets were on the interface: what was dropped on its way out was not. */
bool balance_counts(const struct weir_row *row);
void balance_row(struct balance *b, const char *interface, const struct weir_row *row,
		 uint64_t bytes, uint64_t packets);
/* The interface has gone: what its rows counted, and count from now on, belongs to no interface. */
void balance_leave(struct balance *b, const char *interface);
/* An interface's observer begins: what rows counted before, since the last window, is not of its line. */
void balance_join(struct balance *b, const char *interface, uint8_t dir, uint64_t bytes, uint64_t packets);
/* Lets every line leave whose interface keep() does not know. */
void balance_keep(struct balance *b, bool (*keep)(const char *interface, void *arg), void *arg);
/* To and from the kernel's half (weir_spooled.lines): the sums, the window under way included. */
uint64_t balance_save(const struct balance *b, struct weir_line to[WEIR_LINES]);
void balance_load(struct balance *b, const struct weir_line from[WEIR_LINES], uint64_t count);
/* *ret is malloc'ed; its strings belong to b. */
int balance_lines(const struct balance *b, struct weir_sum_identity **ret, size_t *ret_count);

#endif
