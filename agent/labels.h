/* SPDX-License-Identifier: Apache-2.0 */
/* The labels file of a host without an orchestrator: cgroup path patterns -> namespace and labels.
 */
#ifndef WEIR_AGENT_LABELS_H
#define WEIR_AGENT_LABELS_H

#include "lib/policy/policy.h"

#define LABELS_MAX_RULES 4096
#define LABELS_MAX_PER_RULE 64

struct labels_rule {
	char *match; /* fnmatch pattern on the path below the cgroup root */
	char *namespace;
	struct weir_label *labels; /* sorted by key */
	size_t count;
};

struct labels;
int labels_load(const char *path, struct labels **ret, struct weir_err *err);
void labels_free(struct labels *l);
/* First rule that matches, NULL when none (or l is NULL). */
const struct labels_rule *labels_find(const struct labels *l, const char *path);

#endif
