/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to lib/policy: the policy set as parsed. The parser writes it; evaluator and compiler
 * read it and share nothing else, so that one can prove the other.
 */
#ifndef WEIR_POLICY_MODEL_H
#define WEIR_POLICY_MODEL_H

#include "lib/policy/policy.h"

#define WEIR_MAX_POLICIES 4096
#define WEIR_MAX_RULES 16384
#define WEIR_NAME_MAX 128

/* lists/<name>.txt; sorted, each prefix once. */
struct weir_list {
	char *name;
	struct weir_prefix *prefixes;
	size_t count;
	uint64_t lengths[3]; /* bit n: a prefix of length n occurs */
};

/* One entry of to/from. Exactly one kind is asked: service and/or region, path, zone, cidr or list. */
struct weir_rule_peer {
	char *service, *region, *zone; /* NULL = not asked */
	int path;		       /* enum weir_path; -1 = not asked */
	bool has_cidr;
	struct weir_prefix cidr; /* of one family: an IPv6 prefix never holds an IPv4 address */
	struct weir_prefix *except;
	size_t except_count;
	const struct weir_list *list; /* the set's; NULL = not asked */
	char *unknown; /* the error when no topology knows it; NULL = cannot be unknown */
};

struct weir_rule_port {
	enum weir_proto proto;
	uint16_t lo, hi; /* inclusive; 0-65535 = all */
};

struct weir_policy;
struct weir_rule {
	const struct weir_policy *policy;
	uint32_t index; /* in the policy, from 1, egress before ingress; 0 = implied */
	enum weir_dir dir;
	enum weir_action action;
	bool implied; /* the default deny of a namespace-tier policy */
	struct weir_rule_peer *peers;
	size_t peer_count; /* 0 = any peer */
	struct weir_rule_port *ports;
	size_t port_count; /* 0 = every protocol and port */
	bool limited;
	struct weir_limit limit;
	/* set by seal */
	uint32_t number;
	uint32_t limit_number; /* index + 1 of the limit in the set; 0 = none */
};

struct weir_policy {
	char *name;
	enum weir_tier tier;
	uint32_t priority;
	bool audit;
	char *namespace; /* NULL = any */
	struct weir_label *labels;
	size_t label_count;
	bool governs[WEIR_DIRS]; /* has the key egress / ingress, even with an empty list */
	struct weir_rule *rules; /* implied ones last */
	size_t rule_count;
};

struct weir_policy_set {
	struct weir_policy **policies; /* sorted by name once sealed */
	size_t policy_count;
	struct weir_rule **rules; /* by number: the order in which they are asked */
	size_t rule_count;
	size_t limit_count;
	struct weir_list **lists;
	size_t list_count;
	bool sealed;
};

void weir_list_free(struct weir_list *l);
struct weir_list *weir_list_find(const struct weir_policy_set *s, const char *name);
/* A prefix of one family never holds an address of the other. Some 20 comparisons for each length. */
bool weir_list_holds(const struct weir_list *l, const struct weir_addr *a);
/* Rules of one direction: the sequence under egress or ingress. Appends to p->rules. */
int weir_rules_parse(const struct weir_policy_set *s, struct weir_policy *p, enum weir_dir dir,
		     struct weir_y *seq, struct weir_err *err);
void weir_rule_fini(struct weir_rule *r);
const char *weir_rule_proto_name(enum weir_proto p); /* "TCP" */
/* protocol, port and endPort of a map; port absent = all. */
int weir_rule_port_parse(struct weir_y *y, struct weir_rule_port *ret, struct weir_err *err);
/* The limit of an accepting rule; needs action and policy of rule to be set. */
int weir_rule_limit_parse(struct weir_y *y, struct weir_rule *rule, struct weir_err *err);
/* "police per node, ingress" */
void weir_limit_print(const struct weir_limit *l, FILE *f);
/* realloc to count + 1 items; the new one is zeroed and returned, NULL without memory. */
void *weir_grow(void *items_pp, size_t count, size_t size);
/* Reports each peer that nothing in the topology answers to: it would match nothing. Returns how
 * many, or -errno. */
int weir_policy_set_resolve(const struct weir_policy_set *s, const struct weir_topology *t,
			    void (*report)(const char *line, void *arg), void *arg);

#endif
