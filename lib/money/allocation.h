/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How costs are given to their owners: `kind: Allocation` of a policy repository (the schema is in allocation.c), and what
 * it says about a workload. Immutable once read; no clock, no I/O.
 */
#ifndef WEIR_MONEY_ALLOCATION_H
#define WEIR_MONEY_ALLOCATION_H

#include "lib/conf/yaml.h"

/* Who pays for bytes between two workloads that are both known. Order is that of the names. */
enum weir_payer { WEIR_PAYER_SENDER, WEIR_PAYER_RECEIVER, WEIR_PAYER_INITIATOR, WEIR_PAYERS };
const char *weir_payer_name(enum weir_payer p); /* "sender" */
int weir_payer_parse(const char *s, enum weir_payer *ret);

/* How the hourly cost of a shared resource is split over those who used it in that hour. */
enum weir_shared { WEIR_SHARED_BYTES, WEIR_SHARED_EVEN, WEIR_SHARED_CUSTOM, WEIR_SHAREDS };

struct weir_ratio_part { /* of a custom ratio */
	const char *team;
	uint64_t weight;
};
struct weir_shared_rule {
	const char *domain, *name; /* shell patterns */
	enum weir_shared by;
	const struct weir_ratio_part *parts;
	size_t part_count;
};

struct weir_allocation;
int weir_allocation_new(struct weir_allocation **ret); /* the defaults: sender pays, team by label or namespace, shared by bytes */
void weir_allocation_free(struct weir_allocation *a);
/* One document for all; a second is refused. */
int weir_allocation_add(struct weir_allocation *a, struct weir_y *doc, struct weir_err *err);

/* The labels by which it finds teams, then cost centres: "team|app.kubernetes.io/part-of,cost-centre"; returns buf. */
char *weir_allocation_labels(const struct weir_allocation *a, char *buf, size_t size);
enum weir_payer weir_allocation_payer(const struct weir_allocation *a);
/* Labels: a JSON object of texts, as the store has them, or "". known: the team that is known by other means, "" = none. "" = nobody's. Valid as long as a and the arguments; buf
 * may hold it. */
#define WEIR_LABEL_MAX 256
const char *weir_allocation_team(const struct weir_allocation *a, const char *namespace, const char *labels, const char *known,
				 char buf[WEIR_LABEL_MAX]);
const char *weir_allocation_cost_centre(const struct weir_allocation *a, const char *team, const char *labels,
					char buf[WEIR_LABEL_MAX]);
/* NULL = no rule: by bytes. */
const struct weir_shared_rule *weir_allocation_shared(const struct weir_allocation *a, const char *domain, const char *name);
bool weir_allocation_proxy(const struct weir_allocation *a, const char *namespace, const char *workload);
/* Whether what a proxy sends to this workload says that it is behind it. */
bool weir_allocation_behind(const struct weir_allocation *a, const char *proxy_namespace, const char *proxy,
			    const char *namespace, const char *workload);

/* The value of a label into buf (label.c); NULL = there is none, or it is longer than any, or labels are no such object. */
const char *weir_label_find(const char *labels, const char *key, char buf[WEIR_LABEL_MAX]);
#endif
