/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes are witnesses of the audit log: its signed head goes to them with acknowledgements, they keep the highest
 * and send it back, and what they send is kept in the database, beside the log. A log that does not hold a
 * witnessed entry was cut, edited or exchanged: that is an alarm in log, audit log and status, until a restart
 * finds it gone. The log goes on: evidence is not a condition of running.
 */
#ifndef AGGREGATOR_WITNESS_H
#define AGGREGATOR_WITNESS_H

#include "aggregator/service.h"

/* Loads or makes the key, and asks the witnesses in the database. */
int witness_new(struct service *sv, struct witness **ret, struct weir_err *err);
void witness_free(struct witness *w);
/* seq 0 when there is none. */
void witness_head(struct witness *w, struct weir_chain_head *ret);
/* Whether the session is to be given it: a new one at once, one that it was given again now and then, for it may
 * have been lost or not wanted yet. Counts as given. */
bool witness_due(const struct witness *w, struct session *s, uint64_t now_ns);
/* A node's; seq 0 = it has none. */
void witness_take(struct witness *w, const char *node, const struct weir_chain_head *h, uint64_t now_ns);
/* The first one since the start, "" = none. */
const char *witness_alarm(const struct witness *w);

/* query_witness.c: those in the database. */
int query_witnesses(struct store *s, int (*fn)(const char *node, const struct weir_chain_head *h, void *arg), void *arg);
/* store_keys.c */
int store_witness(struct store *s, const char *node, const struct weir_chain_head *h);

#endif
