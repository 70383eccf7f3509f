/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What candidates would decide otherwise, by node, serial and rule. A node sends cumulative counts of the
 * candidate that it evaluates: the latest list replaces the last. Of each node the last STORE_CANDIDATES
 * candidates are kept, so that one can be read after its end.
 */
#ifndef AGGREGATOR_STORE_SHADOW_H
#define AGGREGATOR_STORE_SHADOW_H

#include "aggregator/store.h"

#define STORE_CANDIDATES 4

/* time_s: of the window. Nothing is stored of a node without a candidate. */
int store_shadow(struct store *s, int64_t node, const struct weir_summary *sum, uint64_t time_s);

#endif
