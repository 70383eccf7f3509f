/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer of an import asks of the facts: places, and where a route leads. */
#ifndef WEIR_MONEY_IMPORT_NET_H
#define WEIR_MONEY_IMPORT_NET_H

#include "lib/money/import_facts.h"

struct import_way { /* a route of a subnet, as it is written */
	char *to, *via, *why; /* why: NULL, or a comment */
};
struct import_ways {
	struct import_way *rows;
	size_t count;
};
void import_ways_fini(struct import_ways *w);

/* "aws/111111111111/vpc-1"; *ret is the caller's. NULL = no memory. */
char *import_domain(const struct weir_import *m, const char *net);
/* Zone id, "" when not known, and region, into buffers of 64 bytes. */
void import_place(const struct weir_import *m, const json_t *subnet, char zone[64], char region[64]);
/* Does a list of prefixes hold the address or prefix? */
bool import_holds(const json_t *cidrs, const char *prefix);
/* Meets in facts what several files say of one thing: targets of groups, nodes, networks of gateways. */
void import_settle(struct weir_import *m);
/* AWS's route table of a subnet: the one that names it, else the network's main one; "" = not in the input. */
const char *import_table(const struct weir_import *m, const char *net, const char *subnet);
/* The routes of a subnet in the order of their prefixes, services last. */
int import_ways_of(const struct weir_import *m, const char *net, const char *subnet, struct import_ways *ret);

#endif
