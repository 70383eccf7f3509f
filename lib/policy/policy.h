/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as people write them (kind: FlowPolicy), and the reference evaluator that reads them
 * directly. The evaluator is the definition of a verdict; compiler, tables and BPF must equal it.
 */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include "bpf/abi/weir_abi.h"
#include "lib/conf/yaml.h"
#include "lib/money/topology.h"

enum weir_tier { WEIR_TIER_ADMIN, WEIR_TIER_NAMESPACE, WEIR_TIER_BASELINE, WEIR_TIERS };
enum weir_action { WEIR_ACT_ACCEPT, WEIR_ACT_DENY, WEIR_ACT_PASS };

struct weir_label {
	const char *key, *value;
};

/* What policies select by. Labels are sorted by key. */
struct weir_subject {
	const char *namespace; /* Kubernetes namespace, or the value of the labels file; "" = none */
	const char *name;
	const struct weir_label *labels;
	size_t label_count;
};

struct weir_policy_set; /* all FlowPolicies of one revision, sealed */

int weir_policy_set_new(struct weir_policy_set **ret);
/* A list of prefixes as text, see list.c; before the policies that name it. shown: its file. */
int weir_policy_set_list(struct weir_policy_set *s, const char *name, const char *shown, const char *text,
			 size_t len, struct weir_err *err);
int weir_policy_set_add(struct weir_policy_set *s, struct weir_y *doc, struct weir_err *err);
/* Sorts, checks duplicates and bounds. */
int weir_policy_set_seal(struct weir_policy_set *s, struct weir_err *err);
void weir_policy_set_free(struct weir_policy_set *s);
size_t weir_policy_set_rules(const struct weir_policy_set *s);

/* A connection, as the evaluator sees it. */
struct weir_conn {
	enum weir_dir dir;	/* in which it was opened, seen from the subject */
	enum weir_proto proto;
	uint16_t port;		/* service port; 0 where the protocol has none */
	struct weir_addr peer;
};

struct weir_decision_ref {
	enum weir_verdict verdict; /* ACCEPT, DENY, WOULD_DENY (an audit rule would deny, then went on) */
	uint32_t rule;		   /* number of the rule in the set; WEIR_NO_RULE = default accept */
	uint32_t limit;		   /* limit of the accepting rule, index + 1; 0 = none */
};
/* route: what the topology says of the peer from the node's class. Pure; linear in rules. */
void weir_policy_eval(const struct weir_policy_set *s, const struct weir_subject *subject,
		      const struct weir_conn *c, const struct weir_route *route,
		      struct weir_decision_ref *ret);

#endif
