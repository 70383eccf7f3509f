/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of a node: per interface and direction, what the observer saw against what sockets
 * and named terms explain. All numbers are cumulative since the counters began.
 *
 *   unexplained = INTERFACE - sockets - (TIME_WAIT .. DROPPED_IN) + DROPPED_OUT
 *
 * `sockets` is the sum of rows. Egress rows that were dropped (DENY, LIMITED) never reached the
 * interface and are left out; ingress rows that were dropped did arrive. Rows are given back, so a
 * carry per line holds what freed rows had counted. The carry needs no store of its own: the last
 * spooled summary has the sum, and sum - bases = carry. Exact when traffic rests between the reads.
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
	struct weir_count sockets, carry;
};

struct balance {
	struct balance_line lines[256];
	size_t count;
	struct weir_count total[WEIR_DIRS],
		total_carry[WEIR_DIRS]; /* all rows, dropped ones included */
};

/* Zeroes terms and sockets, keeps carries. */
void balance_begin(struct balance *b);
/* Beyond the last line everything goes to the one without interface. */
void balance_term(struct balance *b, const char *interface, const struct weir_term_key *k,
		  const struct weir_count *c);
void balance_row(struct balance *b, const char *interface, const struct weir_row *row,
		 uint64_t bytes, uint64_t packets);
/* The row goes away: its counts stay in the carry. */
void balance_freed(struct balance *b, const char *interface, const struct weir_row *row);
/* The sum of the last summary, of which the rows' bases (balance_row of each) are a part. */
void balance_restore(struct balance *b, const struct weir_summary *last);
/* *ret is malloc'ed; its strings belong to b. */
int balance_lines(const struct balance *b, struct weir_sum_identity **ret, size_t *ret_count);
void balance_totals(const struct balance *b, struct weir_summary *ret);

#endif
