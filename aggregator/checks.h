/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether all is well: a table of checks, each with the sentence and the command for whoever must act. Pure but
 * for the memory of since when a check has failed. Time is an argument.
 */
#ifndef AGGREGATOR_CHECKS_H
#define AGGREGATOR_CHECKS_H

#include "aggregator/fleet.h"

#define CHECKS_NODES 4	    /* nodes that are named in a problem */
#define CHECKS_PROBLEMS 32 /* there are fewer checks */
#define CHECKS_TEXT 320

/* What the checks go by, besides the fleet. */
struct checks_input {
	const struct fleet *fleet;
	enum gitops_state policy_state;
	const char *policy_error;
	uint64_t failed_ns, good_ns; /* last commit that failed, and that did not; wall clock */
	uint64_t free_bytes, size_bytes; /* of the store's file system; size 0 = not known */
	uint64_t unpriced_bytes, unknown_bytes, priced_bytes; /* of the last day: no price; no path; all others */
	const char *unpriced_paths; /* "internet nat" */
	uint64_t cert_until_s;	    /* the aggregator's own certificate; 0 = not known */
	bool keys_broken;	    /* a file of its keys holds what it cannot use */
	const char *audit_alarm;    /* "" = none */
	const char *deaf_webhooks;  /* that take no alerts of budgets and findings; "" = none */
	const char *failing_signals; /* sources of signals of which the last attempt failed; "" = none */
	bool models_fail;	    /* their last run did */
};

struct problem {
	const char *check, *remedy;
	char what[CHECKS_TEXT];
	uint64_t since_ns;
	size_t count;			 /* of nodes; 0 = it is the aggregator's */
	const char *nodes[CHECKS_NODES]; /* the first of them, as long as the fleet lives */
};

struct checks;
int checks_new(struct checks **ret);
void checks_free(struct checks *c);
/* In the order of the table, room for CHECKS_PROBLEMS. Run it every few seconds: what it finds for the first
 * time is since then, and what must hold for a while is a problem only when it did. */
int checks_run(struct checks *c, const struct checks_input *in, struct problem *ret, size_t *ret_count);

#endif
